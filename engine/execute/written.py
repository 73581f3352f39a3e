"""Does what was written say exactly what was approved? Orders read back, held against the plans themselves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from engine.domain.orders import Order
from engine.domain.plans import Plan, Side, Trade


class Key(NamedTuple):
    """What tells one account's order from another at one custodian. account: its number there."""

    account: str
    ticker: str
    sells: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenLot:
    """Shares of a lot to sell; cost_per_share is USD before wash sales."""

    lot_id: str
    quantity: Decimal
    acquired: date
    cost_per_share: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenOrder:
    """One account's order as a file or message states it; lots is empty where it is silent on them."""

    key: Key
    quantity: Decimal
    lots: tuple[WrittenLot, ...]


def approved_orders(plans: Iterable[Plan], orders: Iterable[Order]) -> tuple[WrittenOrder, ...]:
    """Return what approved plans say, trade by trade: sides, shares and lots are the plans' own.

    orders: of these plans; they give each trade its account number, ticker, and its lots' days and prices. A trade
    without an order, whose number or ticker is unknown, has empty ones; so a difference shows.
    """
    made = {(order.account_id, order.security_id, order.side): order for order in orders}
    return tuple(
        _approved(trade, made.get((plan.account_id, trade.security_id, trade.side)))
        for plan in plans
        for trade in plan.trades
    )


def differences(expected: Iterable[WrittenOrder], found: Iterable[WrittenOrder]) -> tuple[str, ...]:
    """Return one sentence for each order that is missing, comes unasked, or comes otherwise; empty where all agree."""
    wanted, there = _by_key(expected), _by_key(found)
    return tuple(
        _difference(key, wanted.get(key, ()), there.get(key, ()))
        for key in sorted(wanted.keys() | there.keys())
        if wanted.get(key) != there.get(key)
    )


def _approved(trade: Trade, order: Order | None) -> WrittenOrder:
    instructed = {} if order is None else {str(lot.lot_id): lot for lot in order.lots}
    sold: dict[str, Decimal] = {}
    for sale in trade.lots:
        sold[sale.lot_id] = sold.get(sale.lot_id, Decimal(0)) + sale.quantity
    lots = tuple(
        WrittenLot(
            lot_id=lot_id,
            quantity=quantity,
            acquired=instructed[lot_id].acquired if lot_id in instructed else date.min,
            cost_per_share=instructed[lot_id].cost_per_share if lot_id in instructed else Decimal(0),
        )
        for lot_id, quantity in sold.items()
    )
    account, ticker = ("", "") if order is None else (order.account_number, order.ticker)
    key = Key(account=account, ticker=ticker, sells=trade.side is Side.SELL)
    return WrittenOrder(key=key, quantity=trade.quantity, lots=lots)


def _by_key(orders: Iterable[WrittenOrder]) -> Mapping[Key, tuple[tuple[Decimal, frozenset[WrittenLot]], ...]]:
    found: dict[Key, list[tuple[Decimal, frozenset[WrittenLot]]]] = {}
    for order in orders:
        found.setdefault(order.key, []).append((order.quantity, frozenset(order.lots)))
    return {key: tuple(each) for key, each in found.items()}


def _difference(key: Key, wanted: tuple[object, ...], there: tuple[object, ...]) -> str:
    way = "sale" if key.sells else "purchase"
    if len(wanted) != len(there):
        return f"{way} of {key.ticker} in account {key.account}: approved {len(wanted)}, written {len(there)}"
    return f"{way} of {key.ticker} in account {key.account}: written with other shares or lots than approved"
