"""What does an account hold? A row that names its lots and transactions by hash: a few reads, exact."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, select, update

from data import documents, tables
from data.documents import Body, Document
from data.rows import from_row, to_row
from data.snapshots import lots_document, read_lots, read_transactions, transactions_document
from engine.domain.accounts import Account, AccountBook
from engine.domain.errors import DataError
from engine.domain.identifiers import HouseholdId

_TABLE: Final = tables.accounts
_AT_ONCE: Final = 100  # books in memory at a time


def write_books(
    connection: Connection, books: Iterable[AccountBook], households: frozenset[HouseholdId]
) -> Iterator[AccountBook]:
    """Write a stream of books into the emptied table, yielding each once it is written.

    Raises DataError for an account that comes twice or whose household is not among those given.
    """
    stream, known = iter(books), set[str]()
    while chunk := list(islice(stream, _AT_ONCE)):
        rows, bulk = [], []
        for book in chunk:
            account = book.account
            if account.account_id in known:
                raise DataError(f"account {account.account_id}: expected it once, found it twice")
            if account.household_id not in households:
                raise DataError(f"account {account.account_id}: its household {account.household_id} is unknown")
            row, parts = _row(book)
            rows.append({**row, "place": len(known)})
            bulk += parts
            known.add(account.account_id)
        documents.put(connection, bulk)
        connection.execute(_TABLE.insert(), rows)
        yield from chunk


def rewrite_book(connection: Connection, book: AccountBook) -> bool:
    """Write an account that is there already, with its lots and transactions; return whether it is there."""
    row, parts = _row(book)
    documents.put(connection, parts)
    change = update(_TABLE).where(_TABLE.c.account_id == book.account.account_id).values(**row)
    return connection.execute(change).rowcount == 1


def read_accounts(connection: Connection, *conditions: Any) -> tuple[Account, ...]:
    """Return accounts in the order of their source."""
    rows = connection.execute(select(_TABLE).where(*conditions).order_by(_TABLE.c.place)).mappings()
    return tuple(from_row(Account, row) for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBook:
    """An account with its lots and transactions as they are stored."""

    account: Account
    lots: Body
    transactions: Body

    def book(self) -> AccountBook:
        """Return the book. Raises CheckFailed where a document is not what its hash says."""
        account_id = self.account.account_id
        return AccountBook(
            account=self.account,
            lots=read_lots(account_id, self.lots.content()),
            transactions=read_transactions(account_id, self.transactions.content()),
        )


def read_books(connection: Connection, *conditions: Any) -> Iterator[AccountBook]:
    """Yield books in the order of their source, a chunk in memory at a time."""
    return (stored.book() for stored in read_stored(connection, *conditions))


def read_stored(connection: Connection, *conditions: Any) -> Iterator[StoredBook]:
    """Yield books as they are stored, in the order of their source, a chunk in memory at a time."""
    rows = connection.execute(select(_TABLE).where(*conditions).order_by(_TABLE.c.place)).mappings().all()
    for start in range(0, len(rows), _AT_ONCE):
        chunk = rows[start : start + _AT_ONCE]
        bodies = documents.get_bodies(
            connection, [row[name] for row in chunk for name in ("lots_hash", "transactions_hash")]
        )
        for row in chunk:
            yield StoredBook(
                account=from_row(Account, row),
                lots=bodies[row["lots_hash"]],
                transactions=bodies[row["transactions_hash"]],
            )


def _row(book: AccountBook) -> tuple[dict[str, Any], list[Document]]:
    lots, transactions = lots_document(book), transactions_document(book)
    return to_row(book.account, lots_hash=lots.hash, transactions_hash=transactions.hash), [lots, transactions]
