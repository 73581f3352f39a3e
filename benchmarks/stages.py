"""Where does the time of one plan go, and how far is that from what the arithmetic alone would take?

The arithmetic minimum counts what no method of this kind can leave out: each interior-point step builds one symmetric
matrix of factors and rules over all columns and factorises it, here at the speed that this machine multiplies matrices
of these sizes. Everything else (segments, envelopes, certificate, sides) is counted as nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks.families import FAMILIES, fresh, instances
from benchmarks.timing import timed
from engine.plan import convex
from engine.plan.certificate import certify
from engine.plan.convex import exact_optimum, relaxed_optimum
from engine.plan.envelope import chosen_chains, relaxed_chains
from engine.plan.frame import frame_of
from engine.plan.pieces import piece_table
from engine.plan.problem import Problem
from engine.plan.search import search
from engine.plan.sides import nearest_pieces, objective

_RUNS = 15


def stage_figures(*, names: int, factors: int) -> dict[str, Any]:
    """Return the stages of one plan for one account of each family that has no gains budget, with the minimum."""
    chosen = [family for family in FAMILIES if not family.has_gains_budget]
    return {
        family.name: _stages(instances(family, names=names, factors=factors, count=1)[0].problem()) for family in chosen
    }


def _stages(problem: Problem) -> dict[str, Any]:
    _ = problem.prepared
    whole = timed(lambda: search(fresh(problem)), runs=_RUNS)
    table = piece_table(problem)
    every, none = np.ones(len(table.col), dtype=bool), np.zeros(len(table.lo_rows))
    chains = relaxed_chains(table, every, none)
    with _counting() as steps:
        solution = relaxed_optimum(table, chains)
    pieces = nearest_pieces(chains, solution.trade)
    sides = chosen_chains(table, pieces)
    exact = exact_optimum(table, sides, near=solution)
    assert exact is not None
    parts: dict[str, Callable[[], object]] = {
        "frame": lambda: frame_of(problem),
        "pieces": lambda: piece_table(problem),
        "envelopes": lambda: relaxed_chains(table, every, none),
        "interior_point": lambda: relaxed_optimum(table, chains),
        "certificate": lambda: certify(table, every, factor_price=solution.factor_price, row_price=solution.row_price),
        "nearest_sides": lambda: nearest_pieces(chains, solution.trade),
        "chains_of_sides": lambda: chosen_chains(table, pieces),
        "exact_on_sides": lambda: exact_optimum(table, sides, near=solution),
        "objective": lambda: objective(table, pieces, exact.trade),
    }
    spent = {name: timed(part, runs=_RUNS).cpu_ms for name, part in parts.items()}
    found = whole.result
    size = table.exposures.shape[1] + len(table.lo_rows)
    least = sum(steps) * _step_ms(table.columns, size)
    return {
        "search": {"wall_ms": round(whole.wall_ms, 3), "cpu_ms": round(whole.cpu_ms, 3)},
        "stages_cpu_ms": {name: round(ms, 3) for name, ms in spent.items()},
        "not_in_a_stage_cpu_ms": round(whole.cpu_ms - sum(spent.values()), 3),
        "nodes": None if found is None else found.nodes,
        "interior_point_steps": sum(steps),
        "interior_point_ms_a_step": round(spent["interior_point"] / max(sum(steps), 1), 4),
        "columns": table.columns,
        "segments": len(chains.length),
        "matrix": size,
        "arithmetic_minimum_ms": round(least, 3),
        "times_the_minimum": round(whole.cpu_ms / least, 2),
    }


@contextmanager
def _counting() -> Iterator[list[int]]:
    """Yield a list that gets the number of steps of each interior-point run inside the block."""
    steps: list[int] = []
    module: Any = convex
    original = module.interior_point

    def counted(*arguments: Any) -> Any:
        answer = original(*arguments)
        steps.append(int(answer[0]))
        return answer

    module.interior_point = counted
    try:
        yield steps
    finally:
        module.interior_point = original


def _step_ms(columns: int, size: int) -> float:
    """Return the time of one step's products and factorisation at the speed that matrices multiply here."""
    rate = _flops_per_ms(columns, size)
    product = columns * size * (size + 1)  # half of a full product, two flops a term
    return (product + size**3 / 3) / rate


def _flops_per_ms(columns: int, size: int) -> float:
    left, right = np.ones((size, columns)), np.ones((columns, size))
    repeats = max(int(2e7 / (columns * size * size)), 1)

    def multiply() -> None:
        for _ in range(repeats):
            left @ right

    return repeats * 2.0 * columns * size * size / timed(multiply, runs=_RUNS).cpu_ms
