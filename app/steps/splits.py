"""Who got what, to be told to the custodian? After the fills of a block, its split over accounts and lots."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Final

from app.ports import Services
from app.steps.outgoing import sender
from connectors.fix.destinations import Destination, session_destinations
from connectors.fix.dialect import AllocationType
from connectors.fix.messages import message
from data.mailbox import to_session
from data.order_events import record_instruction
from data.orders import Instruction
from data.outbox import OutboxItem, enqueue
from engine.domain.identifiers import ClOrdId, PlanId
from engine.domain.orders import Block, Fill
from engine.execute.fills import average_price
from engine.execute.orders import identifier

_ZERO: Final = Decimal(0)


def tell(services: Services, plan_id: PlanId, over: Collection[ClOrdId]) -> None:
    """Tell custodians that want it how the blocks of a plan that are over were split; once for each outcome.

    over: blocks of which no more shares come.
    """
    wanted = _wanted(services)
    if not wanted:
        return
    fills: dict[ClOrdId, list[Fill]] = {}
    for fill in services.orders.fills(plan_id):
        fills.setdefault(fill.cl_ord_id, []).append(fill)
    earlier, at = services.orders.instructions(plan_id), services.now()
    told = {one.alloc_id for one in earlier}
    held = {one.block_id: one.alloc_id for one in earlier if one.taken is not False}  # the newest of each block
    new: list[tuple[Instruction, OutboxItem]] = []
    for block in services.orders.blocks(plan_id):
        if block.custodian in wanted and block.cl_ord_id in over and block.cl_ord_id in fills:
            split = _split(services, wanted[block.custodian], block, fills[block.cl_ord_id], held.get(block.cl_ord_id))
            if split.key not in told:
                alloc_id = ClOrdId(split.key)
                new.append(
                    (Instruction(alloc_id=alloc_id, block_id=block.cl_ord_id, at=at, taken=None, text=""), split)
                )
    if new:
        with services.database.begin() as connection:
            enqueue(connection, [item for one, item in new if record_instruction(connection, one)], at=at)


def unanswered(services: Services, plan_id: PlanId) -> bool:
    """Return whether a filled block of a plan waits for its custodian's word on the split."""
    wanted = _wanted(services)
    if not wanted:
        return False
    filled = {fill.cl_ord_id for fill in services.orders.fills(plan_id)}
    newest = {one.block_id: one for one in services.orders.instructions(plan_id)}
    return any(
        block.custodian in wanted
        and block.cl_ord_id in filled
        and (block.cl_ord_id not in newest or newest[block.cl_ord_id].taken is None)
        for block in services.orders.blocks(plan_id)
    )


def _wanted(services: Services) -> dict[str, Destination]:
    found = session_destinations(services.connections.get("fix", {}))
    return {
        each.custodian: each
        for each in found
        if each.session is not None and each.session.allocations is not AllocationType.NONE
    }


def _split(
    services: Services, destination: Destination, block: Block, fills: Sequence[Fill], held: ClOrdId | None
) -> OutboxItem:
    """Return the message that tells how a block's fills are split; its key follows from shares and price.

    held: the instruction that the custodian was told before, and that this one takes the place of.
    """
    assert destination.session is not None
    filled, price = sum((fill.quantity for fill in fills), _ZERO), average_price(fills)
    alloc_id, at = identifier("A", block.cl_ord_id, str(filled), str(price)), max(fill.executed_at for fill in fills)
    dialect = destination.dialect
    said = dialect.allocation(
        block,
        alloc_id=alloc_id,
        filled=filled,
        price=price,
        at=at,
        kind=destination.session.allocations,
        lots=destination.lots_on_orders,
        replaces=held,
    )
    text = message(*said, sender=sender(services), target=destination.target, sequence=1, sent=at, begin=dialect.begin)
    return to_session(destination.custodian, alloc_id, text.decode())
