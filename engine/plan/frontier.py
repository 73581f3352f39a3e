"""What does less tracking error cost in tax? Certified plans along a scale of risk aversions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.accounts import AccountSnapshot
from engine.domain.errors import DataError
from engine.domain.market import MarketSnapshot
from engine.domain.settings import PlanSettings
from engine.plan.lots import SaleLot
from engine.plan.outcome import risk_term
from engine.plan.problem import BP, Problem, build_problem
from engine.plan.propose import household_locks
from engine.plan.search import search
from engine.plan.sides import Found

REACH: Final = 30.0  # the scale runs from 1/30 to 30 times the setting
_DEFAULT_CENTRE: Final = PlanSettings().risk_aversion


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierPoint:
    """One plan of fractional shares. tax_usd: of this plan at marginal rates, negative for tax saved."""

    risk_aversion: float
    tracking_error: float
    tax_usd: Decimal
    gap_bp: float


def frontier(
    snapshot: AccountSnapshot, market: MarketSnapshot, settings: PlanSettings, *, points: int
) -> tuple[FrontierPoint, ...]:
    """Return points of the trade-off by rising risk aversion, spread evenly on a log scale around the setting.

    Every other setting stays. An infeasible account has no points. Raises DataError for points < 1 and as propose_plan
    does.
    """
    if points < 1:
        raise DataError(f"frontier: expected at least 1 point, found {points}")
    held = household_locks(snapshot, market)
    centre = settings.risk_aversion or _DEFAULT_CENTRE
    scale = [1.0] if points == 1 else np.geomspace(1.0 / REACH, REACH, points).tolist()
    found = []
    for factor in scale:
        problem = build_problem(snapshot, market, replace(settings, risk_aversion=centre * factor), locks=held)
        plan = search(problem)
        if plan is None:
            return ()
        found.append(_point(problem, plan))
    return tuple(found)


def _point(problem: Problem, plan: Found) -> FrontierPoint:
    trade = plan.trade[: len(problem.names)]
    variance = risk_term(problem, trade) / problem.settings.risk_aversion
    orders = plan.orders(problem)
    tax = sum(_tax(order, -float(u)) for order, u in zip(orders, trade, strict=True))
    return FrontierPoint(
        risk_aversion=problem.settings.risk_aversion,
        tracking_error=float(np.sqrt(max(variance, 0.0))),
        tax_usd=Decimal(f"{tax * float(problem.value):.2f}"),
        gap_bp=(plan.objective - plan.bound) * BP,
    )


def _tax(lots: Sequence[SaleLot], sold: float) -> float:
    total = 0.0
    for entry in lots:
        total += entry.tax * min(max(sold, 0.0), entry.weight)
        sold -= entry.weight
    return total
