"""What does a plan of fractional shares come to? The figures that trade-offs are told in."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.netted import tax_of_year
from engine.plan.outcome import rates
from engine.plan.problem import BP, Problem
from engine.plan.sides import Found

_TRADED: Final = 1e-9  # weights below it are no trade


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A certified plan of fractional shares. tracking_error: annual fraction; tax_usd: now, negative for tax saved.

    Tax is at marginal rates, or netted over the year where the settings say so; what a deferred loss may save one day
    is not in it. No plan's objective is below objective_bp - gap_bp. trades: names that are traded by half a share at
    least, where shares are to be whole.
    """

    tracking_error: float
    tax_usd: Decimal
    objective_bp: float
    gap_bp: float
    trades: int


def figures(problem: Problem, found: Found) -> Figures:
    """Return the figures of a plan that search found."""
    trade = found.trade[: len(problem.names)]
    active = trade - problem.shortfall
    factor = problem.loadings.T @ active
    variance = float(factor @ factor + problem.specific @ (active * active))
    return Figures(
        tracking_error=float(np.sqrt(max(variance, 0.0))),
        tax_usd=Decimal(f"{_tax(problem, found) * float(problem.value):.2f}"),
        objective_bp=found.objective * BP,
        gap_bp=(found.objective - found.bound) * BP,
        trades=_trades(problem, trade),
    )


def _trades(problem: Problem, trade: Array) -> int:
    """Return how many names are traded; less than half a share is none where shares are whole."""
    least = 0.5 * problem.unit if problem.settings.whole_shares else _TRADED
    return int((np.abs(trade) > least).sum())


def _tax(problem: Problem, found: Found) -> float:
    """Return the tax on what the plan sells, a fraction of V."""
    st, lt = found.realised(problem)
    if problem.netting is not None:
        return tax_of_year(problem.netting, st, lt) - tax_of_year(problem.netting, 0.0, 0.0)
    st_rate, lt_rate = rates(problem)
    return st * float(st_rate) + lt * float(lt_rate)
