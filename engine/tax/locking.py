"""What may the household not do today? Wash-sale locks on buying and on selling at a loss."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from engine.domain.accounts import AccountBook, Transaction, TransactionType
from engine.domain.identifiers import HouseholdId, SecurityId, TransactionId
from engine.domain.plans import Lock, LockRule
from engine.tax.history import PURCHASES, read_history
from engine.tax.matching import WASH_SALE_DAYS
from engine.tax.replay import Sold
from engine.tax.scheduled import scheduled_loss_sales, scheduled_purchases

_FIRST_FREE: Final = WASH_SALE_DAYS + timedelta(days=1)


def locks_in_force(
    books: Sequence[AccountBook],
    sold: Iterable[Sold],
    household_id: HouseholdId,
    *,
    as_of: date,
    groups: Mapping[SecurityId, str],
    pending: Sequence[Transaction] = (),
) -> tuple[Lock, ...]:
    """Return the locks of a household on a day, every cause its own, soonest free first.

    sold: what was sold in its taxable accounts; books and pending tell what was bought anywhere. What is scheduled
    within 30 days locks from today to its own 31st day, for the window reaches both ways.
    """
    opens = as_of - WASH_SALE_DAYS
    lost = _named(s.sale for s in sold if s.sale.trade_date >= opens and s.at_a_loss)
    causes = [
        *((LockRule.NO_BUY, *sale) for sale in (*lost, *_named(scheduled_loss_sales(books, as_of=as_of)))),
        *((LockRule.NO_LOSS_SALE, *purchase) for purchase in _purchases(books, pending, as_of)),
        *((LockRule.NO_LOSS_SALE, *purchase) for purchase in _named(scheduled_purchases(books, as_of=as_of))),
    ]
    found = {
        Lock(
            household_id=household_id,
            identical_group=groups.get(security_id, security_id),
            cause=cause,
            rule=rule,
            until=on + _FIRST_FREE,
        )
        for rule, security_id, cause, on in causes
    }
    return tuple(sorted(found, key=lambda lock: (lock.until, lock.identical_group, lock.rule, lock.cause)))


def sold_lately(
    books: Sequence[AccountBook],
    *,
    as_of: date,
    groups: Mapping[SecurityId, str],
    pending: Sequence[Transaction] = (),
) -> list[AccountBook]:
    """Return the books reduced to the groups that were sold in the window: only there can buying be locked."""
    rows = [*(t for book in books for t in book.transactions), *pending]
    opens = as_of - WASH_SALE_DAYS
    watched = {
        groups.get(t.security_id, t.security_id)
        for t in rows
        if t.type is TransactionType.SELL and opens <= t.trade_date <= as_of
    }
    return [
        replace(
            book,
            lots=tuple(lot for lot in book.lots if groups.get(lot.security_id, lot.security_id) in watched),
            transactions=tuple(t for t in book.transactions if groups.get(t.security_id, t.security_id) in watched),
        )
        for book in books
    ]


def _purchases(
    books: Sequence[AccountBook], pending: Sequence[Transaction], as_of: date
) -> list[tuple[SecurityId, TransactionId, date]]:
    """Return what was bought in the window: by a transaction, or seen only as a lot that no transaction explains."""
    opens = as_of - WASH_SALE_DAYS
    recent = [
        replace(
            book,
            lots=tuple(lot for lot in book.lots if opens <= lot.acquired <= as_of),
            transactions=tuple(t for t in book.transactions if opens <= t.trade_date <= as_of),
        )
        for book in books
    ]
    history = read_history(recent, as_of=as_of)
    bought = [t for t in (*history.events, *pending) if t.type in PURCHASES]
    return [
        *_named(bought),
        *(
            (x.security_id, TransactionId(x.lot_id), x.acquired)
            for x in history.opening
            if x.gift_date is None and x.acquired >= opens  # an exchange tells of lots of any age
        ),
    ]


def _named(rows: Iterable[Transaction]) -> list[tuple[SecurityId, TransactionId, date]]:
    return [(row.security_id, row.transaction_id, row.trade_date) for row in rows]
