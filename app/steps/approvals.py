"""Who decides, on what exactly, and what leaves at once? Decisions on plans as seen: one, several, or a part."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from app.ports import Progress, Services, no_progress
from app.steps import execute, review, words
from app.steps.outgoing import outgoing
from app.steps.people import SYSTEM
from app.steps.plan import kept, signed_shares
from app.steps.review import Adjusted
from engine.domain.errors import CheckFailed, DataError, IllegalMove, LotsmithError
from engine.domain.identifiers import AccountId, PlanId, SecurityId, UserId
from engine.domain.lifecycle import MOVES, Action, PlanState, User, next_state
from engine.plan.document import plan_from_document

_WORDS: Mapping[Action, str] = {
    Action.PROPOSE: "proposed",
    Action.SUBMIT: "sent to review",
    Action.REQUEST_CHANGES: "returned",
    Action.APPROVE: "approved",
    Action.REJECT: "rejected",
    Action.HOLD: "put on hold",
    Action.RESUME: "resumed",
    Action.RELEASE: "released",
    Action.SEND: "sent",
    Action.FILL: "booked",
    Action.RECONCILE: "reconciled",
    Action.EXPIRE: "marked as stale",
    Action.CANCEL: "cancelled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a decision on one plan. said: one sentence. done: whether it was carried out whole."""

    plan_id: PlanId
    account_id: AccountId
    state: PlanState
    done: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What somebody did to a plan after a person had opened it."""

    who: str
    did: str
    at: datetime


def act(services: Services, plan_id: PlanId, action: Action, *, actor: User, comment: str, version: int) -> PlanState:
    """Propose, submit or decide on a plan as it was seen. version: the one on screen.

    Raises IllegalMove where somebody has moved the plan since, saying who did what and when; else as review does.
    """
    _require_unmoved(services, plan_id, version)
    try:
        if action is Action.PROPOSE:
            return review.propose(services, plan_id, actor=actor)
        if action is Action.SUBMIT:
            return review.submit(services, plan_id, actor=actor)
        return review.decide(services, plan_id, action, actor=actor, comment=comment, seen=plan_id)
    except IllegalMove:
        _require_unmoved(services, plan_id, version)  # both were at it at once, and the other was first
        raise


def moved_since(services: Services, plan_id: PlanId, version: int) -> Moved | None:
    """Return the newest thing that was done to a plan after this version of it; None where nothing was."""
    later = [move for move in services.plans.history(plan_id) if move.version > version]
    if not later:
        return None
    return Moved(who=_name(services, later[-1].actor), did=_WORDS[later[-1].action], at=later[-1].at)


def who_may(services: Services, action: Action, makers: Collection[UserId]) -> tuple[User, ...]:
    """Return everyone who may take this step with a plan that these people made, by name."""
    move = next(move for move in MOVES if move.action is action)
    able = [user for user in services.users.users() if user.roles & move.roles]
    free = [user for user in able if not (move.independent and user.user_id in makers)]
    return tuple(sorted(free, key=lambda user: user.name))


def may_send(actor: User, makers: frozenset[UserId]) -> bool:
    """Return whether this person may approve, release and send a plan that these people made."""
    try:
        _require_sender(actor, makers)
    except LotsmithError:
        return False
    return True


def approve_all(
    services: Services,
    versions: Mapping[PlanId, int],
    *,
    actor: User,
    comment: str,
    progress: Progress = no_progress,
) -> tuple[Outcome, ...]:
    """Approve plans one by one, each as it was seen; what is refused for one leaves the others alone."""
    return _act_all(services, versions, Action.APPROVE, actor=actor, comment=comment, progress=progress)


def submit_all(
    services: Services, versions: Mapping[PlanId, int], *, actor: User, progress: Progress = no_progress
) -> tuple[Outcome, ...]:
    """Put drafts and proposed plans before their reviewers, as approve_all approves."""
    return _act_all(services, versions, Action.SUBMIT, actor=actor, comment="", progress=progress)


def approve_and_send(
    services: Services,
    versions: Mapping[PlanId, int],
    *,
    actor: User,
    comment: str,
    confirmed: str,
    progress: Progress = no_progress,
) -> tuple[Outcome, ...]:
    """Approve plans as they were seen and send them together, if what goes is exactly what was confirmed.

    confirmed: the seal of the Outgoing on screen. Every plan is checked before any is approved. Raises CheckFailed
    where something else would go or a plan no longer holds, NotAllowed for who may not send; nothing has then changed.
    What fails later is told in the outcomes: a plan that is approved and not sent waits under Orders.
    """
    plan_ids = tuple(versions)
    for plan_id, version in versions.items():
        _require_unmoved(services, plan_id, version)
        _require_sender(actor, services.plans.get(plan_id).makers)
    if outgoing(services, plan_ids).seal != confirmed:
        raise CheckFailed("what would be sent is no longer what was confirmed, and nothing was done; look at it again")
    for done, plan_id in enumerate(plan_ids, start=1):
        _require_sendable(services, plan_id)
        progress("checking", done / (3 * len(plan_ids)))

    def later(doing: str, done: float) -> None:
        progress(f"approving {doing}", (1 + done) / 3)

    approved = approve_all(services, versions, actor=actor, comment=comment, progress=later)
    if not all(outcome.done for outcome in approved):
        kept_back = "approved, and not sent: another plan of this sending was refused; send it under Orders"
        return tuple(_said(each, kept_back) if each.done else each for each in approved)
    progress("sending", 2 / 3)
    try:
        execute.send(services, plan_ids, actor=actor, confirmed=confirmed)
    except LotsmithError as error:
        return tuple(_said(_now(services, each), f"{_state(services, each)}: {error}") for each in approved)
    return tuple(_said(_now(services, each), "approved and sent", done=True) for each in approved)


def part_of(services: Services, plan_id: PlanId, names: Collection[SecurityId]) -> Adjusted:
    """Return a plan with these of its trades alone, and what leaving the others out costs.

    Raises DataError where no trade is left, or none is left out.
    """
    trades = kept(services, plan_id).plan.trades
    left_out = {trade.security_id: Decimal(0) for trade in trades if trade.security_id not in names}
    if len(left_out) == len(trades):
        raise DataError(f"plan {plan_id[:12]}: expected at least one trade to keep, found none")
    if not left_out:
        raise DataError(f"plan {plan_id[:12]}: every trade is kept; that is the whole plan, to be approved as it is")
    return review.adjust(services, plan_id, left_out)


def return_part(
    services: Services, plan_id: PlanId, part: Adjusted, *, actor: User, comment: str, version: int
) -> PlanId:
    """Return a plan, and keep a part of it as a draft for its makers to propose; return the draft's id.

    An approval is of one document, so a part is a new one. Whoever cuts it is one of its makers and approves it no
    more: another person does. Raises as review.save_adjusted does, IllegalMove for a plan that was moved since.
    """
    _require_unmoved(services, plan_id, version)
    return review.save_adjusted(services, plan_id, part, actor=actor, comment=comment)


def ask_for_part(
    services: Services, plan_id: PlanId, names: Collection[SecurityId], *, actor: User, comment: str, version: int
) -> PlanState:
    """Return a plan with the wish that its makers leave the other trades out; who asks has made nothing.

    What the makers then propose is theirs, and whoever asked may approve it.
    """
    found = kept(services, plan_id)
    trades = [trade for trade in found.plan.trades if trade.security_id in names]
    wished = ", ".join(
        f"{found.market.securities[trade.security_id].ticker} {signed_shares(trade):+f}" for trade in trades
    )
    said = f"please propose these {len(trades)} of {len(found.plan.trades)} trades alone: {wished}"
    why = f"{comment.strip()}; {said}" if comment.strip() else said
    return act(services, plan_id, Action.REQUEST_CHANGES, actor=actor, comment=why, version=version)


def _act_all(
    services: Services,
    versions: Mapping[PlanId, int],
    action: Action,
    *,
    actor: User,
    comment: str,
    progress: Progress,
) -> tuple[Outcome, ...]:
    outcomes = []
    for done, (plan_id, version) in enumerate(versions.items(), start=1):
        do = partial(act, services, plan_id, action, actor=actor, comment=comment, version=version)
        outcomes.append(_tried(services, plan_id, do, said=_WORDS[action]))
        progress(outcomes[-1].account_id, done / len(versions))
    return tuple(outcomes)


def _require_unmoved(services: Services, plan_id: PlanId, version: int) -> None:
    moved = moved_since(services, plan_id, version)
    if moved is not None:
        state = services.plans.get(plan_id).state.replace("_", " ")
        raise IllegalMove(
            f"nothing was done: {moved.who} {moved.did} plan {plan_id[:12]} at {moved.at:%H:%M:%S} UTC, "
            f"after you had opened it; it is {state} now"
        )


def _require_sender(actor: User, makers: frozenset[UserId]) -> None:
    """Raise NotAllowed unless the person may take a plan from review all the way out."""
    for action, state in (
        (Action.APPROVE, PlanState.IN_REVIEW),
        (Action.RELEASE, PlanState.APPROVED),
        (Action.SEND, PlanState.RELEASED),
    ):
        next_state(state=state, action=action, actor=actor, makers=makers, comment="")


def _require_sendable(services: Services, plan_id: PlanId) -> None:
    """Raise CheckFailed unless everything that approving and sending check of one plan holds now."""
    stored = services.plans.get(plan_id)
    plan, _ = plan_from_document(stored.document)
    stale = execute.staleness(services, stored, plan, approved_at=None)
    if stale:
        why = words.in_words("; ".join(stale), words.names(services))
        raise CheckFailed(f"plan {plan_id[:12]} no longer holds, and nothing was done: {why}")
    try:
        review.require_sound(services, plan_id)
    except CheckFailed as error:
        raise CheckFailed(f"plan {plan_id[:12]} does not pass, and nothing was done: {error}") from error


def _tried(services: Services, plan_id: PlanId, do: Callable[[], object], *, said: str) -> Outcome:
    done = True
    try:
        do()
    except LotsmithError as error:
        done, said = False, str(error)
    head = services.plans.get(plan_id)
    return Outcome(plan_id=plan_id, account_id=head.account_id, state=head.state, done=done, said=said)


def _now(services: Services, outcome: Outcome) -> Outcome:
    head = services.plans.get(outcome.plan_id)
    return Outcome(
        plan_id=head.plan_id, account_id=head.account_id, state=head.state, done=outcome.done, said=outcome.said
    )


def _state(services: Services, outcome: Outcome) -> str:
    state = services.plans.get(outcome.plan_id).state
    return "sent, with its files still to be written" if state is PlanState.SENT else f"{state}, and not sent"


def _said(outcome: Outcome, said: str, *, done: bool = False) -> Outcome:
    return Outcome(plan_id=outcome.plan_id, account_id=outcome.account_id, state=outcome.state, done=done, said=said)


def _name(services: Services, user_id: UserId) -> str:
    known = {user.user_id: user.name for user in (*services.users.users(), SYSTEM)}
    return known.get(user_id, user_id)
