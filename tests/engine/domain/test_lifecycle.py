"""Who may move a plan from where to where."""

import pytest

from engine.domain.errors import IllegalMove, NotAllowed
from engine.domain.identifiers import UserId
from engine.domain.lifecycle import Action, PlanState, Role, User, legal_actions, next_state


def person(name: str, *roles: Role) -> User:
    return User(user_id=UserId(name), name=name.title(), roles=frozenset(roles))


MAKER = person("mia", Role.PORTFOLIO_MANAGER, Role.APPROVER)
CHECKER = person("abe", Role.APPROVER)
ADVISOR = person("ann", Role.ADVISOR)
COMPLIANCE = person("cam", Role.COMPLIANCE)
SYSTEM = person("system", Role.SYSTEM)
MAKERS = frozenset({MAKER.user_id})


def step(state: PlanState, action: Action, actor: User, comment: str = "because") -> PlanState:
    return next_state(state=state, action=action, actor=actor, makers=MAKERS, comment=comment)


def test_the_whole_way_from_draft_to_reconciled_is_legal():
    state = PlanState.DRAFT
    way = [
        (Action.PROPOSE, MAKER, PlanState.PROPOSED),
        (Action.SUBMIT, MAKER, PlanState.IN_REVIEW),
        (Action.APPROVE, CHECKER, PlanState.APPROVED),
        (Action.RELEASE, CHECKER, PlanState.RELEASED),
        (Action.SEND, CHECKER, PlanState.SENT),
        (Action.FILL, SYSTEM, PlanState.FILLED),
        (Action.RECONCILE, SYSTEM, PlanState.RECONCILED),
    ]
    for action, actor, expected in way:
        state = step(state, action, actor)
        assert state is expected


@pytest.mark.parametrize("action", [Action.APPROVE, Action.RELEASE, Action.SEND])
def test_nobody_checks_what_they_made_even_with_the_role(action):
    state = {Action.APPROVE: PlanState.IN_REVIEW, Action.RELEASE: PlanState.APPROVED, Action.SEND: PlanState.RELEASED}

    with pytest.raises(NotAllowed, match="Mia made, edited or proposed this plan"):
        step(state[action], action, MAKER)


@pytest.mark.parametrize(
    ("state", "action", "actor"),
    [
        (PlanState.IN_REVIEW, Action.APPROVE, COMPLIANCE),
        (PlanState.APPROVED, Action.RELEASE, ADVISOR),
        (PlanState.RELEASED, Action.SEND, COMPLIANCE),
        (PlanState.DRAFT, Action.PROPOSE, COMPLIANCE),
        (PlanState.SENT, Action.FILL, CHECKER),
    ],
)
def test_an_action_takes_its_role(state, action, actor):
    with pytest.raises(NotAllowed, match="it takes one of"):
        step(state, action, actor)


@pytest.mark.parametrize("state", [s for s in PlanState if s is not PlanState.RELEASED])
def test_only_a_released_plan_is_sent(state):
    with pytest.raises(IllegalMove, match=f"cannot send a plan that is {state}"):
        step(state, Action.SEND, CHECKER)


@pytest.mark.parametrize("state", [PlanState.RECONCILED, PlanState.REJECTED, PlanState.CANCELLED])
def test_an_ended_plan_never_moves_again(state):
    for action in Action:
        with pytest.raises(IllegalMove):
            step(state, action, person("all", *Role))


@pytest.mark.parametrize("action", [Action.REJECT, Action.REQUEST_CHANGES, Action.HOLD])
def test_a_refusal_says_why(action):
    with pytest.raises(IllegalMove, match="say why"):
        step(PlanState.IN_REVIEW, action, COMPLIANCE, comment="  ")


def test_a_person_is_offered_just_what_they_may_do():
    offered = legal_actions(PlanState.IN_REVIEW, MAKER, MAKERS)

    assert Action.APPROVE not in offered
    assert Action.CANCEL in offered
    assert legal_actions(PlanState.IN_REVIEW, CHECKER, MAKERS)[:2] == (Action.REQUEST_CHANGES, Action.APPROVE)


def test_who_made_a_plan_cannot_lift_the_hold_on_it():
    with pytest.raises(NotAllowed, match="made, edited or proposed"):
        step(PlanState.HELD, Action.RESUME, MAKER)

    assert step(PlanState.HELD, Action.RESUME, COMPLIANCE) is PlanState.IN_REVIEW
    assert Action.RESUME not in legal_actions(PlanState.HELD, MAKER, MAKERS)
