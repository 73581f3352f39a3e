"""What does variance cost where the tracking error is at its limit? The price at which no limit would be needed.

A plan brought to its limit by a cone carries the prices of factors and rows, not the limit's own. At the optimum a name
that can move both ways has no slope; the price of variance is the one that leaves least of it.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from engine.plan.frame import reweighed
from engine.plan.pieces import piece_table
from engine.plan.prices import Prices
from engine.plan.problem import Problem
from engine.plan.sides import Found

_AT_LIMIT: Final = 1e-4  # of the limit's variance
_PRICED: Final = 1e-9


def with_limit_priced(problem: Problem, found: Found) -> Found:
    """Return the plan with its limit on the tracking error as a price of variance; itself where none binds."""
    limit, table = problem.settings.max_tracking_error, found.table
    if limit is None or table.frame.aversion > problem.settings.risk_aversion:
        return found
    p, n = problem.prepared, len(problem.names)
    active = found.trade[:n] - p.shortfall
    factor = active @ problem.loadings
    if float(factor @ factor + p.specific @ (active * active)) < limit**2 * (1.0 - _AT_LIMIT):
        return found
    slope = 2.0 * (problem.loadings @ factor + p.specific * active)
    present, moves = Prices(problem=problem, found=found).slopes()
    present, moves = present[:n], moves[:n]
    weight = float(slope[moves] @ slope[moves])
    price = -float(present[moves] @ slope[moves]) / weight if weight > 0 else 0.0
    if price <= _PRICED:
        return found
    priced = piece_table(
        problem,
        frame=reweighed(table.frame, problem, variance=price),
        prices=table.gain_price,
        per_trade=table.per_trade,
        per_name=table.per_name,
    )
    if len(priced.col) != len(table.col):
        return found
    at_price = priced.y0 + found.trade @ priced.exposures[:-1]
    return replace(found, table=priced, solution=replace(found.solution, factor_price=np.asarray(at_price)))
