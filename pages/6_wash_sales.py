"""Wash sales: what became of each loss, the 61 days around it, and what the household may not trade."""

import json

import streamlit as st

from app import session
from app.charts.ledger import lock_figure, window_figure
from app.panels import frame
from app.steps import firm, ledger
from app.tables.ledger import (
    calendar_table,
    group_labels,
    loss_table,
    match_table,
    replacement_table,
    state_of,
    ticker,
    year_figures,
)
from app.tables.parts import usd

services = session.services()
head, chooser = st.columns([2, 4], vertical_alignment="bottom")
head.title("Wash sales")
with chooser:
    household_id = session.pick_household(ledger.household_labels(services))
version = firm.version(services)
view = session.remember(("ledger", household_id, version), lambda: ledger.household_ledger(services, household_id))
market, year = view.market, year_figures(ledger.this_year(view.losses, view.as_of), view)

with st.grid(5, min_column_width=120, gap="small"):
    st.metric(f"Losses realised in {view.as_of.year}", usd(year["loss"]), border=True, height="stretch")
    st.metric("Allowed", usd(year["allowed"]), border=True, height="stretch")
    st.metric("Deferred", usd(year["deferred"]), border=True, height="stretch",
              help="Disallowed now; it lives on in the basis of the shares that replaced those sold")  # fmt: skip
    st.metric("Lost for good", usd(year["gone"]), border=True, height="stretch",
              help="Replaced by a purchase in an IRA or Roth IRA (Rev. Rul. 2008-5)")  # fmt: skip
    st.metric("Windows still open", f"{year['open']}", border=True, height="stretch",
              help="Losses that a purchase within 30 days after the sale would still take")  # fmt: skip
if view.ledger.not_visible:
    st.warning(
        f"The household has accounts that this firm cannot see: {', '.join(view.ledger.not_visible)}. A purchase there "
        "takes a loss here just the same, and nothing below knows of it.",
        icon=":material/visibility_off:",
    )

losses, locks, stand_ins = st.tabs(["Losses", "Locks", "Replacements"])
with losses:
    st.caption("Every loss that the household realised, the newest first. Click one to see its 61 days.")
    row = frame.picked(
        loss_table(view, view.losses), key=f"losses:{household_id}", empty="No loss was realised.", height=320
    )
    if view.losses:
        loss = view.losses[row or 0]
        st.subheader(
            f"{ticker(market, loss.security_id)}, sold {loss.trade_date:%d %b %Y} in {loss.account_id}: "
            f"{state_of(view, loss)}"
        )
        st.plotly_chart(window_figure(loss, ledger.window(view, loss), as_of=view.as_of), key="window")
        frame.table(
            match_table(view, loss),
            key="matches",
            empty="No purchase within 30 days before or after the sale caught a share of it (26 U.S.C. 1091(a)).",
        )
    st.download_button(
        "Ledger document",
        json.dumps(view.document, indent=2, ensure_ascii=False) + "\n",
        file_name=f"wash-sales-{household_id}.json",
        mime="application/json",
        icon=":material/download:",
        key="ledger_document",
    )
with locks:
    calendar = calendar_table(view)
    st.caption(
        "Nobody in the household may buy a name within 30 days of a loss sold, nor sell it at a loss within 30 days of "
        "a purchase, made or arranged, in any of its accounts. Each cause is a lock of its own."
    )
    if not calendar.empty:
        st.plotly_chart(lock_figure(view.locks, as_of=view.as_of), key="lock_days")
    frame.table(calendar, key="calendar", empty="Nothing is locked.", height=460)
with stand_ins:
    groups = group_labels(view)
    if not groups:
        st.caption("Every name may be bought: nothing needs a stand-in.")
    else:
        group = st.selectbox("Instead of", list(groups), format_func=groups.__getitem__, key=f"group:{household_id}")
        st.caption(
            "The securities that follow it most closely by the risk model. None is substantially identical to it, none "
            "is locked itself. An account's own restrictions still hold when it is planned."
        )
        for name, found in ledger.stand_ins(view, group):
            if len(groups[group].split(", ")) > 1:
                st.markdown(f"**{ticker(market, name)}**")
            frame.table(
                replacement_table(view, found), key=f"stand_in:{name}", empty="The risk model does not know this name."
            )
