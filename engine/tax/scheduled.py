"""What has the household arranged already? Rows of its books dated after today: reinvestments to come, open orders.

The window of a wash sale reaches 30 days forward as well (26 U.S.C. 1091(a)): shares that a dividend will buy in two
weeks catch a loss that is taken today.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from engine.domain.accounts import AccountBook, Transaction, TransactionType
from engine.domain.rows import Rows
from engine.tax.history import PURCHASES, in_order
from engine.tax.matching import WASH_SALE_DAYS


def scheduled_purchases(books: Sequence[AccountBook], *, as_of: date) -> tuple[Transaction, ...]:
    """Return the purchases that are to come within 30 days of as_of, by day: in every account, IRAs included."""
    return in_order(row for row in _to_come(books, as_of) if row.type in PURCHASES)


def scheduled_loss_sales(books: Sequence[AccountBook], *, as_of: date) -> tuple[Transaction, ...]:
    """Return the sales that are to come within 30 days in taxable accounts and state a basis above their proceeds."""
    taxable = {book.account.account_id for book in books if book.account.registration.is_taxable}
    return in_order(
        row
        for row in _to_come(books, as_of)
        if row.type is TransactionType.SELL
        and row.account_id in taxable
        and row.basis is not None
        and row.basis > row.quantity * row.price
    )


def _to_come(books: Sequence[AccountBook], as_of: date) -> list[Transaction]:
    return [row for book in books for row in between(book.history, as_of + timedelta(1), as_of + WASH_SALE_DAYS)]


def between(rows: Rows[Transaction], first: date, last: date) -> Rows[Transaction]:
    """Return the rows of some days, both ends included."""
    days = rows.days("trade_date")
    return rows.where((first.toordinal() <= days) & (days <= last.toordinal()))
