"""What does a lot cost its seller, what does a sale of it gain, and from which day is it held?"""

from datetime import date
from decimal import Decimal

from engine.domain.accounts import Lot
from engine.review.lots import HeldLot

AnyLot = Lot | HeldLot


def basis_of(lot: AnyLot, price: Decimal) -> Decimal:
    """Return the cost that a sale of a whole lot at a price is held against, USD.

    What was paid, with the losses that a wash sale put into it: 26 U.S.C. 1012, 1091(d). Of a gift that was worth less
    than its donor's basis: for a gain that basis, for a loss that worth, and what the sale brings in between (1015(a)).
    """
    cost, worth_then = _costs(lot)
    if lot.gift_price is None:
        return cost
    brings = lot.quantity * price
    if worth_then >= cost or brings >= cost:
        return cost
    return worth_then if brings <= worth_then else brings


def gain_of(lot: AnyLot, quantity: Decimal, price: Decimal) -> Decimal:
    """Return the gain on selling so many shares of a lot at a price, USD."""
    return (lot.quantity * price - basis_of(lot, price)) * quantity / lot.quantity


def starts_on(lot: AnyLot, price: Decimal) -> date:
    """Return the day before the first that counts as held, for a sale at a price.

    That of acquisition, by the donor of a gift too (1223(2)), or as a wash sale tacks it (1223(3)); of a gift sold
    below its worth of that day, the day of the gift.
    """
    if lot.gift_date is not None:
        cost, worth_then = _costs(lot)
        if lot.quantity * price < worth_then < cost:
            return lot.gift_date
    return lot.acquired if lot.holding_start is None else lot.holding_start


def _costs(lot: AnyLot) -> tuple[Decimal, Decimal]:
    """Return what a lot cost, and what it was worth when it was given: the same where it was bought. USD."""
    disallowed = lot.wash_adjustment if lot.wash_adjustment is not None else Decimal(0)
    cost = lot.cost_per_share * lot.quantity + disallowed
    return cost, cost if lot.gift_price is None else lot.gift_price * lot.quantity + disallowed


def held_over_a_year(held_from: date, on: date) -> bool:
    """Long-term is more than one year, counted from the day after acquisition: 26 U.S.C. 1222, Rev. Rul. 66-7."""
    return (on.year - held_from.year, on.month, on.day) > (1, held_from.month, held_from.day)
