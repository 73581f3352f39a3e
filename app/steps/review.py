"""Is it right, and who agrees? Propose, push to the CRM, edit with a price on each edit, decide, read decisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from app.ports import Services
from app.steps.people import SYSTEM
from app.steps.plan import WhatIf, keep, kept, signed_shares, with_trades
from connectors.salesforce.mapping import Decision, ReviewVerdict
from data.crm import link
from data.outbox import OutboxItem, OutboxRow
from data.plans import StoredPlan
from engine.domain.errors import CheckFailed, DataError, ExternalRefusal, IllegalMove, LotsmithError, NotAllowed
from engine.domain.identifiers import PlanId, SecurityId
from engine.domain.lifecycle import Action, PlanState, User, legal_actions, next_state
from engine.domain.plans import Check, Side
from engine.plan.document import plan_from_document
from engine.review.checker import failures, second_opinion

PUSH: Final = "crm.push"
MARK: Final = "crm.mark"
DECIDE: Final = "crm.decide"
_TOPICS: Final = (PUSH, DECIDE, MARK)  # in the order in which a plan needs them told
_LEASE: Final = timedelta(minutes=2)
_RETRY: Final = timedelta(minutes=1)
_VERDICTS: Final = {
    Action.APPROVE: ReviewVerdict.APPROVE,
    Action.REJECT: ReviewVerdict.REJECT,
    Action.REQUEST_CHANGES: ReviewVerdict.REQUEST_CHANGES,
}
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


def checks(services: Services, plan_id: PlanId) -> tuple[Check, ...]:
    """Return the second checker's opinion of a stored plan on its stored inputs."""
    plan, _ = plan_from_document(services.plans.get(plan_id).document)
    snapshot, market = services.plans.inputs(plan_id)
    return second_opinion(plan, snapshot, market)


def propose(services: Services, plan_id: PlanId, *, actor: User) -> PlanState:
    """Freeze a draft under its hash.

    Raises CheckFailed where the second checker disagrees with the plan, IllegalMove for a plan without a trade.
    """
    _require_sound(services, plan_id)
    if not services.plans.get(plan_id).document["trades"]:
        raise IllegalMove(f"plan {plan_id[:12]} has no trade; there is nothing to propose")
    return services.plans.move(plan_id, Action.PROPOSE, actor, at=services.now(), expected_hash=plan_id)


def submit(services: Services, plan_id: PlanId, *, actor: User) -> PlanState:
    """Put a draft or proposed plan into review, and before the reviewers in the CRM where one is connected.

    The CRM's turn comes from the outbox: if it is down, the plan is in review here and the push is tried again.
    """
    if services.plans.get(plan_id).state is PlanState.DRAFT:
        propose(services, plan_id, actor=actor)
    message = OutboxItem(topic=PUSH, key=f"{PUSH}:{plan_id}", payload={"plan_id": plan_id})
    state = services.plans.move(
        plan_id,
        Action.SUBMIT,
        actor,
        at=services.now(),
        expected_hash=plan_id,
        outbox=[message] if services.crm else [],
    )
    deliver(services)
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
    value = original.plan.before.nav
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
                price_usd=_usd(price, value),
            )
        )
    whole = total.plan.objective.total - original.plan.objective.total
    return Adjusted(plan=total, edits=tuple(edits), total_bp=whole, total_usd=_usd(whole, value))


def save_adjusted(services: Services, plan_id: PlanId, adjusted: Adjusted, *, actor: User, comment: str) -> PlanId:
    """Keep an edited plan as a new draft; the plan it came from can no longer be approved.

    Whoever edits is a maker of the new plan, so another person approves it. Raises CheckFailed where the second
    checker finds the edited plan wrong, NotAllowed where the person may not return the plan; nothing is then kept.
    """
    _require_passing(second_opinion(*_judged(adjusted.plan)))
    stored, said = services.plans.get(plan_id), comment or f"edited; see plan {adjusted.plan.plan_id[:12]}"
    in_review = stored.state is PlanState.IN_REVIEW
    if in_review:
        next_state(state=stored.state, action=Action.REQUEST_CHANGES, actor=actor, makers=stored.makers, comment=said)
    new = keep(services, adjusted.plan, actor=actor.user_id, note=comment, parent_id=plan_id)
    if in_review:
        services.plans.move(
            plan_id,
            Action.REQUEST_CHANGES,
            actor,
            at=services.now(),
            comment=said,
            outbox=_mark(services, plan_id, PlanState.CHANGES_REQUESTED, f"edited; see plan {new[:12]}"),
        )
        deliver(services)
    return new


