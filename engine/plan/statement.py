"""What if the interior-point method does not converge? The same problem of chains, stated in cvxpy."""

from typing import Any

import numpy as np

from engine.domain.errors import SolverFailed
from engine.domain.market import Array
from engine.plan.envelope import Chains
from engine.plan.pieces import PieceTable


def stated(table: PieceTable, chains: Chains) -> tuple[Array, Array, Array]:
    """Return the filling of the segments, factor prices and row prices, by Clarabel; see convex.py for the problem.

    Raises SolverFailed when Clarabel does not reach its tolerance.
    """
    import cvxpy  # takes a second to load, and is seldom needed

    cp: Any = cvxpy
    filled = cp.Variable(len(chains.length))
    factors = table.exposures.shape[1]
    y: Any = cp.Variable(factors) if factors else np.zeros(0)
    start = table.y0 + table.exposures[: table.columns].T @ chains.start
    rows = chains.rows + chains.rates @ filled
    upper, lower = np.isfinite(table.hi_rows), np.isfinite(table.lo_rows)
    above, below = rows[upper] <= table.hi_rows[upper], rows[lower] >= table.lo_rows[lower]
    cost = chains.gradient @ filled + cp.sum(cp.multiply(chains.curvature / 2, cp.square(filled)))
    rules = [above, below, filled >= 0, filled <= chains.length]
    if factors:
        cost += cp.sum_squares(y) / 2
        rules.append(y == start + table.exposures[chains.col].T @ filled)
    problem = cp.Problem(cp.Minimize(cost), rules)
    problem.solve(solver=cp.CLARABEL)
    if problem.status != cp.OPTIMAL:
        raise SolverFailed(f"the interior-point method did not converge, and Clarabel ended {problem.status}")
    price = np.zeros(len(table.lo_rows))
    price[upper] += above.dual_value
    price[lower] -= below.dual_value
    return np.clip(filled.value, 0.0, chains.length), np.asarray(y.value if factors else y), price
