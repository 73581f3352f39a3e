"""Which plan keeps a limit on the tracking error? On chosen sides the best one exactly, or any at all."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from engine.domain.errors import SolverFailed
from engine.domain.market import Array
from engine.plan.certificate import certify
from engine.plan.convex import Solution, exact_optimum
from engine.plan.envelope import chosen_chains
from engine.plan.feasibility import Cut, feasible_pieces
from engine.plan.frame import reweighed
from engine.plan.pieces import PieceTable, piece_table
from engine.plan.prepared import Indices
from engine.plan.problem import Problem
from engine.plan.root import Root
from engine.plan.sides import Found, objective, within_tracking_error

_NOTHING_ELSE: Final = 1e5  # variance so much dearer that nothing else counts
_CUTS: Final = 400
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


def pieces_within(problem: Problem, table: PieceTable) -> Indices | None:
    """Return one piece for each column on which some trade keeps every rule and limit; None where there is none.

    Outer approximation: the variance lies above each of its tangents. Pieces that keep the rules and all tangents so
    far are asked for; where their least variance is above the limit, the tangent there excludes them and more. Raises
    SolverFailed when that goes on for too long.
    Source: Duran & Grossmann, An outer-approximation algorithm for mixed-integer nonlinear programs (1986).
    """
    settings = problem.settings
    cap = None if settings.liquidate else settings.max_tracking_error
    names = None if settings.liquidate else settings.max_names
    steep, everything = _steep(problem, table), np.ones(len(table.col), dtype=bool)
    cuts: list[Cut] = []
    tried: list[Indices] = []
    for _ in range(_CUTS):
        pieces = feasible_pieces(
            table, everything, max_trades=settings.max_trades, max_names=names, cuts=cuts, excluded=tried
        )
        if pieces is None or cap is None:
            return pieces
        least = exact_optimum(steep, chosen_chains(steep, pieces))
        if least is not None and variance(problem, least.trade) <= cap**2:
            return pieces
        if least is not None:
            cuts.append(_tangent(problem, table, least.trade, cap))
        elif within_tracking_error(problem, table, pieces, cap) is not None:
            return pieces
        tried.append(pieces)
    raise SolverFailed(f"a plan within the tracking error was neither found nor ruled out in {_CUTS} attempts")


def _steep(problem: Problem, table: PieceTable) -> PieceTable:
    frame = reweighed(table.frame, problem, variance=_NOTHING_ELSE)
    return replace(piece_table(problem, frame=frame), lo_rows=table.lo_rows, hi_rows=table.hi_rows)


def _tangent(problem: Problem, table: PieceTable, trade: Array, cap: float) -> Cut:
    """Return what a variance within its limit asks of the trades, to first order at these."""
    n = len(problem.names)
    active = trade[:n] - problem.shortfall
    slope = np.zeros(table.columns)
    slope[:n] = 2.0 * (problem.loadings @ (active @ problem.loadings) + problem.specific * active)
    size = float(np.abs(slope).max())
    return Cut(slope=slope / size, at_most=float(slope @ trade - variance(problem, trade) + cap**2) / size)