def decide(services: Services, plan_id: PlanId, action: Action, *, actor: User, comment: str, seen: str) -> PlanState:
    """Approve, reject, return, hold, resume or cancel a plan. seen: the hash that the person looked at.

    Raises NotAllowed, IllegalMove or CheckFailed; then nothing changed, except that a refusal is logged.
    """
    if action is Action.APPROVE:
        _require_sound(services, plan_id)
    outbox = []
    if services.crm and action in _VERDICTS:
        payload = {"plan_id": plan_id, "verdict": _VERDICTS[action].value, "comment": comment, "user": actor.user_id}
        outbox = [OutboxItem(topic=DECIDE, key=f"{DECIDE}:{plan_id}:{action}", payload=payload)]
    state = services.plans.move(
        plan_id, action, actor, at=services.now(), comment=comment, expected_hash=seen, outbox=outbox
    )
    deliver(services)
    return state


def read_decisions(services: Services) -> tuple[str, ...]:
    """Take over what reviewers decided in the CRM; return one sentence for each decision read.

    A decision that the life cycle or the table of rights refuses changes nothing here and is answered in the CRM.
    An advisor's edits there become a new draft through the same checks. Raises ExternalRefusal where the CRM fails.
    """
    org = services.org()
    waiting = [head.plan_id for head in services.plans.heads(states=[PlanState.IN_REVIEW])]
    return tuple(_take_over(services, decision) for decision in org.read_decisions(waiting))


def deliver(services: Services) -> None:
    """Send what waits for the CRM, oldest first; what fails stays, with its error, and is tried again later."""
    if services.crm is None:
        return
    for topic in _TOPICS:
        while (message := services.outbox.claim(at=services.now(), lease=_LEASE, topic=topic)) is not None:
            try:
                answer = _send(services, message)
            except (ExternalRefusal, DataError) as error:
                services.outbox.mark_failed(message, error=str(error), retry_at=services.now() + _RETRY)
            else:
                services.outbox.mark_sent(message, answer=answer, at=services.now())


def undelivered(services: Services) -> tuple[OutboxRow, ...]:
    """Return what still waits for an outside system, with its last error."""
    return services.outbox.waiting()


def untold(services: Services, plan_id: PlanId | None = None) -> tuple[OutboxRow, ...]:
    """Return what the CRM has yet to hear, of one plan or of any, oldest first, with its last error."""
    messages = [message for message in services.outbox.waiting() if message.topic in _TOPICS]
    return tuple(message for message in messages if plan_id in (None, message.payload["plan_id"]))


def where_in_crm(services: Services, plan_id: PlanId) -> str:
    """Return one sentence on where a plan stands in the CRM."""
    if services.crm is None:
        return "Salesforce is not connected."
    record = services.links.records(plan_id).get("plan")
    if record is not None:
        return f"In Salesforce as record {record}."
    waiting = services.outbox.by_key(f"{PUSH}:{plan_id}")
    if waiting is None:
        return "Not in Salesforce yet: it goes there with the review."
    return f"Waiting for Salesforce: {waiting.error or 'on its way'}"


def possible_actions(plan: StoredPlan, actor: User) -> tuple[Action, ...]:
    """Return what this person may do with a plan now."""
    return legal_actions(plan.state, actor, plan.makers)


def summary_text(found: WhatIf) -> str:
    """Return the plan in a few plain sentences, for the CRM and for people in a hurry."""
    plan, tax = found.plan, found.plan.tax
    bought = sum((trade.amount for trade in plan.trades if trade.side is Side.BUY), Decimal(0))
    sold = sum((trade.amount for trade in plan.trades if trade.side is Side.SELL), Decimal(0))
    effect = "saves" if tax.liability < 0 else "costs"
    return (
        f"{len(plan.trades)} trades: sells ${sold:,.0f}, buys ${bought:,.0f}. "
        f"Harvests ${tax.harvested_loss:,.0f} of losses; tax now {effect} ${abs(tax.liability):,.0f}. "
        f"Predicted tracking error {plan.before.tracking_error:.2%} before, {plan.after.tracking_error:.2%} after. "
        f"Certified within {plan.objective.gap:.2f} bp of the best possible plan."
    )


