"""One plan before its approver: verdict first, every check, what was changed, what would be sent, the decision."""

from collections.abc import Iterable
from functools import partial
from textwrap import shorten
from typing import Final

import streamlit as st

from app import session
from app.panels import destination, frame, signing
from app.ports import Services
from app.session import memory, widgets
from app.steps import approvals, firm, review
from app.steps import plan as planning
from app.steps.market import todays_market
from app.steps.outgoing import Outgoing, by_route, outgoing
from app.steps.plan import WhatIf
from app.steps.queue import Entry, Standing
from app.tables.execute import outgoing_table
from app.tables.parts import literal, usd
from app.tables.review import budget_text, check_table, cut_off_text, difference_table, objections, opinion_text
from data.plans import StoredPlan
from engine.domain.errors import LotsmithError
from engine.domain.identifiers import SecurityId
from engine.domain.lifecycle import Action, PlanState, User
from engine.domain.plans import Side, Verdict
from engine.review.difference import difference

_CHECKS_PX: Final = 400
_OBJECTIONS_SHOWN: Final = 6
_OBJECTION_LENGTH: Final = 240  # its whole evidence is in the table of checks
_BLOCKS_PX: Final = 300
_SOUND: Final = frozenset({Standing.PASSES, Standing.REMARKS})
_UNDECIDED: Final = frozenset({PlanState.DRAFT, PlanState.PROPOSED, PlanState.IN_REVIEW, PlanState.HELD})
_WAITS: Final = _UNDECIDED | {PlanState.APPROVED, PlanState.RELEASED}
_EXPLAINED: Final = frozenset({PlanState.CHANGES_REQUESTED, PlanState.HELD, PlanState.REJECTED, PlanState.STALE})
_WORDS: Final = {
    Action.SUBMIT: ("Send to review", ":material/forward_to_inbox:"),
    Action.PROPOSE: ("Propose", ":material/lock:"),
    Action.APPROVE: ("Approve", ":material/check_circle:"),
    Action.REQUEST_CHANGES: ("Return with a comment", ":material/undo:"),
    Action.HOLD: ("Hold", ":material/pause_circle:"),
    Action.RESUME: ("Resume", ":material/play_circle:"),
    Action.REJECT: ("Reject", ":material/cancel:"),
    Action.CANCEL: ("Cancel the plan", ":material/delete:"),
}
_PRIMARY: Final = frozenset({Action.SUBMIT})
_DONE: Final = {
    Action.SUBMIT: "In review now.",
    Action.PROPOSE: "Proposed.",
    Action.APPROVE: "Approved. It waits under Orders to be sent.",
    Action.REQUEST_CHANGES: "Returned with your comment.",
    Action.HOLD: "On hold.",
    Action.RESUME: "Back in review.",
    Action.REJECT: "Rejected.",
    Action.CANCEL: "Cancelled.",
}


def verdict(entry: Entry, services: Services) -> None:
    """Say first whether the plan can be approved, and until when it still reaches the market."""
    standing, against = entry.standing, objections(entry.assessment)
    body = "\n".join(
        f"- {literal(shorten(each, _OBJECTION_LENGTH, placeholder=' …'))}" for each in against[:_OBJECTIONS_SHOWN]
    )
    if len(against) > _OBJECTIONS_SHOWN:
        body += f"\n- and {len(against) - _OBJECTIONS_SHOWN} more, below"
    if not against and entry.assessment is not None:
        body = f"All {len(entry.assessment.checks)} checks of the planner and the second checker pass."
    if entry.head.state in _WAITS:
        body += f"\n\nCut-off of {entry.account.custodian}: {cut_off_text(entry.cut_off, services.now())}."
    decided = entry.head.state not in _UNDECIDED
    if standing is Standing.PASSES:
        st.success(body, title="Passes every check" if decided else "Can be approved", icon=":material/verified:")
    elif standing is Standing.REMARKS:
        title = "Passes with remarks" if decided else "Can be approved, with remarks"
        st.warning(body, title=title, icon=":material/priority_high:")
    elif standing is Standing.STALE:
        st.error(body + "\n\nMake a new one under What-if.", title="No longer holds", icon=":material/update:")
    else:
        st.error(body, title="Cannot be approved", icon=":material/block:")


def budget(entry: Entry) -> None:
    """Show the year's net gain with the plan against what the client agreed to."""
    if entry.assessment is not None:
        st.markdown(f":material/savings: {literal(budget_text(entry.assessment, entry.plan))}")


