"""What leaves the house? Approved plans, checked once more, released and sent exactly once."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from app.ports import Services
from app.steps import words
from app.steps.market import todays_market
from app.steps.outgoing import destinations, one_plan_an_account, seal_of, sender
from app.steps.people import SYSTEM
from app.steps.readback import refuse_other
from connectors.fix.destinations import Destination, Route, sent_by
from connectors.fix.export import MANIFEST, Manifest, Release, export_files, order_messages, render
from data.database import serialise
from data.mailbox import to_session
from data.orders import record_files, save_blocks
from data.outbox import OutboxItem, OutboxRow
from data.plans import StoredPlan
from engine.domain.errors import CheckFailed, DataError, IllegalMove
from engine.domain.identifiers import PlanId
from engine.domain.lifecycle import Action, PlanState, User
from engine.domain.orders import Block, Order
from engine.domain.plans import Check, Plan, Side
from engine.execute.blocks import build_blocks
from engine.execute.orders import ApprovedPlan, build_orders
from engine.plan.document import plan_from_document
from engine.review.checker import failures, second_opinion
from engine.review.validity import held_against, why_stale

FILES: Final = "fix.files"
_LEASE: Final = timedelta(minutes=2)
_RETRY: Final = timedelta(minutes=1)
_OUT: Final = frozenset({PlanState.SENT, PlanState.FILLED, PlanState.RECONCILED})


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
    return Readiness(
        checks=second_opinion(plan, *services.plans.inputs(plan_id)),
        stale=staleness(services, stored, plan, approved_at=approved_at(services, plan_id)),
    )


def approved_at(services: Services, plan_id: PlanId) -> datetime | None:
    """Return when a plan was last approved, UTC; None where it never was."""
    return _approval(services, plan_id)[0]


def staleness(services: Services, stored: StoredPlan, plan: Plan, *, approved_at: datetime | None) -> tuple[str, ...]:
    """Return why a stored plan no longer holds against today's lots, prices, cash and its household; empty if it does.

    plan: the one that the stored document states. approved_at: of the approval whose age counts, None for none.
    """
    market = todays_market(services)
    today = held_against(plan, services.firm.snapshot(stored.account_id), market)
    stale = why_stale(plan, market, today, approved_at=approved_at, now=services.now(),
                      actions=services.firm.actions(since=plan.as_of))  # fmt: skip
    return (*stale, *overtaken(services, stored))


def overtaken(services: Services, stored: StoredPlan) -> tuple[str, ...]:
    """Return which sent plans of the same account this one does not know of: it was made before they were booked."""
    others = services.plans.heads(account_id=stored.account_id, states=_OUT)
    return tuple(
        f"plan {other.plan_id[:12]} of account {other.account_id} was sent, and this plan does not know what came of it"
        for other in others
        if other.plan_id != stored.plan_id and not _booked_by(services, other.plan_id, stored.created_at)
    )


def send(
    services: Services,
    plan_ids: Sequence[PlanId],
    *,
    actor: User,
    folder: Path | None = None,
    confirmed: str | None = None,
) -> tuple[Path, ...]:
    """Release approved plans and send their orders, all plans of the call in common blocks; return the folders written.

    confirmed: the seal of what a person was shown; where something else would go, nothing does.
    What a custodian takes over a live session goes to the gateway's outbox with the move itself; files follow at once.
    Before anything moves, and again once files are written, they are read back and must reproduce the plans exactly.
    Sending again what is sent already writes the same bytes and no second order. A plan that has gone stale is marked
    so and nothing is sent. Raises CheckFailed for a plan that does not pass, or is not what was confirmed, DataError
    for two plans of one account, NotAllowed and IllegalMove as the life cycle does; DataError also where the files
    cannot be written: the plans are then sent, their files wait, and sending again writes them, elsewhere if need be.
    """
    states = {plan_id: services.plans.get(plan_id).state for plan_id in plan_ids}
    if states and all(state in _OUT for state in states.values()):
        return export_again(services, plan_ids, folder=folder)
    _refuse_unready(services, plan_ids)
    at = services.now()
    release = _confirmed_release(services, plan_ids, at, confirmed)
    approved = [plan_id for plan_id, state in states.items() if state is PlanState.APPROVED]
    if approved:
        services.plans.move_all(approved, Action.RELEASE, actor, at=at, expected=_same(approved))
    target = folder or services.exports / f"{at:%Y-%m-%d}-{_batch(plan_ids)}"
    files = _files(release, target)
    services.plans.move_all(
        plan_ids,
        Action.SEND,
        actor,
        at=at,
        expected=_same(plan_ids),
        outbox=[files, *_live(release)],
        within=partial(_write_orders, services, plan_ids, release.blocks),
    )
    _write_now(services, files.key)
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


def _write_now(services: Services, key: str) -> None:
    deliver(services)
    written = services.outbox.by_key(key)
    if written is not None and written.error:
        raise DataError(written.error)


def _booked_by(services: Services, plan_id: PlanId, at: datetime) -> bool:
    return any(move.action is Action.FILL and move.at < at for move in services.plans.history(plan_id))


def _refuse_unready(services: Services, plan_ids: Iterable[PlanId]) -> None:
    one_plan_an_account(services, plan_ids)
    for plan_id in plan_ids:
        stored = services.plans.get(plan_id)
        if stored.state not in (PlanState.APPROVED, PlanState.RELEASED):
            raise IllegalMove(f"plan {plan_id[:12]} is {stored.state}; only an approved plan is sent")
        found = readiness(services, plan_id)
        if failures(found.checks):
            wrong = words.sentences(services, failures(found.checks))
            raise CheckFailed(f"plan {plan_id[:12]} does not pass: {wrong}")
        if found.stale:
            why = words.in_words("; ".join(found.stale), words.names(services))
            services.plans.move(plan_id, Action.EXPIRE, SYSTEM, at=services.now(), comment=why)
            raise CheckFailed(f"plan {plan_id[:12]} is stale and was not sent: {why}")


def _confirmed_release(services: Services, plan_ids: Sequence[PlanId], at: datetime, confirmed: str | None) -> Release:
    """Return what would be sent now. Raises CheckFailed where it is not what was confirmed, or what plans say."""
    blocks = _blocks(services, plan_ids)
    own, there = sender(services), destinations(services, blocks)
    if confirmed is not None and confirmed != seal_of(own, there):
        raise CheckFailed("what would be sent is no longer what was confirmed, and nothing was sent; look at it again")
    release = _release(blocks, plan_ids, own, {each.custodian: each.profile for each in there}, at)
    refuse_other(services, release, render(release)[0])
    return release


def _write_orders(
    services: Services, plan_ids: Iterable[PlanId], blocks: Sequence[Block], connection: Connection
) -> None:
    """Write blocks with the move that sends them, unless another plan of an account was sent since the checks."""
    serialise(connection, "orders")
    for plan_id in plan_ids:
        why = overtaken(services, services.plans.get(plan_id))
        if why:
            raise CheckFailed(f"plan {plan_id[:12]} was not sent: {'; '.join(why)}")
    save_blocks(connection, blocks)


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


def _release(
    blocks: Iterable[Block], plan_ids: Iterable[PlanId], own: str, there: Mapping[str, Destination], at: datetime
) -> Release:
    return Release(
        blocks=sorted(blocks, key=lambda block: (block.custodian, block.side is Side.BUY, block.security_id)),
        sender=own,
        destinations=there,
        at=at,
        plan_ids=tuple(plan_ids),
    )


def _files(release: Release, folder: Path) -> OutboxItem:
    """Return the message that files are to be written: as confirmed, so files that wait go nowhere else."""
    payload = {
        "plan_ids": sorted(release.plan_ids),
        "at": release.at.isoformat(),
        "folder": str(folder.absolute()),
        "sender": release.sender,
        "destinations": {name: dict(profile.stated) for name, profile in release.destinations.items()},
    }
    return OutboxItem(topic=FILES, key=f"{FILES}:{_batch(release.plan_ids)}", payload=payload)


def _live(release: Release) -> list[OutboxItem]:
    """Return the orders that go over live sessions, for the gateway to take."""
    return [
        to_session(destination.custodian, key, text.decode())
        for destination in release.destinations.values()
        if destination.route is Route.SESSION
        for key, text in order_messages(release, destination)
    ]


def _write(services: Services, payload: Mapping[str, Any], folder: Path) -> Manifest:
    """Write the files of a sending, and read them back from the disk. Raises DataError where they say anything else."""
    plan_ids = [PlanId(name) for name in payload["plan_ids"]]
    blocks = {block.cl_ord_id: block for plan_id in plan_ids for block in services.orders.blocks(plan_id)}
    there = {name: sent_by(name, stated) for name, stated in payload["destinations"].items()}
    release = _release(blocks.values(), plan_ids, payload["sender"], there, datetime.fromisoformat(payload["at"]))
    manifest = export_files(release, folder)
    refuse_other(services, release, {file.name: (folder / file.name).read_bytes() for file in manifest.files})
    return manifest


def _delivered(services: Services, message: OutboxRow, manifest: Manifest) -> None:
    files = {file.name: file.sha256 for file in manifest.files}
    at = services.now()
    with services.database.begin() as connection:
        for plan_id in manifest.plan_ids:
            record_files(connection, plan_id, files, at=at)
    answer = {"files": [asdict(file) for file in manifest.files], "blocks": manifest.blocks, "orders": manifest.orders}
    services.outbox.mark_sent(message, answer=answer, at=at)


def _batch(plan_ids: Iterable[PlanId]) -> str:
    return hashlib.sha256("\n".join(sorted(plan_ids)).encode()).hexdigest()[:12]


def _same(plan_ids: Iterable[PlanId]) -> Mapping[PlanId, str]:
    # The hash is the id: the store holds both against the document itself.
    return {plan_id: plan_id for plan_id in plan_ids}
