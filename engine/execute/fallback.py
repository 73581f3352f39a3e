"""What if the custodian ignores our lots? The tax of the plan's lots against that of its own default method."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from engine.domain.accounts import Account, Lot
from engine.domain.errors import DataError
from engine.domain.orders import Order
from engine.domain.plans import Side
from engine.domain.settings import LotMethod
from engine.tax.closing import choose_lots, tax_per_share

_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class AtRisk:
    """Tax on the sales of some orders, USD, below zero where it is saved: as planned, and as the custodian might do."""

    planned: Decimal
    default: Decimal

    @property
    def usd(self) -> Decimal:
        """What more the default method costs; below zero where it costs less."""
        return self.default - self.planned


def at_risk(orders: Iterable[Order], account: Account, lots: Sequence[Lot], *, method: LotMethod, on: date) -> AtRisk:
    """Return the tax of an account's sales at the plan's prices: by the orders' lots, and by a method on the shares.

    lots: the account's open lots. on: the day of the sale, which tells short-term from long-term. Tax is at the
    account's marginal rates, before wash sales; nothing in a retirement account. Raises DataError for an order of
    another account, or shares that are not there.
    """
    planned = default = Decimal(0)
    for order in orders:
        if order.account_id != account.account_id:
            raise DataError(f"order {order.cl_ord_id} is account {order.account_id}'s, not {account.account_id}'s")
        if order.side is Side.BUY or not account.registration.is_taxable:
            continue
        planned += _planned(order, account, lots, on)
        default += _default(order, account, lots, method, on)
    return AtRisk(planned=planned.quantize(_CENT), default=default.quantize(_CENT))


def total(parts: Iterable[AtRisk]) -> AtRisk:
    """Return the sum."""
    found = list(parts)
    return AtRisk(
        planned=sum((one.planned for one in found), Decimal(0)),
        default=sum((one.default for one in found), Decimal(0)),
    )


def _planned(order: Order, account: Account, lots: Sequence[Lot], on: date) -> Decimal:
    held = {lot.lot_id: lot for lot in lots}
    missing = [each.lot_id for each in order.lots if each.lot_id not in held]
    if missing:
        raise DataError(f"order {order.cl_ord_id}: expected open lots, found no lot {missing[0]}")
    return sum((each.quantity * _tax(held[each.lot_id], order, account, on) for each in order.lots), Decimal(0))


def _default(order: Order, account: Account, lots: Sequence[Lot], method: LotMethod, on: date) -> Decimal:
    chosen = choose_lots(
        [lot for lot in lots if lot.security_id == order.security_id],
        order.quantity,
        method=method,
        price=order.reference_price,
        on=on,
        st_rate=account.st_rate,
        lt_rate=account.lt_rate,
    )
    return sum((quantity * _tax(lot, order, account, on) for lot, quantity in chosen), Decimal(0))


def _tax(lot: Lot, order: Order, account: Account, on: date) -> Decimal:
    return tax_per_share(lot, price=order.reference_price, on=on, st_rate=account.st_rate, lt_rate=account.lt_rate)
