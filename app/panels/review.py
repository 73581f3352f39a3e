"""The parts of a review: state, second opinion, decision, edits with a price on each."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Final

import streamlit as st

from app import navigation, session
from app.columns import COLUMNS
from app.panels import frame
from app.ports import Services
from app.steps import execute, review
from app.steps.plan import WhatIf, signed_shares
from app.tables.review import edit_table, editable_trades
from data.plans import PlanHead, StoredPlan
from engine.domain.identifiers import SecurityId
from engine.domain.lifecycle import Action, PlanState, Role, User
from engine.domain.plans import Check, PlanStatus, Verdict
from engine.review.checker import failures

_REASONS_SHOWN: Final = 3
_OPEN: Final = frozenset(
    {PlanState.DRAFT, PlanState.PROPOSED, PlanState.IN_REVIEW, PlanState.CHANGES_REQUESTED, PlanState.HELD}
)
_EDITABLE: Final = frozenset({PlanState.DRAFT, PlanState.PROPOSED, PlanState.IN_REVIEW, PlanState.CHANGES_REQUESTED})
_COLORS: Final = {
    PlanState.APPROVED: "green",
    PlanState.RECONCILED: "green",
    PlanState.REJECTED: "red",
    PlanState.STALE: "red",
    PlanState.CANCELLED: "gray",
}
_WORDS: Final = {
    Action.PROPOSE: ("Propose", ":material/lock:"),
    Action.SUBMIT: ("Send to review", ":material/forward_to_inbox:"),
    Action.APPROVE: ("Approve", ":material/check_circle:"),
    Action.REQUEST_CHANGES: ("Return with a comment", ":material/undo:"),
    Action.REJECT: ("Reject", ":material/cancel:"),
    Action.HOLD: ("Hold", ":material/pause_circle:"),
    Action.RESUME: ("Resume", ":material/play_circle:"),
    Action.CANCEL: ("Cancel the plan", ":material/delete:"),
}


def waiting(services: Services) -> tuple[Sequence[PlanHead], Sequence[PlanHead]]:
    """Return the plans that wait for somebody's decision, and the others."""
    heads = services.plans.heads()
    return [head for head in heads if head.state in _OPEN], [head for head in heads if head.state not in _OPEN]


def header(stored: StoredPlan, found: WhatIf) -> None:
    """Show which plan this is, its state and who made it."""
    account, household = found.snapshot.account, found.snapshot.household
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(f"{account.account_id} · {household.name}", width="content")
        st.badge(stored.state.value.replace("_", " "), color=_COLORS.get(stored.state, "blue"))  # type: ignore[arg-type]
    st.caption(
        f"Plan {stored.plan_id[:12]}… made by {', '.join(sorted(stored.makers))} on "
        f"{stored.created_at:%d %b %Y %H:%M} UTC · as of {found.plan.as_of:%d %b %Y}"
        + (f" · from plan {stored.parent_id[:12]}…" if stored.parent_id else "")
        + (f" · {stored.name}" if stored.name else "")
    )
    if found.plan.edited:
        tickers = ", ".join(found.market.securities[name].ticker for name in found.plan.edited)
        st.info(f"Set by hand: {tickers}", icon=":material/edit:")


def staleness(services: Services, stored: StoredPlan) -> None:
    """Say why a plan that was not sent yet no longer holds: nobody should decide on it."""
    if stored.state not in _OPEN | {PlanState.APPROVED, PlanState.RELEASED}:
        return
    reasons = execute.readiness(services, stored.plan_id).stale
    if reasons:
        more = f" And {len(reasons) - _REASONS_SHOWN} more reasons." if len(reasons) > _REASONS_SHOWN else ""
        st.warning(
            "This plan no longer holds; make a new one under What-if. "
            + "; ".join(reasons[:_REASONS_SHOWN])
            + "."
            + more,
            icon=":material/update:",
        )


def disagrees(opinions: Sequence[Check]) -> bool:
    """Return whether the second checker finds the plan wrong."""
    return bool(failures(opinions))


def opinion_label(opinions: Sequence[Check]) -> str:
    """Return the second checker's opinion in one line."""
    wrong, warned = len(failures(opinions)), sum(check.verdict is Verdict.WARN for check in opinions)
    if wrong:
        return f":red[Second checker disagrees on {wrong} of {len(opinions)} checks]"
    also = f", {warned} with a remark" if warned else ""
    return f":green[Second checker agrees: {len(opinions)} checks{also}]"


