"""What was sold at a loss lately? Most sales tell it themselves; the history of the others is replayed.

Shares of a lot that one purchase made cost its price at least, for wash sales only add to a basis: sold below that
price they are sold at a loss, whatever else happened. Sold above it they are sold at a gain, unless a loss was added to
their basis, which takes one within 30 days of their purchase. So a group of names has to be replayed only where it
holds more than such purchases and sales, or lately a sale at no loss of shares that were bought so near to a loss.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.domain.accounts import Account, AccountBook, Transaction, TransactionType
from engine.domain.identifiers import SecurityId, TransactionId
from engine.domain.rows import Days, Rows
from engine.tax.balance import only
from engine.tax.history import PURCHASES
from engine.tax.matching import WASH_SALE_DAYS
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
    """Return the sales at a loss from a day on in taxable accounts, those of pending trades, of as_of, among them.

    Raises DataError naming the transaction where the basis of a taxable sale in one of their groups is nowhere.
    """
    told = [_told(book.account, _with_sales(book, pending), opens, as_of) for book in books]
    watched = _groups((name for each in told for name in each.sold), groups)
    doubtful = watched & _groups((name for each in told for name in each.unclear), groups)
    doubtful |= _may_have_caught(told, opens.toordinal(), groups)
    sure = [sale for each in told for sale in each.losses if groups.get(sale[0], sale[0]) not in doubtful]
    if not doubtful:
        return sure
    reduced = [only(book, _names(book, doubtful, groups)) for book in books]
    trades = [t for t in pending if groups.get(t.security_id, t.security_id) in doubtful]
    return sure + named_losses(replay(reduced, as_of=as_of, groups=groups, pending=trades).sold, opens)


def named_losses(sold: Iterable[Sold], opens: date) -> list[Dated]:
    """Return what of this was sold at a loss from a day on."""
    sales = (each.sale for each in sold if each.sale.trade_date >= opens and each.at_a_loss)
    return [(sale.security_id, sale.transaction_id, sale.trade_date) for sale in sales]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What an account's own rows tell. losses: sales at a loss lately. sold, unclear: the names sold lately, and those
    with rows that do not tell. lost: names and days of sales at a loss at any time. calm: names, days of purchase and
    days of sale of what was sold at no loss at any time, as far as its price tells. Days as ordinals.
    """

    losses: list[Dated]
    sold: set[SecurityId]
    unclear: set[SecurityId]
    lost: set[tuple[SecurityId, int]]
    calm: set[tuple[SecurityId, int, int]]


def _with_sales(book: AccountBook, pending: Sequence[Transaction]) -> Rows[Transaction]:
    """Return an account's history and what pending trades take from it: what they buy makes no sale a gain."""
    own = book.account.account_id
    return book.history.followed_by([t for t in pending if t.account_id == own and t.type not in PURCHASES])


def _told(account: Account, rows: Rows[Transaction], opens: date, as_of: date) -> _Told:
    kind, lot, name, day = rows.texts("type"), rows.texts("lot_id"), rows.texts("security_id"), rows.days("trade_date")
    past, recent = day <= as_of.toordinal(), day >= opens.toordinal()
    sales = past & kind.among(_SALE)
    bought, sold = past & kind.among(PURCHASES) & lot.given, sales & lot.given
    lost = calm = np.zeros(len(rows), dtype=bool)
    unclear, bought_on = past & ~(bought | sold), day
    if account.registration.is_taxable and len(lot.values):
        known, gain, bought_on = _gains(rows, bought, sold)
        lost, calm = sold & (gain < -_CLEAR), sold & (gain >= 0)
        unclear |= sold & ~(known & (lost | calm))

    def names(these: NDArray[np.bool_]) -> set[SecurityId]:
        return {SecurityId(name.values[k]) for k in set(name.codes[these].tolist())}

    def dates(these: NDArray[np.bool_], *days: Days) -> set[Any]:
        rows = zip(name.codes[these].tolist(), *(each[these].tolist() for each in days), strict=True)
        return {(SecurityId(name.values[k]), *of_row) for k, *of_row in rows}

    return _Told(
        losses=dated(rows.where(lost & recent), "transaction_id", "trade_date"),
        sold=names(sales & recent),
        unclear=names(unclear),
        lost=dates(lost, day),
        calm=dates(calm, bought_on, day),
    )


def _may_have_caught(told: Sequence[_Told], opens: int, groups: Mapping[SecurityId, str]) -> set[str]:
    """Return the groups in which a loss may be in the basis of what was sold lately at no loss as its price tells."""
    lost: dict[str, set[int]] = {}
    calm: dict[str, set[tuple[int, int]]] = {}
    for each in told:
        for name, on in each.lost:
            lost.setdefault(groups.get(name, name), set()).add(on)
        for name, bought, sold in each.calm:
            calm.setdefault(groups.get(name, name), set()).add((bought, sold))
    both = lost.keys() & {group for group, sales in calm.items() if max(sold for _, sold in sales) >= opens}
    return {group for group in both if max(_caught(lost[group], calm[group]), default=0) >= opens}


def _caught(lost: set[int], calm: set[tuple[int, int]]) -> set[int]:
    """Return the days of sales that may be losses after all: of shares bought near a loss, one of these among them."""
    window = WASH_SALE_DAYS.days
    found, fresh = set[int](), lost
    while fresh:
        near = {sale for sale in calm if any(abs(sale[0] - day) <= window for day in fresh)}
        calm = calm - near
        fresh = {sold for _, sold in near}
        found |= fresh
    return found


def _gains(
    rows: Rows[Transaction], bought: NDArray[np.bool_], sold: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.float64], Days]:
    """Return whether one purchase before a sale made the lot that it names, with shares enough for all its sales, the
    sale's gain over that purchase's price, USD, and that purchase's day. Each of all rows, and meant for the sales.
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
    return known, quantity * (price - price[made_by]), day[made_by]


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
