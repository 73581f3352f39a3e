"""Which places of a household do not add up? History.imbalance, without reading the whole of a long history.

A place is one security in one account. Most hold lots that one knows by name, bought and sold: there the sums of whole
columns tell whether what was bought is there or has left. Only securities with a place that has more to it, or that
does not add up so, are read row by row.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from engine.domain.accounts import AccountBook, Transaction, TransactionType
from engine.domain.exact import finer, sums_by, units
from engine.domain.identifiers import SecurityId
from engine.domain.rows import NO_TEXT, Codes, Rows, Texts
from engine.tax.history import DISPOSALS, PURCHASES, Place, read_history
from engine.tax.parcels import FRACTION

Flags = NDArray[np.bool_]


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
    past = rows.days("trade_date") <= as_of.toordinal()
    named = past & (sold >= 0)
    came = named & made_a_lot(rows)
    went = named & rows.texts("type").among(DISPOSALS)
    doubt = np.zeros(len(names), dtype=bool)
    doubt[of_row[past & ~came & ~went]] = True

    # One lot is one security's, and once in the book.
    of_id = np.zeros(len(ids), dtype=np.int32)
    of_id[sold[named]] = of_row[named]
    of_id[lot] = of_lot
    strange = named & (of_id[sold] != of_row)
    doubt[of_row[strange]], doubt[of_id[sold[strange]]] = True, True
    doubt[of_lot[np.bincount(lot, minlength=len(ids))[lot] > 1]] = True
    # A row without a lot may make one of its own name.
    if (past & ~named).any():
        own = frozenset(rows.where(past & ~named).texts("transaction_id").items())
        doubt[of_id[[k for k, each in enumerate(ids) if each in own]]] = True

    created = np.zeros(len(ids), dtype=bool)
    created[sold[came]] = True
    left, kept = went & created[sold], created[lot]
    moved, there = units(rows.decimals("quantity")), units(lots.decimals("quantity"))
    signed = np.where(came, -moved.whole, moved.whole)
    decimals = max(moved.decimals, there.decimals)
    unseen = finer(sums_by(signed[came | left], of_row[came | left], len(names)), decimals - moved.decimals)
    stated = finer(sums_by(there.whole[kept], of_lot[kept], len(names)), decimals - there.decimals)
    doubt |= np.asarray(np.abs(unseen + stated) > math.floor(FRACTION.scaleb(decimals)), dtype=bool)
    return {SecurityId(names[k]) for k in np.flatnonzero(doubt).tolist()}


def _together(left: Texts, right: Texts) -> tuple[Codes, Codes, Sequence[str]]:
    """Return two columns' numbers in one list of words, and the list; -1 for None."""
    number = dict(zip(right.values, range(len(right.values)), strict=True))
    known = np.fromiter(map(number.get, left.values, repeat(NO_TEXT)), np.int32, len(left.values))
    new = np.flatnonzero(known == NO_TEXT)
    known[new] = np.arange(len(number), len(number) + len(new), dtype=np.int32)
    more = [left.values[k] for k in new.tolist()]
    return np.append(known, np.int32(NO_TEXT))[left.codes], right.codes, [*right.values, *more]
