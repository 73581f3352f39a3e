"""Which orders travel together? Same custodian, security and side: one block, allocated back to its accounts."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from engine.domain.errors import DataError
from engine.domain.orders import Block, Order
from engine.domain.plans import Side
from engine.execute.orders import identifier

_Key = tuple[str, bool, str]


def build_blocks(orders: Iterable[Order]) -> tuple[Block, ...]:
    """Return the blocks of these orders by custodian, sales first, then security, whatever order they come in.

    A block's id is made from the ids of its orders, so another set of orders is another block. Raises DataError when
    an order comes twice, or when orders of one block name different tickers or CUSIPs.
    """
    members: dict[_Key, list[Order]] = defaultdict(list)
    for order in orders:
        members[order.custodian, order.side is Side.BUY, order.security_id].append(order)
    return tuple(_block(sorted(members[key], key=_by_account)) for key in sorted(members))


def _by_account(order: Order) -> tuple[str, str]:
    return order.account_id, order.cl_ord_id


def _block(orders: list[Order]) -> Block:
    first = orders[0]
    ids = sorted(order.cl_ord_id for order in orders)
    if len(set(ids)) != len(ids):
        raise DataError(
            f"orders in {first.security_id} at {first.custodian}: expected each order once, found one twice"
        )
    names = {(order.ticker, order.cusip) for order in orders}
    if len(names) > 1:
        raise DataError(
            f"orders in {first.security_id} at {first.custodian}: expected one ticker and CUSIP, found "
            + " and ".join(f"{ticker} {cusip or '(no CUSIP)'}" for ticker, cusip in sorted(names, key=str))
        )
    return Block(
        cl_ord_id=identifier("B", *ids),
        custodian=first.custodian,
        security_id=first.security_id,
        ticker=first.ticker,
        cusip=first.cusip,
        side=first.side,
        quantity=sum((order.quantity for order in orders), Decimal(0)),
        allocations=tuple(orders),
    )
