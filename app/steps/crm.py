"""What does Salesforce know? Messages that leave with the change that causes them, and are tried until they arrive."""

from datetime import timedelta
from typing import Any, Final

from app.ports import Services
from app.steps import words
from app.steps.people import SYSTEM
from app.steps.plan import kept, summary_text
from connectors.salesforce.mapping import Presentation, ReviewVerdict
from connectors.salesforce.refusal import SalesforceRefusal
from data.crm import GONE, PLAN_RECORD, link, link_decision, link_plan, tell
from data.mailbox import SESSION
from data.outbox import OutboxItem, OutboxRow, enqueue
from data.plans import PlanMove
from engine.domain.errors import DataError, ExternalRefusal
from engine.domain.identifiers import PlanId
from engine.domain.lifecycle import Action, PlanState, User

PUSH: Final = "crm.push"
MARK: Final = "crm.mark"
DECIDE: Final = "crm.decide"
TOPICS: Final = (PUSH, DECIDE, MARK)  # in the order in which a plan needs them told
# Longer than all tries of a push together: whoever takes a message over must find what the first sender has done.
_LEASE: Final = timedelta(minutes=10)
_RETRY: Final = timedelta(minutes=1)
_LONGEST_RETRY: Final = timedelta(hours=1)
_LIMIT_PAUSE: Final = timedelta(minutes=30)  # the day's limit is one of the last 24 hours: some of it frees up always


def to_push(services: Services, plan_id: PlanId) -> list[OutboxItem]:
    """Return the message that puts a plan before its reviewers there; none where no CRM is connected."""
    if services.crm is None:
        return []
    return [OutboxItem(topic=PUSH, key=f"{PUSH}:{plan_id}", payload={"plan_id": plan_id})]


def to_decide(
    services: Services, plan_id: PlanId, verdict: ReviewVerdict, *, actor: User, comment: str
) -> list[OutboxItem]:
    """Return the message that gives a person's decision there, as that person; none where nobody can be spoken for."""
    if services.crm is None or not services.crm.signs_with_key:
        return []
    payload = {"plan_id": plan_id, "verdict": verdict.value, "comment": comment, "user": actor.user_id}
    # A plan that was held and resumed is decided once more: that is another message.
    key = f"{DECIDE}:{plan_id}:{verdict}:{services.plans.get(plan_id).version}"
    return [OutboxItem(topic=DECIDE, key=key, payload=payload)]


def to_answer(plan_id: PlanId, decision_id: str, text: str) -> OutboxItem:
    """Return the message that says on a plan there why a decision on it has no effect."""
    key = f"{MARK}:{plan_id}:decision:{decision_id}"
    return OutboxItem(topic=MARK, key=key, payload={"plan_id": plan_id, "text": text})


def deliver(services: Services) -> None:
    """Tell the CRM what waits and every move of its plans since; what fails stays, with its error, for another time.

    Where the CRM's requests of the day are used up, nothing is sent for half an hour.
    """
    if services.crm is None or paused(services):
        return
    _enqueue_marks(services)
    for topic in TOPICS:
        while (message := services.outbox.claim(at=services.now(), lease=_LEASE, topic=topic)) is not None:
            try:
                answer = _send(services, message)
            except (ExternalRefusal, DataError) as error:
                wait = min(_RETRY * 2 ** min(message.attempts - 1, 10), _LONGEST_RETRY)
                services.outbox.mark_failed(message, error=str(error), retry_at=services.now() + wait)
                if pause_if_exhausted(services, error):
                    return
            else:
                services.outbox.mark_sent(message, answer=answer, at=services.now())
    note_usage(services)


def paused(services: Services) -> bool:
    """Return whether the CRM's requests of the day are used up, and it is left alone for a while."""
    usage = services.links.usage()
    return usage is not None and usage.resume_at is not None and services.now() < usage.resume_at


def pause_if_exhausted(services: Services, error: Exception) -> bool:
    """Leave the CRM alone for a while where this refusal says that its requests of the day are used up."""
    if not (isinstance(error, SalesforceRefusal) and error.exhausted):
        return False
    known = services.links.usage()
    used, allowed = (known.allowed, known.allowed) if known else (0, 0)
    services.links.note_usage(used=used, allowed=allowed, at=services.now(), resume_at=services.now() + _LIMIT_PAUSE)
    return True


def note_usage(services: Services) -> None:
    """Keep what the CRM's newest answer said of its limit."""
    heard = [org.usage for org in services.orgs.values() if org.usage is not None]
    if heard:
        newest = max(heard, key=lambda usage: usage.heard_s)
        services.links.note_usage(used=newest.used, allowed=newest.allowed, at=services.now(), resume_at=None)


def restore(services: Services, plan_ids: tuple[PlanId, ...]) -> None:
    """Put plans that are in review, and whose records somebody deleted there, before their reviewers once more.

    A plan that is decided here is not brought back; that its record is gone is kept with it.
    """
    for plan_id in plan_ids:
        record = services.links.records(plan_id)[PLAN_RECORD]
        with services.database.begin() as connection:
            if services.plans.get(plan_id).state is PlanState.IN_REVIEW:
                again = OutboxItem(topic=PUSH, key=f"{PUSH}:{plan_id}:{record}", payload={"plan_id": plan_id})
                enqueue(connection, [again], at=services.now())
            else:
                link(connection, plan_id, {GONE: record})


