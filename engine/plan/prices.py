"""What do the plan's rules and risks cost at the margin? Its Lagrangian at the optimum."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.certificate import piece_minima
from engine.plan.prepared import Flags, Indices
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

    @cached_property
    def all_rows(self) -> Array:
        """Price of each row, those of netted tax included: > 0 where its upper side binds, < 0 for the lower."""
        price = self.found.solution.row_price
        return np.where(np.abs(price) > _BINDS, price, 0.0)

    @property
    def rows(self) -> Array:
        """Price of each of the problem's rows: (m,)."""
        return self.all_rows[: len(self.problem.rows)]

    @property
    def aversion(self) -> float:
        """What a unit of variance costs: risk_aversion, and the price of a tracking-error limit that binds."""
        return self.found.table.frame.aversion

    @property
    def variance(self) -> float:
        """Price of the limit on the tracking-error variance."""
        return max(self.aversion - self.problem.settings.risk_aversion, 0.0)

    @cached_property
    def gains(self) -> tuple[float, float]:
        """Price of a dollar of short-term and of long-term gain: of caps on gains, and of the year's netted tax."""
        frame = self.found.table.frame
        return float(self.all_rows @ frame.st), float(self.all_rows @ frame.lt)

    @cached_property
    def charged(self) -> Array:
        """What each piece costs at best with all that is priced: (p,)."""
        solution = self.found.solution
        return piece_minima(self.found.table, factor_price=solution.factor_price, row_price=solution.row_price)

    @cached_property
    def lowest(self) -> Array:
        """The same but for charges on trades and names: (p,)."""
        table = self.found.table
        return np.asarray(self.charged - table.per_trade * table.trades - table.per_name * table.holds)

    @cached_property
    def lowest_at(self) -> Array:
        """The trade at which each piece costs least: (p,)."""
        table = self.found.table
        pull = table.exposures @ self.found.solution.factor_price
        slope = table.gradient + self.all_rows @ table.rates + pull[table.col[table.piece]]
        bend = table.curvature
        stop = np.divide(-slope, bend, out=table.length.copy(), where=bend > 0)
        step = np.where(slope < 0, np.minimum(table.length, stop), 0.0)
        return np.asarray(table.lo + np.bincount(table.piece, step, minlength=len(table.col)))

    def one_more(self, counted: Array) -> float:
        """Return the most that one more trade, or name, could save. counted (p,): 1 for pieces that are one."""
        table, n = self.found.table, len(self.problem.names)
        best = np.full(table.columns, np.inf)
        np.minimum.at(best, table.col[counted > 0], self.lowest[counted > 0])
        present = self.found.pieces[:n]
        saved = np.where(counted[present] > 0, 0.0, self.lowest[present] - best[:n])
        return max(float(saved.max(initial=0.0)), 0.0)

    def bound_prices(self) -> Iterator[tuple[int, str, float, bool]]:
        """Return (name, rule, price a unit of weight, upper) of every single-name limit that binds."""
        table, bounds = self.found.table, self.problem.names.bounds
        priced = table.gradient + self.all_rows @ table.rates
        is_near = (np.abs(self.found.trade[bounds.owner] - bounds.at) < _INSIDE) & ~bounds.is_broken
        for k in np.flatnonzero(is_near).tolist():
            i, upper = int(bounds.owner[k]), bool(bounds.upper[k])
            piece = self.found.pieces[i]
            first, last = table.first_segment[piece], table.first_segment[piece + 1]
            if first == last:
                continue
            at_low = priced[first] + self.linear[i]
            at_high = priced[last - 1] + self.linear[i] + table.curvature[last - 1] * table.length[last - 1]
            price = -at_high if upper else at_low
            if price > _BINDS:
                yield i, bounds.rules[bounds.rule[k]], float(price), upper

    @cached_property
    def lagrangian(self) -> Array:
        """Each column's cost at its trade with the prices' linear terms."""
        table, found = self.found.table, self.found
        own = self._own_segments
        step = np.clip(found.trade[table.col[table.piece[own]]] - table.start[own], 0.0, table.length[own])
        slope = table.gradient[own] + self.all_rows @ table.rates[:, own]
        costs = np.bincount(
            table.col[table.piece[own]],
            weights=(slope + table.curvature[own] * step / 2.0) * step,
            minlength=table.columns,
        )
        every = table.exposures[: table.columns] @ found.solution.factor_price
        start = table.value[found.pieces] + self.all_rows @ table.rows[:, found.pieces]
        return np.asarray(start + costs + every * found.trade)

    def slopes(self) -> tuple[Array, Flags]:
        """Return what a unit more of each column costs where it stands, and which can move both ways: (columns,)."""
        table, own = self.found.table, self._own_segments
        column = table.col[table.piece[own]]
        step = self.found.trade[column] - table.start[own]
        inside = (step > _INSIDE) & (step < table.length[own] - _INSIDE)
        column, own, step = column[inside], own[inside], step[inside]
        slope, moves = np.zeros(table.columns), np.zeros(table.columns, dtype=bool)
        slope[column] = table.gradient[own] + table.curvature[own] * step + self.all_rows @ table.rates[:, own]
        moves[column] = True
        return slope + table.exposures[: table.columns] @ self.found.solution.factor_price, moves

    def state(self) -> tuple[Array, Array]:
        """Return the rows' rates where each column stands (columns, m), and 1 / curvature where it can move."""
        table, found = self.found.table, self.found
        own = self._own_segments
        column = table.col[table.piece[own]]
        u, start, length = found.trade[column], table.start[own], table.length[own]
        inside = (u > start + _INSIDE) & (u < start + length - _INSIDE)
        touching = (u >= start - _INSIDE) & (u <= start + length + _INSIDE)
        rate, free = np.zeros((table.columns, len(table.lo_rows))), np.zeros(table.columns)
        for chosen in (touching, inside):
            rate[column[chosen]] = table.rates[:, own[chosen]].T
        moving = inside & (table.curvature[own] > 0)
        free[column[moving]] = 1.0 / table.curvature[own[moving]]
        return rate, free

    def firm_rows(self) -> Flags:
        """Return the rows that bind without an elastic side that gives way at a fixed price."""
        table, found = self.found.table, self.found
        firm = self.all_rows != 0.0
        for column in range(len(self.problem.names), table.columns):
            piece = found.pieces[column]
            if table.lo[piece] + _INSIDE < found.trade[column] < table.hi[piece] - _INSIDE:
                firm &= table.rates[:, table.first_segment[piece]] == 0.0
        return np.asarray(firm)

    @cached_property
    def _own_segments(self) -> Indices:
        """The segments of the chosen pieces: (s,)."""
        table = self.found.table
        is_chosen = np.zeros(len(table.col), dtype=bool)
        is_chosen[self.found.pieces] = True
        return np.flatnonzero(is_chosen[table.piece])
