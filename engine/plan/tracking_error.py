"""Which plan keeps a limit on the tracking error? On chosen sides the best one exactly, or any at all."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from engine.domain.errors import SolverFailed
from engine.domain.market import Array
from engine.plan.convex import exact_optimum
from engine.plan.envelope import chosen_chains
from engine.plan.feasibility import Cut, feasible_pieces
from engine.plan.frame import frame_of
from engine.plan.pieces import PieceTable, piece_table
from engine.plan.prepared import Indices
from engine.plan.problem import Problem
from engine.plan.sides import Found, within_tracking_error

_NOTHING_ELSE: Final = 1e5  # variance so much dearer that nothing else counts
_CUTS: Final = 400


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
