"""Is it right, and who agrees? Propose, edit with a price on each edit, decide here, take over decisions in the CRM."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from app.ports import Services
from app.steps import crm, opinions, words
from app.steps.people import SYSTEM
from app.steps.plan import WhatIf, keep, kept, signed_shares, with_trades
from connectors.salesforce.mapping import Decision, ReviewVerdict
from data import audit
from data.crm import link_decision
from data.opinions import Opinion, write_opinion
from data.outbox import enqueue
from data.plans import PlanHead, StoredPlan
from engine.domain.errors import CheckFailed, DataError, ExternalRefusal, IllegalMove, NotAllowed
from engine.domain.identifiers import PlanId, SecurityId
from engine.domain.lifecycle import Action, PlanState, Role, User, legal_actions, next_state
from engine.domain.plans import Check, Side
from engine.plan.document import plan_from_document
from engine.review.checker import failures, second_opinion
from engine.review.difference import in_dollars

_VERDICTS: Final = {
    Action.APPROVE: ReviewVerdict.APPROVE,
    Action.REJECT: ReviewVerdict.REJECT,
    Action.REQUEST_CHANGES: ReviewVerdict.REQUEST_CHANGES,
}
_REVIEWERS: Final = frozenset({Role.ADVISOR, Role.APPROVER})  # the queue that Salesforce asks
_ACTIONS: Final = {verdict: action for action, verdict in _VERDICTS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One trade changed by hand. shares signed; the price is what the plan's objective loses: bp of value, and USD."""

    security_id: SecurityId
    before: Decimal
    after: Decimal
    price_bp: float
    price_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """An edited plan, not kept yet, with the price of each edit alone and of all together."""

    plan: WhatIf
    edits: tuple[Edit, ...]
    total_bp: float
    total_usd: Decimal


def require_sound(services: Services, plan_id: PlanId) -> Opinion:
    """Return the second checker's opinion of a stored plan, made now, where nothing in it stops the plan.

    Raises CheckFailed where the checker disagrees, or today another account's plan would wash this one.
    """
    opinion = opinions.form(services, services.plans.get(plan_id))
    _require_passing(services, opinion.checks)
    if opinion.washed:
        raise CheckFailed(
            f"plan {plan_id[:12]} and what its household has done or proposed since would wash each other: "
            + words.in_words("; ".join(opinion.washed), words.names(services))
            + ". Plan this account again, or withdraw the other plan."
        )
    return opinion


def propose(services: Services, plan_id: PlanId, *, actor: User) -> PlanState:
    """Freeze a draft under its hash, with the second checker's opinion beside it.

    Raises CheckFailed where the second checker disagrees with the plan, IllegalMove for a plan without a trade.
    """
    opinion = require_sound(services, plan_id)
    if not services.plans.get(plan_id).document["trades"]:
        raise IllegalMove(f"plan {plan_id[:12]} has no trade; there is nothing to propose")
    return services.plans.move(
        plan_id,
        Action.PROPOSE,
        actor,
        at=services.now(),
        expected_hash=plan_id,
        within=lambda connection: write_opinion(connection, opinion),
    )


def submit(services: Services, plan_id: PlanId, *, actor: User) -> PlanState:
    """Put a draft or proposed plan into review, and before the reviewers in the CRM where one is connected.

    The CRM's turn comes from the outbox: if it is down, the plan is in review here and the push is tried again.
    """
    if services.plans.get(plan_id).state is PlanState.DRAFT:
        propose(services, plan_id, actor=actor)
    state = services.plans.move(
        plan_id,
        Action.SUBMIT,
        actor,
        at=services.now(),
        expected_hash=plan_id,
        outbox=crm.to_push(services, plan_id),
    )
    crm.deliver(services)
    return state


def adjust(services: Services, plan_id: PlanId, shares: Mapping[SecurityId, Decimal]) -> Adjusted:
    """Return the plan with some trades set by hand (signed shares, 0 drops a trade), and what each edit costs.

    Raises DataError for a trade that cannot be made, such as more shares than are held.
    """
    original = kept(services, plan_id)
    before = {trade.security_id: signed_shares(trade) for trade in original.plan.trades}
    changes = {name: count for name, count in shares.items() if before.get(name, Decimal(0)) != count}
    if not changes:
        raise DataError("no trade was changed: expected at least one other number of shares")

    def alter(some: Mapping[SecurityId, Decimal]) -> WhatIf:
        wanted = {name: count for name, count in {**before, **some}.items() if count}
        return with_trades(original.snapshot, original.market, original.plan, wanted)

    total = alter(changes)
    edits = []
    for name, count in sorted(changes.items()):
        alone = total if len(changes) == 1 else alter({name: count})
        price = alone.plan.objective.total - original.plan.objective.total
        edits.append(
            Edit(
                security_id=name,
                before=before.get(name, Decimal(0)),
                after=count,
                price_bp=price,
                price_usd=in_dollars(original.plan, price),
            )
        )
    whole = total.plan.objective.total - original.plan.objective.total
    return Adjusted(plan=total, edits=tuple(edits), total_bp=whole, total_usd=in_dollars(original.plan, whole))