def decision(services: Services, stored: StoredPlan, user: User) -> None:
    """Offer what this person may do with the plan now; say why nobody may approve their own work."""
    offered = [action for action in review.possible_actions(stored, user) if action in _WORDS]
    if Action.PROPOSE in offered:  # sending a draft proposes it on the way
        offered.insert(1, Action.SUBMIT)
    if stored.state is PlanState.IN_REVIEW and user.user_id in stored.makers:
        st.info("You made or edited this plan, so another person decides on it.", icon=":material/group:")
    if not offered:
        return
    with st.container(border=True):
        comment = st.text_input(
            "Comment",
            key=f"comment:{stored.plan_id}:{stored.version}:{user.user_id}",
            placeholder="required to return, reject or hold",
        )
        with st.container(horizontal=True):
            for action in offered:
                label, icon = _WORDS[action]
                kind = "primary" if action in (Action.APPROVE, Action.SUBMIT) else "secondary"
                clicked = st.button(label, key=f"{action.value}:{stored.plan_id}", icon=icon, type=kind)  # type: ignore[arg-type]
                if clicked and frame.attempt(partial(_act, services, stored, action, user, comment)):
                    st.rerun()


def may_edit(stored: StoredPlan, user: User) -> bool:
    """Return whether this person may change trades of this plan, which makes a new draft."""
    return stored.state in _EDITABLE and bool(user.roles & {Role.PORTFOLIO_MANAGER, Role.ADVISOR})


def edits(services: Services, stored: StoredPlan, found: WhatIf, user: User) -> None:
    """Let trades be changed by hand, show what each edit costs, keep the result as a new draft."""
    st.subheader("Adjust trades")
    st.caption("Change the shares of a trade: below zero sells, 0 drops it. Each edit is priced before it is kept.")
    before = editable_trades(found.plan, found.market)
    after = st.data_editor(
        before,
        column_config={**COLUMNS, "security": None},
        disabled=["ticker", "side", "amount", "why"],
        hide_index=True,
        key=f"edit:{stored.plan_id}",
        height=320,
    )
    wanted = _changed(found, after["security"].tolist(), after["signed_shares"].tolist())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        other = st.selectbox(
            "Add a trade in",
            [name for name in found.market.securities if name not in set(before["security"])],
            None,
            key=f"other:{stored.plan_id}",
            format_func=lambda name: f"{found.market.securities[name].ticker} {found.market.securities[name].name}",
            width=320,
        )
        shares = st.number_input("Shares", value=0, step=1, key=f"shares:{stored.plan_id}", width=140)
    if other is not None and shares:
        wanted[other] = Decimal(int(shares))
    if not wanted:
        return
    priced = {}

    def price() -> None:
        priced["found"] = review.adjust(services, stored.plan_id, wanted)

    if not frame.attempt(price):
        return
    adjusted = priced["found"]
    better = "better" if adjusted.total_bp < 0 else "worse"
    st.markdown(
        f"Together these edits make the plan **{abs(adjusted.total_bp):.3f} bp "
        f"(${abs(adjusted.total_usd):,.2f}) {better}**; cash after {adjusted.plan.summary.cash_weight:.2%}, "
        f"tracking error {adjusted.plan.plan.after.tracking_error:.2%}, "
        f"tax now ${adjusted.plan.plan.tax.liability:,.0f}."
    )
    frame.table(edit_table(adjusted, found.market), key=f"edits:{stored.plan_id}")
    if adjusted.plan.plan.status is PlanStatus.INFEASIBLE:
        st.error(f"These edits cannot be kept. They break: {', '.join(adjusted.plan.plan.conflicts)}.")
        return
    comment = st.text_input("Why this edit", key=f"why:{stored.plan_id}")
    if st.button("Keep as a new draft", key=f"keep_edit:{stored.plan_id}", icon=":material/edit_document:"):
        kept = {}

        def save() -> None:
            kept["id"] = review.save_adjusted(services, stored.plan_id, adjusted, actor=user, comment=comment)

        if frame.attempt(save):
            navigation.go(navigation.REVIEW, plan=kept["id"])


def tell(sentences: Sequence[str]) -> None:
    """Show what was read."""
    st.info("\n\n".join(sentences) or "No new decision.", icon=":material/mark_email_read:")


def _act(services: Services, stored: StoredPlan, action: Action, user: User, comment: str) -> None:
    if action is Action.PROPOSE:
        review.propose(services, stored.plan_id, actor=user)
    elif action is Action.SUBMIT:
        review.submit(services, stored.plan_id, actor=user)
    else:
        review.decide(services, stored.plan_id, action, actor=user, comment=comment, seen=stored.plan_id)
    session.show(plan=stored.plan_id)


def _changed(found: WhatIf, names: Sequence[str], shares: Sequence[float]) -> dict[SecurityId, Decimal]:
    now: Mapping[SecurityId, Decimal] = {trade.security_id: signed_shares(trade) for trade in found.plan.trades}
    pairs = ((SecurityId(name), Decimal(str(count or 0))) for name, count in zip(names, shares, strict=True))
    return {name: count for name, count in pairs if count != now[name]}
