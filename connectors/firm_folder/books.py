"""How do millions of checked lots become accounts, one at a time? Rows wait in a spool, grouped by account."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, Final, Generic, TypeVar

import numpy as np

from connectors.firm_folder import table
from connectors.firm_folder.schema import LOTS, TRANSACTIONS, File
from connectors.firm_folder.spool import Spool
from engine.domain.accounts import Account, AccountBook, Lot, Transaction
from engine.domain.rows import NO_DAY, Column, Dates, Decimals, Rows, Texts, kinds_of

T = TypeVar("T")

_OWNER: Final = "account_id"


class Waiting(Generic[T]):
    """Rows of one big file, kept as text under their account."""

    def __init__(self, schema: File, kind: type[T]) -> None:
        self._names = tuple(column.name for column in schema.columns)
        self._kind = kind
        self._spool = Spool()

    def add(self, rows: table.Rows) -> None:
        """Keep rows; a missing optional column counts as blank."""
        blank = [""] * len(rows.lines)
        columns = [rows.text.get(name, blank) for name in self._names]
        owners = rows.text.get(_OWNER, blank)
        ends = _ends(owners)
        if len(ends) > len(set(owners)):  # rows of an account lie apart
            order = sorted(range(len(owners)), key=owners.__getitem__)
            columns = [[column[place] for place in order] for column in columns]
            owners = [owners[place] for place in order]
            ends = _ends(owners)
        for begin, end in pairwise([0, *ends]):
            piece = [list(column[begin:end]) for column in columns]
            self._spool.add(owners[begin], json.dumps(piece).encode())

    def rows(self, account_id: str) -> Rows[T]:
        """Return the rows of an account in file order."""
        cells: list[list[str]] = [[] for _ in self._names]
        for piece in self._spool.pieces(account_id):
            for column, more in zip(cells, json.loads(piece), strict=True):
                column += more
        columns = {name: _column(self._kind, name, column) for name, column in zip(self._names, cells, strict=True)}
        return Rows(self._kind, len(cells[0]), lambda: columns)


def _ends(owners: Sequence[str]) -> list[int]:
    """Return where each run of rows of one account ends."""
    changes = [place for place, (one, next_) in enumerate(pairwise(owners), start=1) if one != next_]
    return [*changes, len(owners)] if owners else []


def _column(kind: type[Any], name: str, cells: Sequence[str]) -> Column:
    """Return what checked cells mean, as a column."""
    match kinds_of(kind)[name].column.__name__:
        case Texts.__name__:
            return Texts.of([cell or None for cell in cells])
        case Decimals.__name__:
            return Decimals.read(cells)
        case _:
            days = {cell: date.fromisoformat(cell).toordinal() if cell else NO_DAY for cell in set(cells)}
            return Dates(np.array([days[cell] for cell in cells], dtype=np.int32))


class Books:
    """The firm's accounts, ordered by account_id; may be gone through more than once, by one thread at a time.

    Lots are ordered by lot_id, transactions by day and, within a day, as in the file.
    """

    def __init__(self, accounts: Mapping[str, Account], lots: Waiting[Lot], transactions: Waiting[Transaction]) -> None:
        self._accounts = dict(sorted(accounts.items()))
        self._lots = lots
        self._transactions = transactions

    def __len__(self) -> int:
        return len(self._accounts)

    def __iter__(self) -> Iterator[AccountBook]:
        for account_id, account in self._accounts.items():
            lots, transactions = self._lots.rows(account_id), self._transactions.rows(account_id)
            lot_ids = lots.texts("lot_id").items()
            by_id = np.array(sorted(range(len(lots)), key=lot_ids.__getitem__), dtype=np.intp)
            by_day = np.argsort(transactions.days("trade_date"), kind="stable")
            yield AccountBook(account=account, lots=lots.where(by_id), transactions=transactions.where(by_day))


def waiting_lots() -> Waiting[Lot]:
    """Return an empty store for the file of lots."""
    return Waiting(LOTS, Lot)


def waiting_transactions() -> Waiting[Transaction]:
    """Return an empty store for the file of transactions."""
    return Waiting(TRANSACTIONS, Transaction)
