"""What do order messages say, account by account? Read back as they were written, to be held against the plans."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from connectors.fix.messages import NEW_ORDER, read_number
from connectors.fix.wire import FixMessage
from engine.domain.errors import DataError
from engine.execute.written import Key, WrittenLot, WrittenOrder

_Entry = dict[int, str]


def orders_in(messages: Iterable[FixMessage]) -> tuple[WrittenOrder, ...]:
    """Return the accounts' orders of NewOrderSingles, with the lots that they name themselves.

    Raises DataError for another message, or allocations that do not sum to their order.
    """
    return tuple(order for message in messages for order in _accounts(message))


def with_sheet(orders: Iterable[WrittenOrder], sheet: Mapping[Key, tuple[WrittenLot, ...]]) -> tuple[WrittenOrder, ...]:
    """Return the orders with the lots of the sheet.

    Raises DataError where an order names other lots itself, or the sheet has lots of no order.
    """
    found = tuple(_with_lots(order, sheet.get(order.key, ())) for order in orders)
    strays = set(sheet) - {order.key for order in found}
    if strays:
        key = min(strays)
        raise DataError(f"lot sheet: expected lots of orders alone, found some of {key.ticker} in {key.account}")
    return found


def _with_lots(order: WrittenOrder, lots: tuple[WrittenLot, ...]) -> WrittenOrder:
    if order.lots and set(order.lots) != set(lots):
        raise DataError(
            f"sale of {order.key.ticker} in account {order.key.account}: the order and the lot sheet name other lots"
        )
    return replace(order, lots=lots)


def _accounts(message: FixMessage) -> list[WrittenOrder]:
    if message.type != NEW_ORDER:
        raise DataError(f"order file: expected new orders (35=D) alone, found 35={message.type}")
    accounts: dict[str, list[_Entry]] = {}
    for entry in _entries(message):
        accounts.setdefault(entry[79], []).append(entry)
    orders = [_order(message, account, entries) for account, entries in accounts.items()]
    total = sum((order.quantity for order in orders), Decimal(0))
    if total != read_number(message, 38):
        raise DataError(f"order {message.require(11)}: expected allocations of {message.require(38)}, found {total}")
    return orders


def _entries(message: FixMessage) -> list[_Entry]:
    """Return the entries of NoAllocs (78): each begins with its account (79)."""
    entries: list[_Entry] = []
    for tag, value in message.fields:
        if tag == 79:
            entries.append({})
        if entries and tag in _IN_ENTRY:
            entries[-1][tag] = value
    return entries


def _order(message: FixMessage, account: str, entries: list[_Entry]) -> WrittenOrder:
    return WrittenOrder(
        key=Key(account=account, ticker=message.require(55), sells=message.require(54) == "2"),
        quantity=sum((Decimal(entry[80]) for entry in entries), Decimal(0)),
        lots=tuple(_lot(entry) for entry in entries if 1752 in entry),
    )


def _lot(entry: _Entry) -> WrittenLot:
    return WrittenLot(
        lot_id=entry[1752],
        quantity=Decimal(entry[80]),
        acquired=datetime.strptime(entry[1753], "%Y%m%d").date(),  # noqa: DTZ007  a day has no time zone
        cost_per_share=Decimal(entry[1754]),
    )


_IN_ENTRY = frozenset({79, 80, 467, 661, 1752, 1753, 1754})
