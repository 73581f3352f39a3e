"""What is the optimum of a convex problem of chains? An interior-point method that uses their structure.

    minimise 1/2 |y|^2 + sum_j (gradient_j t_j + curvature_j t_j^2 / 2),   y = y0 + exposures' u,  0 <= t <= length,
    subject to lo_rows <= rows + rates t + slack <= hi_rows,   u_c = start_c + sum of the t of column c.

Slack has a price above what rows are worth, so there is always an optimum; slack left in it at the highest price tried
suggests that the rows cannot be obeyed along these chains. Segments are eliminated to one diagonal, which leaves a
dense system of one row for each factor and rule.
Source: Mehrotra, On the implementation of a primal-dual interior point method, SIAM J. Optim. 2
(1992).
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import Bounds, LinearConstraint, milp

from engine.domain.market import Array
from engine.plan.envelope import Chains
from engine.plan.pieces import PieceTable
from engine.plan.statement import stated

ITERATIONS: Final = 80
TOLERANCE: Final = 1e-9  # of the duality gap and the residuals, in fractions of V: 1e-5 bp
NO_SLACK: Final = 1e-8  # less slack than this is none
_TO_BOUNDARY: Final = 0.995
_MIN_WIDTH: Final = 1e-8  # a row held to one value is given this much room, 1 cent in a million dollars
_WIDE: Final = 10.0  # stands in for a side of a row that has no limit
_SLACK_PRICE: Final = 10.0  # times the steepest cost
_DEAR_SLACK_PRICE: Final = 1000.0  # for rows that work against each other, which can be worth much more
_SLACK_LENGTH: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """trade u (columns,); factor_price (k,) and row_price (m,), > 0 where an upper side binds, < 0 for a lower one.

    rows (m,): what the rows come to, without slack. filled (j,): how much of each of the table's segments is taken.
    slack: the largest amount by which a row is not obeyed. fallback: solved by Clarabel through cvxpy.
    """

    trade: Array
    rows: Array
    filled: Array
    factor_price: Array
    row_price: Array
    slack: float
    fallback: bool = False


def relaxed_optimum(table: PieceTable, chains: Chains) -> Solution:
    """Return the optimum with slack in the rows.

    Should the interior-point method not converge, the same problem is stated in cvxpy and given to Clarabel; raises
    SolverFailed when that fails too.
    """
    priced = _with_slack(table, chains, _SLACK_PRICE)
    answer = _interior_point(table, priced)
    found = _solution(table, priced, *(answer or stated(table, priced)), fallback=answer is None)
    if found.slack <= NO_SLACK:
        return found
    priced = _with_slack(table, chains, _DEAR_SLACK_PRICE)
    answer = _interior_point(table, priced)
    return found if answer is None else _solution(table, priced, *answer)


def exact_optimum(table: PieceTable, chains: Chains) -> Solution | None:
    """Return the optimum that obeys every row, or None where a linear program shows that there is none."""
    found = relaxed_optimum(table, chains)
    if found.slack <= NO_SLACK:
        return found
    if not _is_feasible(table, chains):
        return None
    return _solution(table, chains, *stated(table, chains), fallback=True)


def _is_feasible(table: PieceTable, chains: Chains) -> bool:
    """Return whether some filling of the segments obeys every row, by a linear program (HiGHS)."""
    lo, hi = table.lo_rows - chains.rows, table.hi_rows - chains.rows
    if not len(chains.length):
        return bool((lo <= NO_SLACK).all() and (hi >= -NO_SLACK).all())
    box = Bounds(np.zeros(len(chains.length)), chains.length)
    answer = milp(np.zeros(len(chains.length)), bounds=box, constraints=LinearConstraint(chains.rates, lo, hi))
    return bool(answer.status == 0)


def _with_slack(table: PieceTable, chains: Chains, times: float) -> Chains:
    """Add to each row one segment that raises it and one that lowers it, at a price of so many times the steepest."""
    rows = len(table.lo_rows)
    steepest = np.abs(chains.gradient) + chains.curvature * chains.length
    price = times * max(1.0, float(steepest.max(initial=0.0)))
    return replace(
        chains,
        col=np.concatenate([chains.col, np.full(2 * rows, table.columns)]),
        segment=np.concatenate([chains.segment, np.full(2 * rows, -1)]),
        length=np.concatenate([chains.length, np.full(2 * rows, _SLACK_LENGTH)]),
        gradient=np.concatenate([chains.gradient, np.full(2 * rows, price)]),
        curvature=np.concatenate([chains.curvature, np.zeros(2 * rows)]),
        rates=np.hstack([chains.rates, np.eye(rows), -np.eye(rows)]),
    )


def _solution(
    table: PieceTable, chains: Chains, fill: Array, factor_price: Array, row_price: Array, *, fallback: bool = False
) -> Solution:
    moved = np.bincount(chains.col, weights=fill, minlength=table.columns + 1)
    own, own_column = chains.segment >= 0, chains.col < table.columns
    return Solution(
        trade=chains.start + moved[: table.columns],
        rows=chains.rows + chains.rates[:, own_column] @ fill[own_column],
        filled=np.bincount(chains.segment[own], weights=fill[own], minlength=len(table.piece)).astype(float),
        factor_price=factor_price,
        row_price=row_price,
        slack=float(fill[chains.col == table.columns].max(initial=0.0)),
        fallback=fallback,
    )


def _interior_point(table: PieceTable, chains: Chains) -> tuple[Array, Array, Array] | None:
    """Return the filling of the segments, factor prices and row prices; None when the method does not converge."""
    system = _System(table, chains)
    with np.errstate(all="ignore"):
        point = system.start()
        for _ in range(ITERATIONS):
            residual = system.residual(point)
            if not np.isfinite(residual.x).all() or not np.isfinite(residual.price).all():
                return None
            if system.is_optimal(point, residual):
                k = system.factors
                return point.x, point.price[:k].copy(), point.price[k:].copy()
            try:
                point = system.advance(point, residual)
            except (LinAlgError, ValueError):
                return None
    return None


@dataclass(slots=True, frozen=True, kw_only=True)
class _Point:
    """Primal and dual variables: segments x, free coordinates w = (y, row values), prices, and the bounds' duals."""

    x: Array
    w: Array
    price: Array
    z_lo: Array
    z_hi: Array
    s_lo: Array
    s_hi: Array

    def moved(self, step: "_Point", size: float) -> "_Point":
        return _Point(
            x=self.x + size * step.x,
            w=self.w + size * step.w,
            price=self.price + size * step.price,
            z_lo=self.z_lo + size * step.z_lo,
            z_hi=self.z_hi + size * step.z_hi,
            s_lo=self.s_lo + size * step.s_lo,
            s_hi=self.s_hi + size * step.s_hi,
        )


