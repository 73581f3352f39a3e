"""What is the plan, said as plainly as it can be? The exact problem on given sides, lot by lot, in cvxpy.

The fast path (pieces, envelopes, interior point) is held against this statement. It takes any constraint a reader cares
to add. Lots are free to be sold in any order, which is what the lot methods optimal and min_tax mean.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.domain.errors import SolverFailed
from engine.plan.outcome import priced_bounds
from engine.plan.problem import Problem


def reference_optimum(problem: Problem, sides: Sequence[int]) -> tuple[float, Any] | None:
    """Return the least objective (fraction of V) and its trades (n,) when each name may only buy (1), sell (-1) or rest.

    Returns None where the sides admit no plan. Minimum trades bind on the side taken. Raises SolverFailed otherwise.
    """
    import cvxpy  # takes a second to load, and no plan needs it

    cp: Any = cvxpy
    names, settings = problem.names, problem.settings
    buy, sell = cp.Variable(len(names), nonneg=True), cp.Variable(len(names), nonneg=True)
    lots = [(i, lot) for i, name in enumerate(names) for lot in name.sellable]
    sold = cp.Variable(max(len(lots), 1), nonneg=True)
    trade = buy - sell
    active = trade - problem.shortfall

    def column(values: list[float]) -> Any:
        return np.array([*values, 0.0][: max(len(values), 1)])

    risk = settings.risk_aversion * (
        cp.sum_squares(problem.loadings.T @ active) + cp.sum(cp.multiply(problem.specific, cp.square(active)))
    )
    tax = settings.tax_weight * (column([lot.tax for _, lot in lots]) @ sold)
    cost = np.array([name.cost for name in names]) @ (buy + sell)
    tilt = -np.array([name.alpha for name in names]) @ trade
    breach: Any = 0.0

    rules = [sold <= column([lot.weight for _, lot in lots])]
    for i, (name, side) in enumerate(zip(names, sides, strict=True)):
        own = [k for k, (owner, _) in enumerate(lots) if owner == i]
        rules.append(sell[i] == (cp.sum(sold[own]) if own else 0.0))
        rules.append(buy[i] <= (0.0 if side < 1 or name.rules.no_buy else 2.0))
        if name.rules.must_exit:
            rules.append(sell[i] == sum(lot.weight for lot in name.sellable))
            continue
        if side > -1:
            rules.append(sell[i] == 0.0)
        if side and problem.min_trade > 0:
            rules.append((buy[i] if side > 0 else sell[i]) >= problem.min_trade)
        priced = priced_bounds(problem, name)
        for bound in name.bounds:
            over = trade[i] - bound.at if bound.upper else bound.at - trade[i]
            rules.append(over <= (abs(bound.at) if bound in priced else 0.0))
            if bound in priced:
                breach += problem.penalty * cp.pos(over)
    for row in problem.rows:
        value = column([lot.gain for _, lot in lots]) @ sold if row.by_lot_gain else row.up @ buy + row.down @ sell
        for slack, limit, over in (
            (row.slack_above, row.hi, value - row.hi),
            (row.slack_below, row.lo, row.lo - value),
        ):
            if np.isfinite(limit):
                rules.append(over <= slack)
                breach += problem.penalty * cp.pos(over) if slack > 0 else 0.0
    statement = cp.Problem(cp.Minimize(risk + tax + cost + tilt + breach), rules)
    statement.solve(solver=cp.CLARABEL)
    if statement.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE):
        return None
    if statement.status != cp.OPTIMAL:
        raise SolverFailed(f"reference statement: Clarabel ended {statement.status}")
    return float(statement.value), trade.value
