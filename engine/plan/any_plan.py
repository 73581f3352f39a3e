"""Is there any plan within all limits? Pieces are asked for until some will do, or none are left.

Outer approximation: the variance lies above each of its tangents. A mixed-integer program looks for pieces that keep
the rules, the counts and all tangents so far; where their least variance is above the limit, the tangent there excludes
them and more.
Source: Duran & Grossmann, An outer-approximation algorithm for a class of mixed-integer nonlinear programs (1986).
"""

from dataclasses import replace
from typing import Final

import numpy as np

from engine.domain.errors import SolverFailed
from engine.domain.market import Array
from engine.plan.convex import exact_optimum
from engine.plan.envelope import chosen_chains
from engine.plan.exchange import without_charges
from engine.plan.feasibility import Cut, feasible_pieces
from engine.plan.frame import reweighed
from engine.plan.pieces import PieceTable, piece_table
from engine.plan.prepared import Indices
from engine.plan.problem import Problem
from engine.plan.relaxation import Relaxation
from engine.plan.sides import Found, on_pieces, within_tracking_error
from engine.plan.tracking_error import variance

_NOTHING_ELSE: Final = 1e5  # variance so much dearer that nothing else counts
_ATTEMPTS: Final = 400


def any_plan(problem: Problem, node: Relaxation) -> Found | None:
    """Return a plan that keeps every rule and limit, its bound none, from a relaxation; None where there is none.

    Raises SolverFailed when neither comes out after many attempts.
    """
    settings, table = problem.settings, node.table
    cap = None if settings.liquidate else settings.max_tracking_error
    names = None if settings.liquidate else settings.max_names
    steep = None if cap is None else _steep(problem, table)
    cuts: list[Cut] = []
    tried: list[Indices] = []
    for _ in range(_ATTEMPTS):
        pieces = feasible_pieces(
            table, node.allowed, max_trades=settings.max_trades, max_names=names, cuts=cuts, excluded=tried
        )
        if pieces is None:
            return None
        if cap is None or steep is None:
            found = on_pieces(problem, node, pieces)
            found = None if found is None else without_charges(found)
        else:
            least = exact_optimum(steep, chosen_chains(steep, pieces))
            over = least is not None and variance(problem, least.trade) > cap**2
            if least is not None and over:
                cuts.append(_tangent(problem, table, least.trade, cap))
            found = None if over else within_tracking_error(problem, table, pieces, cap)
        if found is not None:
            return replace(found, bound=-np.inf)
        tried.append(pieces)
    raise SolverFailed(f"a plan within the limits was neither found nor ruled out in {_ATTEMPTS} attempts")


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
