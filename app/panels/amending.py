"""Taking back what was sent: an approver cancels what is left of a block at a live session, or lowers it."""

from decimal import Decimal

import streamlit as st

from app import session
from app.panels import frame
from app.ports import Services
from app.steps import amend
from app.steps.amend import Working
from app.tables.execute import change_table, working_table
from engine.domain.identifiers import PlanId
from engine.domain.lifecycle import User


def changes(services: Services, plan_id: PlanId, user: User) -> None:
    """Show the blocks that may still be filled, what was asked of them, and let an approver ask."""
    working = amend.working(services, plan_id)
    frame.table(
        working_table(working), key="working", alt="Blocks that may still be filled",
        empty="Nothing is left to cancel or lower: orders in files are changed with the custodian itself.",
    )  # fmt: skip
    free = [one for one in working if not one.open]
    if free and amend.may_change(user):
        _ask(services, plan_id, free, user)
    elif free:
        st.caption("It takes an approver to cancel or lower what was sent.")
    asked = services.orders.changes(plan_id)
    if asked:
        frame.table(
            change_table(asked, services.orders.blocks(plan_id)), key="asked_changes", alt="Changes that were asked for"
        )


def _ask(services: Services, plan_id: PlanId, free: list[Working], user: User) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        one = st.selectbox(
            "Block",
            free,
            format_func=lambda each: f"{each.block.side} {each.block.ticker}",
            key="change_block",
            width=220,
        )
        shares = st.number_input(
            "Shares in all", min_value=int(one.filled), max_value=int(one.wanted), value=int(one.wanted), step=1,
            key=f"change_shares:{one.held_as}", width=160, help="Below the present number and above what is filled",
        )  # fmt: skip
        if st.button(
            "Lower…", key="lower", icon=":material/arrow_downward:", disabled=not one.filled < shares < one.wanted
        ):
            _confirm(services, plan_id, one, Decimal(shares), user)
        if st.button("Cancel what is left…", key="cancel_left", icon=":material/block:"):
            _confirm(services, plan_id, one, Decimal(0), user)


@st.dialog("Change an order", icon=":material/edit:")
def _confirm(services: Services, plan_id: PlanId, one: Working, shares: Decimal, user: User) -> None:
    block = one.block
    what = f"have {shares:f} shares in all" if shares else "cancel what is left"
    accounts = len(block.allocations)
    st.markdown(
        f"Ask **{block.custodian}** to {what} of **{block.side} {block.ticker}**: {one.filled:f} of {one.wanted:f} "
        "shares are filled. Shares that are filled meanwhile stay."
        + (f" What is left out is shared among the {accounts} accounts of the block." if accounts > 1 else "")
    )
    with st.container(horizontal=True):
        if st.button("Ask the custodian", key="confirm_change", type="primary", icon=":material/send:"):
            session.tell(
                frame.heeded(lambda: amend.ask_change(services, plan_id, block.cl_ord_id, shares, actor=user))
                or [(f"Asked {block.custodian}; its answer shows below.", True)]
            )
            st.rerun()
        if st.button("Leave it", key="leave_it"):
            st.rerun()
