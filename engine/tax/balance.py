"""Which places of a household do not add up? History.imbalance, without reading the whole of a long history.

A place is one security in one account. Most have named lots alone, bought and sold: there the sums of whole columns tell
whether what was bought is there or has left. Only securities with a place that has more to it, or does not add up so,
are read row by row.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.accounts import AccountBook
from engine.domain.exact import finer, sums_by, units
from engine.domain.identifiers import SecurityId
from engine.domain.rows import NO_TEXT, Codes, Texts
from engine.tax.history import DISPOSALS, PURCHASES, Place, read_history
from engine.tax.parcels import FRACTION

_KEEPS_NAMES: Final = PURCHASES | DISPOSALS  # a row of these with a lot says all there is to say of its shares


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


def _doubtful(book: AccountBook, as_of: date) -> set[SecurityId]:
    """Return the securities that have to be looked at closely: a few too many do no harm, one too few does."""
    lots, rows = book.lot_rows, book.history
    names, of_lot, of_row = _together(lots.texts("security_id"), rows.texts("security_id"))
    number, lot, sold = _together(lots.texts("lot_id"), rows.texts("lot_id"))
    past = rows.days("trade_date") <= as_of.toordinal()
    named = past & (sold >= 0)
    kind = rows.texts("type")
    plain = named & kind.among(_KEEPS_NAMES)
    doubt = np.zeros(len(names), dtype=bool)
    doubt[of_row[past & ~plain]] = True

    # One lot is one security's, and once in the book. A purchase without a lot may make one of its own name.
    of_id = np.zeros(len(number), dtype=np.int32)
    of_id[sold[named]] = of_row[named]
    of_id[lot] = of_lot
    doubt[of_lot[np.bincount(lot, minlength=len(number))[lot] > 1]] = True
    strange = named & (of_id[sold] != of_row)
    doubt[of_row[strange]] = True
    doubt[of_id[sold[strange]]] = True
    own = rows.where(past & ~named).texts("transaction_id").items()
    doubt[of_id[[number[each] for each in own if each in number]]] = True

    bought = plain & kind.among(PURCHASES)
    created = np.zeros(len(number), dtype=bool)
    created[sold[bought]] = True
    left = plain & ~bought & created[sold]
    moved, there = units(rows.decimals("quantity")), units(lots.decimals("quantity"))
    kept = created[lot]
    signed = np.where(bought, -moved.whole, moved.whole)
    either = bought | left
    decimals = max(moved.decimals, there.decimals)
    unseen = finer(sums_by(signed[either], of_row[either], len(names)), decimals - moved.decimals)
    stated = finer(sums_by(there.whole[kept], of_lot[kept], len(names)), decimals - there.decimals)
    doubt |= np.asarray(np.abs(unseen + stated) > math.floor(FRACTION.scaleb(decimals)), dtype=bool)
    return {SecurityId(name) for name, doubted in zip(names, doubt.tolist(), strict=True) if doubted}


def _together(left: Texts, right: Texts) -> tuple[Mapping[str, int], Codes, Codes]:
    """Return one numbering of two columns of words, and their numbers; -1 for None."""
    number = {word: k for k, word in enumerate(right.values)}
    known = [*(number.setdefault(word, len(number)) for word in left.values), NO_TEXT]
    return number, np.array(known, dtype=np.int32)[left.codes], right.codes
