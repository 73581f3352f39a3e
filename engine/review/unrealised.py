"""What gains and losses are not realised? Of the lots as they are held, and of what a plan leaves of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.domain.accounts import Lot
from engine.domain.identifiers import LotId, SecurityId
from engine.domain.market import Array, Mark
from engine.review.basis import gain_of, held_over_a_year, starts_on

FIGURES: Final = ("st_gain", "st_loss", "lt_gain", "lt_loss")
_ZERO: Final = Decimal(0)
_ROUNDED: Final = 2.3e-16  # of a float's value, by each sum and product


@dataclass(frozen=True, kw_only=True)
class Unsold:
    """The account's lots at the marks of a day. Arrays are (n,), one entry for each lot that was not a gift."""

    lots: tuple[Lot, ...]
    marks: Mapping[SecurityId, Mark]
    on: date

    def exact(self, sold: Mapping[LotId, Decimal]) -> dict[str, Decimal]:
        """Return the figures, USD, with so many shares of each lot sold."""
        return self._sums(self.lots, sold)

    def rough(self, sold: Mapping[LotId, Decimal]) -> tuple[dict[str, float], float]:
        """Return the figures as floats, USD, and how far they may be off."""
        gain = self._gain.copy()
        for lot_id, quantity in sold.items():
            at = self._place.get(lot_id)
            if at is not None:
                gain[at] *= 1 - float(quantity) / self._quantity[at]
        sums = np.bincount(2 * self._long + (gain < 0), weights=gain, minlength=4).tolist()
        given = self._sums(self._given, sold)
        off = _ROUNDED * (len(gain) + 8) * self._size
        return {name: rough + float(given[name]) for name, rough in zip(FIGURES, sums, strict=True)}, off

    def _sums(self, lots: tuple[Lot, ...], sold: Mapping[LotId, Decimal]) -> dict[str, Decimal]:
        totals = dict.fromkeys(FIGURES, _ZERO)
        for lot in lots:
            price = self.marks[lot.security_id].price
            gain = gain_of(lot, lot.quantity - sold.get(lot.lot_id, _ZERO), price)
            term = "lt" if held_over_a_year(starts_on(lot, price), self.on) else "st"
            totals[f"{term}_gain" if gain >= 0 else f"{term}_loss"] += gain
        return totals

    @cached_property
    def _given(self) -> tuple[Lot, ...]:
        """Gifts, which have two bases: each is worked out by itself."""
        return tuple(lot for lot in self.lots if lot.gift_price is not None)

    @cached_property
    def _bought(self) -> tuple[Lot, ...]:
        return tuple(lot for lot in self.lots if lot.gift_price is None)

    @cached_property
    def _place(self) -> Mapping[LotId, int]:
        return {lot.lot_id: at for at, lot in enumerate(self._bought)}

    @cached_property
    def _quantity(self) -> Array:
        return np.array([float(lot.quantity) for lot in self._bought])

    @cached_property
    def _worth(self) -> Array:
        marks = self.marks
        return self._quantity * np.array([float(marks[lot.security_id].price) for lot in self._bought])

    @cached_property
    def _cost(self) -> Array:
        cost = self._quantity * np.array([float(lot.cost_per_share) for lot in self._bought])
        return cost + np.array([float(lot.wash_adjustment or 0) for lot in self._bought])

    @cached_property
    def _gain(self) -> Array:
        return self._worth - self._cost

    @cached_property
    def _size(self) -> float:
        return float(self._worth.sum() + np.abs(self._cost).sum())

    @cached_property
    def _long(self) -> NDArray[np.bool_]:
        starts = [lot.acquired if lot.holding_start is None else lot.holding_start for lot in self._bought]
        is_long = {start: held_over_a_year(start, self.on) for start in set(starts)}
        return np.array([is_long[start] for start in starts], dtype=bool)
