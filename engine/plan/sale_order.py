"""Which lots does each name sell? In an order that its piece gives, but for those sold in part under a rule on gains.

Where gains have a price, lots go by tax and that price. At the price at which two lots tie, one saving more tax and the
other realising less gain, any mix of them is as cheap, and one mix just keeps the rule.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final, overload

import numpy as np

from engine.domain.market import Array
from engine.plan.lots import SaleLot, part_of
from engine.plan.pieces import PieceTable
from engine.plan.prepared import Indices
from engine.plan.problem import Problem

FRACTION: Final = Decimal("0.000001")  # the smallest part of a share where fractions are traded
_SOME: Final = 1e-8  # weights closer than this are the same


class Orders(Sequence[tuple[SaleLot, ...]]):
    """Each name's lots in their order of sale; of those sold in part, first what is sold, last what is left."""

    def __init__(self, problem: Problem, table: PieceTable, pieces: Indices, sold: Array | None) -> None:
        """Hold what decides the order. sold (lots,): weight sold of each lot, in the order of problem.prepared."""
        p = problem.prepared
        self._problem, self._table, self._sold = problem, table, sold
        self._first = p.lot_first.tolist()
        self._gains_only = table.gains_only[pieces].tolist()
        self._place = (p.lot_number + problem.names.lots.first[_owner(p.lot_first)])[table.order]
        self._known: dict[int, tuple[SaleLot, ...]] = {}

    def places(self, i: int) -> list[int] | None:
        """Return where a name's lots are in the problem's table; None where they are not whole lots of it."""
        if i in self._problem.names.lots.apart or self._sold is not None:
            return None
        if self._gains_only[i]:
            chosen = _before_losses(self._problem, i, self._own(i))
            return [*(self._problem.prepared.lot_number[chosen] + self._problem.names.lots.first[i]).tolist()]
        return [*self._place[self._first[i] : self._first[i + 1]].tolist()]

    def __len__(self) -> int:
        return len(self._problem.names)

    def __iter__(self) -> Iterator[tuple[SaleLot, ...]]:
        return map(self._order, range(len(self)))

    @overload
    def __getitem__(self, index: int) -> tuple[SaleLot, ...]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[tuple[SaleLot, ...], ...]: ...
    def __getitem__(self, index: int | slice) -> tuple[SaleLot, ...] | tuple[tuple[SaleLot, ...], ...]:
        places = range(len(self))[index]
        return tuple(map(self._order, places)) if isinstance(places, range) else self._order(places)

    def _own(self, i: int) -> Indices:
        return self._table.order[self._first[i] : self._first[i + 1]]

    def _order(self, i: int) -> tuple[SaleLot, ...]:
        if i not in self._known:
            problem, chosen = self._problem, self._own(i)
            if self._gains_only[i]:
                chosen = _before_losses(problem, i, chosen)
            entries = problem.names.lots.entries(i) if len(chosen) else ()
            lots = tuple(entries[k] for k in problem.prepared.lot_number[chosen].tolist())
            if self._sold is not None:
                lots = _as_sold(problem, float(problem.names.unit[i]), lots, self._sold[chosen].tolist())
            self._known[i] = lots
        return self._known[i]


def _owner(first: Indices) -> Indices:
    return np.repeat(np.arange(len(first) - 1), np.diff(first))


def _before_losses(problem: Problem, i: int, chosen: Indices) -> Indices:
    losses = problem.prepared.lot_is_loss[chosen]
    if not problem.prepared.in_order[i]:
        return chosen[~losses]
    return chosen[: int(losses.argmax())] if losses.any() else chosen


def _as_sold(problem: Problem, unit: float, lots: Sequence[SaleLot], sold: Sequence[float]) -> tuple[SaleLot, ...]:
    begun = [k for k, weight in enumerate(sold) if weight > _SOME]
    if all(sold[k] >= lots[k].weight - _SOME for k in range(begun[-1] if begun else 0)):
        return tuple(lots)
    smallest = Decimal(1) if problem.settings.whole_shares else FRACTION
    first, rest = [], []
    for entry, weight in zip(lots, sold, strict=True):
        shares = min((Decimal(weight / unit) / smallest).to_integral_value() * smallest, entry.quantity)
        if weight >= entry.weight - _SOME:
            shares = entry.quantity
        first += [part_of(entry, shares)] if shares > 0 else []
        rest += [part_of(entry, entry.quantity - shares)] if shares < entry.quantity else []
    return (*first, *rest)
