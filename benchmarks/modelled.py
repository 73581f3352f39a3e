"""What does a modelling layer take for the same relaxation? cvxpy with Clarabel, the model built once.

Whatever differs from plan to plan is a parameter: costs, curvatures, lengths, limits, where rows and factors stand. The
model is compiled at a first solve which is not counted; what is counted is an update of the parameters, the solve, and
reading the result. It finds the relaxed optimum alone: no certificate, no sides, no plan.
"""

from dataclasses import dataclass
from typing import Any

import cvxpy
import numpy as np
import scipy.sparse

from benchmarks.timing import Timed, timed
from engine.domain.market import Array
from engine.plan.envelope import Chains, relaxed_chains
from engine.plan.pieces import PieceTable, piece_table
from engine.plan.problem import Problem

cp: Any = cvxpy


@dataclass(frozen=True, slots=True, kw_only=True)
class Modelled:
    """objective: of the relaxed optimum, in fractions of V. solver_ms: what Clarabel says it took of the solve."""

    objective: float
    solve: Timed[Any]
    compile_ms: float
    solver_ms: float


def modelled_relaxation(problem: Problem, *, runs: int) -> Modelled:
    """Return the optimum of the relaxation over the same envelopes as the engine's first one, and its times."""
    table = piece_table(problem)
    chains = relaxed_chains(table, np.ones(len(table.col), dtype=bool), np.zeros(len(table.lo_rows)))
    model, parameters = _model(table, chains)
    values = _values(table, chains)

    def solve() -> None:
        for name, value in values.items():
            parameters[name].value = value
        model.solve(solver=cp.CLARABEL)

    for name, value in values.items():
        parameters[name].value = value * 0.999 if name == "gradient" else value
    compiling = timed(lambda: model.solve(solver=cp.CLARABEL))
    solving = timed(solve, runs=runs)
    if model.status != cp.OPTIMAL:
        raise RuntimeError(f"Clarabel ended {model.status}")
    base = _base(table, chains)
    return Modelled(
        objective=float(model.value) + base,
        solve=solving,
        compile_ms=compiling.wall_ms,
        solver_ms=float(model.solver_stats.solve_time) * 1e3,
    )


def _base(table: PieceTable, chains: Chains) -> float:
    """Return what the separable costs come to where every chain begins."""
    total = 0.0
    first = np.searchsorted(chains.arc_col, np.arange(table.columns))
    for arc in first:
        piece, at = chains.arc_piece[arc], chains.arc_lo[arc]
        own = slice(table.first_segment[piece], table.first_segment[piece + 1])
        step = np.clip(at - table.start[own], 0.0, table.length[own])
        total += table.value[piece] + float((table.gradient[own] + table.curvature[own] * step / 2) @ step)
    return total


def _values(table: PieceTable, chains: Chains) -> dict[str, Array]:
    return {
        "gradient": chains.gradient,
        "half_curvature": chains.curvature / 2,
        "length": chains.length,
        "offset": table.y0 + table.exposures[: table.columns].T @ chains.start,
        "lo": np.where(np.isfinite(table.lo_rows), table.lo_rows - chains.rows, -1e3),
        "hi": np.where(np.isfinite(table.hi_rows), table.hi_rows - chains.rows, 1e3),
    }


def _model(table: PieceTable, chains: Chains) -> tuple[Any, dict[str, Any]]:
    count, rows, factors = len(chains.length), len(table.lo_rows), table.exposures.shape[1]
    filled, moved, y = cp.Variable(count, nonneg=True), cp.Variable(table.columns), cp.Variable(factors)
    parameters = {
        "gradient": cp.Parameter(count),
        "half_curvature": cp.Parameter(count, nonneg=True),
        "length": cp.Parameter(count, nonneg=True),
        "offset": cp.Parameter(factors),
        "lo": cp.Parameter(rows),
        "hi": cp.Parameter(rows),
    }
    collects = scipy.sparse.csr_matrix((np.ones(count), (chains.col, np.arange(count))), shape=(table.columns, count))
    frame = table.frame
    value = []
    for r in range(rows):  # rows that are linear in the trade are told in trades, which keeps them short
        bent = np.flatnonzero(frame.bent == r)
        value.append(chains.bent_rates[bent[0]] @ filled if len(bent) else frame.up[r] @ moved)
    reached = cp.hstack(value)
    cost = parameters["gradient"] @ filled + cp.sum(cp.multiply(parameters["half_curvature"], cp.square(filled)))
    rules = [
        moved == collects @ filled,
        y == parameters["offset"] + table.exposures[: table.columns].T @ moved,
        filled <= parameters["length"],
        reached >= parameters["lo"],
        reached <= parameters["hi"],
    ]
    model = cp.Problem(cp.Minimize(cp.sum_squares(y) / 2 + cost), rules)
    if not model.is_dcp(dpp=True):
        raise RuntimeError("the model is not parametrised as cvxpy wants it, and would be compiled at every solve")
    return model, parameters
