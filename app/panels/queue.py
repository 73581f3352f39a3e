"""The approver's queue: what waits, in a stated order, and several plans approved at once."""

import hashlib
from collections.abc import Sequence
from typing import Final

import streamlit as st

from app import navigation, session
from app.columns import COLUMNS
from app.panels import signing
from app.ports import Services
from app.steps import approvals
from app.steps.queue import Entry, Order, Standing, ranked
from app.tables.parts import literal, usd
from app.tables.review import STANDINGS, cut_off_text, filtered_entries, queue_table, verdict_line
from data.plans import PlanHead
from engine.domain.lifecycle import Action, PlanState, User, legal_actions

_HEIGHT_PX: Final = 430
_REASONS_SHOWN: Final = 5
_MADE_READY: Final = frozenset({Standing.PASSES, Standing.REMARKS})
_RULES: Final = {
    Order.RISK: "the worst verdict first, then the soonest cut-off, then the most dollars",
    Order.CUT_OFF: "the soonest cut-off first, then the worst verdict, then the most dollars",
    Order.OLDEST: "the oldest first",
}


def waiting(services: Services, user: User) -> None:
    """Show the plans in review: tiles, filters, the queue in its order, and what may be done with several at once."""
    heads = services.plans.heads(states=[PlanState.IN_REVIEW])
    if not heads:
        st.info("No plan waits for a decision.", icon=":material/task_alt:")
        return
    entries = session.assessor().entries(services, heads)
    _tiles(services, entries)
    _permission(services, user)
    _checking(len(heads))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Order", list(Order), key="queue_order", bind="query-params", width=120,
            format_func=lambda each: each.value.capitalize(),
        )  # fmt: skip
        order = chosen or Order.RISK
        standings = st.pills("Verdict", STANDINGS, selection_mode="multi", key="queue_verdict", bind="query-params")
        custodians = st.multiselect(
            "Custodian", sorted({entry.account.custodian for entry in entries}), key="queue_custodian", width=140,
            bind="query-params", placeholder="any",
        )  # fmt: skip
        advisors = st.multiselect(
            "Advisor", sorted({entry.household.advisor for entry in entries}), key="queue_advisor", width=140,
            bind="query-params", placeholder="any",
        )  # fmt: skip
    kept = filtered_entries(entries, standings=standings, custodians=custodians, advisors=advisors)
    shown = ranked(kept, order)
    st.caption(
        f"{len(shown)} of {len(entries)} plans, {_RULES[order]}; what no longer holds is last. "
        "Click a cell to open a plan; tick rows to decide on several."
    )
    marked = _table(services, shown)
    if marked:
        _together(services, marked, user)


def _tiles(services: Services, entries: Sequence[Entry]) -> None:
    soonest, now = min(entry.cut_off for entry in entries), services.now()
    count = {standing: sum(entry.standing is standing for entry in entries) for standing in Standing}
    stopped = count[Standing.FAILS] + count[Standing.STALE]
    with st.grid(4, min_column_width=140, gap="small"):
        st.metric("To decide", f"{len(entries):,}", border=True, height="stretch")
        st.metric("Pass every check", f"{count[Standing.PASSES]:,}", border=True, height="stretch",
                  help=f"{count[Standing.REMARKS]} more pass with remarks")  # fmt: skip
        st.metric("Fail or no longer hold", f"{stopped:,}", border=True, height="stretch",
                  help="Nobody can approve them: return them")  # fmt: skip
        st.metric("To be traded", usd(sum(entry.traded for entry in entries)), border=True, height="stretch",
                  help="Bought and sold together")  # fmt: skip
    st.caption(f":material/schedule: Next cut-off {cut_off_text(soonest, now)}")


def _permission(services: Services, user: User) -> None:
    if legal_actions(PlanState.IN_REVIEW, user, frozenset()).count(Action.APPROVE):
        return
    names = ", ".join(person.name for person in approvals.who_may(services, Action.APPROVE, ()))
    st.info(
        f"You see the queue, and decide on none of it. Who may approve: {names or 'nobody yet'}.",
        icon=":material/group:",
    )


def _checking(plans: int) -> None:
    """Say how far the checks are, until all are done; then the queue is drawn again in its true order."""
    if not session.assessor().left()[0]:
        return

    @st.fragment(run_every=1.0)
    def progress() -> None:
        left, seconds = session.assessor().left()
        if not left:
            st.rerun()
        st.progress(
            max(1 - left / max(plans, left), 0.0), text=f"Checking: {left} plans to go, about {max(seconds, 1):.0f} s"
        )

    progress()


def _table(services: Services, shown: Sequence[Entry]) -> list[Entry]:
    """Show the queue; open the plan of a clicked cell, return the entries of the ticked rows."""
    if not shown:
        st.caption("No plan matches.")
        return []
    # Another order or another row is another table: a tick belongs to a plan, never to a place.
    rows = hashlib.sha256(" ".join(entry.head.plan_id for entry in shown).encode()).hexdigest()[:12]
    event = st.dataframe(
        queue_table(shown, services.now()),
        column_config=dict(COLUMNS),
        hide_index=True,
        key=f"queue:{rows}",
        height=_HEIGHT_PX,
        placeholder="",
        alt="Plans that wait for a decision",
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
    )
    if event.selection.cells:
        navigation.go(navigation.REVIEW, plan=shown[int(event.selection.cells[0][0])].head.plan_id)
    return [shown[int(row)] for row in event.selection.rows]


def _together(services: Services, marked: Sequence[Entry], user: User) -> None:
    offered = [entry for entry in marked if entry.standing in _MADE_READY and _may(entry.head, user)]
    with st.container(border=True):
        st.markdown(f"**{len(marked)} marked, {len(offered)} can be approved together.**")
        left_out = [entry for entry in marked if entry not in offered]
        for entry in left_out[:_REASONS_SHOWN]:
            st.markdown(f":material/block: {entry.account.account_id} is left out: {literal(_why_not(entry, user))}")
        if len(left_out) > _REASONS_SHOWN:
            st.caption(f"And {len(left_out) - _REASONS_SHOWN} more are left out.")
        if not offered:
            return
        noun = f"{len(offered)} plans" if len(offered) > 1 else "1 plan"
        with st.container(horizontal=True):
            if all(approvals.may_send(user, entry.head.makers) for entry in offered) and st.button(
                f"Approve and send {noun}…", key="bulk_send", type="primary", icon=":material/send:"
            ):
                signing.approve_and_send(services, offered, user)
            if st.button(f"Approve {noun}…", key="bulk_approve", icon=":material/check_circle:"):
                signing.approve(services, offered, user)


def _may(head: PlanHead, user: User) -> bool:
    return Action.APPROVE in legal_actions(head.state, user, head.makers)


def _why_not(entry: Entry, user: User) -> str:
    if entry.standing not in _MADE_READY:
        return verdict_line(entry.assessment)
    if user.user_id in entry.head.makers:
        return "you made or edited it, so another person decides"
    return "your role does not approve plans"
