"""How long does a plan take, and how good is it? Against its relaxation through cvxpy and Clarabel, in the same run.

    python -m benchmarks.plan [--names 500] [--lots 2000] [--factors 30] [--runs 7]

Times are medians of whole calls in this process, after one call to warm up. Set OMP_NUM_THREADS=1 for one core.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.synthetic import synthetic
from engine.domain.accounts import AccountSnapshot
from engine.domain.market import MarketSnapshot
from engine.domain.settings import PlanSettings
from engine.plan.envelope import relaxed_chains
from engine.plan.pieces import piece_table
from engine.plan.problem import build_problem
from engine.plan.propose import propose_plan
from engine.plan.search import search
from engine.plan.statement import stated

MARKETS = {"rally": 0.12, "flat": 0.0, "drawdown": -0.15}  # drift a year


def median_ms(call: Callable[[], Any], runs: int) -> float:
    """Return the median time of a call in milliseconds, the first one not counted."""
    call()
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


def report(name: str, snapshot: AccountSnapshot, market: MarketSnapshot, runs: int) -> None:
    """Print one line: times of the whole plan, of its search and of the relaxation by Clarabel, gap and bound."""
    settings = PlanSettings()
    problem = build_problem(snapshot, market, settings, locks=())
    table = piece_table(problem)
    chains = relaxed_chains(table, np.ones(len(table.col), dtype=bool), np.zeros(len(problem.rows)))
    plan, run = propose_plan(snapshot, market, settings, inputs_hash="")
    found = search(problem)
    assert found is not None
    whole = median_ms(lambda: propose_plan(snapshot, market, settings, inputs_hash=""), runs)
    searching = median_ms(lambda: search(problem), runs)
    clarabel = median_ms(lambda: stated(table, chains), runs)
    print(
        f"{name:9} plan {whole:6.1f} ms, of it search with its bound {searching:6.1f} | "
        f"relaxation by cvxpy and Clarabel {clarabel:6.1f} | plan / Clarabel {whole / clarabel:4.2f}, "
        f"search / Clarabel {searching / clarabel:4.2f} | objective {plan.objective.total:9.4f} bp, "
        f"lower bound {plan.objective.lower_bound:9.4f}, gap {plan.objective.gap:.4f} "
        f"(before whole shares {(found.objective - found.bound) * 1e4:.5f}), nodes {found.nodes}, "
        f"{len(plan.trades)} trades, {plan.status.value}{', fallback' if run.fallback else ''}"
    )


def main() -> None:
    """Print one line for each market."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, default in (("names", 500), ("lots", 2000), ("factors", 30), ("runs", 7), ("seed", 0)):
        parser.add_argument(f"--{option}", type=int, default=default)
    asked = parser.parse_args()
    for name, drift in MARKETS.items():
        account = synthetic(names=asked.names, factors=asked.factors, lots=asked.lots, seed=asked.seed, drift=drift)
        report(name, *account, asked.runs)


if __name__ == "__main__":
    main()
