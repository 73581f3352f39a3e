"""What has the household bought and sold, and what does it hold? Its raw rows and lots by wash-sale group."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from itertools import chain
from typing import Final, TypeVar

from engine.domain.accounts import AccountBook, AccountSnapshot, Lot, Transaction, TransactionType
from engine.domain.identifiers import AccountId, LotId, SecurityId

WINDOW: Final = timedelta(days=30)  # each side of a sale at a loss; 26 U.S.C. 1091(a)
ACQUIRES: Final = frozenset({TransactionType.BUY, TransactionType.REINVEST})
_ARRIVES: Final = ACQUIRES | {TransactionType.TRANSFER_IN}

Row = TypeVar("Row", Lot, Transaction)


@dataclass(frozen=True, kw_only=True)
class Household:
    """group_of: the wash-sale group of a security. Rows and lots come in the order of the books."""

    snapshot: AccountSnapshot
    group_of: Callable[[SecurityId], str]

    @cached_property
    def taxable(self) -> Mapping[AccountId, bool]:
        return {b.account.account_id: b.account.registration.is_taxable for b in self.snapshot.household_books}

    def lots(self, group: str) -> list[Lot]:
        return self._lots.get(group, [])

    def rows(self, group: str) -> list[Transaction]:
        """Return what is booked, later rows too."""
        return self._rows.get(group, [])

    def pending(self, group: str) -> list[Transaction]:
        """Return the trades approved and not booked yet."""
        return self._pending.get(group, [])

    def sold_lately(self) -> Iterable[Transaction]:
        """Return the sales of the last 30 days in taxable accounts, those not booked yet as if they were today's."""
        for row in chain.from_iterable(self._near.values()):
            done = row.type is TransactionType.SELL and row.trade_date <= self.snapshot.as_of
            if done and self.taxable.get(row.account_id, True):
                yield row

    def to_be_sold(self) -> Iterable[Transaction]:
        """Return the sales of the next 30 days that are arranged in taxable accounts."""
        for book, rows in self._booked_near:
            for row in rows if book.account.registration.is_taxable else ():
                if row.type is TransactionType.SELL and row.trade_date > self.snapshot.as_of:
                    yield row

    def acquires_nearby(self, group: str) -> bool:
        """Return whether shares of a group came, or are to come, within 30 days of today."""
        return group in self._new_lots or any(row.type in ACQUIRES for row in self._near.get(group, ()))

    def bought_lately(self, group: str) -> list[str]:
        """Return what the household bought of a group in the last 30 days or is to buy in the next, in words.

        A lot of those days that no row explains was bought too; one that was moved in or given was not.
        """
        found = []
        for row in self._near.get(group, ()):
            if row.type in ACQUIRES:
                done = "bought" if row.trade_date <= self.snapshot.as_of else "to be bought"
                found.append(f"{done} on {row.trade_date} in account {row.account_id} ({row.transaction_id})")
        explained = self._explained(group) if group in self._new_lots else frozenset()
        for lot in self._new_lots.get(group, ()):
            keys = {(lot.account_id, lot.security_id, mark) for mark in (lot.acquired, lot.lot_id)}
            if not keys & explained and lot.gift_date is None:
                found.append(f"bought on {lot.acquired} in account {lot.account_id} (lot {lot.lot_id})")
        return found

    def _explained(self, group: str) -> set[tuple[AccountId, SecurityId, date | LotId | None]]:
        today = self.snapshot.as_of
        arrived = [row for row in self.rows(group) if row.type in _ARRIVES]
        arrived += [replace(row, trade_date=today) for row in self.pending(group) if row.type in _ARRIVES]
        return {(row.account_id, row.security_id, mark) for row in arrived for mark in (row.trade_date, row.lot_id)}

    @cached_property
    def _lots(self) -> Mapping[str, list[Lot]]:
        return self._by_group(lot for book in self.snapshot.household_books for lot in book.lots)

    @cached_property
    def _rows(self) -> Mapping[str, list[Transaction]]:
        return self._by_group(row for book in self.snapshot.household_books for row in book.transactions)

    @cached_property
    def _pending(self) -> Mapping[str, list[Transaction]]:
        return self._by_group(self.snapshot.pending)

    @cached_property
    def _booked_near(self) -> list[tuple[AccountBook, list[Transaction]]]:
        """What is booked within 30 days before or after today, by book."""
        first, last = self.snapshot.as_of - WINDOW, self.snapshot.as_of + WINDOW
        books = self.snapshot.household_books
        return [(book, [row for row in book.transactions if first <= row.trade_date <= last]) for book in books]

    @cached_property
    def _near(self) -> Mapping[str, list[Transaction]]:
        """What happens within 30 days of today, approved trades as if they were today's."""
        booked = [row for _, rows in self._booked_near for row in rows]
        today = self.snapshot.as_of
        return self._by_group([*booked, *(replace(row, trade_date=today) for row in self.snapshot.pending)])

    @cached_property
    def _new_lots(self) -> Mapping[str, list[Lot]]:
        """Lots acquired in the last 30 days, however they came."""
        since = self.snapshot.as_of - WINDOW
        return self._by_group(
            lot for book in self.snapshot.household_books for lot in book.lots if lot.acquired >= since
        )

    def _by_group(self, rows: Iterable[Row]) -> Mapping[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        for row in rows:
            found.setdefault(self.group_of(row.security_id), []).append(row)
        return found
