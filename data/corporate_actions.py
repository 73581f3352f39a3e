"""How does an account get what a corporate action made of it? Its book rewritten, with one row of the audit log."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from data import audit, tables
from data.refresh import hold_firm, present_books, write_book
from engine.domain.accounts import AccountBook
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, UserId
from engine.domain.market import CorporateAction

Change = Callable[[AccountBook], tuple[AccountBook, Sequence[CorporateAction]]]


def rebook(
    connection: Connection,
    account_id: AccountId,
    change: Change,
    *,
    imported_at: datetime,
    actor: UserId,
    at: datetime,
) -> Sequence[CorporateAction]:
    """Write an account as a change makes it, in the caller's transaction; return the actions that the change booked.

    The book is read in the same transaction, so that two people who book at once book once; nothing to book writes
    nothing. Raises DataError where data came in since imported_at, for an unknown account, and as the change does.
    """
    hold_firm(connection, imported_at=imported_at)
    for book in present_books(connection, [account_id]):
        changed, booked = change(book)
        if not booked:
            return ()
        before = _summary(connection, account_id)
        write_book(connection, changed)
        told = [f"{action.kind} of {action.security_id} on {action.ex_date}" for action in booked]
        audit.append(connection, at=at, actor=actor, what="account.corporate_action", subject=account_id,
                     before=before, after={**_summary(connection, account_id), "actions": told})  # fmt: skip
        return booked
    raise DataError(f"account {account_id}: expected it in the firm, found it gone")


def _summary(connection: Connection, account_id: AccountId) -> dict[str, Any]:
    table = tables.accounts
    columns = (table.c.cash, table.c.lots_hash, table.c.transactions_hash)
    row = connection.execute(select(*columns).where(table.c.account_id == account_id)).one()
    return {"cash": str(row.cash), "lots": row.lots_hash, "transactions": row.transactions_hash}
