"""How does a public package do on the same accounts? taxrebalance 0.2.0 (MIT), under the objective they share.

    pip install --no-deps --target build/published taxrebalance==0.2.0
    PYTHONPATH=build/published python -m benchmarks.engine --published

It asks for an older OSQP than cvxpy brings, which it never calls; so it is no dependency of ours and installed apart.

Accounts are stripped to what the package can say: long only, cash at least zero, a proportional cost, one risk
aversion, tax at two rates, all lots free to sell. Its objective is then ours in dollars, which is checked; its search
is local and proves no bound. Its trades are judged by an evaluation of their own, lot by lot as it sold them.
"""

import importlib.util
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from benchmarks.families import FAMILIES, Instance, fresh, instances
from benchmarks.timing import progress, timed
from engine.plan.problem import BP, Problem, build_problem
from engine.plan.search import search

_FAMILIES: Final = ("drawdown", "embedded", "transition")
_LONG, _SHORT = 400, 100  # days held that the package takes for long and for short


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    problem: Problem
    tickers: list[str]
    covariance: list[list[float]]


def published_figures(*, names: int, factors: int, count: int) -> dict[str, Any]:
    """Return value and time of the package and of the engine on the same accounts."""
    if importlib.util.find_spec("taxrebalance") is None:
        return {"not available": "taxrebalance is not installed; benchmarks/published.py says how"}
    chosen = [family for family in FAMILIES if family.name in _FAMILIES][:count]
    found = []
    for family in chosen:
        found.append(_compared(instances(family, names=names, factors=factors, count=1)[0]))
        progress(f"taxrebalance {family.name}: {found[-1]}")
    return {"package": "taxrebalance 0.2.0", "names": names, "accounts": found}


def _compared(account: Instance) -> dict[str, Any]:
    case = _plain(account)
    problem = case.problem
    search(fresh(problem))
    ours = timed(lambda: search(fresh(problem)), runs=3)
    assert ours.result is not None
    theirs = timed(lambda: _rebalanced(case))
    decision = theirs.result.decision
    value = float(problem.value)
    objective, cash = _judged(case, decision["trades"])
    return {
        "family": account.family,
        "lots": sum(len(name.lots) for name in problem.names),
        "engine": {
            "objective_bp": round(ours.result.objective * BP, 4),
            "bound_bp": round(ours.result.bound * BP, 4),
            "wall_ms": round(ours.wall_ms, 2),
            "cpu_ms": round(ours.cpu_ms, 2),
        },
        "taxrebalance": {
            "feasible": theirs.result.feasible,
            "objective_bp": round(objective * BP, 4),
            "as_it_says_bp": round(decision["objective_dollars"] / value * BP, 4),
            "its_relaxation_bp": round(decision["relaxed_lower_bound"] / value * BP, 4),
            "cash": round(cash, 8),
            "wall_ms": round(theirs.wall_ms),
            "cpu_ms": round(theirs.cpu_ms),
        },
        "behind_the_bound_bp": {
            "engine": round((ours.result.objective - ours.result.bound) * BP, 4),
            "taxrebalance": round((objective - ours.result.bound) * BP, 4),
        },
        "times_faster": round(theirs.wall_ms / ours.wall_ms),
    }


def _plain(account: Instance) -> _Case:
    """Return the account without whatever the package has no word for."""
    book = replace(account.snapshot.book, transactions=())
    snapshot = replace(account.snapshot, book=book, household_books=(book,), restrictions=())
    settings = replace(
        account.settings,
        deposit=0 * account.settings.deposit,
        withdrawal=0 * account.settings.withdrawal,
        max_active_weight=None,
        max_sector_active=None,
        max_net_gain=None,
        min_cash=0.0,
        max_cash=1.0,
    )
    problem = build_problem(snapshot, account.market, settings, locks=())
    _ = problem.prepared
    covariance = problem.loadings @ problem.loadings.T + np.diag(problem.specific)
    return _Case(
        problem=problem,
        tickers=[name.security.ticker for name in problem.names],
        covariance=((covariance + covariance.T) / 2).tolist(),
    )


def _rebalanced(case: _Case) -> Any:
    package: Any = importlib.import_module("taxrebalance")
    models: Any = importlib.import_module("tax_rebalancing.models")
    problem, account = case.problem, case.problem.snapshot.account
    lots = [
        models.TaxLot(
            lot_id=entry.lot.lot_id,
            ticker=name.security.ticker,
            shares=float(entry.quantity),
            basis_per_share=float(entry.lot.basis / entry.lot.quantity),
            days_held=_LONG if entry.term.value == "LT" else _SHORT,
        )
        for name in problem.names
        for entry in name.lots
    ]
    settings = problem.settings
    return package.rebalance(
        package.Portfolio.from_tax_lots(
            lots,
            prices={name.security.ticker: float(name.price) for name in problem.names},
            cash=float(account.cash),
        ),
        target_weights={name.security.ticker: name.target for name in problem.names},
        covariance=case.covariance,
        tax_policy=package.UnitedStatesLots(
            short_term_rate=float(account.st_rate), long_term_rate=float(account.lt_rate)
        ),
        config=package.RebalanceConfig(
            max_tracking_error=0.99,
            trading_cost_bps=settings.cost_bp,
            loss_utilization=1.0,
            future_recapture_fraction=0.0,
            risk_aversion=settings.risk_aversion,
        ),
    )


def _judged(case: _Case, trades: list[dict[str, Any]]) -> tuple[float, float]:
    """Return the objective of these trades, and the cash they leave, in fractions of V, from their lots and prices."""
    problem = case.problem
    number = {ticker: i for i, ticker in enumerate(case.tickers)}
    tax_per_dollar = {entry.lot.lot_id: entry.tax for name in problem.names for entry in name.lots}
    trade, tax, cost = np.zeros(len(problem.names)), 0.0, 0.0
    for row in trades:
        i = number[row["ticker"]]
        weight = row["shares"] * problem.names[i].unit
        cost += weight * problem.names[i].cost
        trade[i] += weight if row["side"] == "BUY" else -weight
        tax += 0.0 if row["side"] == "BUY" else weight * tax_per_dollar[row["lot_id"]]
    active = trade - problem.shortfall
    factor = problem.loadings.T @ active
    risk = problem.settings.risk_aversion * float(factor @ factor + problem.specific @ (active * active))
    cash = float(problem.snapshot.account.cash / problem.value) - float(trade.sum()) - cost
    return risk + problem.settings.tax_weight * tax + cost, cash