def undelivered(services: Services) -> tuple[OutboxRow, ...]:
    """Return what still waits for an outside system, with its last error; orders for live sessions are too many."""
    return services.outbox.waiting(but=SESSION)


def untold(services: Services, plan_id: PlanId | None = None) -> tuple[OutboxRow, ...]:
    """Return what the CRM has yet to hear, of one plan or of any, oldest first, with its last error."""
    messages = [message for message in services.outbox.waiting(but=SESSION) if message.topic in TOPICS]
    return tuple(message for message in messages if plan_id in (None, message.payload["plan_id"]))


def where_in_crm(services: Services, plan_id: PlanId) -> str:
    """Return one sentence on where a plan stands in the CRM, and what it has yet to hear."""
    if services.crm is None:
        return "Salesforce is not connected."
    waiting = [message for message in untold(services, plan_id) if message.error]
    trouble = f" Not told yet: {waiting[0].error}" if waiting else ""
    records = services.links.records(plan_id)
    if GONE in records:
        return f"Its record {records[PLAN_RECORD]} was deleted in Salesforce."
    if PLAN_RECORD in records:
        return f"In Salesforce as record {records[PLAN_RECORD]}.{trouble}"
    if services.outbox.by_key(f"{PUSH}:{plan_id}") is None:
        return "Not in Salesforce yet: it goes there with the review."
    return f"Waiting for Salesforce.{trouble or ' On its way.'}"


def _enqueue_marks(services: Services) -> None:
    """Write a message for every plan there that has moved here since it was last told, whatever moved it."""
    behind = services.links.behind()
    if not behind:
        return
    with services.database.begin() as connection:
        for plan_id, version in behind.items():
            mark = OutboxItem(topic=MARK, key=f"{MARK}:{plan_id}:{version}", payload={"plan_id": plan_id})
            enqueue(connection, [mark], at=services.now())
            tell(connection, plan_id, version)


def _send(services: Services, message: OutboxRow) -> Any:
    plan_id = PlanId(message.payload["plan_id"])
    if message.topic == PUSH:
        return _push(services, plan_id)
    try:
        if message.topic == DECIDE:
            return _decide(services, plan_id, message)
        return _mark(services, plan_id, message.payload.get("text"))
    except SalesforceRefusal as refusal:
        if not refusal.gone or PLAN_RECORD not in services.links.records(plan_id):
            raise
        restore(services, (plan_id,))
        if services.plans.get(plan_id).state is PlanState.IN_REVIEW:
            raise  # to be told once the plan is there again
        return {GONE: str(refusal)}


def _push(services: Services, plan_id: PlanId) -> Any:
    found, stored = kept(services, plan_id), services.plans.get(plan_id)
    names, known = {user.user_id: user.name for user in services.users.users()}, words.names(services)
    shown = Presentation(
        household_name=found.snapshot.household.name,
        account_name=f"{found.snapshot.account.account_id} ({found.snapshot.account.registration})",
        summary=summary_text(found),
        makers=tuple(sorted(names.get(maker, maker) for maker in stored.makers if maker != SYSTEM.user_id)),
        tickers={name: security.ticker for name, security in found.market.securities.items()},
        checks=tuple(words.told(check, known) for check in found.plan.checks),
    )
    receipt = services.org().push_plan(stored.document, shown)  # as it was hashed, whatever would be written today
    shows = max((move.version for move in services.plans.history(plan_id) if move.action is Action.SUBMIT), default=0)
    with services.database.begin() as connection:
        link_plan(connection, plan_id, receipt.record_id, told=shows, at=services.now())
    parent = stored.parent_id
    if parent is not None and PLAN_RECORD in services.links.records(parent):
        try:
            services.org().supersede(parent, plan_id)
        except SalesforceRefusal as refusal:
            if not refusal.gone:
                raise
    return {"record_id": receipt.record_id, "trades": receipt.trade_count}


def _decide(services: Services, plan_id: PlanId, message: OutboxRow) -> Any:
    email = services.users.email(message.payload["user"])
    try:
        services.org(as_user=email).decide(
            plan_id, ReviewVerdict(message.payload["verdict"]), message.payload["comment"]
        )
    except SalesforceRefusal as refusal:
        if refusal.code != "NOT_IN_REVIEW":
            raise
        return {"overtaken": str(refusal)}  # somebody was first there; what they decided is read, and answered
    with services.database.begin() as connection:
        for decision in services.org().read_decisions([plan_id]):
            link_decision(connection, plan_id, decision.decision_id)
    return {"decided": message.payload["verdict"]}


def _mark(services: Services, plan_id: PlanId, text: str | None) -> Any:
    """Show where a plan stands by now, whichever of its moves the message was written for."""
    move = services.plans.history(plan_id)[-1]
    services.org().mark(plan_id, move.target, text or _told(services, move))
    return {"status": move.target.value}


def _told(services: Services, move: PlanMove) -> str:
    if move.actor == SYSTEM.user_id:
        return move.comment or f"{move.action.replace('_', ' ')}, by {SYSTEM.name}"
    name = next((user.name for user in services.users.users() if user.user_id == move.actor), move.actor)
    return f"{name}: {move.comment or move.action.replace('_', ' ')}"
