"""What was sold at a loss lately? Most sales tell it themselves; the history of the others is replayed.

Shares of a lot that one purchase made cost its price at least, for wash sales only add to a basis: sold below that
price they are sold at a loss, whatever else happened. Sold above it they are sold at a gain, unless an earlier loss was
added to their basis. So a group of names has to be replayed only where it holds more than such purchases and sales, or
a sale that seems to be at no loss besides one that is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.domain.accounts import AccountBook, Transaction, TransactionType
from engine.domain.identifiers import SecurityId, TransactionId
from engine.domain.rows import Rows
from engine.tax.balance import only
from engine.tax.history import PURCHASES
from engine.tax.replay import Sold, replay

Dated = tuple[SecurityId, TransactionId, date]
"""What was bought or sold, by which transaction, on which day."""

_SALE: Final = frozenset({TransactionType.SELL})
_CLEAR: Final = 1e-6  # USD: a loss of more is one by any reckoning, in however many pieces the shares are sold
_SAME: Final = 1e-9  # shares: a lot is gone, and what floats cannot tell from it


def losses_since(
    books: Sequence[AccountBook],
    opens: date,
    *,
    as_of: date,
    groups: Mapping[SecurityId, str],
    pending: Sequence[Transaction] = (),
) -> list[Dated]:
    """Return the sales at a loss from a day on in taxable accounts, those of pending trades among them.

    Raises DataError naming the transaction where the basis of a taxable sale in one of their groups is nowhere.
    """
    told = [_told(book, opens, as_of) for book in books]
    proposed = _groups({t.security_id for t in pending if t.type is TransactionType.SELL}, groups)
    watched = proposed.union(*(_groups(each.sold, groups) for each in told))
    lost, calm, unclear = (
        set[str]().union(*(_groups(names, groups) for names in each))
        for each in zip(*((each.at_a_loss, each.at_no_loss, each.unclear) for each in told), strict=True)
    )
    doubtful = proposed | (watched & (unclear | (lost & calm)))
    sure = [sale for each in told for sale in each.losses if groups.get(sale[0], sale[0]) not in doubtful]
    if not doubtful:
        return sure
    reduced = [only(book, _names(book, doubtful, groups)) for book in books]
    return sure + named_losses(replay(reduced, as_of=as_of, groups=groups, pending=pending).sold, opens)


def named_losses(sold: Iterable[Sold], opens: date) -> list[Dated]:
    """Return what of this was sold at a loss from a day on."""
    sales = (each.sale for each in sold if each.sale.trade_date >= opens and each.at_a_loss)
    return [(sale.security_id, sale.transaction_id, sale.trade_date) for sale in sales]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What an account's own rows tell. losses: sales at a loss lately. The names sold lately, sold at a loss at any
    time, sold lately at no loss as far as their price tells, and with rows that do not tell.
    """

    losses: list[Dated]
    sold: set[SecurityId]
    at_a_loss: set[SecurityId]
    at_no_loss: set[SecurityId]
    unclear: set[SecurityId]


def _told(book: AccountBook, opens: date, as_of: date) -> _Told:
    rows = book.history
    kind, lot, name, day = rows.texts("type"), rows.texts("lot_id"), rows.texts("security_id"), rows.days("trade_date")
    past, recent = day <= as_of.toordinal(), day >= opens.toordinal()
    sales = past & kind.among(_SALE)
    bought, sold = past & kind.among(PURCHASES) & lot.given, sales & lot.given
    lost = calm = np.zeros(len(rows), dtype=bool)
    unclear = past & ~(bought | sold)
    if book.account.registration.is_taxable and len(lot.values):
        known, gain = _gains(rows, bought, sold)
        lost, calm = sold & (gain < -_CLEAR), sold & (gain >= 0)
        unclear |= sold & ~(known & (lost | calm))

    def names(these: NDArray[np.bool_]) -> set[SecurityId]:
        return {SecurityId(name.values[k]) for k in set(name.codes[these].tolist())}

    return _Told(
        losses=dated(rows.where(lost & recent), "transaction_id", "trade_date"),
        sold=names(sales & recent),
        at_a_loss=names(lost),
        at_no_loss=names(calm & recent),
        unclear=names(unclear),
    )


def _gains(
    rows: Rows[Transaction], bought: NDArray[np.bool_], sold: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return whether one purchase before a sale made the lot that it names, with shares enough for all its sales, and
    the sale's gain over that purchase's price, USD. Both of all rows, and meant for the sales.
    """
    lot, name, day = rows.texts("lot_id"), rows.texts("security_id").codes, rows.days("trade_date")
    quantity, price = rows.floats("quantity"), rows.floats("price")
    code, size = lot.codes, len(lot.values)
    row_of = np.zeros(size, dtype=np.intp)
    row_of[code[bought]] = np.flatnonzero(bought)
    made_by = row_of[code]
    once = np.bincount(code[bought], minlength=size)[code] == 1
    left = quantity[made_by] - np.bincount(code[sold], weights=quantity[sold], minlength=size)[code]
    known = once & (left > -_SAME) & (name[made_by] == name) & (day[made_by] <= day)
    return known, quantity * (price - price[made_by])


def dated(rows: Rows[Any], cause: str, day: str) -> list[Dated]:
    """Return the security, the cause and the day of rows, each from its column."""
    days = map(date.fromordinal, rows.days(day).tolist())
    return list(zip(rows.texts("security_id").items(), rows.texts(cause).items(), days, strict=True))


def _names(book: AccountBook, wanted: set[str], groups: Mapping[SecurityId, str]) -> set[SecurityId]:
    """Return what a book has of some groups."""
    columns = (book.lot_rows.texts("security_id"), book.history.texts("security_id"))
    names = {SecurityId(name) for column in columns for name in column.values}
    return {name for name in names if groups.get(name, name) in wanted}


def _groups(names: Iterable[SecurityId], groups: Mapping[SecurityId, str]) -> set[str]:
    return {groups.get(name, name) for name in names}
