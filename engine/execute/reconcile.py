"""Did we get what we ordered? Blocks against executions, every difference a break with a name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from engine.domain.identifiers import AccountId, ClOrdId
from engine.domain.orders import Block, Fill
from engine.execute.fills import FilledOrder, average_price, distinct_fills


class BreakKind(StrEnum):
    MISSING = "missing"  # fewer shares than ordered, or none
    REJECTED = "rejected"  # fewer shares than ordered, and the custodian said why
    OVER_FILLED = "over_filled"
    PRICE = "price"  # average price too far from the plan's mark
    UNKNOWN = "unknown"  # an execution of nothing that we ordered
    NO_ACCOUNT = "no_account"  # the firm has the account no more, so nothing can be booked


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One difference. expected and found are shares, or USD a share for a price; sentence is for people."""

    kind: BreakKind
    cl_ord_id: ClOrdId
    expected: Decimal
    found: Decimal
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """complete: every ordered share is filled, none more, and nothing else. A price break does not undo it."""

    breaks: tuple[Break, ...]
    complete: bool


def reconcile(
    blocks: Sequence[Block],
    fills: Sequence[Fill],
    *,
    price_tolerance: Decimal,
    rejects: Mapping[ClOrdId, str] | None = None,
) -> Reconciliation:
    """Return the breaks between what was ordered and what was executed, in the order of the blocks.

    price_tolerance: largest difference from the reference price, as a fraction of it (0.02 is 2 %). rejects: the
    custodian's reason, by block. An execution reported twice counts once; DataError when two such reports differ.
    """
    executed = distinct_fills(fills)
    breaks: list[Break] = []
    for block in blocks:
        own = executed.get(block.cl_ord_id, ())
        reason = (rejects or {}).get(block.cl_ord_id)
        breaks += _quantity_breaks(block, own, reason) + _price_breaks(block, own, price_tolerance)
    ordered = {block.cl_ord_id for block in blocks}
    breaks += [_unknown(cl_ord_id, own) for cl_ord_id, own in executed.items() if cl_ord_id not in ordered]
    return Reconciliation(breaks=tuple(breaks), complete=all(each.kind is BreakKind.PRICE for each in breaks))


def account_gone(account_id: AccountId, orders: Sequence[FilledOrder]) -> Break:
    """Return the break of a sent plan whose account the firm has no more: what was executed cannot be booked.

    orders: at least one, of that plan. expected is the shares executed, found those booked: none.
    """
    filled = sum((order.quantity for order in orders), Decimal(0))
    sentence = (
        f"account {account_id} is no longer in the firm, so {filled} shares executed for it are not booked; bring the "
        "account in again, or book them by hand where it is now"
    )
    return _break(BreakKind.NO_ACCOUNT, orders[0].order.cl_ord_id, filled, Decimal(0), sentence)


def _shares(fills: Sequence[Fill]) -> Decimal:
    return sum((fill.quantity for fill in fills), Decimal(0))


def _quantity_breaks(block: Block, fills: Sequence[Fill], reason: str | None) -> list[Break]:
    filled = _shares(fills)
    if filled == block.quantity:
        return []
    sentence = f"{_name(block)}: ordered {block.quantity} shares, filled {filled}"
    kind = BreakKind.OVER_FILLED if filled > block.quantity else BreakKind.MISSING
    if kind is BreakKind.MISSING and reason is not None:
        kind, sentence = BreakKind.REJECTED, f"{sentence}; rejected: {reason}"
    return [_break(kind, block.cl_ord_id, block.quantity, filled, sentence)]


def _price_breaks(block: Block, fills: Sequence[Fill], tolerance: Decimal) -> list[Break]:
    if not fills:
        return []
    worth = sum((order.quantity * order.reference_price for order in block.allocations), Decimal(0))
    reference, price = worth / block.quantity, average_price(fills)
    if abs(price - reference) <= tolerance * reference:
        return []
    sentence = f"{_name(block)}: filled at {price} on average, reference {reference:.4f}, more than {tolerance:%} apart"
    return [_break(BreakKind.PRICE, block.cl_ord_id, reference, price, sentence)]


def _unknown(cl_ord_id: ClOrdId, fills: Sequence[Fill]) -> Break:
    filled = _shares(fills)
    sentence = f"{filled} shares executed for {cl_ord_id}, which is no block of ours"
    return _break(BreakKind.UNKNOWN, cl_ord_id, Decimal(0), filled, sentence)


def _name(block: Block) -> str:
    return f"{block.side} {block.ticker} at {block.custodian} ({block.cl_ord_id})"


def _break(kind: BreakKind, cl_ord_id: ClOrdId, expected: Decimal, found: Decimal, sentence: str) -> Break:
    return Break(kind=kind, cl_ord_id=cl_ord_id, expected=expected, found=found, sentence=sentence)
