"""How good are the plans of the families, and how long do they take? Gap, whole shares and explanations included."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.families import Family, Instance, fresh, instances
from benchmarks.timing import Timed, progress, spread, timed, times
from engine.plan.explain import reasons
from engine.plan.outcome import Outcome, outcome
from engine.plan.prices import Prices
from engine.plan.problem import BP, Problem
from engine.plan.propose import propose_plan
from engine.plan.rounding import tradable_shares
from engine.plan.search import search
from engine.plan.sides import Found
from engine.plan.worth import worth_of_trades


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One account: its search, and where asked for, whole shares, explanations and the whole call. Gaps in bp of V.

    whole_gap: of the plan in whole shares against the bound on fractional plans; rounding: what whole shares cost.
    """

    lots: int
    build: Timed[Problem]
    search: Timed[Found | None]
    gap: float | None
    nodes: int
    fallback: bool
    rounding_run: Timed[Outcome] | None = None
    whole_gap: float | None = None
    rounding: float | None = None
    value_usd: float = 0.0
    explain_run: Timed[Any] | None = None
    trades: int = 0
    call: Timed[Any] | None = None


def family_figures(
    family: Family, *, names: int, factors: int, count: int, whole: int, runs: int, first: int = 0
) -> tuple[dict[str, Any], list[Planned]]:
    """Return what the accounts of a family come to. whole: how many of them get whole shares and explanations too."""
    accounts = instances(family, names=names, factors=factors, count=count, first=first)
    planned = [_planned(account, whole=k < whole, runs=runs) for k, account in enumerate(accounts)]
    solved = [plan for plan in planned if plan.gap is not None]
    figures: dict[str, Any] = {
        "accounts": count,
        "lots": spread([plan.lots for plan in planned], 0),
        "without_a_plan": count - len(solved),
        "gap_bp": spread([plan.gap for plan in solved if plan.gap is not None], 6),
        "search": times([plan.search for plan in planned]),
        "nodes": spread([plan.nodes for plan in solved], 0),
        "fallbacks": sum(plan.fallback for plan in solved),
        "prepare": times([plan.build for plan in planned]),
    }
    shares = [plan for plan in planned if plan.rounding_run is not None]
    if shares:
        figures["whole_shares"] = {
            "gap_to_fractional_bound_bp": spread([plan.whole_gap for plan in shares if plan.whole_gap is not None]),
            "cost_of_rounding_bp": spread([plan.rounding for plan in shares if plan.rounding is not None]),
            "account_value_usd": spread([plan.value_usd for plan in shares], 0),
            "time": times([plan.rounding_run for plan in shares if plan.rounding_run is not None]),
        }
        figures["explanations"] = {
            "trades": spread([plan.trades for plan in shares], 0),
            "time": times([plan.explain_run for plan in shares if plan.explain_run is not None]),
        }
        figures["propose_plan"] = times([plan.call for plan in shares if plan.call is not None])
    progress(
        f"{family.name:10} n={names} K={factors}: search {figures['search']['wall_ms'].get('median')} ms "
        f"(CPU {figures['search']['cpu_ms'].get('median')}), gap at most {figures['gap_bp'].get('max')} bp"
    )
    return figures, planned


def warm_up() -> None:
    """Compile, or load, whatever the plans of these families need, so that no measured call pays for it."""
    from benchmarks.families import FAMILIES

    for family in FAMILIES:
        _planned(instances(family, names=60, factors=20, count=1)[0], whole=True, runs=1)


def _planned(account: Instance, *, whole: bool, runs: int) -> Planned:
    build = timed(lambda: _prepared(account))
    problem = build.result
    searching = timed(lambda: search(fresh(problem)), runs=runs)
    found = searching.result
    plain = Planned(
        lots=len(account.snapshot.lots),
        build=build,
        search=searching,
        gap=None if found is None else (found.objective - found.bound) * BP,
        nodes=0 if found is None else found.nodes,
        fallback=found is not None and found.fallback,
    )
    if found is None or not whole:
        return plain
    return _in_whole_shares(account, problem, found, plain)


def _prepared(account: Instance) -> Problem:
    problem = account.problem()
    _ = problem.prepared
    return problem


def _in_whole_shares(account: Instance, problem: Problem, found: Found, plain: Planned) -> Planned:
    orders = found.orders(problem)
    rounding = timed(lambda: outcome(problem, tradable_shares(problem, found, orders), orders), runs=2)
    done = rounding.result
    free = [i for i in np.flatnonzero(done.trade).tolist() if not problem.names[i].rules.must_exit]
    explained = timed(lambda: _explained(problem, found, done, free), runs=2)
    call = timed(
        lambda: propose_plan(account.snapshot, account.market, account.settings, inputs_hash=""),
    )
    return Planned(
        lots=plain.lots,
        build=plain.build,
        search=plain.search,
        gap=plain.gap,
        nodes=plain.nodes,
        fallback=plain.fallback,
        rounding_run=rounding,
        whole_gap=(done.total - found.bound) * BP,
        rounding=(done.total - found.objective) * BP,
        value_usd=float(problem.value),
        explain_run=explained,
        trades=int(np.count_nonzero(done.trade)),
        call=call,
    )


def _explained(problem: Problem, found: Found, done: Outcome, free: list[int]) -> Any:
    prices = Prices(problem=problem, found=found)
    return reasons(problem, done, prices, worth_of_trades(prices, free), {})