def _send(services: Services, message: OutboxRow) -> Any:
    plan_id = PlanId(message.payload["plan_id"])
    if message.topic == PUSH:
        found = kept(services, plan_id)
        receipt = services.org().push_plan(
            dict(found.document),
            household_name=found.snapshot.household.name,
            account_name=f"{found.snapshot.account.account_id} ({found.snapshot.account.registration})",
            summary=summary_text(found),
        )
        with services.database.begin() as connection:
            link(connection, plan_id, {"plan": receipt.record_id})
        return {"record_id": receipt.record_id, "trades": receipt.trade_count}
    if message.topic == DECIDE:
        email = services.users.email(message.payload["user"])
        verdict = ReviewVerdict(message.payload["verdict"])
        services.org(as_user=email).decide(plan_id, verdict, message.payload["comment"])
        return {"decided": message.payload["verdict"]}
    services.org().mark(plan_id, message.payload["status"], message.payload["text"])
    return {"status": message.payload["status"]}


def _take_over(services: Services, decision: Decision) -> str:
    who = services.users.by_email(decision.actor)
    name = decision.actor if who is None else who.name
    said = f"plan {decision.plan_id[:12]}: {name} decided {decision.verdict} in the CRM"
    if who is None:
        stranger = NotAllowed(f"{decision.actor} is no user of Lotsmith")
        return f"{said}; refused: {_answer(services, decision.plan_id, stranger)}"
    try:
        return said + _apply(services, decision, who)
    except (NotAllowed, IllegalMove, CheckFailed, DataError) as refusal:
        return f"{said}; refused: {_answer(services, decision.plan_id, refusal)}"


def _apply(services: Services, decision: Decision, who: User) -> str:
    """Do here what a reviewer decided there; return what to add to the sentence about it."""
    if decision.edits:
        shares = {name: count if side is Side.BUY else -count for name, side, count in decision.edits}
        adjusted = adjust(services, decision.plan_id, shares)
        new = save_adjusted(services, decision.plan_id, adjusted, actor=who, comment=decision.comment)
        return f", with {len(decision.edits)} edits: new draft {new[:12]}"
    if decision.verdict is ReviewVerdict.APPROVE:
        _require_sound(services, decision.plan_id)
    comment = decision.comment or f"decided in the CRM on {decision.decided_at:%Y-%m-%d %H:%M}"
    services.plans.move(decision.plan_id, _ACTIONS[decision.verdict], who, at=services.now(), comment=comment)
    return ""


def _answer(services: Services, plan_id: PlanId, refusal: LotsmithError) -> str:
    """Say in the CRM that its decision was refused; there it is final, so the plan is held here for a person."""
    services.plans.move(
        plan_id,
        Action.REQUEST_CHANGES,
        SYSTEM,
        at=services.now(),
        comment=str(refusal),
        outbox=_mark(services, plan_id, PlanState.CHANGES_REQUESTED, f"decision refused: {refusal}"),
    )
    deliver(services)
    return str(refusal)


def _mark(services: Services, plan_id: PlanId, state: PlanState, text: str) -> list[OutboxItem]:
    if services.crm is None:
        return []
    payload = {"plan_id": plan_id, "status": state.value, "text": text}
    return [OutboxItem(topic=MARK, key=f"{MARK}:{plan_id}:{state}", payload=payload)]


def _judged(found: WhatIf) -> tuple[Any, Any, Any]:
    # As the document states it: figures rounded, exactly what would be approved.
    plan, _ = plan_from_document(found.document)
    return plan, found.snapshot, found.market


def _require_sound(services: Services, plan_id: PlanId) -> None:
    _require_passing(checks(services, plan_id))


def _require_passing(opinions: tuple[Check, ...]) -> None:
    wrong = failures(opinions)
    if wrong:
        raise CheckFailed("the second checker disagrees: " + "; ".join(f"{c.rule}: {c.detail}" for c in wrong))


def _usd(price_bp: float, value: Decimal) -> Decimal:
    return (Decimal(str(price_bp)) / 10_000 * value).quantize(Decimal("0.01"))
