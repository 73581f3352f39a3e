"""How do millions of checked lots become accounts, one at a time? Rows wait in a spool, grouped by account."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.firm_folder.schema import LOTS, TRANSACTIONS, Column, File
from connectors.firm_folder.spool import Spool
from connectors.firm_folder.table import Rows
from engine.domain.accounts import Account, AccountBook, Lot, Transaction


class Waiting:
    """Rows of one big file, kept as text under their account."""

    def __init__(self, schema: File) -> None:
        self._schema = schema
        self._spool = Spool()

    def add(self, rows: Rows) -> None:
        """Keep rows; a missing optional column counts as blank."""
        blank = [""] * len(rows.lines)
        columns = [rows.text.get(column.name, blank) for column in self._schema.columns]
        grouped: dict[str, list[tuple[str, ...]]] = {}
        for account_id, row in zip(rows.text.get("account_id", blank), zip(*columns, strict=True), strict=True):
            grouped.setdefault(account_id, []).append(row)
        for account_id, group in grouped.items():
            self._spool.add(account_id, json.dumps(group).encode())

    def values(self, account_id: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of an account in file order, by column name."""
        rows: list[list[str]] = [row for piece in self._spool.pieces(account_id) for row in json.loads(piece)]
        names = tuple(column.name for column in self._schema.columns)
        columns = map(_meaning, self._schema.columns, zip(*rows, strict=True))
        for values in zip(*columns, strict=True):
            yield dict(zip(names, values, strict=True))


def _meaning(column: Column, cells: Sequence[str]) -> list[Any]:
    """Return what checked cells mean; the days and securities of an account come again and again."""
    meant = {cell: column.kind.parse(cell) if cell else column.blank for cell in set(cells)}
    return [meant[cell] for cell in cells]


class Books:
    """The firm's accounts, ordered by account_id; may be gone through more than once, by one thread at a time.

    Lots are ordered by lot_id, transactions by day and, within a day, as in the file.
    """

    def __init__(self, accounts: Mapping[str, Account], lots: Waiting, transactions: Waiting) -> None:
        self._accounts = dict(sorted(accounts.items()))
        self._lots = lots
        self._transactions = transactions

    def __len__(self) -> int:
        return len(self._accounts)

    def __iter__(self) -> Iterator[AccountBook]:
        for account_id, account in self._accounts.items():
            lots = (Lot(**values) for values in self._lots.values(account_id))
            transactions = (Transaction(**values) for values in self._transactions.values(account_id))
            yield AccountBook(
                account=account,
                lots=tuple(sorted(lots, key=lambda lot: lot.lot_id)),
                transactions=tuple(sorted(transactions, key=lambda transaction: transaction.trade_date)),
            )


def waiting_rows() -> dict[str, Waiting]:
    """Return empty stores for the files whose rows belong to single accounts."""
    return {schema.name: Waiting(schema) for schema in (LOTS, TRANSACTIONS)}
