"""What do the plan's rules and risks cost at the margin? Its Lagrangian at the optimum."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.prepared import Flags
from engine.plan.problem import Problem
from engine.plan.sides import Found

_INSIDE: Final = 1e-7  # a trade this far from a segment's ends can still move both ways
_BINDS: Final = 1e-7  # a price above this is one


@dataclass(frozen=True, kw_only=True)
class Prices:
    """The plan's Lagrangian at its optimum: what each name's trade costs once factors and rows are priced."""

    problem: Problem
    found: Found

    @cached_property
    def linear(self) -> Array:
        """Price of factor risk in each name, a unit of u: (n,)."""
        every = self.found.table.exposures @ self.found.solution.factor_price
        return np.asarray(every[: len(self.problem.names)])

    @property
    def rows(self) -> Array:
        """Price of each row: > 0 where its upper side binds, < 0 for the lower."""
        price = self.found.solution.row_price
        return np.where(np.abs(price) > _BINDS, price, 0.0)

    def bound_prices(self) -> Iterator[tuple[int, str, float, bool]]:
        """Return (name, rule, price a unit of weight, upper) of every single-name limit that binds."""
        table = self.found.table
        priced = table.gradient + self.rows @ table.rates
        for i, name in enumerate(self.problem.names):
            piece = self.found.pieces[i]
            first, last = table.first_segment[piece], table.first_segment[piece + 1]
            if first == last:
                continue
            u = self.found.trade[i]
            at_low = priced[first] + self.linear[i]
            at_high = priced[last - 1] + self.linear[i] + table.curvature[last - 1] * table.length[last - 1]
            for bound in name.bounds:
                price = -at_high if bound.upper else at_low
                if abs(u - bound.at) < _INSIDE and price > _BINDS and not bound.is_broken:
                    yield i, bound.rule, float(price), bound.upper

    def lagrangian(self) -> Array:
        """Return each column's cost at its trade with the prices' linear terms."""
        table, found = self.found.table, self.found
        chosen = np.isin(table.piece, found.pieces)
        step = np.clip(found.trade[table.col[table.piece]] - table.start, 0.0, table.length) * chosen
        slope = table.gradient + self.rows @ table.rates
        costs = np.bincount(
            table.col[table.piece], weights=(slope + table.curvature * step / 2.0) * step, minlength=table.columns
        )
        every = table.exposures[: table.columns] @ found.solution.factor_price
        start = table.value[found.pieces] + self.rows @ table.rows[:, found.pieces]
        return np.asarray(start + costs + every * found.trade)

    def state(self) -> tuple[Array, Array]:
        """Return the rows' rates where each column stands (columns, m), and 1 / curvature where it can move."""
        table, found = self.found.table, self.found
        u = found.trade[table.col[table.piece]]
        chosen = np.isin(table.piece, found.pieces)
        inside = chosen & (u > table.start + _INSIDE) & (u < table.start + table.length - _INSIDE)
        rate, free = np.zeros((table.columns, len(table.lo_rows))), np.zeros(table.columns)
        touching = chosen & (u >= table.start - _INSIDE) & (u <= table.start + table.length + _INSIDE)
        for segments in (np.flatnonzero(touching), np.flatnonzero(inside)):
            rate[table.col[table.piece[segments]]] = table.rates[:, segments].T
        moving = np.flatnonzero(inside & (table.curvature > 0))
        free[table.col[table.piece[moving]]] = 1.0 / table.curvature[moving]
        return rate, free

    def firm_rows(self) -> Flags:
        """Return the rows that bind without an elastic side that gives way at a fixed price."""
        table, found = self.found.table, self.found
        firm = self.rows != 0.0
        for column in range(len(self.problem.names), table.columns):
            piece = found.pieces[column]
            if _INSIDE < found.trade[column] < table.hi[piece] - _INSIDE:
                firm &= table.rates[:, table.first_segment[piece]] == 0.0
        return np.asarray(firm)