def save_adjusted(services: Services, plan_id: PlanId, adjusted: Adjusted, *, actor: User, comment: str) -> PlanId:
    """Keep an edited plan as a new draft; the plan it came from can no longer be approved.

    Whoever edits is a maker of the new plan, so another person approves it. Raises CheckFailed where the second
    checker finds the edited plan wrong, NotAllowed where the person may not return the plan; nothing is then kept.
    """
    new = _keep_adjusted(services, plan_id, adjusted, actor=actor, comment=comment)
    if services.plans.get(plan_id).state is PlanState.IN_REVIEW:
        services.plans.move(
            plan_id, Action.REQUEST_CHANGES, actor, at=services.now(), comment=_said_of_edit(comment, adjusted)
        )
        crm.deliver(services)
    return new


def decide(services: Services, plan_id: PlanId, action: Action, *, actor: User, comment: str, seen: str) -> PlanState:
    """Approve, reject, return, hold, resume or cancel a plan. seen: the hash that the person looked at.

    Raises NotAllowed, IllegalMove or CheckFailed; then nothing changed, except that a refusal is logged.
    """
    if action is Action.APPROVE:
        require_sound(services, plan_id)
    outbox = []
    if action in _VERDICTS and actor.roles & _REVIEWERS:  # else Salesforce asked this person for no answer
        outbox = crm.to_decide(services, plan_id, _VERDICTS[action], actor=actor, comment=comment)
    state = services.plans.move(
        plan_id, action, actor, at=services.now(), comment=comment, expected_hash=seen, outbox=outbox
    )
    crm.deliver(services)
    return state


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


def last_words(services: Services, heads: Iterable[PlanHead]) -> Mapping[PlanId, str]:
    """Return what was last said about each plan that was returned or held."""
    spoken = [head for head in heads if head.state in (PlanState.CHANGES_REQUESTED, PlanState.HELD)]
    return {head.plan_id: services.plans.history(head.plan_id)[-1].comment for head in spoken}


def possible_actions(plan: StoredPlan, actor: User) -> tuple[Action, ...]:
    """Return what this person may do with a plan now."""
    return legal_actions(plan.state, actor, plan.makers)


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
    new = _keep_adjusted(services, decision.plan_id, adjusted, actor=who, comment=decision.comment)
    waits = ""
    if services.plans.get(new).state in (PlanState.DRAFT, PlanState.PROPOSED):
        try:
            submit(services, new, actor=who)
        except (NotAllowed, IllegalMove, CheckFailed) as refusal:
            waits = f", which waits as a draft for its makers: {refusal}"
    comment = _said_of_edit(decision.comment, adjusted)
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


def _keep_adjusted(services: Services, plan_id: PlanId, adjusted: Adjusted, *, actor: User, comment: str) -> PlanId:
    _require_passing(services, second_opinion(*_judged(adjusted.plan)))
    stored, said = services.plans.get(plan_id), _said_of_edit(comment, adjusted)
    if stored.state is PlanState.IN_REVIEW:
        next_state(state=stored.state, action=Action.REQUEST_CHANGES, actor=actor, makers=stored.makers, comment=said)
    return keep(services, adjusted.plan, actor=actor.user_id, note=comment, parent_id=plan_id)


def _said_of_edit(comment: str, adjusted: Adjusted) -> str:
    return comment or f"edited; see plan {adjusted.plan.plan_id[:12]}"


def _judged(found: WhatIf) -> tuple[Any, Any, Any]:
    # As the document states it: figures rounded, exactly what would be approved.
    plan, _ = plan_from_document(found.document)
    return plan, found.snapshot, found.market


def _require_passing(services: Services, found: tuple[Check, ...]) -> None:
    wrong = failures(found)
    if wrong:
        raise CheckFailed("the second checker disagrees: " + words.sentences(services, wrong))
