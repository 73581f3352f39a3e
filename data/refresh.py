"""How does a firm move on to what another system shows of it? In place, account by account, in one transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection, delete, select, update

from data import audit, tables
from data.books import read_books, rewrite_book
from data.database import FIRM_LOCK, Database, serialise
from data.reference import read_actions, rewrite_prices
from data.rows import from_row, to_row
from engine.domain.accounts import AccountBook
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, ClOrdId, HouseholdId, UserId
from engine.domain.market import PriceHistory
from engine.domain.sources import AccountSource

_SOURCES: Final = tables.account_sources
_AT_ONCE: Final = 100


def hold_firm(connection: Connection, *, imported_at: datetime) -> None:
    """Let nobody else write the firm until this transaction ends.

    Raises DataError where data came in since imported_at: what is to be written was made from what was there before.
    """
    serialise(connection, FIRM_LOCK)
    if connection.scalars(select(tables.firm.c.imported_at)).one_or_none() != imported_at:
        raise DataError("the firm's data came in anew meanwhile: nothing was changed; do it again")


def present_books(connection: Connection, account_ids: Sequence[AccountId]) -> Iterator[AccountBook]:
    """Yield the books of some accounts as they stand now."""
    for start in range(0, len(account_ids), _AT_ONCE):
        chunk = account_ids[start : start + _AT_ONCE]
        yield from read_books(connection, tables.accounts.c.account_id.in_(chunk))


def write_book(connection: Connection, book: AccountBook) -> None:
    """Write a book over the one that is there. Raises DataError for an account that is not."""
    if not rewrite_book(connection, book):
        raise DataError(f"account {book.account.account_id}: expected it in the firm, found it gone")


def write_sources(connection: Connection, sources: Iterable[AccountSource]) -> None:
    """Write where accounts' lots come from, over what was known."""
    rows = [to_row(source) for source in sources]
    if rows:
        connection.execute(delete(_SOURCES).where(_SOURCES.c.account_id.in_([row["account_id"] for row in rows])))
        connection.execute(_SOURCES.insert(), rows)


def read_sources(connection: Connection, account_ids: Sequence[AccountId] | None = None) -> tuple[AccountSource, ...]:
    """Return what is known of the sources of some accounts, or of all, by account_id."""
    query = select(_SOURCES).order_by(_SOURCES.c.account_id)
    if account_ids is not None:
        query = query.where(_SOURCES.c.account_id.in_(account_ids))
    return tuple(from_row(AccountSource, row) for row in connection.execute(query).mappings())


def move_on(
    connection: Connection,
    *,
    as_of: date,
    prices: tuple[PriceHistory, ...],
    households: Mapping[HouseholdId, str],
    summary: Mapping[str, object],
    actor: UserId,
    at: datetime,
) -> None:
    """Write the day, its prices and the names of households; one row of the audit log says what came in.

    What was seen of the firm before (opinions, a scan under way) is of other data from then on.
    """
    before = connection.execute(select(tables.firm.c.as_of, tables.firm.c.name)).one()
    rewrite_prices(connection, prices, read_actions(connection), as_of=max(as_of, before.as_of))
    connection.execute(update(tables.firm).values(imported_at=at))
    table = tables.households
    for household_id, name in households.items():
        connection.execute(update(table).where(table.c.household_id == household_id).values(name=name))
    audit.append(
        connection, at=at, actor=actor, what="firm.sync", subject=before.name,
        before={"as_of": before.as_of.isoformat()}, after={"as_of": as_of.isoformat(), **summary},
    )  # fmt: skip


class SourceStore:
    """Reading where accounts come from, and what was ordered for them here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sources(self) -> Mapping[AccountId, AccountSource]:
        """Return what is known of every account that another system gives."""
        with self._database.read() as connection:
            return {source.account_id: source for source in read_sources(connection)}

    def ordered(self) -> Mapping[AccountId, frozenset[ClOrdId]]:
        """Return the orders that were ever made here, by account."""
        with self._database.read() as connection:
            return orders_by_account(connection)

    def book(self, account_id: AccountId) -> AccountBook:
        """Return one account's book. Raises DataError for an unknown account."""
        with self._database.read() as connection:
            for book in present_books(connection, [account_id]):
                return book
        raise DataError(f"account {account_id}: expected it in the firm, found it gone")


def orders_by_account(connection: Connection) -> Mapping[AccountId, frozenset[ClOrdId]]:
    """Return the orders that were ever made here, by account."""
    found: dict[AccountId, set[ClOrdId]] = {}
    for row in connection.execute(select(tables.orders.c.account_id, tables.orders.c.cl_ord_id)):
        found.setdefault(AccountId(row.account_id), set()).add(ClOrdId(row.cl_ord_id))
    return {account_id: frozenset(orders) for account_id, orders in found.items()}
