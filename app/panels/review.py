"""The parts of a review: state, second opinion, decision, edits with a price on each."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import streamlit as st

from app import navigation, session
from app.columns import COLUMNS
from app.panels import frame
from app.ports import Services
from app.steps import approvals, review
from app.steps.plan import WhatIf, signed_shares
from app.tables.parts import literal, usd
from app.tables.review import edit_table, editable_trades, plan_table, returned_table
from data.plans import PlanHead, StoredPlan
from engine.domain.identifiers import SecurityId
from engine.domain.lifecycle import Action, PlanState, Role, User, legal_actions
from engine.domain.plans import PlanStatus

_WITH_MAKERS: Final = (PlanState.CHANGES_REQUESTED, PlanState.HELD, PlanState.PROPOSED, PlanState.DRAFT)
_DECIDED: Final = frozenset(PlanState) - {*_WITH_MAKERS, PlanState.IN_REVIEW}
_FORWARD: Final = frozenset({Action.PROPOSE, Action.SUBMIT})  # sending a draft proposes it on the way
_MAKERS_PX: Final = 460
_EDITABLE: Final = frozenset({PlanState.DRAFT, PlanState.PROPOSED, PlanState.IN_REVIEW, PlanState.CHANGES_REQUESTED})
_COLORS: Final = {
    PlanState.APPROVED: "green",
    PlanState.RECONCILED: "green",
    PlanState.REJECTED: "red",
    PlanState.STALE: "red",
    PlanState.CANCELLED: "gray",
}


def with_makers(services: Services, user: User) -> None:
    """Show what lies with its makers: returned and held plans with what was said, proposals and drafts.

    Those that are marked may be sent to review together.
    """
    heads = services.plans.heads(states=_WITH_MAKERS)
    if not heads:
        st.caption("No plan lies there.")
        return
    table = returned_table(heads, review.last_words(services, heads))
    row, marked = frame.marked(
        table,
        columns=list(table.columns),
        key=f"open_plans:{hash(tuple(head.plan_id for head in heads))}",  # a tick belongs to a plan, never to a place
        alt="Plans with their makers",
        height=_MAKERS_PX,
    )
    if row is not None:
        navigation.go(navigation.REVIEW, plan=heads[row].plan_id)
    ready = [heads[place] for place in marked if _may_submit(heads[place], user)]
    if len(ready) < len(marked):
        st.caption("Only drafts and proposed plans are sent to review, by a portfolio manager or an advisor.")
    noun = f"{len(ready)} plans" if len(ready) > 1 else "this plan"
    if not ready:
        st.caption("Click a cell to open a plan; tick rows to send several to review.")
    elif st.button(f"Send {noun} to review", key="submit_marked", type="primary", icon=":material/forward_to_inbox:"):
        versions = {head.plan_id: head.version for head in ready}
        with frame.progress("Sending to review") as progress:
            for one in approvals.submit_all(services, versions, actor=user, progress=progress):
                session.say(f"{one.account_id}, plan {one.plan_id[:12]}: {one.said}", done=one.done)
        st.rerun()


def decided(services: Services) -> None:
    """Show what was decided, the newest first."""
    heads = services.plans.heads(states=_DECIDED)
    row = frame.picked(plan_table(heads), key="closed_plans", alt="Plans decided and done", empty="Nothing yet.")
    if row is not None:
        navigation.go(navigation.REVIEW, plan=heads[row].plan_id)


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
        + (f" · {literal(stored.name)}" if stored.name else "")
    )
    if found.plan.edited:
        tickers = ", ".join(found.market.securities[name].ticker for name in found.plan.edited)
        st.info(f"Set by hand: {tickers}", icon=":material/edit:")


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
        literal(
            f"Together these edits make the plan **{abs(adjusted.total_bp):.3f} bp "
            f"(${abs(adjusted.total_usd):,.2f}) {better}**; cash after {adjusted.plan.summary.cash_weight:.2%}, "
            f"tracking error {adjusted.plan.plan.after.tracking_error:.2%}, "
            f"tax now {usd(adjusted.plan.plan.tax.liability)}."
        )
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
    st.info(literal("\n\n".join(sentences)) or "No new decision.", icon=":material/mark_email_read:")


def _may_submit(head: PlanHead, user: User) -> bool:
    return bool(_FORWARD & set(legal_actions(head.state, user, head.makers)))


def _changed(found: WhatIf, names: Sequence[str], shares: Sequence[float]) -> dict[SecurityId, Decimal]:
    now: Mapping[SecurityId, Decimal] = {trade.security_id: signed_shares(trade) for trade in found.plan.trades}
    pairs = ((SecurityId(name), Decimal(str(count or 0))) for name, count in zip(names, shares, strict=True))
    return {name: count for name, count in pairs if count != now[name]}
