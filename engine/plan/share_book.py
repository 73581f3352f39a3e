"""Where does each name stand in shares, and what would the next share of each cost?"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.lots import SaleLot
from engine.plan.outcome import priced_bounds
from engine.plan.problem import CASH, Name, Problem
from engine.plan.share_program import Steps
from engine.plan.sides import Found

TOUCH: Final = 1e-9  # weights closer than this are the same
_FEW: Final = 1e-6  # of one step: what division leaves over


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """A name standing at so many shares: their weight, and its own cost and realised gain there."""

    shares: Decimal
    weight: float
    cost: float
    gain: float


class Book:
    """Shares being moved one at a time, with what every next share would cost.

    Every name stays on the piece that the plan chose for it. at: where each name stands; next: one share below (n,) and
    one above (n,), None at the end of the piece. now (3, n) and then (3, 2 n) hold weight, cost and gain of these;
    candidate c is name c % n, downwards for c < n.
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
        self.rules = Rules(problem)
        self.wanted = found.trade[:n]
        self.at = [self._stand(i, self._nearest(i, float(found.trade[i]))) for i in range(n)]
        self.next: list[Stand | None] = [None] * (2 * n)
        self.now, self.then, self.open = np.zeros((3, n)), np.zeros((3, 2 * n)), np.zeros(2 * n, dtype=bool)
        for i in range(n):
            self._refresh(i)
        self.y = table.y0 + self.exposures.T @ self.now[0]

    def shares(self) -> tuple[Decimal, ...]:
        return tuple(stand.shares for stand in self.at)

    def candidates(self, first: int | None = None) -> tuple[float, Array, Array]:
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

    def take(self, candidate: int) -> None:
        """Move a candidate's name to where the candidate stands."""
        stand = self.next[candidate]
        assert stand is not None
        self._move(candidate % len(self.at), stand)

    def spare_cash(self, weight: float) -> None:
        """Let cash exceed its maximum by so much from now on."""
        self.rules.spare_cash(weight)

    def steps(self) -> Steps:
        """Return the names as whole steps around where they stand, each on its side of zero.

        A name stays where it is, with a step of no weight, if it leaves the account with a fraction of a share or finds
        no whole step on its piece. Where gains are capped a name stays in the lot that it ends in, so that its gain is
        linear.
        """
        n = len(self.at)
        low, high, step = np.zeros(n), np.zeros(n), np.zeros(n)
        rates, base = np.zeros((len(self.problem.rows), n)), self.rules.parts(self.now).sum(axis=1)
        for i, stand in enumerate(self.at):
            weight = float(self._size(i)) * self.problem.names[i].unit
            if stand.shares % self._size(i) != 0 or weight == 0:
                continue
            side, per_gain, lo, hi = self._linear(i, stand)
            fewest, most = np.ceil(lo / weight - _FEW), np.floor(hi / weight + _FEW)
            if fewest <= most:
                step[i], low[i], high[i] = weight, fewest, most
                rates[:, i] = self.rules.rates(i, buys=side > 0, per_gain=per_gain)
                base -= rates[:, i] * stand.weight
        lo_rows, hi_rows = self.rules.hard_limits()
        return Steps(
            step=step,
            low=low,
            high=high,
            wanted=np.where(step > 0, self.wanted, 0.0),
            base=base,
            rates=rates,
            lo=lo_rows,
            hi=hi_rows,
        )

    def settle(self, steps: Steps, counts: Array) -> None:
        """Move every name that has a step to so many of them."""
        for i in np.flatnonzero(steps.step).tolist():
            self._move(i, self._stand(i, Decimal(int(counts[i])) * self._size(i)))

    def _move(self, i: int, stand: Stand) -> None:
        self.y = self.y + self.exposures[i] * (stand.weight - self.at[i].weight)
        self.at[i] = stand
        self._refresh(i)

    def _linear(self, i: int, stand: Stand) -> tuple[int, float, float, float]:
        """Return a name's side, its gain per unit of weight sold, and the range around it where both hold."""
        lo, hi = self.range[i]
        if stand.weight > 0 or lo >= 0 or (stand.weight == 0 and hi > 0):
            return 1, 0.0, max(lo, 0.0), hi
        sold, per_gain = 0.0, 0.0
        if not self.rules.by_gain.any():
            return -1, 0.0, max(lo, -sum(entry.weight for entry in self.orders[i])), min(hi, 0.0)
        for entry in self.orders[i]:
            per_gain = entry.gain
            if sold + entry.weight >= -stand.weight - TOUCH:
                return -1, per_gain, max(lo, -(sold + entry.weight)), min(hi, -sold)
            sold += entry.weight
        return -1, per_gain, stand.weight, stand.weight

    def _size(self, i: int) -> Decimal:
        return self.problem.names[i].security.lot_size or Decimal(1)

    def _refresh(self, i: int) -> None:
        n, here = len(self.at), self.at[i]
        self.now[:, i] = here.weight, here.cost, here.gain
        for candidate, direction in ((i, ROUND_FLOOR), (n + i, ROUND_CEILING)):
            stand = self._step(i, direction)
            self.next[candidate], self.open[candidate] = stand, stand is not None
            there = here if stand is None else stand
            self.then[:, candidate] = there.weight, there.cost, there.gain

    def _step(self, i: int, direction: str) -> Stand | None:
        """Return the next tradable number of shares below or above the present one; None at the end of the piece."""
        name, now = self.problem.names[i], self.at[i].shares
        size = self._size(i)
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
        if abs(u + name.held) < TOUCH and _leaves(name, lowest):
            return -name.shares
        size = self._size(i)
        exact = Decimal(u) / Decimal(name.unit) / size if name.unit > 0 else Decimal(0)
        tries = {exact.to_integral_value(mode) * size for mode in (ROUND_HALF_EVEN, ROUND_FLOOR, ROUND_CEILING)}
        if _leaves(name, lowest):
            tries.add(-name.shares)
        inside = [shares for shares in tries if self._is_open(i, shares)]
        return min(inside, key=lambda shares: (abs(float(shares) * name.unit - u), shares), default=Decimal(0))

    def _is_open(self, i: int, shares: Decimal) -> bool:
        lowest, highest = self.range[i]
        name = self.problem.names[i]
        most = sum((entry.quantity for entry in self.orders[i]), Decimal(0))
        return lowest - TOUCH <= float(shares) * name.unit <= highest + TOUCH and -shares <= most

    def _stand(self, i: int, shares: Decimal) -> Stand:
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
        return Stand(shares=shares, weight=u, cost=float(cost), gain=gain)


