"""How is a block said in FIX 4.4? Pre-allocated orders, changes, allocations and questions; lots by agreement.

Lots go in the tags of extension pack 127 (1752 to 1754), which 4.4 itself does not have: both sides need the bilateral
dictionary. Everything else is standard tags in standard places.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from connectors.fix.dialect import AllocationType, Dialect
from connectors.fix.messages import ALLOCATION, CANCEL, MASS_STATUS, NEW_ORDER, REPLACE, STATUS_REQUEST, Said, number
from connectors.fix.wire import FIX44, Field, FixMessage, utc_timestamp
from engine.domain.identifiers import ClOrdId
from engine.domain.orders import Block, Change, LotInstruction
from engine.domain.plans import Side
from engine.execute.fills import Share, shared

_SIDES: Final = {Side.BUY: "1", Side.SELL: "2"}
_AGREED_NUMBERS: Final = (661, "99")  # account numbers are the custodian's own


def new_order(block: Block, *, at: datetime, lots: bool) -> Said:
    """Return NewOrderSingle (35=D) for a block: at market, for the day, allocated in advance.

    at: time of release (TransactTime). lots: one entry an account and lot, in place of one an account.
    """
    return Said(NEW_ORDER, ((11, block.cl_ord_id), *_order(block, block.cl_ord_id, block.quantity, at, lots=lots)))


def change(asked: Change, block: Block, *, at: datetime, lots: bool) -> Said:
    """Return OrderCancelRequest (35=F), or OrderCancelReplaceRequest (35=G) with the split of what is left."""
    if asked.cancels:
        return cancel(asked, block, at)
    order = _order(block, asked.cl_ord_id, asked.quantity, at, lots=lots)
    return Said(REPLACE, ((41, asked.replaces), (11, asked.cl_ord_id), *order))


def allocation(
    block: Block,
    *,
    alloc_id: ClOrdId,
    filled: Decimal,
    price: Decimal,
    at: datetime,
    kind: AllocationType,
    lots: bool,
    replaces: ClOrdId | None = None,
) -> Said:
    """Return AllocationInstruction (35=J): how the shares that were filled are split over accounts, and lots.

    price: the average, USD a share. at: of the last execution; its day is the trade date. replaces: the instruction
    that no longer holds, because executions changed.
    """
    return Said(
        ALLOCATION,
        (
            (70, alloc_id),
            *(_NEW if replaces is None else ((71, "1"), (72, replaces), _EXECUTIONS_CHANGED)),
            (626, _ALLOCATION_TYPES[kind]),
            (857, "1"),  # the orders are listed
            (73, "1"),
            (11, block.cl_ord_id),
            *traded(block, filled, price, at),
            *_allocations(shared(block, filled), lots=lots, id_last=True),
        ),
    )


def status_request(order: FixMessage, request_id: str) -> Said:
    """Return OrderStatusRequest (35=H) about an order sent before; request_id comes back as tag 790."""
    return Said(
        STATUS_REQUEST,
        ((11, order.require(11)), (790, request_id), (55, order.require(55)), (54, order.require(54))),
    )


def mass_status(request_id: str) -> Said:
    """Return OrderMassStatusRequest (35=AF) about all orders; request_id comes back as tag 584."""
    return Said(MASS_STATUS, ((584, request_id), (585, "7")))


def cancel(asked: Change, block: Block, at: datetime) -> Said:
    """Return OrderCancelRequest (35=F), which is the same in every version."""
    ids = (41, asked.replaces), (11, asked.cl_ord_id)
    return Said(CANCEL, (*ids, *_instrument(block), (60, utc_timestamp(at)), (38, number(block.quantity))))


def terms(block: Block, quantity: Decimal, at: datetime) -> tuple[Field, ...]:
    """Return what follows the allocations of an order, in every version: at market, for the day."""
    return (
        (21, "1"),  # no manual handling
        *_instrument(block),
        (60, utc_timestamp(at)),
        (38, number(quantity)),
        *_AT_MARKET,
    )


def traded(block: Block, filled: Decimal, price: Decimal, at: datetime) -> tuple[Field, ...]:
    """Return what an allocation shares out, in every version: instrument, shares, average price and day."""
    return (
        *_instrument(block),
        (53, number(filled)),
        (6, number(price)),
        (15, "USD"),
        (75, at.strftime("%Y%m%d")),
        (60, utc_timestamp(at)),
    )


def group(entries: Sequence[tuple[Field, ...]]) -> tuple[Field, ...]:
    """Return the group NoAllocs (78)."""
    return (78, str(len(entries))), *(field for entry in entries for field in entry)


def _order(block: Block, order_id: ClOrdId, quantity: Decimal, at: datetime, *, lots: bool) -> tuple[Field, ...]:
    return (
        (591, "0"),  # partial fills are shared pro rata
        (70, order_id),
        *_allocations(shared(block, quantity), lots=lots),
        *terms(block, quantity, at),
    )


def _instrument(block: Block) -> tuple[Field, ...]:
    cusip = ((48, block.cusip), (22, "1")) if block.cusip else ()
    return (55, block.ticker), *cusip, (54, _SIDES[block.side])


def _allocations(shares: Iterable[Share], *, lots: bool, id_last: bool = False) -> tuple[Field, ...]:
    """Return the group NoAllocs (78). id_last: where the group of this message has the order's id after the lot."""
    return group([entry for each in shares if each.quantity for entry in _entries(each, lots=lots, id_last=id_last)])


def _entries(share: Share, *, lots: bool, id_last: bool) -> list[tuple[Field, ...]]:
    account = (79, share.order.account_number), _AGREED_NUMBERS
    name = (467, str(share.order.cl_ord_id))
    parts = [(lot.quantity, _lot(lot)) for lot in share.lots] if lots and share.lots else [(share.quantity, ())]
    if id_last:
        return [(*account, (80, number(quantity)), *lot, name) for quantity, lot in parts]
    return [(*account, name, (80, number(quantity)), *lot) for quantity, lot in parts]


def _lot(lot: LotInstruction) -> tuple[Field, ...]:
    return (1752, lot.lot_id), (1753, lot.acquired.strftime("%Y%m%d")), (1754, number(lot.cost_per_share))


_AT_MARKET: Final[tuple[Field, ...]] = ((40, "1"), (15, "USD"), (59, "0"))  # for the day
_NEW: Final = ((71, "0"),)
_EXECUTIONS_CHANGED: Final = (796, "2")
_ALLOCATION_TYPES: Final = {AllocationType.CALCULATED: "1", AllocationType.PRELIMINARY: "2"}

DIALECT: Final = Dialect(
    name="FIX.4.4",
    begin=FIX44,
    application="FIX44.xml",
    lots_by_agreement=True,
    carries_lots=True,
    new_order=new_order,
    change=change,
    allocation=allocation,
    status_request=status_request,
    mass_status=mass_status,
)
