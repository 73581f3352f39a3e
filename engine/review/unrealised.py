"""What gains and losses are not realised? Of the lots as they are held, and of what a plan leaves of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from engine.domain.identifiers import LotId, SecurityId
from engine.domain.market import Array, Mark
from engine.domain.rows import NO_DAY
from engine.review.basis import AnyLot, gain_of, held_over_a_year, starts_on
from engine.review.lots import OwnLots

FIGURES: Final = ("st_gain", "st_loss", "lt_gain", "lt_loss")
_ZERO: Final = Decimal(0)
_ROUNDED: Final = 2.3e-16  # of a float's value, by each sum and product


@dataclass(frozen=True, kw_only=True)
class Unsold:
    """The account's lots at the marks of a day. Arrays are (n,); a gift's entries say nothing, for it has two bases."""

    own: OwnLots
    marks: Mapping[SecurityId, Mark]
    on: date

    def exact(self, sold: Mapping[LotId, Decimal]) -> dict[str, Decimal]:
        """Return the figures, USD, with so many shares of each lot sold."""
        return self._sums(self.own.rows, sold)

    def rough(self, sold: Mapping[LotId, Decimal]) -> tuple[dict[str, float], float]:
        """Return the figures as floats, USD, and how far they may be off."""
        gain = self._gain.copy()
        places = np.array([self.own.place[lot_id] for lot_id in sold], dtype=np.intp)
        gain[places] *= 1 - np.array([float(quantity) for quantity in sold.values()]) / self._quantity[places]
        sums = np.bincount(2 * self._long + (gain < 0), weights=gain, minlength=4).tolist()
        given = self._sums(self._given, sold)
        off = _ROUNDED * (len(gain) + 8) * self._size
        return {name: rough + float(given[name]) for name, rough in zip(FIGURES, sums, strict=True)}, off

    def _sums(self, lots: Iterable[AnyLot], sold: Mapping[LotId, Decimal]) -> dict[str, Decimal]:
        totals = dict.fromkeys(FIGURES, _ZERO)
        for lot in lots:
            price = self.marks[lot.security_id].price
            gain = gain_of(lot, lot.quantity - sold.get(lot.lot_id, _ZERO), price)
            term = "lt" if held_over_a_year(starts_on(lot, price), self.on) else "st"
            totals[f"{term}_gain" if gain >= 0 else f"{term}_loss"] += gain
        return totals

    @cached_property
    def _is_given(self) -> NDArray[np.bool_]:
        return np.not_equal(self.own.rows.days("gift_date"), NO_DAY)

    @cached_property
    def _given(self) -> Sequence[AnyLot]:
        return self.own.where(self._is_given) if self._is_given.any() else ()

    @cached_property
    def _quantity(self) -> Array:
        return self.own.rows.floats("quantity")

    @cached_property
    def _worth(self) -> Array:
        names = self.own.rows.texts("security_id")
        held = np.bincount(names.codes, minlength=len(names.values)).tolist()
        marks, ids = self.marks, cast("tuple[SecurityId, ...]", names.values)
        price: Array = np.array([float(marks[name].price) if n else 0.0 for name, n in zip(ids, held, strict=True)])
        return self._quantity * price[names.codes]

    @cached_property
    def _cost(self) -> Array:
        rows = self.own.rows
        cost, adjusted = self._quantity * rows.floats("cost_per_share"), rows.decimals("wash_adjustment").given
        if adjusted.any():
            cost[adjusted] += rows.floats("wash_adjustment")[adjusted]
        return cost

    @cached_property
    def _gain(self) -> Array:
        return np.where(self._is_given, 0.0, self._worth - self._cost)

    @cached_property
    def _size(self) -> float:
        return float(self._worth.sum() + np.abs(self._cost).sum())

    @cached_property
    def _long(self) -> NDArray[np.bool_]:
        acquired, tacked = self.own.rows.days("acquired"), self.own.rows.days("holding_start")
        today = self.on.toordinal()
        near_a_year = range(today - 368, today + 1)
        first_short = next(day for day in near_a_year if not held_over_a_year(date.fromordinal(day), self.on))
        return np.where(tacked == NO_DAY, acquired, tacked) < first_short
