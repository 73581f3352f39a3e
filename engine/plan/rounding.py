"""Which whole shares come nearest to the fractional plan? Rounding, repair of the rules, then improvement by one share.

Every name stays on the piece that the plan chose for it, so no rounding can turn a loss sale into a purchase or fall
below the minimum trade. A full exit sells a fraction of a share too; all else is a multiple of the lot size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from itertools import accumulate
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.lots import SaleLot, by_price, is_ordered
from engine.plan.outcome import priced_bounds
from engine.plan.problem import CASH, Name, Problem
from engine.plan.sides import Found

FRACTION: Final = Decimal("0.000001")  # the smallest part of a share where fractions are traded
_STEPS_PER_NAME: Final = 6
_FIRST_OF_PAIR: Final = 24
_WORTH_A_STEP: Final = 1e-10  # 1e-6 bp
_TOUCH: Final = 1e-9  # weights closer than this are the same
_SLACK: Final = 1e-10  # how far a row may stand beyond its limit


def sale_orders(problem: Problem, found: Found) -> tuple[tuple[SaleLot, ...], ...]:
    """Return each name's sellable lots in the order in which its chosen piece sells them."""
    free = not is_ordered(problem.settings.lot_method)
    orders = []
    for name, piece in zip(problem.names, found.pieces, strict=False):
        lots = name.sellable
        if free:
            price = found.table.gain_price or 0.0
            lots = by_price(lots, tax_weight=problem.settings.tax_weight, gain_price=price)
        if found.table.gains_only[piece]:
            cut = next((k for k, lot in enumerate(lots) if lot.is_loss), len(lots))
            lots = tuple(lot for lot in lots if not lot.is_loss) if free else lots[:cut]
        orders.append(lots)
    return tuple(orders)


def tradable_shares(problem: Problem, found: Found, orders: Sequence[Sequence[SaleLot]]) -> tuple[Decimal, ...]:
    """Return signed shares for each name: whole shares, or to six decimals where fractions are traded."""
    if not problem.settings.whole_shares:
        cash = next(r for r, row in enumerate(problem.rows) if row.rule == CASH)
        to_cash = ROUND_FLOOR if found.solution.row_price[cash] >= 0 else ROUND_CEILING
        return tuple(
            _fractional(name, float(u), order, to_cash)
            for name, u, order in zip(problem.names, found.trade, orders, strict=False)
        )
    book = _Book(problem, found, orders)
    book.repair()
    book.improve()
    return book.shares()


