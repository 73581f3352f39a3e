"""What is each trade worth? By how much the plan's objective worsens if it were forbidden and the rest solved again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.branch_and_bound import tolerance_of
from engine.plan.coupled import has_limits
from engine.plan.prices import Prices
from engine.plan.problem import Problem
from engine.plan.relaxation import first_relaxation
from engine.plan.search import search
from engine.plan.sides import rounded

SOLVED_WORK: Final = 240  # trades x names up to which every one is solved again
_NEAR: Final = 0.02  # of a worth: known to this it need not be known better
_ALONE: Final = 1e-3  # of what a name's own curvature offers: less than this, and no other name makes up for it


def worth_of_trades(prices: Prices, traded: Sequence[int]) -> Mapping[int, float | None]:
    """Return by how much the objective worsens without each of these names' trades, fractions of V.

    None where without it no plan obeys the rules. In an account of few names each problem is solved; in a large one the
    worth is estimated to second order, which is right as long as the others stay on their lots and sides. Up to the
    same amount of work, trades that no other name could make up for are solved, then those with most second-order part.
    """
    solvable = SOLVED_WORK // max(len(prices.problem.names), 1)
    if len(traded) <= solvable:
        return {i: _solved_without(prices, i) for i in traded}
    estimate, others, alone = _second_order(prices)
    unsure = sorted(traded, key=lambda i: (not alone[i], -others[i], i))[:solvable]
    return {i: _solved_without(prices, i) if i in unsure else float(estimate[i]) for i in traded}


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


def _second_order(prices: Prices) -> tuple[Array, Array, Array]:
    """Return the worth of each name's trade to second order, that order's part, and whether it stands alone: (n,).

    First order: the name's own Lagrangian at zero less that at its trade, a lower bound on the true worth. Second
    order: half of q u^2, with q the curvature that all others offer when they make up for a unit of this name (a Schur
    complement, one factorisation for all). A name stands alone where no other can make up for it.
    """
    problem, table, trade = prices.problem, prices.found.table, prices.found.trade
    p, n, k = problem.prepared, len(problem.names), table.exposures.shape[1]
    broken = np.bincount(np.repeat(np.arange(n), np.diff(p.hinge_first)), np.abs(p.hinge_at), minlength=n)
    at_zero = prices.aversion * p.specific * p.shortfall**2 + problem.penalty * broken + table.per_name * (p.held > 0)
    first_order = at_zero - prices.lagrangian()[:n]
    rate, free = prices.state()
    gradient = np.hstack([table.exposures[: table.columns], rate[:, prices.firm_rows()]])
    matrix = (gradient * free[:, None]).T @ gradient
    matrix[:k, :k] += np.eye(k)
    spread = np.einsum("ck,kc->c", gradient, np.linalg.pinv(matrix, hermitian=True) @ gradient.T)[:n]
    left = 1.0 - free[:n] * spread
    others = np.where(left > _ALONE, spread / np.maximum(left, _ALONE), 0.0)
    second_order = 0.5 * others * trade[:n] ** 2
    return np.maximum(first_order + second_order, 0.0), second_order, left <= _ALONE
