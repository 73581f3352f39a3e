"""What is each trade worth? By how much the plan's objective worsens if it were forbidden and the rest solved again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.branch_and_bound import tolerance_of
from engine.plan.compiled import compiled
from engine.plan.coupled import has_limits
from engine.plan.prepared import Flags, Indices
from engine.plan.prices import Prices
from engine.plan.problem import Problem
from engine.plan.relaxation import first_relaxation
from engine.plan.search import search
from engine.plan.second_order import Response, response
from engine.plan.sides import rounded

SOLVED_WORK: Final = 240  # trades x names up to which every one is solved again
_SIDES_TRIED: Final = 32
_NOISE: Final = 1e-9  # 1e-5 bp
_NEAR: Final = 0.02  # of a worth: known to this it need not be known better
_ALONE: Final = 1e-3  # of what a name's own curvature offers: less than this, and no other name makes up for it


def worth_of_trades(prices: Prices, traded: Sequence[int]) -> Mapping[int, float | None]:
    """Return by how much the objective worsens without each of these names' trades, fractions of V.

    None where without it no plan obeys the rules. In an account of few names each problem is solved; in a large one, or
    one whose plan took long to find, the worth is estimated to second order, one other name changing sides where that
    is cheaper. Up to the same amount of work, trades that no other name could make up for are solved, then those with
    most second-order part.
    """
    solvable = SOLVED_WORK // max(len(prices.problem.names) * prices.found.nodes, 1)
    if len(traded) <= solvable:
        return {i: _solved_without(prices, i) for i in traded}
    names = np.array(traded, dtype=np.intp)
    estimate, second_order, alone = _estimates(prices, names)
    unsure = np.lexsort(np.stack([names, -second_order, ~alone]))[:solvable].tolist()
    found: dict[int, float | None] = dict(zip(traded, estimate.tolist(), strict=True))
    found |= {traded[k]: _solved_without(prices, traded[k]) for k in unsure}
    return found


def without_trade(problem: Problem, i: int) -> Problem:
    """Return the problem in which one name, which need not leave the account, may be neither bought nor sold.

    All else is shared with the problem: only the range of this name's trade differs.
    """
    p, n = problem.prepared, len(problem.names)
    kept = np.arange(n) == i
    other = replace(problem)
    other.__dict__["frame"] = problem.frame
    other.__dict__["prepared"] = replace(
        p,
        lo=np.where(kept, np.maximum(p.lo, 0.0), p.lo),
        hi=np.where(kept, np.minimum(p.hi, 0.0), p.hi),
        lo_gains_only=np.where(kept, np.maximum(p.lo_gains_only, 0.0), p.lo_gains_only),
        whole=np.where(kept, 0.0, p.whole),
    )
    return other


def _solved_without(prices: Prices, i: int) -> float | None:
    problem = without_trade(prices.problem, i)
    objective = _at_once(problem, prices)
    if objective is None:
        found = search(problem)
        if found is None:
            return None
        objective = found.objective
    return max(objective - prices.found.objective, 0.0)


def _at_once(problem: Problem, prices: Prices) -> float | None:
    """Return the objective of the relaxation's own rounding where its bound proves it well enough; else None."""
    if problem.netting is not None or has_limits(problem):
        return None
    root = first_relaxation(problem, prices=prices.found.solution.row_price)
    found = None if root is None else rounded(problem, root)
    if found is None:
        return None
    near_enough = max(tolerance_of(problem), _NEAR * (found.objective - prices.found.objective))
    return found.objective if found.objective - found.bound <= near_enough else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """The plan to second order. worth (n,): of each trade to first order, fractions of V."""

    worth: Array
    answer: Response


def _estimates(prices: Prices, traded: Indices) -> tuple[Array, Array, Flags]:
    """Return the worth of each traded name to second order, the part of it that is, and whether it stands alone: (t,).

    First order: the name's own Lagrangian at zero less that at its trade, a lower bound on the true worth. Second
    order: half of q u^2, with q the curvature that all others offer when they make up for a unit of this name (a Schur
    complement, one factorisation for all). Where it is cheaper so, one other name changes to another of its pieces.
    A name stands alone where no other can make up for it.
    """
    model = _model(prices)
    u = prices.found.trade[traded]
    answer = model.answer
    h, s = answer.free[traded], answer.own[traded]
    alone = 1.0 - h * s <= _ALONE
    second_order = 0.5 * np.where(alone, 0.0, s / np.where(alone, 1.0, 1.0 - h * s)) * u**2
    worth = model.worth[traded] + second_order
    other, dearer, moved = _other_sides(prices, model)
    cross = answer.pull[traded] @ answer.onto[other].T
    changed = _with_one_more(model.worth, answer.free, answer.own, cross, traded, -u, other, dearer, moved)
    return np.maximum(np.minimum(worth, changed), 0.0), second_order, alone


def _model(prices: Prices) -> _Model:
    problem, table = prices.problem, prices.found.table
    p, n = problem.prepared, len(problem.names)
    broken = np.bincount(np.repeat(np.arange(n), np.diff(p.hinge_first)), np.abs(p.hinge_at), minlength=n)
    at_zero = prices.aversion * p.specific * p.shortfall**2 + problem.penalty * broken + table.per_name * (p.held > 0)
    return _Model(worth=at_zero - prices.lagrangian[:n], answer=response(prices))


def _other_sides(prices: Prices, model: _Model) -> tuple[Indices, Array, Array]:
    """Return the changes of one name to another piece that cost least: the name, the cost to first order, the step."""
    table, n = prices.found.table, len(prices.problem.names)
    is_other = table.col < n
    is_other[prices.found.pieces] = False
    for group in table.groups:  # what one of them does binds the others
        is_other &= ~np.isin(table.col, group)
    pieces = np.flatnonzero(is_other)
    names = table.col[pieces]
    dearer = prices.charged[pieces] - prices.lagrangian[names]
    moved = prices.lowest_at[pieces] - prices.found.trade[names]
    h, s = model.answer.free[names], model.answer.own[names]
    lost = dearer + 0.5 * s / np.maximum(1.0 - h * s, _ALONE) * moved**2
    # A change that would better the plan by more than its gap runs into a rule that does not bind yet.
    lost[lost < prices.found.bound - prices.found.objective - _NOISE] = np.inf
    chosen = np.argsort(lost, kind="stable")[: min(_SIDES_TRIED, int(np.isfinite(lost).sum()))]
    return names[chosen], dearer[chosen], moved[chosen]


@compiled
def _with_one_more(
    worth: Array, free: Array, own: Array, cross: Array, traded: Indices, steps: Array,
    other: Indices, dearer: Array, moved: Array,
) -> Array:  # fmt: skip
    """Return the least worth of each trade if one other name changes its piece as well: (t,); inf where none can.

    With H the freedom of the two names and S their part of the spread, the others offer them Q = (S^-1 - H)^-1.
    """
    found = np.full(len(traded), np.inf)
    for t in range(len(traded)):
        i, u = traded[t], steps[t]
        for k in range(len(other)):
            c, v, both = other[k], moved[k], cross[t, k]
            left, right = 1.0 - free[i] * own[i], 1.0 - free[c] * own[c]
            determinant = left * right - free[i] * free[c] * both * both
            if c == i or determinant <= _ALONE:
                continue
            bend = (own[i] * right + free[c] * both * both) * u * u + (own[c] * left + free[i] * both * both) * v * v
            found[t] = min(found[t], worth[i] + dearer[k] + (0.5 * bend + both * u * v) / determinant)
    return found
