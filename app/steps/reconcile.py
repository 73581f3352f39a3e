"""What came back? Custodians' answers taken in once, booked and reconciled."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from app.ports import Services
from app.steps import splits
from app.steps.answers import ENDED, REJECTED, STATUS, record_answers, take_in_sessions
from app.steps.execute import FILES
from app.steps.jobs import recorded
from app.steps.people import SYSTEM
from connectors.fix.wire import decode
from data.database import FIRM_LOCK, serialise
from data.firm import apply_fills
from data.plans import PlanHead
from engine.domain.errors import DataError, IllegalMove
from engine.domain.identifiers import AccountId, ClOrdId, PlanId
from engine.domain.jobs import JobKind
from engine.domain.lifecycle import Action, PlanState
from engine.execute.booking import booked
from engine.execute.fills import FilledOrder, allocate
from engine.execute.reconcile import Break, BreakKind, Reconciliation, Said, account_gone, reconcile

_PRICE_TOLERANCE: Final = 0.02  # unless the firm says otherwise
_LEAVES_IT_DONE: Final = frozenset({BreakKind.PRICE, BreakKind.LOT})
_FEWER_SHARES: Final = frozenset({BreakKind.MISSING, BreakKind.REJECTED})


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
    with services.database.begin() as connection:
        return record_answers(connection, messages, at=services.now())


def inbound(services: Services) -> tuple[Path, ...]:
    """Return the answer files that custodians have put beside what we sent them."""
    folders = {Path(message.payload["folder"]) for message in services.outbox.all(FILES)}
    return tuple(sorted(file for folder in folders for file in folder.glob("fills-*.fix")))


def inbound_of(services: Services, plan_id: PlanId) -> tuple[Path, ...]:
    """Return the answer files that lie beside what was sent for one plan."""
    sendings = [message for message in services.outbox.all(FILES) if plan_id in message.payload["plan_ids"]]
    return tuple(sorted(file for each in sendings for file in Path(each.payload["folder"]).glob("fills-*.fix")))


def answers_so_far(services: Services, plan_id: PlanId) -> tuple[tuple[str, int, int], ...]:
    """Return the answers to one plan as they stand; another value, another read.

    Of each file its path, size and time of change; of the live sessions' inbox how many messages it has.
    """
    found = ((file, file.stat()) for file in inbound_of(services, plan_id))
    files = tuple((str(file), status.st_size, status.st_mtime_ns) for file, status in found)
    return (*files, ("inbox", services.inbox.newest(), 0))


def take_in(services: Services, plan_id: PlanId) -> int:
    """Take in the answers beside what was sent for one plan and those of live sessions; book and close what is done.

    Returns how many answers were new.

    Raises DataError as read_answers does.
    """
    new = sum(read_answers(services, file) for file in inbound_of(services, plan_id)) + take_in_sessions(services)
    sendings = [message for message in services.outbox.all(FILES) if plan_id in message.payload["plan_ids"]]
    together = {each for message in sendings for each in message.payload["plan_ids"]}
    for each in sorted(together):
        head = services.plans.get(each)
        if head.state in (PlanState.SENT, PlanState.FILLED):
            with suppress(IllegalMove):  # somebody else took the same answers in, and was first to book them
                _reconcile(services, head.plan_id, head.account_id, head.state)
    return new


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What one custodian has said so far about the blocks that hold a plan's orders. shares: of the whole blocks.

    Blocks are named, not counted: plans share them. at: the custodian's time of its newest answer, None before the
    first.
    """

    custodian: str
    blocks: frozenset[ClOrdId]
    acknowledged: frozenset[ClOrdId]
    rejected: frozenset[ClOrdId]
    shares: Decimal
    filled: Decimal
    at: datetime | None

    @property
    def waiting(self) -> frozenset[ClOrdId]:
        """Blocks that nothing was said about yet."""
        return self.blocks - self.acknowledged - self.rejected


