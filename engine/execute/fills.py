"""Who gets what of a fill? Executions of a block, shared among its orders pro rata at one average price."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from engine.domain.errors import DataError
from engine.domain.identifiers import ClOrdId
from engine.domain.orders import Block, Fill, LotInstruction, Order

_PRICE_STEP: Final = Decimal("0.000001")
_SHARE: Final = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledOrder:
    """What one order got. quantity may be 0; price is the block's average, USD a share."""

    order: Order
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One order's part of some shares of its block, and the lots that a sale takes for it, first instruction first."""

    order: Order
    quantity: Decimal
    lots: tuple[LotInstruction, ...]


def distinct_fills(fills: Iterable[Fill]) -> Mapping[ClOrdId, tuple[Fill, ...]]:
    """Return each block's executions, every execution once however often it was reported, by time and exec_id.

    Raises DataError when two reports of one execution differ.
    """
    known: dict[tuple[ClOrdId, str], Fill] = {}
    for fill in fills:
        if known.setdefault((fill.cl_ord_id, fill.exec_id), fill) != fill:
            raise DataError(f"execution {fill.exec_id} of {fill.cl_ord_id}: expected one content, found two")
    by_block: dict[ClOrdId, list[Fill]] = {}
    for fill in sorted(known.values(), key=lambda fill: (fill.executed_at, fill.exec_id)):
        by_block.setdefault(fill.cl_ord_id, []).append(fill)
    return {cl_ord_id: tuple(members) for cl_ord_id, members in by_block.items()}


def average_price(fills: Sequence[Fill]) -> Decimal:
    """Return the share-weighted price of some executions, USD a share to 6 decimals. Needs at least one."""
    shares = sum((fill.quantity for fill in fills), Decimal(0))
    money = sum((fill.quantity * fill.price for fill in fills), Decimal(0))
    return (money / shares).quantize(_PRICE_STEP, rounding=ROUND_HALF_EVEN)


def allocate(block: Block, fills: Sequence[Fill]) -> tuple[FilledOrder, ...]:
    """Return what each order of the block got of all its executions, in the block's order.

    Shares go pro rata to the ordered quantities in whole shares (where every quantity is whole; else in the finest
    fraction that occurs), the rest by largest remainder, ties by order id. No order gets more than it asked for, and
    every account gets the same average price. Give it all executions of the block at once, when the block is done for
    the day: largest remainder may take a share back from an order as the total grows. Raises DataError for an
    execution of another block, or more shares than were ordered.
    """
    once = distinct_fills(fills)
    strangers = sorted(set(once) - {block.cl_ord_id})
    if strangers:
        raise DataError(f"block {block.cl_ord_id}: expected its own executions, found one of {strangers[0]}")
    own = once.get(block.cl_ord_id, ())
    filled = sum((fill.quantity for fill in own), Decimal(0))
    if filled > block.quantity:
        raise DataError(f"block {block.cl_ord_id}: expected at most {block.quantity} shares filled, found {filled}")
    if not own:
        return tuple(FilledOrder(order=order, quantity=Decimal(0), price=order.reference_price)
                     for order in block.allocations)  # fmt: skip
    price = average_price(own)
    return tuple(
        FilledOrder(order=share.order, quantity=share.quantity, price=price) for share in shared(block, filled)
    )


def shared(block: Block, quantity: Decimal) -> tuple[Share, ...]:
    """Return how some shares of a block are shared among its orders, in the block's order; a part may be 0.

    quantity: at most the block's; the rule is that of allocate.
    """
    parts = zip(block.allocations, _largest_remainder(quantity, block), strict=True)
    return tuple(Share(order=order, quantity=part, lots=first_lots(order, part)) for order, part in parts)


def first_lots(order: Order, quantity: Decimal) -> tuple[LotInstruction, ...]:
    """Return the lots that a partial sale takes: those of the instructions, in their order, until it is full."""
    taken: list[LotInstruction] = []
    for lot in order.lots:
        part = min(lot.quantity, quantity)
        if not part:
            break
        taken.append(replace(lot, quantity=part))
        quantity -= part
    return tuple(taken)


def _largest_remainder(filled: Decimal, block: Block) -> list[Decimal]:
    wanted = [order.quantity for order in block.allocations]
    step = _step([filled, *wanted])
    # Exact, without a division that rounds: filled x wanted = whole x quantity + remainder.
    shares: list[Decimal] = []
    remainders: list[Decimal] = []
    for quantity in wanted:
        whole = filled * quantity // (block.quantity * step) * step
        shares.append(whole)
        remainders.append(filled * quantity - whole * block.quantity)
    left = int((filled - sum(shares, Decimal(0))) / step)
    ids = [order.cl_ord_id for order in block.allocations]
    ranked = sorted(range(len(wanted)), key=lambda place: (-remainders[place], ids[place]))
    for place in ranked[:left]:
        shares[place] += step
    return shares


def _step(quantities: Sequence[Decimal]) -> Decimal:
    finest = min(int(quantity.normalize().as_tuple().exponent) for quantity in quantities)
    return min(_SHARE, Decimal(1).scaleb(finest))
