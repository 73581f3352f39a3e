"""What does the account hold? Its lots as columns; a lot is made only where a rule looks at that lot."""

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from engine.domain.accounts import Lot
from engine.domain.identifiers import AccountId, LotId, SecurityId
from engine.domain.rows import Decimals, Rows, Texts

_ZERO: Final = Decimal(0)
_SUMMABLE: Final = 2.0**62  # whole numbers below it add up in 64 bits


class HeldLot(NamedTuple):
    """A Lot, field by field; it is made in a tenth of the time."""

    account_id: AccountId
    lot_id: LotId
    security_id: SecurityId
    quantity: Decimal
    cost_per_share: Decimal
    acquired: date
    wash_adjustment: Decimal | None
    holding_start: date | None
    gift_price: Decimal | None
    gift_date: date | None


@dataclass(frozen=True, kw_only=True)
class OwnLots:
    """The n lots of an account, in their order."""

    rows: Rows[Lot]

    @cached_property
    def place(self) -> Mapping[LotId, int]:
        """The place of each lot by its id."""
        return dict(zip(self.rows.texts("lot_id").items(), range(len(self.rows)), strict=True))

    def named(self, ids: Iterable[LotId]) -> dict[LotId, HeldLot]:
        """Return those that there are of the lots named."""
        places = [self.place[lot_id] for lot_id in dict.fromkeys(ids) if lot_id in self.place]
        return {lot.lot_id: lot for lot in self.where(np.array(places, dtype=np.intp))}

    def of(self, names: Collection[SecurityId]) -> Mapping[SecurityId, Sequence[HeldLot]]:
        """Return the lots of each of these securities."""
        found: dict[SecurityId, list[HeldLot]] = {name: [] for name in names}
        for lot in self.where(among(self.rows.texts("security_id"), found)) if found else ():
            found[lot.security_id].append(lot)
        return found

    def where(self, keep: NDArray[np.intp] | NDArray[np.bool_]) -> Sequence[HeldLot]:
        """Return the lots of a mask (n,) or of places."""
        columns = self.rows.where(keep).columns
        values: list[list[Any]] = [columns[name].items() for name in HeldLot._fields]
        return list(map(HeldLot, *values))

    def rough_shares(self, place: Mapping[SecurityId, int]) -> NDArray[np.float64]:
        """Return the shares held of each name of these, as floats."""
        names = self.rows.texts("security_id")
        ids = cast("tuple[SecurityId, ...]", names.values)
        # A word that no lot has any more has no place either, and counts nowhere.
        places = np.array([place.get(name, 0) for name in ids], dtype=np.intp)
        quantity = self.rows.floats("quantity")
        return np.bincount(places[names.codes], weights=quantity, minlength=len(place)).astype(np.float64)

    @cached_property
    def shares(self) -> Mapping[SecurityId, Decimal]:
        """Shares held of each security, in the order in which the lots come to it."""
        names = self.rows.texts("security_id")
        codes, first = np.unique(names.codes, return_index=True)
        sums = _sums(self.rows.decimals("quantity"), names.codes, len(names.values))
        ids = cast("tuple[SecurityId, ...]", names.values)
        return {ids[code]: sums[code] for code in codes[np.argsort(first)].tolist()}


def among(column: Texts, words: Container[str]) -> NDArray[np.bool_]:
    """Return which rows hold one of these words, (n,)."""
    is_wanted = [value in words for value in column.values]
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
    unit = Decimal(1).scaleb(least)
    return [total * unit for total in map(Decimal, totals.tolist())]
