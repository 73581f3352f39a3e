"""What does less tracking error cost in tax? Certified plans along a scale of risk aversions."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.accounts import AccountSnapshot
from engine.domain.errors import DataError
from engine.domain.market import MarketSnapshot
from engine.domain.settings import PlanSettings
from engine.plan.fractional import figures
from engine.plan.frame import reweighed
from engine.plan.problem import Problem, build_problem
from engine.plan.propose import household_locks
from engine.plan.search import search

REACH: Final = 30.0  # the scale runs from 1/30 to 30 times the setting
_GAP_BP: Final = 0.5  # no eye sees it on a curve, and every point says its own
_DEFAULT_CENTRE: Final = PlanSettings().risk_aversion


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierPoint:
    """One plan of fractional shares. tax_usd: of this plan, negative for tax saved."""

    risk_aversion: float
    tracking_error: float
    tax_usd: Decimal
    gap_bp: float


def frontier(
    snapshot: AccountSnapshot, market: MarketSnapshot, settings: PlanSettings, *, points: int
) -> tuple[FrontierPoint, ...]:
    """Return points of the trade-off by rising risk aversion, spread evenly on a log scale around the setting.

    Every other setting stays, but for a gap that is allowed to be 0.5 bp. An infeasible account has no points. Raises
    DataError for points < 1 and as propose_plan does.
    """
    if points < 1:
        raise DataError(f"frontier: expected at least 1 point, found {points}")
    problem = build_problem(snapshot, market, settings, locks=household_locks(snapshot, market))
    return frontier_of(problem, points=points)


def frontier_of(problem: Problem, *, points: int) -> tuple[FrontierPoint, ...]:
    """Return the same for a problem that is built already."""
    centre = problem.settings.risk_aversion or _DEFAULT_CENTRE
    scale = [1.0] if points == 1 else np.geomspace(1.0 / REACH, REACH, points).tolist()
    found: list[FrontierPoint] = []
    plan = None
    for factor in scale:
        weighed = _with_aversion(problem, centre * factor)
        plan = search(weighed, near=None if plan is None else plan.solution)
        if plan is None:
            return ()
        come_to = figures(weighed, plan)
        found.append(
            FrontierPoint(
                risk_aversion=weighed.settings.risk_aversion,
                tracking_error=come_to.tracking_error,
                tax_usd=come_to.tax_usd,
                gap_bp=come_to.gap_bp,
            )
        )
    return tuple(found)


def _with_aversion(problem: Problem, risk_aversion: float) -> Problem:
    """Return the problem under another risk aversion: its names, rows and arrays are the same."""
    tolerance = max(problem.settings.gap_tolerance_bp, _GAP_BP)
    settings = replace(problem.settings, risk_aversion=risk_aversion, gap_tolerance_bp=tolerance)
    weighed = replace(problem, settings=settings)
    for made_once in ("prepared", "shortfall", "specific", "impact", "unit"):
        vars(weighed)[made_once] = getattr(problem, made_once)
    vars(weighed)["frame"] = reweighed(problem.frame, weighed)
    return weighed
