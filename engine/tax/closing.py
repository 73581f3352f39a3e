"""Which lots does a sale close? The closing methods, each one sort key."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from functools import partial

from engine.domain.accounts import Lot
from engine.domain.errors import DataError
from engine.domain.plans import Term
from engine.domain.settings import LotMethod
from engine.tax.gifts import basis_at, held_from_at
from engine.tax.holding import term


def choose_lots(
    lots: Sequence[Lot],
    quantity: Decimal,
    *,
    method: LotMethod,
    price: Decimal,
    on: date,
    st_rate: Decimal,
    lt_rate: Decimal,
) -> tuple[tuple[Lot, Decimal], ...]:
    """Return the lots that a sale closes, in order, each with the shares taken from it (> 0, summing to quantity).

    Arguments are those of closing_order. Raises DataError when fewer shares are held.
    """
    held = sum((lot.quantity for lot in lots), Decimal(0))
    if not 0 < quantity <= held:
        named = f"lots of {lots[0].security_id} in account {lots[0].account_id}" if lots else "no lots"
        raise DataError(
            f"{named}: found {held} shares, expected a sale of more than 0 and at most that, got {quantity}"
        )

    chosen: list[tuple[Lot, Decimal]] = []
    missing = quantity
    for lot in closing_order(lots, method=method, price=price, on=on, st_rate=st_rate, lt_rate=lt_rate):
        if missing == 0:
            break
        taken = min(lot.quantity, missing)
        chosen.append((lot, taken))
        missing -= taken
    return tuple(chosen)


def closing_order(
    lots: Sequence[Lot], *, method: LotMethod, price: Decimal, on: date, st_rate: Decimal, lt_rate: Decimal
) -> list[Lot]:
    """Return the order in which sales close lots.

    lots: one account's lots of one security. price in USD a share; rates are fractions. FIFO is the rule of law where
    nothing is said (Treas. Reg. 1.1012-1(c)(1)); every other method is a specific identification (1.1012-1(c)(2)).
    OPTIMAL and MIN_TAX both take the lowest tax per dollar sold first: rate by term x (1 - basis / price). Lots that a
    method cannot tell apart go oldest first, then by lot_id.
    """
    if len(lots) == 1:
        return list(lots)
    ranks: dict[LotMethod, Callable[[Lot], Decimal | int]] = {
        LotMethod.FIFO: lambda lot: lot.acquired.toordinal(),
        LotMethod.LIFO: lambda lot: -lot.acquired.toordinal(),
        LotMethod.HIFO: lambda lot: -basis_at(lot, price) / lot.quantity,
    }
    by_tax = partial(tax_per_share, price=price, on=on, st_rate=st_rate, lt_rate=lt_rate)
    rank = ranks.get(method, by_tax)
    return sorted(lots, key=lambda lot: (rank(lot), lot.acquired, lot.lot_id))


def tax_per_share(lot: Lot, *, price: Decimal, on: date, st_rate: Decimal, lt_rate: Decimal) -> Decimal:
    """Return the tax in USD on selling one share of a lot at this price on this day; negative for a loss.

    At one price this has the order of tax per dollar sold, and it is defined at a price of zero too.
    """
    rate = lt_rate if term(held_from_at(lot, price), on) is Term.LONG else st_rate
    plain = not lot.wash_adjustment and lot.gift_price is None
    cost = lot.cost_per_share if plain else basis_at(lot, price) / lot.quantity
    return rate * (price - cost)
