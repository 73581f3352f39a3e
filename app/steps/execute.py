"""What leaves the house? Release, send exactly once, read what came back, book it, reconcile."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from app.ports import Services
from app.steps.market import todays_market
from app.steps.people import SYSTEM
from connectors.fix.export import MANIFEST, Manifest, export_files
from connectors.fix.messages import Acknowledged, Corrected, Ended, Rejected, fills_of, read_answer
from connectors.fix.wire import FixMessage, decode, read_utc_timestamp
from data.firm import apply_fills
from data.orders import Acknowledgement, record_acknowledgement, record_files, record_fill, save_blocks
from data.outbox import OutboxItem, OutboxRow
from data.plans import StoredPlan
from engine.domain.errors import CheckFailed, DataError, IllegalMove
from engine.domain.identifiers import AccountId, ClOrdId, PlanId
from engine.domain.lifecycle import Action, PlanState, User
from engine.domain.orders import Block, Fill, Order
from engine.domain.plans import Check
from engine.execute.blocks import build_blocks
from engine.execute.booking import booked
from engine.execute.fills import FilledOrder, allocate
from engine.execute.orders import ApprovedPlan, build_orders
from engine.execute.reconcile import BreakKind, Reconciliation, reconcile
from engine.plan.document import plan_from_document
from engine.review.checker import failures, second_opinion
from engine.review.validity import why_stale

FILES: Final = "fix.files"
PRICE_TOLERANCE: Final = Decimal("0.02")
_LEASE: Final = timedelta(minutes=2)
_RETRY: Final = timedelta(minutes=1)
_SENDER: Final = "LOTSMITH"
_FEWER_SHARES: Final = frozenset({BreakKind.MISSING, BreakKind.REJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether a plan may be sent now: the second checker's verdicts, and why it has gone stale, if it has."""

    checks: tuple[Check, ...]
    stale: tuple[str, ...]

    @property
    def ready(self) -> bool:
        return not failures(self.checks) and not self.stale


def readiness(services: Services, plan_id: PlanId) -> Readiness:
    """Return the checks on the plan's own inputs, and on its staleness against today's lots, prices and cash."""
    stored = services.plans.get(plan_id)
    plan, _ = plan_from_document(stored.document)
    today = services.firm.snapshot(stored.account_id)
    stale = why_stale(
        plan, today, todays_market(services), approved_at=_approval(services, plan_id)[0], now=services.now()
    )
    return Readiness(
        checks=second_opinion(plan, *services.plans.inputs(plan_id)), stale=(*stale, *_overtaken(services, stored))
    )


def send(
    services: Services, plan_ids: Sequence[PlanId], *, actor: User, folder: Path | None = None
) -> tuple[Path, ...]:
    """Release approved plans and send their orders, all plans of the call in common blocks; return the folders written.

    Sending again what is sent already writes the same bytes and no second order. A plan that has gone stale is marked
    so and nothing is sent. Raises CheckFailed for a plan that does not pass, DataError for two plans of one account,
    NotAllowed and IllegalMove as the life cycle does; DataError also where the files cannot be written: the plans are
    then sent, their files wait, and sending again writes them, elsewhere if need be.
    """
    states = {plan_id: services.plans.get(plan_id).state for plan_id in plan_ids}
    if states and all(state in _OUT for state in states.values()):
        return export_again(services, plan_ids, folder=folder)
    _refuse_unready(services, plan_ids)
    approved = [plan_id for plan_id, state in states.items() if state is PlanState.APPROVED]
    if approved:
        services.plans.move_all(approved, Action.RELEASE, actor, at=services.now(), expected=_same(approved))
    blocks, at = _blocks(services, plan_ids), services.now()
    batch = _batch(plan_ids)
    target = folder or services.exports / f"{at:%Y-%m-%d}-{batch}"
    payload = {"plan_ids": sorted(plan_ids), "at": at.isoformat(), "folder": str(target.absolute())}
    message = OutboxItem(topic=FILES, key=f"{FILES}:{batch}", payload=payload)
    services.plans.move_all(
        plan_ids,
        Action.SEND,
        actor,
        at=at,
        expected=_same(plan_ids),
        outbox=[message],
        within=lambda connection: save_blocks(connection, blocks),
    )
    deliver(services)
    written = services.outbox.by_key(message.key)
    if written is not None and written.error:
        raise DataError(written.error)
    return (target,)


