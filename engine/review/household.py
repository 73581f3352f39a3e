"""What has the household bought and sold, and what does it hold? Its raw rows and lots by wash-sale group."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Final, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from engine.domain.accounts import AccountBook, AccountSnapshot, Lot, Transaction, TransactionType
from engine.domain.identifiers import AccountId, LotId, SecurityId
from engine.domain.rows import Rows, Texts
from engine.review.listed import Listed
from engine.review.lots import among

WINDOW: Final = timedelta(days=30)  # each side of a sale at a loss; 26 U.S.C. 1091(a)
ACQUIRES: Final = frozenset({TransactionType.BUY, TransactionType.REINVEST})
_ARRIVES: Final = ACQUIRES | {TransactionType.TRANSFER_IN, TransactionType.EXCHANGE_IN}

Row = TypeVar("Row", Lot, Transaction)


class Records(NamedTuple):
    """What there is of one wash-sale group, in the order of the books: rows booked, later ones too; trades approved and
    not booked yet; lots."""

    rows: Sequence[Transaction]
    pending: Sequence[Transaction]
    lots: Sequence[Lot]


@dataclass(frozen=True, kw_only=True)
class Household:
    """Rows are made of what is asked for alone. listed: the market, which knows the groups."""

    snapshot: AccountSnapshot
    listed: Listed

    @cached_property
    def taxable(self) -> Mapping[AccountId, bool]:
        return {b.account.account_id: b.account.registration.is_taxable for b in self.snapshot.household_books}

    def records(self, groups: Collection[str]) -> Mapping[str, Records]:
        """Return what there is of each of these groups."""
        rows: dict[str, list[Transaction]] = {group: [] for group in groups}
        lots: dict[str, list[Lot]] = {group: [] for group in groups}
        pending: dict[str, list[Transaction]] = {group: [] for group in groups}
        for book in self.snapshot.household_books if groups else ():
            self._sort(book.history, rows)
            self._sort(book.lot_rows, lots)
        for row in self.snapshot.pending if groups else ():
            if self._group(row.security_id) in pending:
                pending[self._group(row.security_id)].append(row)
        return {group: Records(rows[group], pending[group], lots[group]) for group in groups}

    def sold_lately(self, groups: Collection[str]) -> Iterable[Transaction]:
        """Return what was sold of these groups in taxable accounts in the last 30 days, or is approved to be."""
        sells = (row for row in self.snapshot.pending if row.type is TransactionType.SELL)
        pending = (row for row in sells if self._group(row.security_id) in groups)
        booked = (row for book in self.snapshot.household_books for row in self._sales(book, groups, -WINDOW.days, 0))
        return (row for row in (*booked, *pending) if self.taxable.get(row.account_id, True))

    def to_be_sold(self, groups: Collection[str]) -> Iterable[Transaction]:
        """Return the sales of these groups that are arranged in taxable accounts for the next 30 days."""
        taxable = (book for book in self.snapshot.household_books if book.account.registration.is_taxable)
        return (row for book in taxable for row in self._sales(book, groups, 1, WINDOW.days))

    @cached_property
    def acquired_near(self) -> frozenset[str]:
        """Groups of which shares came, or are to come, within 30 days of today, however they came."""
        since = (self.snapshot.as_of - WINDOW).toordinal()
        lots = [book.lot_rows for book in self.snapshot.household_books]
        new = [self._groups_of(each.texts("security_id"), each.days("acquired") >= since) for each in lots]
        for book in self.snapshot.household_books:
            rows = book.history  # an exchange alone may tell of shares bought lately, which it ended
            ended = among(rows.texts("type"), {TransactionType.EXCHANGE_OUT}) & (rows.days("acquired") >= since)
            new.append(self._groups_of(rows.texts("security_id"), ended))
        return self._purchased_near.union(*new)

    @cached_property
    def _purchased_near(self) -> frozenset[str]:
        """Groups of which a row tells a purchase within 30 days of today, pending ones with them."""
        found = {self._group(name) for name in {r.security_id for r in self.snapshot.pending if r.type in ACQUIRES}}
        for book in self.snapshot.household_books:
            rows = book.history
            bought = self._is_near(rows) & among(rows.texts("type"), ACQUIRES)
            found |= self._groups_of(rows.texts("security_id"), bought)
        return frozenset(found)

    def of_those_bought_lately(self, groups: Collection[str]) -> frozenset[str]:
        """Return which of these groups bought_lately has words on."""
        told = self._purchased_near.intersection(groups)
        return told.union(self.bought_lately(frozenset(groups) - told))

    def bought_lately(self, groups: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Return what the household bought in the last 30 days or is to buy in the next, in words, by group.

        A lot of those days that no row explains was bought too; one that was moved in or given was not.
        """
        records = self.records(sorted(self.acquired_near.intersection(groups)) if groups else ())
        told = {group: [*self._purchases(found), *self._unexplained(found)] for group, found in records.items()}
        return {group: words for group, words in told.items() if words}

    def _purchases(self, found: Records) -> Iterable[str]:
        today = self.snapshot.as_of
        for row in (*found.rows, *(replace(row, trade_date=today) for row in found.pending)):
            if row.type in ACQUIRES and abs(row.trade_date - today) <= WINDOW:
                done = "bought" if row.trade_date <= today else "to be bought"
                yield f"{done} on {row.trade_date} in account {row.account_id} ({row.transaction_id})"

    def _unexplained(self, found: Records) -> Iterable[str]:
        today = self.snapshot.as_of
        explained: set[tuple[AccountId, SecurityId, date | LotId | None]] = set()
        for row in (*found.rows, *(replace(row, trade_date=today) for row in found.pending)):
            if row.type in _ARRIVES:
                explained |= {(row.account_id, row.security_id, mark) for mark in (row.trade_date, row.lot_id)}
        for lot in found.lots:
            keys = {(lot.account_id, lot.security_id, mark) for mark in (lot.acquired, lot.lot_id)}
            if lot.acquired >= today - WINDOW and lot.gift_date is None and not keys & explained:
                yield f"bought on {lot.acquired} in account {lot.account_id} (lot {lot.lot_id})"

    def _sales(self, book: AccountBook, groups: Collection[str], first: int, last: int) -> Iterable[Transaction]:
        """Return what a book sells of these groups so many days after today."""
        rows = book.history
        sells = self._is_near(rows, first, last) & among(rows.texts("type"), {TransactionType.SELL})
        names, places = rows.texts("security_id"), np.flatnonzero(sells)
        ids = cast("tuple[SecurityId, ...]", names.values)
        codes = zip(places.tolist(), names.codes[places].tolist(), strict=True)
        wanted = [at for at, code in codes if self._group(ids[code]) in groups]
        return rows.where(np.array(wanted, dtype=np.intp)) if wanted else ()

    def _is_near(
        self, rows: Rows[Transaction], first: int = -WINDOW.days, last: int = WINDOW.days
    ) -> NDArray[np.bool_]:
        """Return which rows are of these days, counted from today: (n,)."""
        days = rows.days("trade_date") - self.snapshot.as_of.toordinal()
        return (first <= days) & (days <= last)

    def _sort(self, rows: Rows[Row], into: dict[str, list[Row]]) -> None:
        wanted = {name for group in into for name in self.listed.members.get(group, ())}
        wanted |= {SecurityId(group) for group in into if group not in self.listed.group_of}  # not of today's market
        for row in rows.where(among(rows.texts("security_id"), wanted)):
            into[self._group(row.security_id)].append(row)

    def _groups_of(self, names: Texts, which: NDArray[np.bool_]) -> set[str]:
        ids = cast("tuple[SecurityId, ...]", names.values)
        return {self._group(ids[code]) for code in set(names.codes[which].tolist())}

    def _group(self, security_id: SecurityId) -> str:
        return self.listed.group_of.get(security_id, security_id)
