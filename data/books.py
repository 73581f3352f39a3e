"""What does an account hold? A row that names its lots and transactions by hash: a few reads, exact."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, select, update

from data import documents, tables
from data.documents import Document
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


def read_books(connection: Connection, *conditions: Any) -> Iterator[AccountBook]:
    """Yield books in the order of their source, a chunk in memory at a time."""
    rows = connection.execute(select(_TABLE).where(*conditions).order_by(_TABLE.c.place)).mappings().all()
    for start in range(0, len(rows), _AT_ONCE):
        chunk = rows[start : start + _AT_ONCE]
        contents = documents.get(
            connection, [row[name] for row in chunk for name in ("lots_hash", "transactions_hash")]
        )
        yield from (_book(row, contents) for row in chunk)


def _row(book: AccountBook) -> tuple[dict[str, Any], list[Document]]:
    lots, transactions = lots_document(book), transactions_document(book)
    return to_row(book.account, lots_hash=lots.hash, transactions_hash=transactions.hash), [lots, transactions]


def _book(row: RowMapping, contents: Mapping[str, bytes]) -> AccountBook:
    account = from_row(Account, row)
    return AccountBook(
        account=account,
        lots=read_lots(account.account_id, contents[row["lots_hash"]]),
        transactions=read_transactions(account.account_id, contents[row["transactions_hash"]]),
    )
