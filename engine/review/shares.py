"""Of what does the second checker keep its record? Shares that came in together, and shares sold at a loss."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from engine.domain.accounts import Lot, Transaction, TransactionType
from engine.domain.identifiers import AccountId, LotId, SecurityId
from engine.review.case import basis_of

_ORDER_OF_DAY: Final = (
    *(TransactionType.SPLIT, TransactionType.SPIN_OFF, TransactionType.EXCHANGE_OUT, TransactionType.EXCHANGE_IN),
    *(TransactionType.BUY, TransactionType.REINVEST),
    *(TransactionType.TRANSFER_OUT, TransactionType.TRANSFER_IN, TransactionType.SELL, TransactionType.GIFT),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Shares that came in together. bought: the day, None where they came by a transfer; cost: USD a share,
    what a loss is held against; free: bought, and not used by a loss yet.

    standing: seen only in a book's lots of today; the history that sold others of them is not to take them again.
    """

    security_id: SecurityId
    account_id: AccountId
    lot_id: LotId
    bought: date | None
    quantity: Decimal
    cost: Decimal
    free: bool
    standing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSold:
    """Shares sold at a loss on a day; loss is USD a share, lot_id and acquired are those of the lot sold.

    cause: the transaction; None where the plan under review sells, not the history.
    """

    cause: str | None
    security_id: SecurityId
    account_id: AccountId
    lot_id: LotId
    acquired: date
    on: date
    quantity: Decimal
    loss: Decimal


def paid(row: Transaction, shares: Shares) -> Shares:
    """Return shares with the cost that an exchange leaves them: less the money, more the gain on it (358(a)(1))."""
    cash = (row.cash or Decimal(0)) / row.quantity
    gain = min(cash, max(row.price - shares.cost, Decimal(0)))
    return replace(shares, cost=shares.cost - cash + gain)


def standing(lot: Lot, later_splits: Decimal) -> Shares:
    return Shares(
        security_id=lot.security_id,
        account_id=lot.account_id,
        lot_id=lot.lot_id,
        bought=lot.acquired,
        quantity=lot.quantity / later_splits,
        cost=basis_of(lot, Decimal(0)) / lot.quantity * later_splits,
        free=not lot.wash_adjustment and lot.gift_date is None,
        standing=True,
    )


def place_in_day(row: Transaction) -> int:
    return _ORDER_OF_DAY.index(row.type)


def is_alike(row: Transaction, other: Lot | Shares | LossSold | Transaction) -> bool:
    """Return whether a row is of the same security in the same account as another, or as shares."""
    return (row.account_id, row.security_id) == (other.account_id, other.security_id)
