"""How do other ways do on the same accounts, in the same run? A modelling layer, and sides fixed after relaxing."""

import statistics
import warnings
from collections.abc import Sequence
from typing import Any

import cvxpy

from benchmarks.families import Family, fresh, instances
from benchmarks.fixed_sides import fixed_sides
from benchmarks.modelled import modelled_relaxation
from benchmarks.timing import progress, spread, timed, times
from engine.plan.problem import BP
from engine.plan.relaxation import first_relaxation
from engine.plan.search import search


def comparison_figures(
    families: Sequence[Family], *, names: int, factors: int, count: int, runs: int
) -> dict[str, Any]:
    """Return per family the engine's whole plan beside cvxpy's relaxation and beside the plain two-step way.

    agree_bp: how far the two relaxed optima are apart, as measured by the engine's certificate. times_faster: cvxpy's
    time for its relaxation over the engine's for plan and certificate, the median over all accounts.
    """
    found: dict[str, Any] = {}
    every: list[float] = []
    on_cpu: list[float] = []
    for family in families:
        ours, theirs, plain, apart, behind, loose, compiled, solver = [], [], [], [], [], [], [], []
        unsolved = 0
        for account in instances(family, names=names, factors=factors, count=count):
            problem = account.problem()
            _ = problem.prepared
            mine = timed(lambda: search(fresh(problem)), runs=runs)  # noqa: B023  called at once
            root = first_relaxation(problem)
            if mine.result is None or root is None:
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of accuracy, which is judged by its figures
                try:
                    modelled, sides = modelled_relaxation(problem, runs=runs), fixed_sides(problem)
                except cvxpy.SolverError:
                    unsolved += 1
                    continue
            ours.append(mine)
            theirs.append(modelled.solve)
            plain.append(sides)
            compiled.append(modelled.compile_ms)
            solver.append(modelled.solver_ms)
            if root.table.gain_price is None:  # else the certificate still has to learn the price of gains
                apart.append((modelled.objective - root.certificate.bound) * BP)
            loose.append((mine.result.bound - sides.bound) * BP)
            if sides.objective is not None:
                behind.append((sides.objective - mine.result.objective) * BP)
            every.append(modelled.solve.wall_ms / mine.wall_ms)
            on_cpu.append(modelled.solve.cpu_ms / mine.cpu_ms)
        found[family.name] = {
            "left_out_because_clarabel_failed": unsolved,
            "engine_whole_plan": times(ours),
            "cvxpy_clarabel_relaxation": {
                **times(theirs),
                "of_it_clarabel_wall_ms": spread(solver, 2),
                "compiling_once_wall_ms": spread(compiled, 0),
                "agree_bp": spread(apart, 6),
            },
            "relax_then_fix_sides": {
                "wall_ms": spread([side.wall_ms for side in plain], 1),
                "cpu_ms": spread([side.cpu_ms for side in plain], 1),
                "behind_the_engine_bp": spread(behind),
                "its_bound_below_ours_bp": spread(loose),
                "without_a_plan": len(plain) - len(behind),
            },
        }
        progress(f"comparison {family.name}: {found[family.name]['relax_then_fix_sides']}")
    return {
        "families": found,
        "times_faster": round(statistics.median(every), 1) if every else None,
        "times_faster_on_cpu": round(statistics.median(on_cpu), 1) if on_cpu else None,
    }