def _fractional(name: Name, u: float, lots: Sequence[SaleLot], rounding: str) -> Decimal:
    """Return the trade to a millionth of a share; one that ends a lot, to solver accuracy, ends it exactly.

    rounding: to the side on which the cash band is not at its limit.
    """
    ends = [-quantity for quantity in accumulate((entry.lot.quantity for entry in lots), initial=Decimal(0))]
    nearest = min(ends, key=lambda end: abs(float(end) * name.unit - u))
    if abs(float(nearest) * name.unit - u) < _TOUCH or name.unit == 0:
        return nearest
    return max((Decimal(u) / Decimal(name.unit)).quantize(FRACTION, rounding=rounding), ends[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stand:
    """A name standing at so many shares: their weight, and its own cost and realised gain there."""

    shares: Decimal
    weight: float
    cost: float
    gain: float


class _Book:
    """Shares being moved one at a time, with what every next share would cost.

    at: where each name stands; below, above: one share further, None at the end of the piece. now (3, n) and then
    (3, 2 n) hold weight, cost and gain of these; candidate c is name c % n, downwards for c < n.
    """

    def __init__(self, problem: Problem, found: Found, orders: Sequence[Sequence[SaleLot]]) -> None:
        self.problem, self.orders = problem, orders
        table, n = found.table, len(problem.names)
        self.range = [
            _reach(name, float(table.lo[p]), float(table.hi[p]))
            for name, p in zip(problem.names, found.pieces[:n], strict=True)
        ]
        self.exposures = table.exposures[:n]
        self.bend = np.tile(np.einsum("ik,ik->i", self.exposures, self.exposures), 2) / 2.0
        self.delta = problem.settings.risk_aversion * problem.specific
        self.shortfall = problem.shortfall
        self.rules = _Rules(problem)
        self.at = [self._stand(i, self._nearest(i, float(found.trade[i]))) for i in range(n)]
        self.next: list[_Stand | None] = [None] * (2 * n)
        self.now, self.then, self.open = np.zeros((3, n)), np.zeros((3, 2 * n)), np.zeros(2 * n, dtype=bool)
        for i in range(n):
            self._refresh(i)
        self.y = table.y0 + self.exposures.T @ self.now[0]

    def shares(self) -> tuple[Decimal, ...]:
        return tuple(stand.shares for stand in self.at)

    def repair(self) -> None:
        """Take the cheapest share per unit of violation removed, or pair of shares, until every rule is obeyed."""
        for _ in range(_STEPS_PER_NAME * len(self.at)):
            violation, change, cost = self._candidates()
            if violation <= _SLACK:
                return
            taken = _cheapest_repair(change, cost) or self._repairing_pair(change)
            if not taken:
                return
            for candidate in taken:
                self._take(candidate)

    def improve(self) -> None:
        """Take the share that lowers the objective most, or pair of shares, while one does without breaking a rule."""
        for _ in range(_STEPS_PER_NAME * len(self.at)):
            _, change, cost = self._candidates()
            taken = _cheapest(change, cost) or self._improving_pair(cost)
            if not taken:
                return
            for candidate in taken:
                self._take(candidate)

    def _repairing_pair(self, change: Array) -> tuple[int, ...]:
        """Return the pair that removes most violation, its first share among those that add least to it."""
        found: tuple[int, ...] = ()
        most = -_SLACK
        for first in _lowest(change):
            _, added, _ = self._candidates(first)
            second = int(np.argmin(added))
            if change[first] + added[second] < most:
                most, found = float(change[first] + added[second]), (int(first), second)
        return found

    def _improving_pair(self, cost: Array) -> tuple[int, ...]:
        """Return the pair that lowers the objective most, its first share among those that lower it most alone."""
        found: tuple[int, ...] = ()
        most = -_WORTH_A_STEP
        violation, _, _ = self._candidates()
        for first in _lowest(cost):
            broken, added, extra = self._candidates(first)
            second = int(np.argmin(np.where(broken + added <= violation + _SLACK / 100, extra, np.inf)))
            both = cost[first] + extra[second]
            if broken + added[second] <= violation + _SLACK / 100 and both < most:
                most, found = float(both), (int(first), second)
        return found

    def _candidates(self, first: int | None = None) -> tuple[float, Array, Array]:
        """Return the violation now, and what each candidate adds to it and to the objective.

        first: a candidate seen as taken already; its name then has no other.
        """
        now, y, free = self.now, self.y, self.open
        if first is not None:
            i = first % len(self.at)
            now, free = now.copy(), free.copy()
            now[:, i] = self.then[:, first]
            y = y + self.exposures[i] * (now[0, i] - self.now[0, i])
            free[[i, i + len(self.at)]] = False
        step = self.then - np.tile(now, 2)
        factor_risk = np.tile(self.exposures @ y, 2) * step[0] + self.bend * step[0] ** 2
        rows = self.rules.parts(now)
        values = rows.sum(axis=1)[:, None]
        priced, broken = self.rules.judge(values)
        later_priced, later_broken = self.rules.judge(values + self.rules.parts(self.then) - np.tile(rows, 2))
        cost = np.where(free, step[1] + factor_risk + later_priced - priced, np.inf)
        return float(broken[0]), np.where(free, later_broken - broken, np.inf), cost

    def _take(self, candidate: int) -> None:
        i, stand = candidate % len(self.at), self.next[candidate]
        assert stand is not None
        self.y = self.y + self.exposures[i] * (stand.weight - self.at[i].weight)
        self.at[i] = stand
        self._refresh(i)

    def _refresh(self, i: int) -> None:
        n, here = len(self.at), self.at[i]
        self.now[:, i] = here.weight, here.cost, here.gain
        for candidate, direction in ((i, ROUND_FLOOR), (n + i, ROUND_CEILING)):
            stand = self._step(i, direction)
            self.next[candidate], self.open[candidate] = stand, stand is not None
            there = here if stand is None else stand
            self.then[:, candidate] = there.weight, there.cost, there.gain

    def _step(self, i: int, direction: str) -> _Stand | None:
        """Return the next tradable number of shares below or above the present one; None at the end of the piece."""
        name, now = self.problem.names[i], self.at[i].shares
        size = name.security.lot_size or Decimal(1)
        grid = (now / size).to_integral_value(direction) * size
        if grid == now:
            grid += size if direction == ROUND_CEILING else -size
        if grid < -name.shares < now and _leaves(name, self.range[i][0]):
            grid = -name.shares
        return self._stand(i, grid) if self._is_open(i, grid) else None

    def _nearest(self, i: int, u: float) -> Decimal:
        """Return the tradable number of shares nearest to a weight and inside the piece; zero where there is none."""
        name = self.problem.names[i]
        lowest, _ = self.range[i]
        if abs(u + name.held) < _TOUCH and _leaves(name, lowest):
            return -name.shares
        size = name.security.lot_size or Decimal(1)
        exact = Decimal(u) / Decimal(name.unit) / size if name.unit > 0 else Decimal(0)
        tries = {exact.to_integral_value(mode) * size for mode in (ROUND_HALF_EVEN, ROUND_FLOOR, ROUND_CEILING)}
        if _leaves(name, lowest):
            tries.add(-name.shares)
        inside = [shares for shares in tries if self._is_open(i, shares)]
        return min(inside, key=lambda shares: (abs(float(shares) * name.unit - u), shares), default=Decimal(0))

    def _is_open(self, i: int, shares: Decimal) -> bool:
        lowest, highest = self.range[i]
        name = self.problem.names[i]
        most = sum((lot.lot.quantity for lot in self.orders[i]), Decimal(0))
        return lowest - _TOUCH <= float(shares) * name.unit <= highest + _TOUCH and -shares <= most

    def _stand(self, i: int, shares: Decimal) -> _Stand:
        """Return the cost of standing at these shares: specific risk, tax, trading cost, tilt and breach of bounds."""
        problem, name = self.problem, self.problem.names[i]
        u = float(shares) * name.unit
        cost = self.delta[i] * (u - self.shortfall[i]) ** 2 + name.cost * abs(u) - name.alpha * u
        gain, left = 0.0, -u
        for entry in self.orders[i]:
            if left <= 0:
                break
            part = min(left, entry.weight)
            cost += problem.settings.tax_weight * entry.tax * part
            gain += entry.gain * part
            left -= part
        for bound in priced_bounds(problem, name):
            cost += problem.penalty * max(u - bound.at if bound.upper else bound.at - u, 0.0)
        return _Stand(shares=shares, weight=u, cost=float(cost), gain=gain)


def _cheapest_repair(change: Array, cost: Array) -> tuple[int, ...]:
    helps = change < -_SLACK
    if not helps.any():
        return ()
    return (int(np.argmin(np.where(helps, cost / np.where(helps, -change, 1.0), np.inf))),)


def _cheapest(change: Array, cost: Array) -> tuple[int, ...]:
    best = int(np.argmin(np.where(change <= _SLACK / 100, cost, np.inf)))
    return (best,) if cost[best] < -_WORTH_A_STEP and change[best] <= _SLACK / 100 else ()


def _lowest(values: Array) -> Array:
    """Return the candidates of the lowest finite values, a few of them."""
    order = np.argsort(values, kind="stable")[:_FIRST_OF_PAIR]
    return np.asarray(order[np.isfinite(values[order])])


class _Rules:
    """The rows as arrays: what names add to them, what is priced beyond them and what is forbidden."""

    def __init__(self, problem: Problem) -> None:
        self.up = np.array([row.up for row in problem.rows])
        self.down = np.array([row.down for row in problem.rows])
        self.by_gain = np.array([row.by_lot_gain for row in problem.rows], dtype=bool)[:, None]
        self.lo = np.array([row.lo for row in problem.rows])[:, None]
        self.hi = np.array([row.hi for row in problem.rows])[:, None]
        self.below = np.array([row.slack_below for row in problem.rows])[:, None]
        self.above = np.array([row.slack_above for row in problem.rows])[:, None]
        self.penalty = problem.penalty

    def parts(self, stands: Array) -> Array:
        """Return each candidate's part in each row, (m, candidates). stands: weight, cost, gain by candidate."""
        repeat = stands.shape[1] // self.up.shape[1]
        buying, selling = np.maximum(stands[0], 0.0), np.maximum(-stands[0], 0.0)
        linear = np.tile(self.up, repeat) * buying + np.tile(self.down, repeat) * selling
        return np.asarray(np.where(self.by_gain, stands[2], linear))

    def judge(self, values: Array) -> tuple[Array, Array]:
        """Return the price of priced breaches and the size of forbidden ones, for each column of row values."""
        over, under = np.maximum(values - self.hi, 0.0), np.maximum(self.lo - values, 0.0)
        priced = np.minimum(over, self.above) + np.minimum(under, self.below)
        broken = np.maximum(over - self.above, 0.0) + np.maximum(under - self.below, 0.0)
        return self.penalty * priced.sum(axis=0), broken.sum(axis=0)


def _reach(name: Name, lo: float, hi: float) -> tuple[float, float]:
    """Return the piece's range; a name that must go but cannot leave whole may keep back less than one lot."""
    size = float(name.security.lot_size or 1)
    return (lo, min(lo + size * name.unit, 0.0)) if name.rules.must_exit else (lo, hi)


def _leaves(name: Name, lowest: float) -> bool:
    """Whether the piece reaches a full exit."""
    return name.shares > 0 and lowest <= -name.held + _TOUCH and all(lot.blocked is None for lot in name.lots)