def last_word(services: Services, stored: StoredPlan) -> None:
    """Show who returned, held or rejected a plan, and what they said, to whoever has to do something about it."""
    if stored.state not in _EXPLAINED:
        return
    last = services.plans.history(stored.plan_id)[-1]
    (who,) = _names(services, [last.actor])
    st.warning(
        f"{who}, {last.at:%d %b %Y %H:%M} UTC: “{literal(last.comment)}”",
        title=stored.state.value.replace("_", " ").capitalize(),
        icon=":material/comment:",
    )


def checks(entry: Entry) -> None:
    """Show every check with its evidence, and what the second checker thinks, in one line above it."""
    found = entry.assessment
    if found is None:
        return
    st.subheader("Checks")
    wrong = sum(check.verdict is Verdict.FAIL for check in found.second)
    said = f"disagrees on {wrong} of {len(found.second)} checks" if wrong else f"agrees: {len(found.second)} checks"
    st.caption(
        f"Second checker {said}, derived again from the raw lots and transactions by rules written apart from the "
        f"optimiser. The planner's own: {len(found.planned)}. {opinion_text(found)}"
    )
    frame.table(check_table(found), key="checks", alt="Every check with its verdict and evidence", height=_CHECKS_PX)


def preview(services: Services, entry: Entry) -> None:
    """Show the orders that this plan becomes, by custodian, built as they are built for sending."""
    if entry.head.state not in _WAITS | {PlanState.CHANGES_REQUESTED}:
        return
    st.subheader("What would be sent")
    built: dict[str, Outgoing] = {}

    def build() -> None:
        plan_ids = (entry.head.plan_id,)
        built["out"] = memory.remember(
            ("outgoing", plan_ids, firm.version(services)), lambda: outgoing(services, plan_ids)
        )

    if not frame.attempt(build):
        return
    for each in built["out"].destinations:
        st.markdown(
            f"**{each.custodian}** ({each.comp_id}), {by_route(each.profile)}: {len(each.blocks)} blocks, "
            f"{len(each.orders)} allocations, sells {literal(usd(each.usd(Side.SELL)))}, "
            f"buys {literal(usd(each.usd(Side.BUY)))}"
        )
        destination.lots(each)
    frame.table(
        outgoing_table(built["out"].blocks, todays_market(services).securities), key="preview",
        alt="Block orders that would be sent", height=_BLOCKS_PX, file=f"orders-{entry.head.plan_id[:12]}",
        empty="No order.",
    )  # fmt: skip


def changes(services: Services, stored: StoredPlan, found: WhatIf) -> None:
    """Show what an edit changed against the plan that this one came from, what it costs, and who made it."""
    if stored.parent_id is None:
        return
    st.subheader("What changed")
    parent_id = stored.parent_id
    parent = memory.remember(("kept", parent_id), lambda: planning.kept(services, parent_id))
    differs = difference(parent.plan, found.plan)
    cost = "The plans were computed from other inputs or settings, so their costs do not compare."
    if differs.cost_bp is not None and differs.cost_usd is not None:
        word = "costs" if differs.cost_bp >= 0 else "gains"
        cost = f"Against that plan this {word} **{abs(differs.cost_bp):.3f} bp (${abs(differs.cost_usd):,.2f})**."
    st.markdown(
        f"From plan `{parent_id[:12]}`, changed by {_editors(services, stored)}"
        + (f": “{literal(stored.note)}”. " if stored.note else ". ")
        + f"{literal(cost)} Tax {differs.tax:+,.0f} USD, tracking error {100 * differs.tracking_error:+.3f} pp."
    )
    frame.table(
        difference_table(differs, found.market), key="changes", alt="Trades that were added, removed or changed",
        empty="The trades are the same.", height=_BLOCKS_PX,
    )  # fmt: skip


def decision(services: Services, stored: StoredPlan, entry: Entry, user: User) -> None:
    """Offer what this person may do with the plan now, and say who can where this person cannot."""
    offered = [action for action in _WORDS if action in review.possible_actions(stored, user)]
    if Action.PROPOSE in offered:  # sending a draft proposes it on the way
        offered.insert(0, Action.SUBMIT)
    _who_decides(services, stored, user)
    if not offered:
        return
    key = f"comment:{stored.plan_id}:{stored.version}:{user.user_id}"
    sound = entry.standing in _SOUND
    with st.container(border=True):
        st.text_input("Comment", key=key, placeholder="required to return, reject or hold")
        with st.container(horizontal=True):
            sends = Action.APPROVE in offered and approvals.may_send(user, stored.makers)
            if sends and st.button(
                "Approve and send…", key="sign", icon=":material/send:", type="primary", disabled=not sound
            ):
                signing.approve_and_send(services, [entry], user)
            for action in offered:
                label, icon = _WORDS[action]
                st.button(
                    label,
                    key=f"{action.value}:{stored.plan_id}",
                    icon=icon,
                    type="primary" if action in _PRIMARY else "secondary",
                    disabled=action is Action.APPROVE and not sound,
                    on_click=partial(_act, services, stored, action, user, key),
                )
                if action is Action.APPROVE and st.button(
                    "Approve in part…", key="part", icon=":material/content_cut:"
                ):
                    _part(services, stored, entry, user)


