"""The firm's data on screen: what is there, and how to bring in a folder."""

import streamlit as st

from app.panels import frame
from app.ports import Services
from app.steps import firm
from app.steps.market import todays_market
from engine.domain.lifecycle import Role, User

_IMPORTERS = frozenset({Role.PORTFOLIO_MANAGER, Role.COMPLIANCE})


def summary(services: Services) -> None:
    """Show what the firm consists of, and how good its risk model is; nothing before a firm was imported."""
    if services.firm.is_empty():
        return
    present, market = services.firm.firm(), todays_market(services)
    with st.grid(5, min_column_width=140, gap="small"):
        st.metric("As of", f"{present.as_of:%d %b %Y}", border=True)
        st.metric("Accounts", f"{len(services.firm.accounts()):,}", border=True)
        st.metric("Households", f"{len(services.firm.households()):,}", border=True)
        st.metric("Securities", f"{len(market.securities):,}", border=True)
        st.metric("Models", f"{len(market.models):,}", border=True)
    st.caption(f"Imported {present.imported_at:%d %b %Y %H:%M} UTC.")
    st.markdown(f"**Risk model.** {market.risk.quality}")


def bring_in(services: Services, user: User) -> None:
    """Let a firm folder be uploaded: every problem is shown at once, and nothing changes unless there is none."""
    st.subheader("Bring in a firm folder")
    if not user.roles & _IMPORTERS:
        st.caption("A portfolio manager or compliance brings in data.")
        return
    st.caption(
        "A folder of CSV or Parquet files as docs/firm-folder.md describes. It takes the place of the present firm "
        "whole, or not at all."
    )
    uploaded = st.file_uploader("Firm folder", accept_multiple_files="directory", key="firm_folder")
    if uploaded and st.button("Check and bring in", key="import", type="primary", icon=":material/upload:"):
        with frame.progress("Bringing in") as progress:
            done = frame.attempt(
                lambda: firm.import_files(
                    services,
                    {file.name: file.getvalue() for file in uploaded},
                    actor=user.user_id,
                    progress=progress,
                )
            )
        if done:
            st.rerun()
