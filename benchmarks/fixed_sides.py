"""What does the usual way come to? Relax lots without borrowed curvature, fix each name's side, solve again.

Lots, purchases and risk in one convex model; that a name is not bought while its losses are sold is relaxed to its
linear hull, bought / most + sold / most <= 1. Each name with a loss then keeps to the sign of its net trade, and the
same model is solved on these sides. The bound is the hull's. Built once, compilation not counted.
"""

from dataclasses import dataclass
from typing import Any, Final

import cvxpy
import numpy as np
import scipy.sparse

from benchmarks.timing import timed
from engine.plan.problem import Problem

cp: Any = cvxpy
_TRADED: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedSides:
    """objective: of the plan on fixed sides, None where they admit none; bound: of the hull. Fractions of V."""

    objective: float | None
    bound: float
    wall_ms: float
    cpu_ms: float
    compile_ms: float


def fixed_sides(problem: Problem) -> FixedSides:
    """Return what two solves of the lot-level model find, with their time."""
    p = problem.prepared
    model, trade, most_bought, most_sold = _model(problem)
    lots = np.repeat(np.arange(len(p.held)), np.diff(p.lot_first))
    most_bought.value, most_sold.value = np.maximum(p.hi, 0.0), 0.999 * p.lot_weight
    compiling = timed(lambda: model.solve(solver=cp.CLARABEL))

    def relax() -> float:
        most_sold.value = p.lot_weight
        model.solve(solver=cp.CLARABEL)
        return float(model.value)

    def fix() -> float | None:
        side = np.where(trade.value > _TRADED, 1, np.where(trade.value < -_TRADED, -1, 0))
        most_bought.value = np.where(p.has_loss & (side < 1), 0.0, np.maximum(p.hi, 0.0))
        most_sold.value = np.where((p.has_loss & (side > -1) & ~p.must_exit)[lots], 0.0, p.lot_weight)
        model.solve(solver=cp.CLARABEL)
        return float(model.value) if model.status == cp.OPTIMAL else None

    relaxing = timed(relax)
    fixing = timed(fix)
    return FixedSides(
        objective=fixing.result,
        bound=relaxing.result,
        wall_ms=relaxing.wall_ms + fixing.wall_ms,
        cpu_ms=relaxing.cpu_ms + fixing.cpu_ms,
        compile_ms=compiling.wall_ms,
    )


def _model(problem: Problem) -> tuple[Any, Any, Any, Any]:
    """Return the model, its net trade, and the parameters that say how much of each name and lot may go which way."""
    p: Any = problem.prepared
    settings = problem.settings
    n, lots = len(p.held), len(p.lot_weight)
    bought, sold = cp.Variable(n, nonneg=True), cp.Variable(lots, nonneg=True)
    most_bought, most_sold = cp.Parameter(n, nonneg=True), cp.Parameter(lots, nonneg=True)
    owner = np.repeat(np.arange(n), np.diff(p.lot_first))
    sale = scipy.sparse.csr_matrix((np.ones(lots), (owner, np.arange(lots))), shape=(n, lots)) @ sold
    trade, y = cp.Variable(n), cp.Variable(problem.loadings.shape[1])
    active = trade - p.shortfall
    risk = settings.risk_aversion * (cp.sum_squares(y) + cp.sum(cp.multiply(p.specific, cp.square(active))))
    cost: Any = risk + settings.tax_weight * (p.lot_tax @ sold) + p.cost @ (bought + sale) - p.alpha @ trade
    both = (p.hi > 0) & (p.lo < 0) & p.has_loss
    rules = [
        trade == bought - sale,
        y == problem.loadings.T @ active,
        bought <= most_bought,
        sold <= most_sold,
        trade >= p.lo,
        trade <= np.maximum(p.hi, p.lo),
    ]
    if both.any():
        rules.append(cp.multiply(1 / p.hi[both], bought[both]) + cp.multiply(-1 / p.lo[both], sale[both]) <= 1)
    hinge = np.repeat(np.arange(n), np.diff(p.hinge_first))
    if len(hinge):
        sign = np.where(p.hinge_upper, 1.0, -1.0)
        cost += problem.penalty * cp.sum(cp.pos(cp.multiply(sign, trade[hinge] - p.hinge_at)))
    for row in problem.rows:
        gains = row.st * p.lot_st_gain + row.lt * p.lot_lt_gain
        value = gains @ sold if row.by_lot_gain else row.up @ bought + row.down @ sale
        for limit, way, slack in ((row.hi, 1.0, row.slack_above), (row.lo, -1.0, row.slack_below)):
            if np.isfinite(limit):
                rules.append(way * (value - limit) <= slack)
                if slack > 0:
                    cost += problem.penalty * cp.pos(way * (value - limit))
    model = cp.Problem(cp.Minimize(cost), rules)
    if not model.is_dcp(dpp=True):
        raise RuntimeError("the model is not parametrised as cvxpy wants it, and would be compiled at every solve")
    return model, trade, most_bought, most_sold