def arrivals(services: Services, plan_id: PlanId) -> tuple[Arrival, ...]:
    """Return what came back so far for a sent plan, by custodian. A fill acknowledges its block too."""
    blocks = services.orders.blocks(plan_id)
    answers, fills = services.orders.acknowledgements(plan_id), services.orders.fills(plan_id)
    rejected = {answer.cl_ord_id for answer in answers if answer.status == REJECTED}
    heard = {answer.cl_ord_id for answer in answers} | {fill.cl_ord_id for fill in fills}
    found = []
    for custodian in sorted({block.custodian for block in blocks}):
        there = [block for block in blocks if block.custodian == custodian]
        own = frozenset(block.cl_ord_id for block in there)
        times = [answer.at for answer in answers if answer.cl_ord_id in own]
        times += [fill.executed_at for fill in fills if fill.cl_ord_id in own]
        found.append(
            Arrival(
                custodian=custodian,
                blocks=own,
                acknowledged=own & heard - rejected,
                rejected=own & rejected,
                shares=sum((block.quantity for block in there), Decimal(0)),
                filled=sum((fill.quantity for fill in fills if fill.cl_ord_id in own), Decimal(0)),
                at=max(times, default=None),
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One plan that left the house: what came back, and what is not as it was ordered."""

    head: PlanHead
    arrivals: tuple[Arrival, ...]
    breaks: tuple[Break, ...]

    @property
    def filled_pct(self) -> float:
        """Per cent of the shares of its blocks that are filled."""
        shares = sum((arrival.shares for arrival in self.arrivals), Decimal(0))
        filled = sum((arrival.filled for arrival in self.arrivals), Decimal(0))
        return 100 * float(filled / shares) if shares else 0.0


def sendings(services: Services, *, states: Iterable[PlanState]) -> tuple[Sending, ...]:
    """Return the plans that left the house and stand in these states: those with breaks first, then the newest.

    Plans in other states come too where an execution was taken back after it was booked.
    """
    heads = {head.plan_id: head for head in services.plans.heads(states=states)}
    for plan_id in services.orders.corrected_plans() - heads.keys():
        head = services.plans.get(plan_id)
        if late_corrections(services, head):
            heads[plan_id] = head
    found = [
        Sending(head=head, arrivals=arrivals(services, head.plan_id), breaks=present_breaks(services, head))
        for head in heads.values()
    ]
    return tuple(sorted(found, key=lambda one: not one.breaks))


def late_corrections(services: Services, head: PlanHead) -> tuple[Break, ...]:
    """Return a break for each execution that was taken back or corrected after its plan was booked."""
    booked = [move.at for move in services.plans.history(head.plan_id) if move.action is Action.FILL]
    return tuple(
        Break(
            kind=BreakKind.BOOKED,
            cl_ord_id=one.cl_ord_id,
            expected=Decimal(0),
            found=Decimal(0),
            sentence=f"{one.cl_ord_id}: execution {one.exec_ref_id} was taken back or corrected by {one.exec_id} after "
            "it was booked; the account's lots and cash are to be set right by the next import",
        )
        for one in services.orders.corrections(head.plan_id)
        if booked and one.at > booked[0]
    )


def present_breaks(services: Services, head: PlanHead) -> tuple[Break, ...]:
    """Return a sent plan's breaks; shares that may still come, with no word of the custodian, are none yet."""
    found = breaks_of(services, head.plan_id).breaks
    if head.state is not PlanState.SENT:
        return found + late_corrections(services, head)
    gone = _gone(services, head.plan_id, head.account_id)
    return (*gone, *(each for each in found if each.kind is not BreakKind.MISSING))


@recorded(
    JobKind.RECONCILE,
    detail=lambda done: f"{len(done):,} plans, {sum(bool(r.outcome.breaks) for r in done):,} with breaks",
)
def reconcile_all(services: Services) -> tuple[Reconciled, ...]:
    """Hold every sent plan against what was executed, and leave a job behind; see reconcile_sent."""
    return reconcile_sent(services)


def reconcile_sent(services: Services) -> tuple[Reconciled, ...]:
    """Hold every sent plan against what was executed; book those that are done and close those without a break.

    What live sessions received is taken in first. One plan that somebody else booked meanwhile is left out; one whose
    account the firm has no more has a break that says so. Raises DataError, after all the others, for those that could
    not be booked.
    """
    take_in_sessions(services)
    found, refused = [], []
    for head in reversed(services.plans.heads(states=[PlanState.SENT, PlanState.FILLED])):
        try:
            found.append(_reconcile(services, head.plan_id, head.account_id, head.state))
        except IllegalMove:  # the same answers were taken in elsewhere, and booked there first
            continue
        except DataError as error:
            refused.append(f"plan {head.plan_id[:12]} of account {head.account_id}: {error}")
    if refused:
        raise DataError("not booked: " + "; ".join(refused))
    return tuple(found)


def breaks_of(services: Services, plan_id: PlanId) -> Reconciliation:
    """Return the present breaks of one sent plan."""
    return reconcile(
        services.orders.blocks(plan_id),
        services.orders.fills(plan_id),
        price_tolerance=price_tolerance(services),
        said=_said(services, plan_id),
    )


def _said(services: Services, plan_id: PlanId) -> Said:
    answers, fills = services.orders.acknowledgements(plan_id), services.orders.fills(plan_id)
    held: dict[ClOrdId, Decimal] = {}
    for change in services.orders.changes(plan_id):
        if change.taken:
            filled = sum((fill.quantity for fill in fills if fill.cl_ord_id == change.block_id), Decimal(0))
            held[change.block_id] = change.quantity or filled
    told: dict[ClOrdId, Decimal] = {}
    for answer in answers:
        if answer.status == STATUS:
            told[answer.cl_ord_id] = max(Decimal(answer.text), told.get(answer.cl_ord_id, Decimal(0)))
    return Said(
        rejects={answer.cl_ord_id: answer.text for answer in answers if answer.status == REJECTED},
        held=held,
        refused_splits={one.block_id: one.text for one in services.orders.instructions(plan_id) if one.taken is False},
        filled=told,
    )


def price_tolerance(services: Services) -> Decimal:
    """Return how far an average price may be from the plan's before that is a break, as a fraction of the plan's.

    It is price_tolerance in the section [fix] of the connections, else 0.02. Raises DataError for no such fraction.
    """
    stated = services.connections.get("fix", {}).get("price_tolerance", _PRICE_TOLERANCE)
    if not isinstance(stated, int | float) or isinstance(stated, bool) or not 0 <= stated < 1:
        raise DataError(
            f"[fix] price_tolerance: expected a fraction of the price, at least 0 and below 1, found {stated!r}"
        )
    return Decimal(str(stated))


def filled_orders(services: Services, plan_id: PlanId) -> tuple[FilledOrder, ...]:
    """Return each order of a plan with the shares it got and their average price."""
    fills = services.orders.fills(plan_id)
    return tuple(
        order
        for block in services.orders.blocks(plan_id)
        for order in allocate(block, [fill for fill in fills if fill.cl_ord_id == block.cl_ord_id])
        if order.order.plan_id == plan_id
    )


def _reconcile(services: Services, plan_id: PlanId, account_id: AccountId, state: PlanState) -> Reconciled:
    outcome = breaks_of(services, plan_id)
    splits.tell(services, plan_id, _over(services, plan_id, outcome))
    gone = _gone(services, plan_id, account_id) if state is PlanState.SENT else ()
    if gone:  # it stays as it is, and is told, until its account is here again
        outcome = replace(outcome, breaks=(*gone, *outcome.breaks), complete=False)
    elif state is PlanState.SENT and _done(services, plan_id, outcome):
        state = _book(services, plan_id, account_id)
    if state is PlanState.FILLED and not outcome.breaks and not splits.unanswered(services, plan_id):
        state = services.plans.move(plan_id, Action.RECONCILE, SYSTEM, at=services.now())
    return Reconciled(plan_id=plan_id, state=state, outcome=outcome)


def _gone(services: Services, plan_id: PlanId, account_id: AccountId) -> tuple[Break, ...]:
    return (
        () if services.firm.has_account(account_id) else (account_gone(account_id, filled_orders(services, plan_id)),)
    )


def _done(services: Services, plan_id: PlanId, outcome: Reconciliation) -> bool:
    """Return whether no more shares will come: each block is filled, or its custodian rejected or ended it."""
    over = _over(services, plan_id, outcome)
    return all(block.cl_ord_id in over for block in services.orders.blocks(plan_id))


def _over(services: Services, plan_id: PlanId, outcome: Reconciliation) -> frozenset[ClOrdId]:
    """Return the blocks of a plan of which no more shares will come."""
    answers = services.orders.acknowledgements(plan_id)
    ended = {answer.cl_ord_id for answer in answers if answer.status in (REJECTED, ENDED)}
    waiting = {
        each.cl_ord_id
        for each in outcome.breaks
        if each.kind not in _LEAVES_IT_DONE and not (each.kind in _FEWER_SHARES and each.cl_ord_id in ended)
    }
    return frozenset({block.cl_ord_id for block in services.orders.blocks(plan_id)} - waiting)


def _book(services: Services, plan_id: PlanId, account_id: AccountId) -> PlanState:
    at = services.now()

    def within(connection: Connection) -> None:
        serialise(connection, FIRM_LOCK)  # before the account is read: nobody else writes it from here on
        fills = services.orders.fills(plan_id)
        day = max(fill.executed_at for fill in fills).date() if fills else services.firm.firm().as_of
        book = booked(services.firm.snapshot(account_id).book, filled_orders(services, plan_id), day)
        apply_fills(connection, book, actor=SYSTEM.user_id, at=at)

    return services.plans.move(plan_id, Action.FILL, SYSTEM, at=at, within=within)
