"""What did reviewers decide in the CRM? Each decision is read there, and acted on here once, under the same rules."""

from typing import Final

from app.ports import Services
from app.steps import crm
from app.steps.people import SYSTEM
from app.steps.review import adjust, keep_adjusted, require_sound, said_of_edit, submit
from connectors.salesforce.mapping import Decision, ReviewVerdict
from data import audit
from data.crm import link_decision
from data.outbox import enqueue
from engine.domain.errors import CheckFailed, DataError, ExternalRefusal, IllegalMove, NotAllowed
from engine.domain.identifiers import PlanId
from engine.domain.lifecycle import Action, PlanState, User
from engine.domain.plans import Side

_ACTIONS: Final = {
    ReviewVerdict.APPROVE: Action.APPROVE,
    ReviewVerdict.REJECT: Action.REJECT,
    ReviewVerdict.REQUEST_CHANGES: Action.REQUEST_CHANGES,
}


def exchange(services: Services) -> tuple[str, ...]:
    """Tell the CRM what waits for it and take over what was decided there; return one sentence for each decision.

    Does nothing while the CRM's requests of the day are used up. Raises ExternalRefusal where the CRM fails, DataError
    where none is connected.
    """
    services.org()
    crm.deliver(services)
    if crm.paused(services):
        return ()
    return read_decisions(services)


def read_decisions(services: Services, only: PlanId | None = None) -> tuple[str, ...]:
    """Take over what reviewers decided in the CRM; return one sentence for each decision read. only: of this plan.

    A decision that the life cycle or the table of rights refuses changes nothing here and is answered in the CRM, and
    so is one on a plan that is no longer in review. Edits there become a new plan through the same checks, put forward
    by whoever made them. Records that were deleted there are put back. Raises ExternalRefusal where the CRM fails.
    """
    waiting = [plan_id for plan_id in services.links.undecided() if only in (None, plan_id)]
    if not waiting:
        return ()
    org = services.org()
    try:
        decisions, missing = org.read_decisions(waiting), org.missing(waiting)
    except ExternalRefusal as refusal:
        crm.pause_if_exhausted(services, refusal)
        raise
    said = [sentence for decision in decisions if (sentence := _take_over(services, decision))]
    crm.restore(services, missing)
    crm.deliver(services)
    return tuple(said)


def _take_over(services: Services, decision: Decision) -> str | None:
    """Act on a decision once; return the sentence about it, None for one made here or acted on by another reader."""
    who = services.users.by_email(decision.actor)
    stored = services.plans.get(decision.plan_id)
    if services.links.read_already(decision.plan_id, decision.decision_id):  # in this order: one write changes both
        return None
    if who is not None and _made_here(services, decision, who):
        with services.database.begin() as connection:
            link_decision(connection, decision.plan_id, decision.decision_id)
        return None
    name = decision.actor if who is None else who.name
    said = f"plan {decision.plan_id[:12]}: {name} decided {decision.verdict} in the CRM"
    if stored.state is not PlanState.IN_REVIEW:
        why = f"the plan is {stored.state.replace('_', ' ')} in Lotsmith and no longer in review"
        return f"{said}; refused: {_answer(services, decision, why)}"
    if who is None:
        return f"{said}; refused: {_answer(services, decision, f'{decision.actor} is no user of Lotsmith')}"
    try:
        return said + _apply(services, decision, who)
    except (NotAllowed, IllegalMove, CheckFailed, DataError) as refusal:
        if services.links.read_already(decision.plan_id, decision.decision_id):
            return None
        return f"{said}; refused: {_answer(services, decision, str(refusal))}"


def _made_here(services: Services, decision: Decision, who: User) -> bool:
    wanted = (_ACTIONS[decision.verdict], who.user_id)
    return any((move.action, move.actor) == wanted for move in services.plans.history(decision.plan_id))


def _apply(services: Services, decision: Decision, who: User) -> str:
    """Do here what a reviewer decided there; return what to add to the sentence about it."""
    if decision.edits:
        return _apply_edits(services, decision, who)
    if decision.verdict is ReviewVerdict.APPROVE:
        require_sound(services, decision.plan_id)
    comment = decision.comment or f"decided in the CRM on {decision.decided_at:%Y-%m-%d %H:%M}"
    _move_as_decided(services, decision, _ACTIONS[decision.verdict], who, comment)
    return ""


def _apply_edits(services: Services, decision: Decision, who: User) -> str:
    """Make the plan that a reviewer's edits ask for, put it forward, and return the old one.

    In this order: whoever is stopped in between does the same again, and finds the new plan where it was left.
    """
    shares = {name: count if side is Side.BUY else -count for name, side, count in decision.edits}
    adjusted = adjust(services, decision.plan_id, shares)
    new = keep_adjusted(services, decision.plan_id, adjusted, actor=who, comment=decision.comment)
    waits = ""
    if services.plans.get(new).state in (PlanState.DRAFT, PlanState.PROPOSED):
        try:
            submit(services, new, actor=who)
        except (NotAllowed, IllegalMove, CheckFailed) as refusal:
            waits = f", which waits as a draft for its makers: {refusal}"
    comment = said_of_edit(decision.comment, adjusted)
    _move_as_decided(services, decision, Action.REQUEST_CHANGES, who, comment)
    return f", with {len(decision.edits)} edits: new plan {new[:12]}{waits}"


def _answer(services: Services, decision: Decision, why: str) -> str:
    """Say in the CRM that its decision was refused; and return a plan in review to its makers."""
    text, plan_id = f"decision refused: {why}", decision.plan_id
    if services.plans.get(plan_id).state is PlanState.IN_REVIEW:
        _move_as_decided(services, decision, Action.REQUEST_CHANGES, SYSTEM, text)
        return why
    after = {"by": decision.actor, "verdict": decision.verdict, "why": why}
    with services.database.begin() as connection:
        link_decision(connection, plan_id, decision.decision_id)
        enqueue(connection, [crm.to_answer(plan_id, decision.decision_id, text)], at=services.now())
        audit.append(
            connection, at=services.now(), actor=SYSTEM.user_id, what="crm.decision.refused", subject=plan_id,
            after=after,
        )  # fmt: skip
    return why


def _move_as_decided(services: Services, decision: Decision, action: Action, who: User, comment: str) -> None:
    services.plans.move(
        decision.plan_id,
        action,
        who,
        at=services.now(),
        comment=comment,
        within=lambda connection: link_decision(connection, decision.plan_id, decision.decision_id),
    )
