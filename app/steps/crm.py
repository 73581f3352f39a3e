"""What does Salesforce know? Messages that leave with the change that causes them, and are tried until they arrive."""

from datetime import timedelta
from typing import Any, Final

from app.ports import Services
from app.steps.plan import kept, summary_text
from connectors.salesforce.mapping import ReviewVerdict
from data.crm import link
from data.mailbox import SESSION
from data.outbox import OutboxItem, OutboxRow
from engine.domain.errors import DataError, ExternalRefusal
from engine.domain.identifiers import PlanId
from engine.domain.lifecycle import PlanState, User

PUSH: Final = "crm.push"
MARK: Final = "crm.mark"
DECIDE: Final = "crm.decide"
TOPICS: Final = (PUSH, DECIDE, MARK)  # in the order in which a plan needs them told
_LEASE: Final = timedelta(minutes=2)
_RETRY: Final = timedelta(minutes=1)


def to_push(services: Services, plan_id: PlanId) -> list[OutboxItem]:
    """Return the message that puts a plan before its reviewers there; none where no CRM is connected."""
    if services.crm is None:
        return []
    return [OutboxItem(topic=PUSH, key=f"{PUSH}:{plan_id}", payload={"plan_id": plan_id})]


def to_decide(
    services: Services, plan_id: PlanId, verdict: ReviewVerdict, *, actor: User, comment: str
) -> list[OutboxItem]:
    """Return the message that gives a person's decision there, as that person."""
    if services.crm is None:
        return []
    payload = {"plan_id": plan_id, "verdict": verdict.value, "comment": comment, "user": actor.user_id}
    key = f"{DECIDE}:{plan_id}:{verdict}:{_version(services, plan_id)}"
    return [OutboxItem(topic=DECIDE, key=key, payload=payload)]


def to_mark(services: Services, plan_id: PlanId, state: PlanState, text: str) -> list[OutboxItem]:
    """Return the message that shows a plan's state there, and why; none for a plan that was never put there."""
    if services.crm is None or services.outbox.by_key(f"{PUSH}:{plan_id}") is None:
        return []
    payload = {"plan_id": plan_id, "status": state.value, "text": text}
    return [OutboxItem(topic=MARK, key=f"{MARK}:{plan_id}:{state}:{_version(services, plan_id)}", payload=payload)]


def deliver(services: Services) -> None:
    """Send what waits for the CRM, oldest first; what fails stays, with its error, and is tried again later."""
    if services.crm is None:
        return
    for topic in TOPICS:
        while (message := services.outbox.claim(at=services.now(), lease=_LEASE, topic=topic)) is not None:
            try:
                answer = _send(services, message)
            except (ExternalRefusal, DataError) as error:
                services.outbox.mark_failed(message, error=str(error), retry_at=services.now() + _RETRY)
            else:
                services.outbox.mark_sent(message, answer=answer, at=services.now())


def undelivered(services: Services) -> tuple[OutboxRow, ...]:
    """Return what still waits for an outside system, with its last error; orders for live sessions are too many."""
    return services.outbox.waiting(but=SESSION)


def untold(services: Services, plan_id: PlanId | None = None) -> tuple[OutboxRow, ...]:
    """Return what the CRM has yet to hear, of one plan or of any, oldest first, with its last error."""
    messages = [message for message in services.outbox.waiting(but=SESSION) if message.topic in TOPICS]
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


def _version(services: Services, plan_id: PlanId) -> int:
    # A plan that was held and resumed is decided once more: that is another message.
    return services.plans.get(plan_id).version


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
