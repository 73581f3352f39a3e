"""Who may move a plan from where to where? One table; every path (page, command line, Salesforce) reads it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from engine.domain.errors import IllegalMove, NotAllowed
from engine.domain.identifiers import UserId


class PlanState(StrEnum):
    DRAFT = "draft"
    PROPOSED = "proposed"
    IN_REVIEW = "in_review"
    CHANGES_REQUESTED = "changes_requested"
    APPROVED = "approved"
    RELEASED = "released"
    SENT = "sent"
    FILLED = "filled"
    RECONCILED = "reconciled"
    REJECTED = "rejected"
    HELD = "held"
    STALE = "stale"
    CANCELLED = "cancelled"


class Role(StrEnum):
    PORTFOLIO_MANAGER = "portfolio_manager"
    ADVISOR = "advisor"
    APPROVER = "approver"
    COMPLIANCE = "compliance"
    SYSTEM = "system"


class Action(StrEnum):
    PROPOSE = "propose"
    SUBMIT = "submit"
    REQUEST_CHANGES = "request_changes"
    APPROVE = "approve"
    REJECT = "reject"
    HOLD = "hold"
    RESUME = "resume"
    RELEASE = "release"
    SEND = "send"
    FILL = "fill"
    RECONCILE = "reconcile"
    EXPIRE = "expire"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    user_id: UserId
    name: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One legal step. independent: the person may be neither the maker nor an editor of the plan (maker-checker)."""

    action: Action
    sources: frozenset[PlanState]
    target: PlanState
    roles: frozenset[Role]
    independent: bool = False
    comment_required: bool = False


_S, _R, _A = PlanState, Role, Action
_OPEN: Final = frozenset({_S.PROPOSED, _S.IN_REVIEW, _S.CHANGES_REQUESTED, _S.APPROVED, _S.RELEASED, _S.HELD})
_DESK: Final = frozenset({_R.PORTFOLIO_MANAGER, _R.ADVISOR})
_CHECKERS: Final = frozenset({_R.ADVISOR, _R.APPROVER})
_CONTROL: Final = frozenset({_R.ADVISOR, _R.APPROVER, _R.COMPLIANCE})
_GATE: Final = frozenset({_R.APPROVER})
_MACHINE: Final = frozenset({_R.SYSTEM})

MOVES: Final = (
    Move(action=_A.PROPOSE, sources=frozenset({_S.DRAFT}), target=_S.PROPOSED, roles=_DESK),
    Move(action=_A.SUBMIT, sources=frozenset({_S.PROPOSED}), target=_S.IN_REVIEW, roles=_DESK),
    Move(action=_A.REQUEST_CHANGES, sources=frozenset({_S.IN_REVIEW}), target=_S.CHANGES_REQUESTED,
         roles=_CONTROL | _MACHINE,
         comment_required=True),
    Move(action=_A.APPROVE, sources=frozenset({_S.IN_REVIEW}), target=_S.APPROVED, roles=_CHECKERS, independent=True),
    Move(action=_A.REJECT, sources=frozenset({_S.IN_REVIEW}), target=_S.REJECTED, roles=_CONTROL,
         comment_required=True),
    Move(action=_A.HOLD, sources=frozenset({_S.IN_REVIEW, _S.APPROVED, _S.RELEASED}), target=_S.HELD, roles=_CONTROL,
         comment_required=True),
    Move(action=_A.RESUME, sources=frozenset({_S.HELD}), target=_S.IN_REVIEW, roles=_CONTROL, independent=True),
    Move(action=_A.RELEASE, sources=frozenset({_S.APPROVED}), target=_S.RELEASED, roles=_GATE, independent=True),
    Move(action=_A.SEND, sources=frozenset({_S.RELEASED}), target=_S.SENT, roles=_GATE, independent=True),
    Move(action=_A.FILL, sources=frozenset({_S.SENT}), target=_S.FILLED, roles=_MACHINE),
    Move(action=_A.RECONCILE, sources=frozenset({_S.FILLED}), target=_S.RECONCILED, roles=_MACHINE),
    Move(action=_A.EXPIRE, sources=_OPEN, target=_S.STALE, roles=_MACHINE),
    Move(action=_A.CANCEL, sources=_OPEN | {_S.DRAFT, _S.STALE}, target=_S.CANCELLED,
         roles=frozenset({_R.PORTFOLIO_MANAGER, _R.APPROVER})),
)  # fmt: skip


def next_state(*, state: PlanState, action: Action, actor: User, makers: frozenset[UserId], comment: str) -> PlanState:
    """Return the state that this action leads to.

    makers: everyone who made, edited or proposed the plan. Raises IllegalMove when the life cycle has no such step
    from `state`, or its comment is missing; NotAllowed when the actor lacks the role or would check their own work.
    """
    move = next(move for move in MOVES if move.action is action)
    if state not in move.sources:
        legal = ", ".join(sorted(move.sources))
        raise IllegalMove(f"cannot {action} a plan that is {state}; expected {legal}")
    if not actor.roles & move.roles:
        raise NotAllowed(f"{actor.name} may not {action} a plan; it takes one of: {', '.join(sorted(move.roles))}")
    if move.independent and actor.user_id in makers:
        raise NotAllowed(f"{actor.name} made, edited or proposed this plan and may not {action} it; ask another person")
    if move.comment_required and not comment.strip():
        raise IllegalMove(f"to {action} a plan, say why: the comment is empty")
    return move.target


def legal_actions(state: PlanState, actor: User, makers: frozenset[UserId]) -> tuple[Action, ...]:
    """Return what this person may do with a plan in this state, in the order of the life cycle."""
    return tuple(
        move.action
        for move in MOVES
        if state in move.sources and actor.roles & move.roles and not (move.independent and actor.user_id in makers)
    )


def why_note_is_fixed(state: PlanState, user_id: UserId, makers: frozenset[UserId]) -> str:
    """Return why this person may not change what is written of a plan, in a sentence; empty where they may.

    A draft's name and notes are its makers' own. From proposal on they stay: they say why the plan, or an edit of it,
    was made, to whoever approves it.
    """
    if state is not PlanState.DRAFT:
        return "what is written of a plan stays as it was when the plan was proposed"
    if user_id not in makers:
        return f"only who made a draft changes what is written of it: {', '.join(sorted(makers))}"
    return ""