class Rules:
    """The rows as arrays: what names add to them, what is priced beyond them and what is forbidden."""

    def __init__(self, problem: Problem) -> None:
        self.up = np.array([row.up for row in problem.rows])
        self.down = np.array([row.down for row in problem.rows])
        self.by_gain = np.array([row.by_lot_gain for row in problem.rows], dtype=bool)[:, None]
        self.lo = np.array([row.lo for row in problem.rows])[:, None]
        self.hi = np.array([row.hi for row in problem.rows])[:, None]
        self.below = np.array([row.slack_below for row in problem.rows])[:, None]
        self.above = np.array([row.slack_above for row in problem.rows])[:, None]
        self.is_cash = np.array([row.rule == CASH for row in problem.rows], dtype=bool)
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

    def rates(self, i: int, *, buys: bool, per_gain: float) -> Array:
        """Return what a unit of one name's weight adds to each row, (m,)."""
        if buys:
            return np.where(self.by_gain[:, 0], 0.0, self.up[:, i])
        return np.where(self.by_gain[:, 0], -per_gain, -self.down[:, i])

    def hard_limits(self) -> tuple[Array, Array]:
        """Return the rows' limits with all that is only priced let through, (m,) each."""
        return (self.lo - self.below)[:, 0], (self.hi + self.above)[:, 0]

    def spare_cash(self, weight: float) -> None:
        """Let the cash row, which counts what is spent, fall below its limit by so much."""
        self.lo[self.is_cash] -= weight


def _reach(name: Name, lo: float, hi: float) -> tuple[float, float]:
    """Return the piece's range; a name that must go but cannot leave whole keeps back what is less than one lot."""
    if not name.rules.must_exit or _leaves(name, lo):
        return lo, hi
    size = name.security.lot_size or Decimal(1)
    most = sum((entry.lot.quantity for entry in name.sellable), Decimal(0)) // size * size
    return -float(most) * name.unit, -float(most) * name.unit


def _leaves(name: Name, lowest: float) -> bool:
    """Whether the piece reaches a full exit."""
    return name.shares > 0 and lowest <= -name.held + TOUCH and all(lot.blocked is None for lot in name.lots)
