"""What does a plan see of a household? Its books, the rules in force, and the trades meant but not booked."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from data import tables
from data.books import StoredBook, read_stored
from data.pending import read_pending
from data.reference import read_households, read_restrictions
from data.refresh import read_sources
from engine.domain.accounts import AccountSnapshot, Household, Restriction, Transaction
from engine.domain.identifiers import AccountId, HouseholdId, PlanId
from engine.domain.policy import FIRM_SCOPE, restrictions_in_force
from engine.domain.sources import AccountSource


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHousehold:
    """A household as it is stored: values that a process without a database makes its snapshots from.

    books: by account_id. restrictions: of firm, household and accounts, whenever they hold. pending: see read_pending.
    sources: of accounts that another system gives.
    """

    household: Household
    books: tuple[StoredBook, ...]
    restrictions: tuple[Restriction, ...]
    pending: tuple[Transaction, ...]
    sources: tuple[AccountSource, ...] = ()

    def snapshots(self, *, as_of: date, only: AccountId | None = None) -> tuple[AccountSnapshot, ...]:
        """Return the snapshots of the accounts, or of one, by account_id; all share the household's books."""
        books = tuple(stored.book() for stored in self.books)
        return tuple(
            AccountSnapshot(
                as_of=as_of,
                household=self.household,
                book=book,
                household_books=books,
                restrictions=restrictions_in_force(self.restrictions, book.account, as_of),
                pending=tuple(trade for trade in self.pending if trade.account_id != book.account.account_id),
                sources=self.sources or None,
            )
            for book in books
            if only in (None, book.account.account_id)
        )


def read_stored_households(
    connection: Connection, household_ids: Sequence[HouseholdId], *, as_of: date, without: Collection[PlanId] = ()
) -> tuple[StoredHousehold, ...]:
    """Return households that are there, in the order asked, in a few queries for all of them.

    without: plans whose trades do not count as pending, since they are to be withdrawn.
    """
    asked_for = tables.households.c.household_id.in_(list(household_ids))
    households = {found.household_id: found for found in read_households(connection, asked_for)}
    books: dict[HouseholdId, list[StoredBook]] = {name: [] for name in households}
    for stored in read_stored(connection, tables.accounts.c.household_id.in_(list(households))):
        books[stored.account.household_id].append(stored)
    accounts = [stored.account.account_id for members in books.values() for stored in members]
    restrictions = read_restrictions(connection, [FIRM_SCOPE, *households, *accounts])
    pending = read_pending(connection, list(households), as_of, without=without)
    sources = read_sources(connection, accounts)
    return tuple(
        StoredHousehold(
            household=households[name],
            books=tuple(sorted(books[name], key=lambda stored: stored.account.account_id)),
            restrictions=tuple(
                each
                for each in restrictions
                if each.scope in {FIRM_SCOPE, name, *(stored.account.account_id for stored in books[name])}
            ),
            pending=pending.get(name, ()),
            sources=tuple(each for each in sources if each.account_id in {b.account.account_id for b in books[name]}),
        )
        for name in dict.fromkeys(household_ids)
        if name in households
    )