class _System:
    """The data of one problem, and the Newton steps on it."""

    def __init__(self, table: PieceTable, chains: Chains) -> None:
        self.chains = chains
        self.factors = table.exposures.shape[1]
        self.map = np.vstack([table.exposures[chains.col].T, chains.rates])
        self.offset = np.concatenate([table.y0 + table.exposures[: table.columns].T @ chains.start, chains.rows])
        reach = np.maximum(np.abs(chains.rates) @ chains.length, 1.0) * _WIDE + np.abs(chains.rows)
        below, above = np.isfinite(table.lo_rows), np.isfinite(table.hi_rows)
        lo, hi = np.where(below, table.lo_rows, -reach), np.where(above, table.hi_rows, reach)
        middle, half = (lo + hi) / 2, np.maximum((hi - lo) / 2, _MIN_WIDTH / 2)
        self.lo = np.where(below & above, middle - half, lo)
        self.hi = np.where(below & above, middle + half, hi)

    def start(self) -> _Point:
        chains = self.chains
        x = chains.length / 2.0
        steep = np.abs(chains.gradient) + chains.curvature * chains.length
        dual = max(0.1 * float(steep.mean()) if steep.size else 0.0, 1e-4)
        w = self.offset + self.map @ x
        w[self.factors :] = np.clip(
            w[self.factors :], self.lo + 0.1 * (self.hi - self.lo), self.hi - 0.1 * (self.hi - self.lo)
        )
        price = np.zeros(len(w))
        price[: self.factors] = w[: self.factors]
        rows = np.full(len(self.lo), dual)
        return _Point(
            x=x, w=w, price=price, z_lo=np.full(len(x), dual), z_hi=np.full(len(x), dual), s_lo=rows, s_hi=rows.copy()
        )

    def residual(self, p: _Point) -> _Point:
        """Return minus the optimality conditions' violations; the four complementarity parts hold products."""
        k = self.factors
        x = -(self.chains.curvature * p.x + self.chains.gradient + self.map.T @ p.price - p.z_lo + p.z_hi)
        w = np.concatenate([p.price[:k] - p.w[:k], p.price[k:] + p.s_lo - p.s_hi])
        price = p.w - self.offset - self.map @ p.x
        rows = p.w[k:]
        return _Point(
            x=x,
            w=w,
            price=price,
            z_lo=p.x * p.z_lo,
            z_hi=(self.chains.length - p.x) * p.z_hi,
            s_lo=(rows - self.lo) * p.s_lo,
            s_hi=(self.hi - rows) * p.s_hi,
        )

    def is_optimal(self, p: _Point, residual: _Point) -> bool:
        gap = residual.z_lo.sum() + residual.z_hi.sum() + residual.s_lo.sum() + residual.s_hi.sum()
        k = self.factors
        size = 1.0 + 0.5 * float(p.w[:k] @ p.w[:k]) + abs(float(self.chains.gradient @ p.x))
        worst = max(
            (float(np.abs(part).max(initial=0.0)) for part in (residual.x, residual.w, residual.price)), default=0.0
        )
        return bool(gap <= TOLERANCE * size and worst <= TOLERANCE * size)

    def advance(self, p: _Point, residual: _Point) -> _Point:
        """Return the point after one predictor-corrector step."""
        products = (residual.z_lo, residual.z_hi, residual.s_lo, residual.s_hi)
        count = max(sum(len(part) for part in products), 1)
        mean = sum(float(part.sum()) for part in products) / count
        k = self.factors
        room = (p.x, self.chains.length - p.x, p.w[k:] - self.lo, self.hi - p.w[k:])
        weight = self.chains.curvature + p.z_lo / room[0] + p.z_hi / room[1]
        row_weight = p.s_lo / room[2] + p.s_hi / room[3]
        schur = (self.map / weight) @ self.map.T
        schur[np.diag_indices_from(schur)] += np.concatenate([np.ones(k), 1.0 / row_weight])
        factor = cho_factor(schur, lower=True, check_finite=True)

        def newton(targets: tuple[Array, Array, Array, Array]) -> _Point:
            """Solve for the step that brings each complementarity product to its target, to first order."""
            z_lo, z_hi, s_lo, s_hi = (t / r for t, r in zip(targets, room, strict=True))
            rho_x = residual.x + z_lo - p.z_lo - z_hi + p.z_hi
            rho_s = residual.w[k:] + s_lo - p.s_lo - s_hi + p.s_hi
            free = np.concatenate([residual.w[:k], rho_s / row_weight])
            price = cho_solve(factor, self.map @ (rho_x / weight) - free - residual.price, check_finite=False)
            x = (rho_x - self.map.T @ price) / weight
            w = free + np.concatenate([price[:k], price[k:] / row_weight])
            return _Point(
                x=x,
                w=w,
                price=price,
                z_lo=z_lo - p.z_lo - p.z_lo / room[0] * x,
                z_hi=z_hi - p.z_hi + p.z_hi / room[1] * x,
                s_lo=s_lo - p.s_lo - p.s_lo / room[2] * w[k:],
                s_hi=s_hi - p.s_hi + p.s_hi / room[3] * w[k:],
            )

        zeros = tuple(np.zeros_like(part) for part in products)
        ahead = newton((zeros[0], zeros[1], zeros[2], zeros[3]))
        tried = self.residual(p.moved(ahead, self._longest(p, ahead, room)))
        predicted = sum(float(part.sum()) for part in (tried.z_lo, tried.z_hi, tried.s_lo, tried.s_hi)) / count
        centre = mean * min(max(predicted / mean, 0.0), 1.0) ** 3
        step = newton(
            (
                centre - ahead.x * ahead.z_lo,
                centre + ahead.x * ahead.z_hi,
                centre - ahead.w[k:] * ahead.s_lo,
                centre + ahead.w[k:] * ahead.s_hi,
            )
        )
        return p.moved(step, min(1.0, _TO_BOUNDARY * self._longest(p, step, room)))

    def _longest(self, p: _Point, step: _Point, room: tuple[Array, Array, Array, Array]) -> float:
        """Return how far a step may go, at most 1, before a room or a dual falls to zero."""
        k = self.factors
        falling = -np.concatenate(
            [
                step.x / room[0], -step.x / room[1], step.w[k:] / room[2], -step.w[k:] / room[3],
                step.z_lo / p.z_lo, step.z_hi / p.z_hi, step.s_lo / p.s_lo, step.s_hi / p.s_hi,
            ]
        )  # fmt: skip
        return 1.0 / max(1.0, float(falling.max(initial=1.0)))
