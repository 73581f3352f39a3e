"""What do limits that couple all names cost in time and gap? Counts, turnover, gains, netted tax, tracking error.

Each limit is set from the account's own plan without it, so that it binds: half as many trades, nine tenths of the
names, 70 % of the turnover that is not forced, 85 % of the gains, 80 % of the tracking error.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from benchmarks.families import FAMILIES, Instance, fresh, gains_budget, instances
from benchmarks.timing import progress, spread, timed, times
from engine.domain.errors import DataError
from engine.plan.problem import BP, CASH, Problem
from engine.plan.search import search
from engine.plan.sides import Found

_TRADED: Final = 1e-7
Limit = Callable[[Problem, Found], Mapping[str, Any]]


def _half_the_trades(problem: Problem, free: Found) -> Mapping[str, Any]:
    forced = sum(bool(name.rules.must_exit) and name.held > 0 for name in problem.names)
    return {"max_trades": max(_trades(problem, free) // 2, forced + 1)}


def _fewer_names(problem: Problem, free: Found) -> Mapping[str, Any]:
    after = np.array([name.held for name in problem.names]) + free.trade[: len(problem.names)]
    return {"max_names": int(0.9 * (after > _TRADED).sum())}


def _less_turnover(problem: Problem, free: Found) -> Mapping[str, Any]:
    cash = next(row for row in problem.rows if row.rule == CASH)
    leaving = sum(name.held for name in problem.names if name.rules.must_exit)
    forced = (max(cash.lo, -cash.hi, 0.0) + leaving) / 2
    turnover = float(np.abs(free.trade[: len(problem.names)]).sum()) / 2
    return {"max_turnover": forced + 0.7 * max(turnover - forced, 0.0)}


def _gains_budget(problem: Problem, free: Found) -> Mapping[str, Any]:
    return {"max_net_gain": gains_budget(problem, free)}


def _netted(_problem: Problem, _free: Found) -> Mapping[str, Any]:
    return {"net_taxes": True}


def _tracking_error(problem: Problem, free: Found) -> Mapping[str, Any]:
    active = free.trade[: len(problem.names)] - problem.shortfall
    factor = problem.loadings.T @ active
    return {"max_tracking_error": 0.8 * float(np.sqrt(factor @ factor + problem.specific @ (active * active)))}


LIMITS: Final[Mapping[str, Limit]] = {
    "max_trades": _half_the_trades,
    "max_names": _fewer_names,
    "max_turnover": _less_turnover,
    "max_net_gain": _gains_budget,
    "net_taxes": _netted,
    "max_tracking_error": _tracking_error,
}


def limit_figures(*, names: int, factors: int, count: int) -> dict[str, Any]:
    """Return for each limit its gaps and times over accounts of all families, the gains budget of a family aside."""
    accounts = [
        account for family in FAMILIES for account in instances(family, names=names, factors=factors, count=count)
    ]
    plain = [(account, account.problem(max_net_gain=None)) for account in accounts]
    free = [(account, problem, search(problem)) for account, problem in plain]
    return {name: _figures(name, limit, free) for name, limit in LIMITS.items()}


def _figures(name: str, limit: Limit, free: list[tuple[Instance, Problem, Found | None]]) -> dict[str, Any]:
    gaps, runs, costs, families, proofs = [], [], [], [], []
    try:
        for number, (account, problem, found) in enumerate(free):
            if found is None:
                continue
            limited = account.problem(**{"max_net_gain": None, **limit(problem, found)})
            _ = limited.prepared
            if number == 0:
                search(fresh(limited))  # whatever is compiled at first use
            run = timed(lambda: search(fresh(limited)))  # noqa: B023  called before the loop goes on
            if run.result is None:
                proofs.append(run)
                continue
            runs.append(run)
            families.append(account.family)
            gaps.append((run.result.objective - run.result.bound) * BP)
            costs.append((run.result.objective - found.objective) * BP)
    except DataError as error:
        return {"not available": str(error)}
    slowest = max(range(len(runs)), key=lambda k: runs[k].cpu_ms)
    progress(f"{name:18} gaps {spread(gaps)} bp, times {times(runs)['cpu_ms']} ms of CPU, {len(proofs)} without a plan")
    return {
        "gap_bp": spread(gaps, 6),
        "search": times(runs),
        "costs_bp": spread(costs),
        "without_a_plan": len(proofs),
        "proof_that_there_is_none": times(proofs),
        "slowest": families[slowest],
    }


def _trades(problem: Problem, found: Found) -> int:
    return int((np.abs(found.trade[: len(problem.names)]) > _TRADED).sum())
