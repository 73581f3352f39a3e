"""What does a demo account hold while its history runs? Open lots, cash, and the transactions that made them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np

from data.demo.world import security_id
from engine.domain.accounts import Lot, Transaction, TransactionType
from engine.domain.identifiers import AccountId, LotId, TransactionId
from engine.domain.market import Array
from engine.domain.plans import Term
from engine.tax.holding import term

_CENT: Final = Decimal("0.01")


@dataclass(slots=True, kw_only=True)
class OpenLot:
    """A lot that may still shrink. quantity shares, cost USD a share."""

    lot_id: LotId
    security: int
    quantity: Decimal
    cost: Decimal
    acquired: date


class Holdings:
    """The account's book in the making. shares: (n,) held of each security, for arithmetic only."""

    def __init__(self, account_id: AccountId, size: int) -> None:
        self.account_id = account_id
        self.cash = Decimal(0)
        self.shares: Array = np.zeros(size)
        self.transactions: list[Transaction] = []
        self.gains: dict[tuple[int, Term], Decimal] = {}  # by year and term
        self._lots: dict[int, dict[LotId, OpenLot]] = {}

    def lots_of(self, security: int) -> list[OpenLot]:
        """Return the open lots of a security, oldest first."""
        return list(self._lots.get(security, {}).values())

    def buy(self, day: date, security: int, quantity: Decimal, price: Decimal, kind: TransactionType) -> None:
        """Buy or reinvest: the lot bears the transaction's id."""
        lot_id = LotId(self._book(day, security, kind, quantity, price).transaction_id)
        self.cash -= quantity * price
        self._open(OpenLot(lot_id=lot_id, security=security, quantity=quantity, cost=price, acquired=day))

    def transfer_in(self, day: date, lot: OpenLot, price: Decimal) -> None:
        """Bring a lot along with its old basis and its old day of acquisition; it takes the transaction's id."""
        basis = lot.quantity * lot.cost
        arrived = self._book(day, lot.security, TransactionType.TRANSFER_IN, lot.quantity, price, basis=basis)
        lot.lot_id = LotId(arrived.transaction_id)
        self._open(lot)

    def sell(self, day: date, lot: OpenLot, quantity: Decimal, price: Decimal) -> None:
        """Sell shares of one lot; the gain counts in the day's year."""
        basis = quantity * lot.cost
        self._book(day, lot.security, TransactionType.SELL, quantity, price, lot.lot_id, basis)
        self.cash += quantity * price
        key = (day.year, term(lot.acquired, day))
        self.gains[key] = self.gains.get(key, Decimal(0)) + quantity * price - basis
        lot.quantity -= quantity
        self.shares[lot.security] -= float(quantity)
        if not lot.quantity:
            del self._lots[lot.security][lot.lot_id]

    def split(self, day: date, security: int, ratio: int) -> None:
        """Turn each share into `ratio`; the basis of every lot stays."""
        if not self.lots_of(security):
            return
        self._book(day, security, TransactionType.SPLIT, Decimal(ratio), Decimal(0))
        for lot in self.lots_of(security):
            lot.quantity *= ratio
            lot.cost /= ratio
        self.shares[security] *= ratio

    def lots(self) -> tuple[Lot, ...]:
        """Return the open lots, ordered by lot_id."""
        opened = sorted((lot for lots in self._lots.values() for lot in lots.values()), key=lambda lot: lot.lot_id)
        return tuple(
            Lot(
                account_id=self.account_id,
                lot_id=lot.lot_id,
                security_id=security_id(lot.security),
                quantity=lot.quantity,
                cost_per_share=lot.cost,
                acquired=lot.acquired,
            )
            for lot in opened
        )

    def gain(self, year: int, of: Term) -> Decimal:
        """Return the gain realised in a year, USD to the cent."""
        return self.gains.get((year, of), Decimal(0)).quantize(_CENT)

    def _open(self, lot: OpenLot) -> None:
        self._lots.setdefault(lot.security, {})[lot.lot_id] = lot
        self.shares[lot.security] += float(lot.quantity)

    def _book(
        self,
        day: date,
        security: int,
        kind: TransactionType,
        quantity: Decimal,
        price: Decimal,
        lot_id: LotId | None = None,
        basis: Decimal | None = None,
    ) -> Transaction:
        transaction_id = TransactionId(f"{self.account_id}-{len(self.transactions) + 1:05d}")
        opens = kind in (TransactionType.BUY, TransactionType.REINVEST, TransactionType.TRANSFER_IN)
        transaction = Transaction(
            transaction_id=transaction_id,
            account_id=self.account_id,
            trade_date=day,
            security_id=security_id(security),
            type=kind,
            quantity=quantity,
            price=price,
            lot_id=LotId(transaction_id) if opens else lot_id,
            basis=basis,
        )
        self.transactions.append(transaction)
        return transaction
