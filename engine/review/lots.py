"""What does the account hold? Its lots as columns; a lot is made only where a rule looks at that lot."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.domain.accounts import Lot
from engine.domain.identifiers import LotId, SecurityId
from engine.domain.rows import Decimals, Rows, Texts

_ZERO: Final = Decimal(0)
_SUMMABLE: Final = 2.0**62  # whole numbers below it add up in 64 bits


@dataclass(frozen=True, kw_only=True)
class OwnLots:
    """The n lots of an account, in their order."""

    rows: Rows[Lot]

    @cached_property
    def place(self) -> Mapping[LotId, int]:
        """The place of each lot by its id."""
        return dict(zip(self.rows.texts("lot_id").items(), range(len(self.rows)), strict=True))

    def named(self, ids: Iterable[LotId]) -> dict[LotId, Lot]:
        """Return those that there are of the lots named."""
        places = [self.place[lot_id] for lot_id in dict.fromkeys(ids) if lot_id in self.place]
        return {lot.lot_id: lot for lot in self.rows.where(np.array(places, dtype=np.intp))}

    def of(self, security_id: SecurityId) -> Rows[Lot]:
        """Return the lots of a security."""
        return self.rows.where(among(self.rows.texts("security_id"), {security_id}))

    @cached_property
    def shares(self) -> Mapping[SecurityId, Decimal]:
        """Shares held of each security, in the order in which the lots come to it."""
        names = self.rows.texts("security_id")
        codes, first = np.unique(names.codes, return_index=True)
        sums = _sums(self.rows.decimals("quantity"), names.codes, len(names.values))
        return {SecurityId(names.values[code]): sums[code] for code in codes[np.argsort(first)].tolist()}


def among(column: Texts, words: Iterable[str]) -> NDArray[np.bool_]:
    """Return which rows hold one of these words, (n,)."""
    wanted = frozenset(words)
    is_wanted = [value in wanted for value in column.values]
    return np.array([*is_wanted, False])[column.codes]  # the last one is for rows without a word


def _sums(column: Decimals, codes: NDArray[np.int32], size: int) -> list[Decimal]:
    """Return the exact sum of a column's numbers by code."""
    least = min(int(column.exponent.min(initial=0)), 0)
    up = 10.0 ** (column.exponent - float(least))
    if column.odd or (np.abs(column.coefficient) * up).sum() >= _SUMMABLE:
        sums = [_ZERO] * size
        for code, number in zip(codes.tolist(), column.items(), strict=True):
            sums[code] += number or _ZERO
        return sums
    totals = np.zeros(size, dtype=np.int64)
    np.add.at(totals, codes, column.coefficient * up.astype(np.int64))
    return [Decimal(total).scaleb(least) for total in totals.tolist()]
