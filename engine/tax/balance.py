"""Which places of a household do not add up? History.imbalance, without reading the whole of a long history.

A place is one security in one account. Most hold lots that one knows by name, bought and sold: there the sums of whole
columns tell whether what was bought is there or has left. Only securities with a place that has more to it, or that
does not add up so, are read row by row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import repeat
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.domain.accounts import AccountBook, Transaction, TransactionType
from engine.domain.identifiers import SecurityId
from engine.domain.rows import NO_TEXT, Codes, Rows, Texts
from engine.tax.history import DISPOSALS, PURCHASES, Place, read_history
from engine.tax.parcels import FRACTION

Flags = NDArray[np.bool_]

_TAKE_FROM_A_LOT: Final = DISPOSALS - {TransactionType.EXCHANGE_OUT}  # which has more to tell than what it took
_NEAR: Final = float(FRACTION) / 2  # shares: what floats find below it is below FRACTION,
_MUCH: Final = 1e9  # unless more shares than this went in and out


def imbalances(books: Sequence[AccountBook], *, as_of: date) -> Mapping[Place, Decimal]:
    """Return what read_history(books, as_of=as_of).imbalance is: by place, today's shares that the lots are beyond."""
    doubtful = {name for book in books for name in _doubtful(book, as_of)}
    if not doubtful:
        return {}
    return read_history([only(book, doubtful) for book in books], as_of=as_of).imbalance


def only(book: AccountBook, securities: set[SecurityId]) -> AccountBook:
    """Return a book reduced to some securities."""
    lots, rows = book.lot_rows, book.history
    return replace(
        book,
        lots=lots.where(lots.texts("security_id").among(securities)),
        transactions=rows.where(rows.texts("security_id").among(securities)),
    )


def made_a_lot(rows: Rows[Transaction]) -> Flags:
    """Return the rows that made the lot that they name, whatever else happened; history.read_history has the rest."""
    kind = rows.texts("type")
    stated = kind.among({TransactionType.TRANSFER_IN}) & rows.decimals("basis").given
    return (kind.among(PURCHASES) | stated) & rows.texts("lot_id").given


def _doubtful(book: AccountBook, as_of: date) -> set[SecurityId]:
    """Return the securities that have to be looked at closely: a few too many do no harm, one too few does."""
    lots, rows = book.lot_rows, book.history
    of_lot, of_row, names = _together(lots.texts("security_id"), rows.texts("security_id"))
    lot, sold, ids = _together(lots.texts("lot_id"), rows.texts("lot_id"))
    kind, past = rows.texts("type"), rows.days("trade_date") <= as_of.toordinal()
    named, split = past & (sold >= 0), past & kind.among({TransactionType.SPLIT})
    came, went = named & made_a_lot(rows), named & kind.among(_TAKE_FROM_A_LOT)
    doubt = np.zeros(len(names), dtype=bool)
    doubt[of_row[past & ~(came | went | split)]] = True

    # One lot is one security's, and once in the book.
    of_id = np.zeros(len(ids) + 1, dtype=np.int32)  # the last one is that of rows without a lot
    of_id[sold[named]] = of_row[named]
    of_id[lot] = of_lot
    strange = named & (of_id[sold] != of_row)
    doubt[of_row[strange]], doubt[of_id[sold[strange]]] = True, True
    doubt[of_lot[np.bincount(lot, minlength=len(ids))[lot] > 1]] = True

    created = np.zeros(len(ids) + 1, dtype=bool)
    created[sold[came]] = True
    went &= created[sold]
    moved = rows.floats("quantity") * (went.astype(float) - came) * _todays_shares(rows, split)
    there = lots.floats("quantity") * created[lot]
    unseen, traffic = (
        np.bincount(of_row, weights=part, minlength=len(names))
        + np.bincount(of_lot, weights=rest, minlength=len(names))
        for part, rest in ((moved, there), (np.abs(moved), there))
    )
    doubt |= (np.abs(unseen) > _NEAR) | (traffic > _MUCH)
    return {SecurityId(names[k]) for k in np.flatnonzero(doubt).tolist()}


def _todays_shares(rows: Rows[Transaction], split: Flags) -> NDArray[np.float64]:
    """Return how many of today's shares one of each row's is, by the splits after it: within a day a split is first."""
    scale = np.ones(len(rows))
    name, day, ratio = rows.texts("security_id").codes, rows.days("trade_date"), rows.floats("quantity")
    for row in np.flatnonzero(split).tolist():
        scale[(name == name[row]) & (day < day[row])] *= ratio[row]
    return scale


def _together(left: Texts, right: Texts) -> tuple[Codes, Codes, Sequence[str]]:
    """Return two columns' numbers in one list of words, and the list; -1 for None."""
    number = dict(zip(right.values, range(len(right.values)), strict=True))
    known = np.fromiter(map(number.get, left.values, repeat(NO_TEXT)), np.int32, len(left.values))
    new = np.flatnonzero(known == NO_TEXT)
    known[new] = np.arange(len(number), len(number) + len(new), dtype=np.int32)
    more = [left.values[k] for k in new.tolist()]
    return np.append(known, np.int32(NO_TEXT))[left.codes], right.codes, [*right.values, *more]
