"""May what was sent be taken back? An approver cancels what is left of a block at a live session, or lowers it."""

from dataclasses import dataclass
from decimal import Decimal

from app.ports import Services
from app.steps.outgoing import profiles, sender
from connectors.fix.destinations import Destination
from connectors.fix.messages import message, withdrawal
from data import audit
from data.mailbox import to_session, withdraw
from data.order_events import record_change
from data.orders import AskedChange
from data.outbox import enqueue
from engine.domain.errors import DataError, IllegalMove, NotAllowed
from engine.domain.identifiers import ClOrdId, PlanId
from engine.domain.lifecycle import PlanState, Role, User
from engine.domain.orders import Block, Change
from engine.execute.orders import identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """A block that a custodian may still work on. wanted: shares in all; filled: shares so far; open: a change that
    the custodian has not answered yet."""

    block: Block
    wanted: Decimal
    filled: Decimal
    held_as: ClOrdId
    asked: int
    open: bool


def may_change(user: User) -> bool:
    """Return whether a person may cancel or lower what was sent."""
    return Role.APPROVER in user.roles


def working(services: Services, plan_id: PlanId) -> tuple[Working, ...]:
    """Return the blocks of a sent plan at live sessions of which shares may still come."""
    if services.plans.get(plan_id).state is not PlanState.SENT:
        return ()
    blocks = services.orders.blocks(plan_id)
    live = {name for name, each in profiles(services, {block.custodian for block in blocks}).items() if each.session}
    over = {one.cl_ord_id for one in services.orders.acknowledgements(plan_id) if one.status in ("rejected", "ended")}
    found = [_working(services, plan_id, block) for block in blocks if block.custodian in live]
    return tuple(one for one in found if one.filled < one.wanted and one.block.cl_ord_id not in over)


def ask_change(services: Services, plan_id: PlanId, block_id: ClOrdId, quantity: Decimal, *, actor: User) -> ClOrdId:
    """Ask a custodian to hold fewer shares of a block, or (0) to cancel what is left; return the wish's id.

    The custodian decides: its answer comes as any other. An order that the gateway has not taken yet never leaves once
    it is cancelled, and is not lowered. Raises NotAllowed for anyone but an approver; IllegalMove for a block that is
    over, at no live session, not taken yet (to lower it), or whose last change has no answer yet; DataError for a
    quantity that is not below the present one, or below what is filled.
    """
    if not may_change(actor):
        raise _refused(services, block_id, actor)
    found = {one.block.cl_ord_id: one for one in working(services, plan_id)}
    if block_id not in found:
        raise IllegalMove(f"block {block_id}: nothing of it is left to cancel or lower at a live session")
    one = found[block_id]
    if one.open:
        raise IllegalMove(f"block {block_id}: its custodian has not answered the last change yet")
    if not (quantity == 0 or one.filled < quantity < one.wanted) or quantity % 1:
        raise DataError(
            f"block {block_id}: expected 0, or whole shares above {one.filled} and below {one.wanted}; found {quantity}"
        )
    waits = services.outbox.by_key(block_id)
    if quantity and waits is not None and not waits.attempts:
        raise IllegalMove(f"block {block_id}: it has not left yet; cancel it, or lower it once its custodian has it")
    change = Change(
        cl_ord_id=identifier("C", block_id, str(one.asked + 1)),
        block_id=block_id,
        replaces=one.held_as,
        quantity=quantity,
    )
    _send(services, one, change, profiles(services, [one.block.custodian])[one.block.custodian], actor)
    return change.cl_ord_id


def _refused(services: Services, block_id: ClOrdId, actor: User) -> NotAllowed:
    """Write to the audit log that somebody asked who may not; return the refusal."""
    refusal = NotAllowed(f"{actor.name} may not change what was sent; it takes an approver")
    with services.database.begin() as connection:
        audit.append(
            connection, at=services.now(), actor=actor.user_id, what="order.change.refused", subject=block_id,
            after={"reason": str(refusal)},
        )  # fmt: skip
    return refusal


def _working(services: Services, plan_id: PlanId, block: Block) -> Working:
    changes = [one for one in services.orders.changes(plan_id) if one.block_id == block.cl_ord_id]
    taken = [one for one in changes if one.taken]
    fills = [fill for fill in services.orders.fills(plan_id) if fill.cl_ord_id == block.cl_ord_id]
    return Working(
        block=block,
        wanted=taken[-1].quantity if taken else block.quantity,
        filled=sum((fill.quantity for fill in fills), Decimal(0)),
        held_as=taken[-1].cl_ord_id if taken else block.cl_ord_id,
        asked=len(changes),
        open=any(one.taken is None for one in changes),
    )


def _send(services: Services, one: Working, change: Change, destination: Destination, actor: User) -> None:
    at, dialect = services.now(), destination.dialect
    said = dialect.change(change, one.block, at=at, lots=destination.lots_on_orders)
    text = message(*said, sender=sender(services), target=destination.target, sequence=1, sent=at, begin=dialect.begin)
    asked = AskedChange(
        cl_ord_id=change.cl_ord_id,
        block_id=change.block_id,
        replaces=change.replaces,
        quantity=change.quantity,
        actor=actor.user_id,
        at=at,
        taken=None,
        text="",
    )
    answer = message(
        *withdrawal(change.cl_ord_id), sender=destination.target, target=sender(services), sequence=1, sent=at
    ).decode()
    with services.database.begin() as connection:
        record_change(connection, asked)
        if not (change.cancels and withdraw(connection, destination.custodian, change.block_id, answer, at=at)):
            enqueue(connection, [to_session(destination.custodian, change.cl_ord_id, text.decode())], at=at)
        audit.append(
            connection,
            at=at,
            actor=actor.user_id,
            what="order.cancel" if change.cancels else "order.lower",
            subject=change.block_id,
            before={"shares": str(one.wanted)},
            after={"shares": str(change.quantity), "filled": str(one.filled)},
        )