def export_again(services: Services, plan_ids: Sequence[PlanId], *, folder: Path | None) -> tuple[Path, ...]:
    """Write the files of sent plans once more, byte for byte; into another folder where one is given."""
    deliver(services)
    wanted = set(plan_ids)
    batches = [row for row in services.outbox.all(FILES) if wanted & set(row.payload["plan_ids"])]
    written = []
    for row in batches:
        target = folder or Path(row.payload["folder"])
        manifest = _write(services, row.payload, target)
        if row.sent_at is None:
            _delivered(services, row, manifest)
        written.append(target)
    return tuple(written)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFile:
    """One exported file as it lies on disk."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def exported(services: Services, plan_id: PlanId) -> tuple[WrittenFile, ...]:
    """Return the files that were written for a plan's batch, its manifest last; none that has been moved away."""
    folders = {Path(row.payload["folder"]) for row in services.outbox.all(FILES) if plan_id in row.payload["plan_ids"]}
    names = [*sorted({file.file_name for file in services.orders.files(plan_id)}), MANIFEST]
    paths = [folder / name for folder in sorted(folders) for name in names]
    return tuple(WrittenFile(name=path.name, content=path.read_bytes()) for path in paths if path.is_file())


def deliver(services: Services) -> None:
    """Write the files that the outbox holds; what fails stays, with its error, and is tried again later."""
    while (message := services.outbox.claim(at=services.now(), lease=_LEASE, topic=FILES)) is not None:
        try:
            manifest = _write(services, message.payload, Path(message.payload["folder"]))
        except DataError as error:
            services.outbox.mark_failed(message, error=str(error), retry_at=services.now() + _RETRY)
        else:
            _delivered(services, message, manifest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What came of one sent plan: its breaks, and its state now."""

    plan_id: PlanId
    state: PlanState
    outcome: Reconciliation


def read_answers(services: Services, file: Path) -> int:
    """Take in a custodian's file of FIX answers; return how many were new. Reading a file again changes nothing.

    Raises DataError for a file that is not FIX, or that answers an order nobody sent; nothing is then taken in.
    """
    try:
        messages = decode(file.read_bytes())
    except OSError as error:
        raise DataError(f"{file}: expected a readable file of FIX messages: {error}") from error
    answers = [read_answer(each) for each in messages]
    received = list(zip(messages, answers, strict=True))
    with services.database.begin() as connection:
        new = sum(record_fill(connection, fill) for fill in fills_of(answers))
        for raw, answer in received:
            if not isinstance(answer, Fill | Corrected):
                new += record_acknowledgement(connection, _acknowledgement(raw, answer))
    return new


def inbound(services: Services) -> tuple[Path, ...]:
    """Return the answer files that custodians have put beside what we sent them."""
    folders = {Path(message.payload["folder"]) for message in services.outbox.all(FILES)}
    return tuple(sorted(file for folder in folders for file in folder.glob("fills-*.fix")))


def reconcile_all(services: Services) -> tuple[Reconciled, ...]:
    """Hold every sent plan against what was executed; book those that are done and close those without a break."""
    heads = services.plans.heads(states=[PlanState.SENT, PlanState.FILLED])
    return tuple(_reconcile(services, head.plan_id, head.account_id, head.state) for head in reversed(heads))


def breaks_of(services: Services, plan_id: PlanId) -> Reconciliation:
    """Return the present breaks of one sent plan."""
    return reconcile(
        services.orders.blocks(plan_id),
        services.orders.fills(plan_id),
        price_tolerance=PRICE_TOLERANCE,
        rejects={
            answer.cl_ord_id: answer.text
            for answer in services.orders.acknowledgements(plan_id)
            if answer.status == _REJECTED
        },
    )


_OUT: Final = frozenset({PlanState.SENT, PlanState.FILLED, PlanState.RECONCILED})
_REJECTED: Final = "rejected"
_ENDED: Final = "ended"


def _reconcile(services: Services, plan_id: PlanId, account_id: AccountId, state: PlanState) -> Reconciled:
    outcome = breaks_of(services, plan_id)
    if state is PlanState.SENT and _done(services, plan_id, outcome):
        state = _book(services, plan_id, account_id)
    if state is PlanState.FILLED and not outcome.breaks:
        state = services.plans.move(plan_id, Action.RECONCILE, SYSTEM, at=services.now())
    return Reconciled(plan_id=plan_id, state=state, outcome=outcome)


def _done(services: Services, plan_id: PlanId, outcome: Reconciliation) -> bool:
    """Return whether no more shares will come: each block is filled, or its custodian rejected or ended it."""
    answers = services.orders.acknowledgements(plan_id)
    over = {answer.cl_ord_id for answer in answers if answer.status in (_REJECTED, _ENDED)}
    return all(
        each.kind is BreakKind.PRICE or (each.kind in _FEWER_SHARES and each.cl_ord_id in over)
        for each in outcome.breaks
    )


def _book(services: Services, plan_id: PlanId, account_id: AccountId) -> PlanState:
    fills = services.orders.fills(plan_id)
    filled = [
        order
        for block in services.orders.blocks(plan_id)
        for order in allocate(block, [fill for fill in fills if fill.cl_ord_id == block.cl_ord_id])
        if order.order.plan_id == plan_id
    ]
    day = max(fill.executed_at for fill in fills).date() if fills else services.firm.firm().as_of
    book = booked(services.firm.snapshot(account_id).book, filled, day)
    at = services.now()

    def within(connection: Connection) -> None:
        apply_fills(connection, book, actor=SYSTEM.user_id, at=at)

    return services.plans.move(plan_id, Action.FILL, SYSTEM, at=at, within=within)


def filled_orders(services: Services, plan_id: PlanId) -> tuple[FilledOrder, ...]:
    """Return each order of a plan with the shares it got and their average price."""
    fills = services.orders.fills(plan_id)
    return tuple(
        order
        for block in services.orders.blocks(plan_id)
        for order in allocate(block, [fill for fill in fills if fill.cl_ord_id == block.cl_ord_id])
        if order.order.plan_id == plan_id
    )


def _overtaken(services: Services, stored: StoredPlan) -> tuple[str, ...]:
    """Return which sent plans of the same account this one does not know of: it was made before they were booked."""
    others = services.plans.heads(account_id=stored.account_id, states=_OUT)
    return tuple(
        f"plan {other.plan_id[:12]} of account {other.account_id} was sent, and this plan does not know what came of it"
        for other in others
        if other.plan_id != stored.plan_id and not _booked_by(services, other.plan_id, stored.created_at)
    )


def _booked_by(services: Services, plan_id: PlanId, at: datetime) -> bool:
    return any(move.action is Action.FILL and move.at < at for move in services.plans.history(plan_id))


def _refuse_unready(services: Services, plan_ids: Iterable[PlanId]) -> None:
    accounts: dict[AccountId, PlanId] = {}
    for plan_id in plan_ids:
        stored = services.plans.get(plan_id)
        if accounts.setdefault(stored.account_id, plan_id) != plan_id:
            raise DataError(f"account {stored.account_id}: expected one plan of it to send, found two")
        if stored.state not in (PlanState.APPROVED, PlanState.RELEASED):
            raise IllegalMove(f"plan {plan_id[:12]} is {stored.state}; only an approved plan is sent")
        found = readiness(services, plan_id)
        if failures(found.checks):
            raise CheckFailed(
                f"plan {plan_id[:12]} does not pass: "
                + "; ".join(f"{check.rule}: {check.detail}" for check in failures(found.checks))
            )
        if found.stale:
            services.plans.move(plan_id, Action.EXPIRE, SYSTEM, at=services.now(), comment="; ".join(found.stale))
            raise CheckFailed(f"plan {plan_id[:12]} is stale and was not sent: " + "; ".join(found.stale))


def _blocks(services: Services, plan_ids: Iterable[PlanId]) -> tuple[Block, ...]:
    securities = todays_market(services).securities
    orders: list[Order] = []
    for plan_id in sorted(plan_ids):
        stored = services.plans.get(plan_id)
        plan, _ = plan_from_document(stored.document)
        approved_at, approver = _approval(services, plan_id)
        if approved_at is None or approver is None:
            raise IllegalMove(f"plan {plan_id[:12]} has no approval")
        snapshot = services.firm.snapshot(stored.account_id)
        approved = ApprovedPlan(plan_id=plan_id, plan=plan, approver=approver, approved_at=approved_at)
        orders += build_orders(approved, snapshot.account, securities, snapshot.lots)
    return build_blocks(orders)


def _approval(services: Services, plan_id: PlanId) -> tuple[datetime | None, Any]:
    approvals = [move for move in services.plans.history(plan_id) if move.action is Action.APPROVE]
    return (approvals[-1].at, approvals[-1].actor) if approvals else (None, None)


def _write(services: Services, payload: Mapping[str, Any], folder: Path) -> Manifest:
    plan_ids = [PlanId(name) for name in payload["plan_ids"]]
    blocks = {block.cl_ord_id: block for plan_id in plan_ids for block in services.orders.blocks(plan_id)}
    fix = services.connections.get("fix", {})
    custodians = sorted({block.custodian for block in blocks.values()})
    return export_files(
        [blocks[name] for name in sorted(blocks)],
        folder=folder,
        sender=fix.get("sender", _SENDER),
        targets={name: fix.get("targets", {}).get(name, _comp_id(name)) for name in custodians},
        at=datetime.fromisoformat(payload["at"]),
        plan_ids=plan_ids,
    )


def _delivered(services: Services, message: OutboxRow, manifest: Manifest) -> None:
    files = {file.name: file.sha256 for file in manifest.files}
    at = services.now()
    with services.database.begin() as connection:
        for plan_id in manifest.plan_ids:
            record_files(connection, plan_id, files, at=at)
    answer = {"files": [asdict(file) for file in manifest.files], "blocks": manifest.blocks, "orders": manifest.orders}
    services.outbox.mark_sent(message, answer=answer, at=at)


def _acknowledgement(raw: FixMessage, answer: Any) -> Acknowledgement:
    status, text = "answered", ""
    if isinstance(answer, Rejected):
        status, text = _REJECTED, answer.text
    if isinstance(answer, Acknowledged):
        status, text = "acknowledged", answer.order_id
    if isinstance(answer, Ended):
        status, text = _ENDED, answer.how
    return Acknowledgement(
        message_id=raw.get(17) or raw.require(34),
        cl_ord_id=ClOrdId(answer.cl_ord_id),
        status=status,
        text=text,
        at=read_utc_timestamp(raw.get(60) or raw.require(52)),  # the custodian's, so that reading again changes nothing
    )


def _batch(plan_ids: Iterable[PlanId]) -> str:
    return hashlib.sha256("\n".join(sorted(plan_ids)).encode()).hexdigest()[:12]


def _same(plan_ids: Iterable[PlanId]) -> Mapping[PlanId, str]:
    # The hash is the id: the store holds both against the document itself.
    return {plan_id: plan_id for plan_id in plan_ids}


def _comp_id(custodian: str) -> str:
    return "".join(letter for letter in custodian.upper() if letter.isalnum())
