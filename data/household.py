"""What does a plan see of a household? Its books, the rules in force, and the trades meant but not booked."""

from datetime import date

from sqlalchemy import Connection

from data import tables
from data.books import read_books
from data.pending import read_pending
from data.reference import read_households, read_restrictions
from data.refresh import read_sources
from engine.domain.accounts import AccountSnapshot
from engine.domain.identifiers import AccountId, HouseholdId
from engine.domain.policy import FIRM_SCOPE, restrictions_in_force


def read_snapshots(
    connection: Connection, household_id: HouseholdId, *, as_of: date, only: AccountId | None = None
) -> tuple[AccountSnapshot, ...]:
    """Return the snapshots of a household's accounts, or of one, by account_id. Each book is read once."""
    household = next(h for h in read_households(connection) if h.household_id == household_id)
    books = sorted(
        read_books(connection, tables.accounts.c.household_id == household_id), key=lambda book: book.account.account_id
    )
    scopes = [FIRM_SCOPE, household_id, *(book.account.account_id for book in books)]
    restrictions = read_restrictions(connection, scopes)
    pending = read_pending(connection, household_id, as_of)
    sources = read_sources(connection, [book.account.account_id for book in books])
    return tuple(
        AccountSnapshot(
            as_of=as_of,
            household=household,
            book=book,
            household_books=tuple(books),
            restrictions=restrictions_in_force(restrictions, book.account, as_of),
            pending=tuple(trade for trade in pending if trade.account_id != book.account.account_id),
            sources=sources or None,
        )
        for book in books
        if only in (None, book.account.account_id)
    )
