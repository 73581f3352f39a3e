"""Which of our transactions is each Addepar transaction?"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from connectors.addepar.issues import Faults
from connectors.addepar.mapping import IGNORE, TransactionKeys
from connectors.addepar.match import SecurityIndex
from connectors.addepar.rows import TransactionRow
from connectors.addepar.values import entity_id, text
from engine.domain.accounts import Transaction, TransactionType
from engine.domain.identifiers import AccountId, LotId, SecurityId, TransactionId

WASH_SALE_WINDOW_DAYS: Final = 61  # 26 U.S.C. 1091(a): 30 days before to 30 days after, and the day itself
_SECTION: Final = "transactions"
_UNPRICED: Final = frozenset({TransactionType.SPLIT, TransactionType.TRANSFER_IN, TransactionType.TRANSFER_OUT,
                              TransactionType.GIFT})  # fmt: skip
_OUTGOING: Final = frozenset({TransactionType.SELL, TransactionType.TRANSFER_OUT, TransactionType.GIFT})
_REVERSE_SPLIT: Final = "stock_reverse_split"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionReader:
    """Reads the transactions of one pull, account by account. Faults go to the collector that each call is given."""

    keys: TransactionKeys
    securities: SecurityIndex
    as_of: date

    def read(
        self,
        account_id: AccountId,
        rows: Sequence[TransactionRow],
        cash_entities: frozenset[str],
        faults: Faults,
    ) -> tuple[Transaction, ...]:
        """Return the account's history, oldest first, a day's trades in the order of the source.

        cash_entities: Addepar entities that are cash, whose transactions move no shares.
        """
        dated = []
        for row in rows:
            subject = f"transaction {row.transaction_id}"
            traded = faults.past_day(row.values, "trade_date", subject, _SECTION, as_of=self.as_of)
            if not row.values.get("trade_date"):
                faults.error(subject, "transactions.trade_date", found="nothing", expected="a date")
            if traded is not None and entity_id(row.values.get("security")) not in cash_entities:
                dated.append((traded, row))
        dated.sort(key=lambda pair: pair[0])
        booked = self._book(account_id, dated, faults)
        for identifier, count in Counter(transaction.transaction_id for transaction in booked).items():
            if count > 1:
                faults.error(f"transaction {identifier}", "transactions.id", found=f"{count} of that id",
                             expected="one")  # fmt: skip
        return tuple(booked)

    def _book(
        self, account_id: AccountId, dated: Sequence[tuple[date, TransactionRow]], faults: Faults
    ) -> list[Transaction]:
        held: dict[SecurityId, Decimal] = defaultdict(Decimal)
        booked = []
        old_strangers: Counter[str] = Counter()
        for traded, row in dated:
            meaning = self._meaning(row, faults)
            if meaning is None:
                continue
            security_id = self.securities.find(text(row.values.get("cusip")), text(row.values.get("ticker")))
            if security_id is None:
                name = text(row.values.get("security")) or "a security without a name"
                if traded < self.as_of - timedelta(days=WASH_SALE_WINDOW_DAYS):
                    old_strangers[name] += 1
                else:
                    faults.error(f"transaction {row.transaction_id}", "transactions.cusip", found=name,
                                 expected="one of the firm's securities")  # fmt: skip
                continue
            transaction = self._transaction(account_id, security_id, meaning, traded, row, held[security_id], faults)
            if transaction is not None:
                booked.append(transaction)
                held[security_id] = _after(held[security_id], transaction)
        for name, count in old_strangers.items():
            faults.warn(f"{count} transactions of {name}", "transactions.cusip", found=name,
                        expected="one of the firm's securities",
                        effect="left out: too old for any wash sale that is still open")  # fmt: skip
        return booked

    def _meaning(self, row: TransactionRow, faults: Faults) -> TransactionType | None:
        found = text(row.values.get("type"))
        meaning = self.keys.types.get(found.casefold())
        if meaning is None:
            faults.error(f"transaction {row.transaction_id}", "transactions.types", found=found or "nothing",
                         expected="a type listed in [transactions.types]")  # fmt: skip
        return None if meaning in (None, IGNORE) else TransactionType(meaning)

    def _transaction(
        self,
        account_id: AccountId,
        security_id: SecurityId,
        meaning: TransactionType,
        traded: date,
        row: TransactionRow,
        held: Decimal,
        faults: Faults,
    ) -> Transaction | None:
        subject = f"transaction {row.transaction_id}"
        if meaning is TransactionType.SPLIT:
            quantity = self._split_ratio(row, held, subject, faults)
        else:
            quantity = faults.needed(row.values, "units", subject, _SECTION)
            quantity = None if quantity is None else abs(quantity)  # the sign of a sale is the source's own habit
        if quantity is not None and quantity <= 0:
            faults.error(subject, "transactions.units", found=str(quantity), expected="more than 0")
        price = faults.amount(row.values, "price", subject, _SECTION)
        if price is None and meaning in _UNPRICED:
            price = Decimal(0)
        if price is None or price < 0:
            faults.error(subject, "transactions.price", found=str(price), expected="a price of at least 0")
        basis = faults.amount(row.values, "basis", subject, _SECTION)
        if quantity is None or quantity <= 0 or price is None or price < 0:
            return None
        lot_id = text(row.values.get("lot_id"))
        return Transaction(
            transaction_id=TransactionId(row.transaction_id),
            account_id=account_id,
            trade_date=traded,
            security_id=security_id,
            type=meaning,
            quantity=quantity,
            price=price,
            lot_id=LotId(lot_id) if lot_id else None,
            basis=basis,
        )

    def _split_ratio(self, row: TransactionRow, held: Decimal, subject: str, faults: Faults) -> Decimal | None:
        """New shares for each old one: as the source says, or from the shares that the split added."""
        if self.keys.split_ratio:
            return faults.needed(row.values, "split_ratio", subject, _SECTION)
        added = faults.needed(row.values, "units", subject, _SECTION)
        if added is None:
            return None
        if held <= 0:
            faults.error(subject, "transactions.units", found="no shares held before the split",
                         expected=f"the purchases of what was split, since {self.keys.since}")  # fmt: skip
            return None
        if text(row.values.get("type")).casefold() == _REVERSE_SPLIT:
            added = -abs(added)
        return (held + added) / held


def _after(held: Decimal, transaction: Transaction) -> Decimal:
    if transaction.type is TransactionType.SPLIT:
        return held * transaction.quantity
    return held - transaction.quantity if transaction.type in _OUTGOING else held + transaction.quantity
