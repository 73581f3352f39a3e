"""How is a block said to Fidelity's order import? One row an account, in its public columns; lots go by the sheet.

Account number, account type (blank: chosen by Fidelity), order action, quantity to three decimals, symbol, price type,
time in force, limit price (blank at market). No header: further columns, and so further rows, are refused there.
"""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Final

from connectors.fix.lot_sheet import as_csv, rows_of
from connectors.fix.messages import number
from engine.domain.errors import DataError
from engine.domain.orders import Block, Order
from engine.domain.plans import Side
from engine.execute.written import Key, WrittenOrder

_ACTIONS: Final = {Side.BUY: "B", Side.SELL: "S"}
_MARKET, _DAY = "M", "D"
_WIDTHS: Final = {"account number": 20, "quantity": 10, "symbol": 30}
_FINEST: Final = Decimal("0.001")


def write(blocks: Iterable[Block]) -> tuple[bytes, int]:
    """Return the file and its number of rows. Raises DataError for a value that its column cannot hold."""
    rows = [_row(order) for block in blocks for order in block.allocations]
    return as_csv(rows), len(rows)


def read(content: bytes) -> tuple[WrittenOrder, ...]:
    """Return the orders as the file states them. Raises DataError, with the line, where it is no such file."""
    found = []
    for line, row in enumerate(rows_of(content, "order import"), start=1):
        try:
            account, _, action, quantity, symbol, _, _, _ = row
            key = Key(account=account, ticker=symbol, sells=_SELLS[action])
            found.append(WrittenOrder(key=key, quantity=Decimal(quantity), lots=()))
        except (ValueError, KeyError, InvalidOperation) as error:
            raise DataError(f"order import, line {line}: expected an order, found {','.join(row)}") from error
    return tuple(found)


def _row(order: Order) -> tuple[str, ...]:
    if order.quantity % _FINEST:
        raise DataError(f"order {order.cl_ord_id}: expected shares to three decimals, found {order.quantity}")
    values = {"account number": order.account_number, "quantity": number(order.quantity), "symbol": order.ticker}
    for name, value in values.items():
        if len(value) > _WIDTHS[name]:
            raise DataError(
                f"order {order.cl_ord_id}: expected {name} of at most {_WIDTHS[name]} characters, found {value!r}"
            )
    return order.account_number, "", _ACTIONS[order.side], values["quantity"], order.ticker, _MARKET, _DAY, ""


_SELLS: Final = {action: side is Side.SELL for side, action in _ACTIONS.items()}
