"""Which lots are best given away? Those whose gain would cost most tax per dollar if they were sold.

A gift of securities realises no gain for the giver (to a person, 26 U.S.C. 1015: the basis goes with it; to a charity,
the gain is never taxed). Of long-term lots a charity's donor may deduct the market value (26 U.S.C. 170(e)), of others
not; so only long-term lots are proposed. What a deduction is worth is not counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal

from engine.domain.accounts import AccountBook, AccountSnapshot, Lot, Rule
from engine.domain.errors import DataError
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Term
from engine.domain.policy import means, restrictions_in_force
from engine.tax.holding import term


@dataclass(frozen=True, slots=True, kw_only=True)
class Gift:
    """Whole shares of a lot to give. value, gain: USD; tax: what the gain would cost if these shares were sold."""

    lot: Lot
    quantity: Decimal
    value: Decimal
    gain: Decimal
    tax: Decimal


def best_gifts(snapshot: AccountSnapshot, market: MarketSnapshot, *, usd: Decimal) -> tuple[Gift, ...]:
    """Return whole shares worth at most an amount, of long-term lots with a gain, the largest gain per dollar first.

    Lots that a restriction keeps from being sold are not given either. Raises DataError for an amount that is not above
    zero.
    """
    if not usd > 0:
        raise DataError(f"gift: expected an amount above 0 USD, found {usd}")
    account = snapshot.account
    rate = account.lt_rate if account.registration.is_taxable else Decimal(0)
    gifts, left = [], usd
    for price, lot in _by_gain(snapshot, market):
        quantity = min(lot.quantity, (left / price).to_integral_value(ROUND_FLOOR))
        if quantity <= 0:
            continue
        value = quantity * price
        gain = value - lot.basis * quantity / lot.quantity
        gifts.append(Gift(lot=lot, quantity=quantity, value=value, gain=gain, tax=rate * gain))
        left -= value
    return tuple(gifts)


def without(snapshot: AccountSnapshot, gifts: Sequence[Gift]) -> AccountSnapshot:
    """Return the account as it is once these shares are given away."""
    given = {gift.lot.lot_id: gift.quantity for gift in gifts}
    lots = tuple(_rest(lot, given[lot.lot_id]) if lot.lot_id in given else lot for lot in snapshot.lots)
    book = replace(snapshot.book, lots=tuple(lot for lot in lots if lot is not None))
    return replace(snapshot, book=book, household_books=tuple(_own(other, book) for other in snapshot.household_books))


def _by_gain(snapshot: AccountSnapshot, market: MarketSnapshot) -> list[tuple[Decimal, Lot]]:
    kept = [
        each.target
        for each in restrictions_in_force(snapshot.restrictions, snapshot.account, snapshot.as_of)
        if each.rule is Rule.DO_NOT_SELL
    ]
    found = []
    for lot in snapshot.lots:
        security, price = market.securities[lot.security_id], market.marks[lot.security_id].price
        long = term(lot.held_from, snapshot.as_of) is Term.LONG
        if long and lot.basis < lot.quantity * price and not any(means(target, security) for target in kept):
            found.append((price, lot))
    return sorted(found, key=lambda pair: (pair[1].basis / (pair[1].quantity * pair[0]), pair[1].lot_id))


def _rest(lot: Lot, given: Decimal) -> Lot | None:
    left = lot.quantity - given
    if left <= 0:
        return None
    adjustment = lot.wash_adjustment
    return replace(lot, quantity=left, wash_adjustment=None if adjustment is None else adjustment * left / lot.quantity)


def _own(book: AccountBook, changed: AccountBook) -> AccountBook:
    return changed if book.account.account_id == changed.account.account_id else book
