"""Which plan keeps a limit on the tracking error? On chosen sides the best one exactly, or any at all."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from engine.domain.errors import SolverFailed
from engine.domain.market import Array
from engine.plan.certificate import certify
from engine.plan.convex import exact_optimum
from engine.plan.envelope import chosen_chains
from engine.plan.feasibility import Cut, feasible_pieces
from engine.plan.frame import frame_of
from engine.plan.pieces import PieceTable, piece_table
from engine.plan.prepared import Indices
from engine.plan.problem import Problem
from engine.plan.root import Root
from engine.plan.sides import Found, within_tracking_error

_NOTHING_ELSE: Final = 1e5  # variance so much dearer that nothing else counts
_CUTS: Final = 400
_PRICES: Final = 20
_LEAST: Final = 1e-6
_FARTHEST: Final = float(np.log(16.0))  # step of a price's logarithm
_SLOW: Final = 1e-9  # as if nothing changed: the first step is the farthest
_AT_LIMIT: Final = 1e-7  # of the limit: near enough


def variance(problem: Problem, trade: Array) -> float:
    """Return the tracking-error variance after these trades (columns,)."""
    active = trade[: len(problem.names)] - problem.shortfall
    factor = active @ problem.loadings
    return float(factor @ factor + problem.specific @ (active * active))


def at_limit(problem: Problem, plan: Found) -> Iterator[Found]:
    """Yield the best plan on the plan's sides with its tracking error within the limit, if there is one."""
    frame = frame_of(problem, branch=plan.table.frame.branch)
    table = piece_table(problem, frame=frame, prices=plan.solution.row_price)
    limit = problem.settings.max_tracking_error
    if limit is None or len(table.col) != len(plan.table.col):
        return
    found = within_tracking_error(problem, table, plan.pieces, limit)
    if found is not None:
        yield found


def bound_on_sides(problem: Problem, plan: Found) -> float:
    """Return a bound on all plans on this plan's sides within the limit: the best that a few prices of variance make.

    plan: priced as its table says. Each price's optimum less price times limit is a bound.
    """
    cap, pieces, near = problem.settings.max_tracking_error or 0.0, plan.pieces, plan.solution
    root = Root(
        max(plan.table.frame.aversion - problem.settings.risk_aversion, _LEAST), widening=_FARTHEST, steepness=_SLOW
    )
    best = -np.inf
    for _ in range(_PRICES):
        frame = frame_of(problem, variance=root.price, branch=plan.table.frame.branch)
        table = piece_table(problem, frame=frame, prices=near.row_price)
        if len(table.col) != len(plan.table.col):
            break
        exact = exact_optimum(table, chosen_chains(table, pieces), near=near)
        if exact is None:
            break
        allowed = np.zeros(len(table.col), dtype=bool)
        allowed[pieces] = True
        bound = certify(table, allowed, factor_price=exact.factor_price, row_price=exact.row_price).bound
        best, near = max(best, bound - root.price * cap**2), exact
        excess = float(np.log1p((variance(problem, exact.trade) - cap**2) / max(cap**2, 1e-12)))
        if root.is_found(excess, near=_AT_LIMIT):
            break
    return best


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
    frame = frame_of(problem, variance=_NOTHING_ELSE, branch=table.frame.branch)
    return replace(piece_table(problem, frame=frame), lo_rows=table.lo_rows, hi_rows=table.hi_rows)


def _tangent(problem: Problem, table: PieceTable, trade: Array, cap: float) -> Cut:
    """Return what a variance within its limit asks of the trades, to first order at these."""
    n = len(problem.names)
    active = trade[:n] - problem.shortfall
    slope = np.zeros(table.columns)
    slope[:n] = 2.0 * (problem.loadings @ (active @ problem.loadings) + problem.specific * active)
    size = float(np.abs(slope).max())
    return Cut(slope=slope / size, at_most=float(slope @ trade - variance(problem, trade) + cap**2) / size)
