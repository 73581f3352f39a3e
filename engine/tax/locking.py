"""What may the household not do today? Wash-sale locks on buying and on selling at a loss."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from engine.domain.accounts import AccountBook, Lot, Transaction, TransactionType
from engine.domain.identifiers import HouseholdId, SecurityId, TransactionId
from engine.domain.plans import Lock, LockRule
from engine.domain.rows import NO_DAY, Rows
from engine.tax.balance import made_a_lot
from engine.tax.history import PURCHASES, read_history
from engine.tax.matching import WASH_SALE_DAYS
from engine.tax.recent_losses import Dated, dated
from engine.tax.scheduled import between, scheduled_loss_sales, scheduled_purchases

_MAY_MAKE_A_LOT: Final = PURCHASES | {
    TransactionType.TRANSFER_IN,
    TransactionType.EXCHANGE_IN,
    TransactionType.EXCHANGE_OUT,  # it tells of the lot that it ended
}
_FIRST_FREE: Final = WASH_SALE_DAYS + timedelta(days=1)


def locks_in_force(
    books: Sequence[AccountBook],
    lost: Iterable[Dated],
    household_id: HouseholdId,
    *,
    as_of: date,
    groups: Mapping[SecurityId, str],
    pending: Sequence[Transaction] = (),
) -> tuple[Lock, ...]:
    """Return the locks of a household on a day, every cause its own, soonest free first.

    lost: what was sold at a loss in its taxable accounts; books and pending tell what was bought anywhere. What is
    scheduled within 30 days locks from today to its own 31st day, for the window reaches both ways.
    """
    causes = [
        *((LockRule.NO_BUY, *sale) for sale in (*lost, *_named(scheduled_loss_sales(books, as_of=as_of)))),
        *((LockRule.NO_LOSS_SALE, *purchase) for purchase in _purchases(books, pending, as_of)),
        *((LockRule.NO_LOSS_SALE, *purchase) for purchase in _named(scheduled_purchases(books, as_of=as_of))),
    ]
    found = {(on + _FIRST_FREE, groups.get(name, name), rule, cause) for rule, name, cause, on in causes}
    return tuple(
        Lock(household_id=household_id, identical_group=group, cause=cause, rule=rule, until=until)
        for until, group, rule, cause in sorted(found)
    )


def _purchases(books: Sequence[AccountBook], pending: Sequence[Transaction], as_of: date) -> list[Dated]:
    """Return what was bought in the window: by a transaction, or seen only as a lot that no transaction explains."""
    opens = as_of - WASH_SALE_DAYS
    recent = [
        replace(
            book,
            lots=_acquired(book.lot_rows, opens, as_of),
            transactions=between(book.history, opens, as_of),
        )
        for book in books
    ]
    bought = _named(t for t in pending if t.type in PURCHASES)
    if any(_has_riddles(book.history) for book in recent):
        history = read_history(recent, as_of=as_of)
        bought += _named(t for t in history.events if t.type in PURCHASES)
        return bought + [
            (x.security_id, TransactionId(x.lot_id), x.acquired)
            for x in history.opening
            if x.gift_date is None and x.acquired >= opens  # an exchange tells of lots of any age
        ]
    for book in recent:
        rows, lots = book.history, book.lot_rows
        made = rows.where(made_a_lot(rows))
        known = set(zip(made.texts("security_id").items(), made.texts("lot_id").items(), strict=True))
        bought_lots = lots.where(lots.days("gift_date") == NO_DAY)
        bought += dated(rows.where(rows.texts("type").among(PURCHASES)), "transaction_id", "trade_date")
        bought += [lot for lot in dated(bought_lots, "lot_id", "acquired") if lot[:2] not in known]
    return bought


def _acquired(lots: Rows[Lot], first: date, last: date) -> Rows[Lot]:
    days = lots.days("acquired")
    return lots.where((first.toordinal() <= days) & (days <= last.toordinal()))


def _has_riddles(rows: Rows[Transaction]) -> bool:
    """Return whether it takes a reading of the history to tell which lots these rows made."""
    arrived = rows.texts("type").among(_MAY_MAKE_A_LOT)
    return bool((arrived & ~made_a_lot(rows)).any())


def _named(rows: Iterable[Transaction]) -> list[Dated]:
    return [(row.security_id, row.transaction_id, row.trade_date) for row in rows]
