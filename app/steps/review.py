"""Is it right, and who agrees? Propose, edit with a price on each edit, decide."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from app.ports import Services
from app.steps import crm, execute, opinions, words
from app.steps.plan import WhatIf, keep, kept, signed_shares, with_trades
from connectors.salesforce.mapping import ReviewVerdict
from data.opinions import Opinion, write_opinions
from data.plans import PlanHead, StoredPlan
from engine.domain.errors import CheckFailed, DataError, IllegalMove
from engine.domain.identifiers import PlanId, SecurityId
from engine.domain.lifecycle import Action, PlanState, Role, User, legal_actions, next_state
from engine.domain.plans import Check
from engine.plan.document import plan_from_document
from engine.review.checker import failures, second_opinion
from engine.review.difference import in_dollars

_VERDICTS: Final = {
    Action.APPROVE: ReviewVerdict.APPROVE,
    Action.REJECT: ReviewVerdict.REJECT,
    Action.REQUEST_CHANGES: ReviewVerdict.REQUEST_CHANGES,
}
_REVIEWERS: Final = frozenset({Role.ADVISOR, Role.APPROVER})  # the queue that Salesforce asks


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
        within=lambda connection: write_opinions(connection, [opinion]),
    )


def submit(services: Services, plan_id: PlanId, *, actor: User) -> PlanState:
    """Put a draft or proposed plan into review, and before the reviewers in the CRM where one is connected.

    The CRM's turn comes from the outbox: if it is down, the plan is in review here and the push is tried again. Raises
    CheckFailed as propose does, and where a plan of the account is on its way that this one does not know of.
    """
    overtaken = execute.overtaken(services, services.plans.get(plan_id))
    if overtaken:
        raise CheckFailed(f"{'; '.join(overtaken)}. Plan the account again once that one is filled and booked.")
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
    new = keep_adjusted(services, plan_id, adjusted, actor=actor, comment=comment)
    if services.plans.get(plan_id).state is PlanState.IN_REVIEW:
        services.plans.move(
            plan_id, Action.REQUEST_CHANGES, actor, at=services.now(), comment=said_of_edit(comment, adjusted)
        )
        crm.deliver(services)
    return new


def keep_adjusted(services: Services, plan_id: PlanId, adjusted: Adjusted, *, actor: User, comment: str) -> PlanId:
    """Keep an edited plan as a draft and leave the plan it came from alone; raises as save_adjusted does."""
    _require_passing(services, second_opinion(*_judged(adjusted.plan)))
    stored, said = services.plans.get(plan_id), said_of_edit(comment, adjusted)
    if stored.state is PlanState.IN_REVIEW:
        next_state(state=stored.state, action=Action.REQUEST_CHANGES, actor=actor, makers=stored.makers, comment=said)
    return keep(services, adjusted.plan, actor=actor.user_id, note=comment, parent_id=plan_id)


def said_of_edit(comment: str, adjusted: Adjusted) -> str:
    """Return why a plan was edited, or else where to find what came of it."""
    return comment or f"edited; see plan {adjusted.plan.plan_id[:12]}"


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


def last_words(services: Services, heads: Iterable[PlanHead]) -> Mapping[PlanId, str]:
    """Return what was last said about each plan that was returned or held."""
    spoken = [head for head in heads if head.state in (PlanState.CHANGES_REQUESTED, PlanState.HELD)]
    return {head.plan_id: services.plans.history(head.plan_id)[-1].comment for head in spoken}


def possible_actions(plan: StoredPlan, actor: User) -> tuple[Action, ...]:
    """Return what this person may do with a plan now."""
    return legal_actions(plan.state, actor, plan.makers)


def _judged(found: WhatIf) -> tuple[Any, Any, Any]:
    # As the document states it: figures rounded, exactly what would be approved.
    plan, _ = plan_from_document(found.document)
    return plan, found.snapshot, found.market


def _require_passing(services: Services, found: tuple[Check, ...]) -> None:
    wrong = failures(found)
    if wrong:
        raise CheckFailed("the second checker disagrees: " + words.sentences(services, wrong))
