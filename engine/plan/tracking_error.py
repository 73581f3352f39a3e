"""Which plan on chosen sides keeps a limit on the tracking error? The optimum at the price of variance that does."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.certificate import certify
from engine.plan.convex import Solution, exact_optimum
from engine.plan.envelope import chosen_chains
from engine.plan.frame import reweighed
from engine.plan.pieces import PieceTable, piece_table
from engine.plan.problem import Problem
from engine.plan.root import Root
from engine.plan.sides import Found, objective, within_tracking_error

_PRICES: Final = 20
_LEAST: Final = 1e-6
_FARTHEST: Final = float(np.log(16.0))  # step of a price's logarithm
_DEAREST: Final = 1e7  # a price at which nothing else counts any more
_USUAL: Final = 0.5  # fall of the variance's logarithm for a price e times as high, to begin with
_JUST_KEPT: Final = 1e-7  # of the limit


def variance(problem: Problem, trade: Array) -> float:
    """Return the tracking-error variance after these trades (columns,)."""
    active = trade[: len(problem.names)] - problem.shortfall
    factor = active @ problem.loadings
    return float(factor @ factor + problem.specific @ (active * active))


def at_limit(problem: Problem, plan: Found) -> Iterator[Found]:
    """Yield the best plan on the plan's sides with its tracking error within the limit, if there is one.

    plan: priced as its table says. At the price of variance that just keeps the limit the optimum is that plan; where
    lots are mixed, or no such price is found, the limit is stated as a second-order cone.
    """
    cap = problem.settings.max_tracking_error
    if cap is None:
        return
    if plan.table.gain_price is None:
        for step in _at_prices(problem, plan, cap):
            if -_JUST_KEPT <= step.excess <= 0.0:
                charged = step.price * variance(problem, step.exact.trade)
                value = objective(step.table, plan.pieces, step.exact.trade) - charged
                yield replace(plan, table=step.table, trade=step.exact.trade, sold=None, objective=value,
                              bound=-np.inf, solution=step.exact)  # fmt: skip
                return
    frame = reweighed(plan.table.frame, problem)
    table = piece_table(problem, frame=frame, prices=plan.solution.row_price)
    if len(table.col) != len(plan.table.col):
        return
    found = within_tracking_error(problem, table, plan.pieces, cap)
    if found is not None:
        yield found


def bound_on_sides(problem: Problem, plan: Found) -> float:
    """Return a bound on all plans on this plan's sides within the limit: the best that a few prices of variance make.

    Each price's optimum less price times limit is a bound.
    """
    cap, best = problem.settings.max_tracking_error or 0.0, -np.inf
    for step in _at_prices(problem, plan, cap):
        allowed = np.zeros(len(step.table.col), dtype=bool)
        allowed[plan.pieces] = True
        prices = step.exact
        found = certify(step.table, allowed, factor_price=prices.factor_price, row_price=prices.row_price)
        best = max(best, found.bound - step.price * cap**2)
    return best


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """The optimum on a plan's sides at a price of variance; excess: by how much of the limit it is above it."""

    price: float
    table: PieceTable
    exact: Solution
    excess: float


def _at_prices(problem: Problem, plan: Found, cap: float) -> Iterator[_Step]:
    """Yield optima on a plan's sides at prices of variance that close in on the one at which the limit is just kept."""
    near = plan.solution
    start = max(plan.table.frame.aversion - problem.settings.risk_aversion, _LEAST)
    root = Root(start, widening=_FARTHEST, steepness=_USUAL, narrow=0.0)
    for _ in range(_PRICES):
        price = root.price
        frame = reweighed(plan.table.frame, problem, variance=price)
        table = piece_table(problem, frame=frame, prices=near.row_price)
        if len(table.col) != len(plan.table.col) or price > _DEAREST:
            return
        exact = exact_optimum(table, chosen_chains(table, plan.pieces), near=near)
        if exact is None:
            return
        excess, near = (variance(problem, exact.trade) - cap**2) / max(cap**2, 1e-12), exact
        yield _Step(price=price, table=table, exact=exact, excess=excess)
        if root.is_found(float(np.log1p(excess)), near=_JUST_KEPT):
            return