def _who_decides(services: Services, stored: StoredPlan, user: User) -> None:
    if stored.state is not PlanState.IN_REVIEW or Action.APPROVE in review.possible_actions(stored, user):
        return
    names = ", ".join(person.name for person in approvals.who_may(services, Action.APPROVE, stored.makers))
    why = (
        "You made or edited this plan, so another person decides on it."
        if user.user_id in stored.makers
        else "Your role does not approve plans."
    )
    st.info(f"{why} Who may: {names or 'nobody; compliance can add a person'}.", icon=":material/group:")


def _act(services: Services, stored: StoredPlan, action: Action, user: User, key: str) -> None:
    """Do what was clicked, on the plan as it was drawn; whatever comes of it is told on the page drawn next."""
    done = frame.heeded(
        lambda: approvals.act(
            services, stored.plan_id, action, actor=user, comment=widgets.typed(key), version=stored.version
        )
    )
    session.tell(done or [(_DONE[action], True)])


@st.dialog("Approve in part", width="large", icon=":material/content_cut:")
def _part(services: Services, stored: StoredPlan, entry: Entry, user: User) -> None:
    trades = {trade.security_id: trade for trade in entry.plan.trades}
    securities = todays_market(services).securities
    makers = ", ".join(_names(services, stored.makers))
    st.markdown(
        "An approval is of one document, and a part is another document. So this plan goes back to "
        f"{makers}, with the part that you would approve."
    )
    left_out = st.multiselect(
        "Trades to leave out",
        list(trades),
        key="left_out",
        format_func=lambda name: (
            f"{trades[name].side.value} {securities[name].ticker}, {trades[name].quantity.normalize():,f} shares, "
            f"${trades[name].amount:,.0f}"
        ),
    )
    comment = st.text_input("Why", key="part_why")
    if not left_out:
        return
    names: tuple[SecurityId, ...] = tuple(name for name in trades if name not in left_out)
    try:
        part = memory.remember(
            ("part", stored.plan_id, names), lambda: approvals.part_of(services, stored.plan_id, names)
        )
    except LotsmithError as error:
        frame.refusal(error)
        return
    word = "costs" if part.total_bp >= 0 else "gains"
    st.markdown(
        literal(
            f"{len(names)} of {len(trades)} trades. Leaving the others out {word} **{abs(part.total_bp):.3f} bp "
            f"(${abs(part.total_usd):,.2f})**; cash after {part.plan.summary.cash_weight:.2%}, tracking error "
            f"{part.plan.plan.after.tracking_error:.2%}."
        )
    )
    if part.plan.plan.conflicts:
        st.error(f"The part alone breaks: {', '.join(part.plan.plan.conflicts)}.", icon=":material/block:")
    others = _names(services, [one.user_id for one in approvals.who_may(
        services, Action.SEND, {*stored.makers, user.user_id})])  # fmt: skip
    st.caption(
        f"**Ask for it**: {makers} makes the part, you have edited nothing and may approve it. "
        "**Cut it yourself**: the part becomes a draft at once, you are one of its editors, and another person "
        f"approves and sends it: {', '.join(others) or 'nobody here could, so ask for it instead'}."
    )
    with st.container(horizontal=True):
        if st.button("Return and ask for it", key="ask_part", type="primary", icon=":material/undo:"):
            ask = partial(approvals.ask_for_part, services, stored.plan_id, names, actor=user, comment=comment,
                          version=stored.version)  # fmt: skip
            session.tell(frame.heeded(ask) or [(f"Returned to {makers} with the part that you asked for.", True)])
            st.rerun()
        if st.button("Return and cut it yourself", key="cut_part", icon=":material/content_cut:",
                     disabled=bool(part.plan.plan.conflicts)):  # fmt: skip
            cut = partial(approvals.return_part, services, stored.plan_id, part, actor=user, comment=comment,
                          version=stored.version)  # fmt: skip
            session.tell(frame.heeded(cut) or [(f"Returned to {makers}; the part is a draft of theirs now.", True)])
            st.rerun()


def _editors(services: Services, stored: StoredPlan) -> str:
    saved = services.audit.rows(subject=stored.plan_id, what="plan.save")
    return ", ".join(_names(services, {row.actor for row in saved})) or "somebody"


def _names(services: Services, user_ids: Iterable[str]) -> list[str]:
    known: dict[str, str] = {user.user_id: user.name for user in services.users.users()}
    return sorted(known.get(user_id, user_id) for user_id in user_ids)
