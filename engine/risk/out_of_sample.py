"""How good is a risk model? Its forecasts held against days that it had not seen, or says that it had not."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.domain.market import Array, RiskModel, RiskMonth, RiskQuality
from engine.risk.factors import SHORT_HISTORY_DAYS, fit_factors
from engine.risk.returns import MAD_TO_SIGMA, DailyReturns
from engine.risk.trial_portfolios import following, patternless

REFIT_DAYS: Final = 21
MOST_MONTHS: Final = 12
TEST_SHARE: Final = 1 / 3  # of the days, at most, are held against the model
MIN_SEEN: Final = 0.5  # of a test's days on which a name must have a return to be in its portfolios


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """One test: predicted daily risk of each portfolio, (p,), and its returns on each day, (days, p)."""

    predicted: Array
    realised: Array


def judge_estimates(returns: DailyReturns, *, made: str) -> RiskQuality:
    """Return how fit_factors would have done: fitted anew every 21 days, held against the 21 days after it.

    Source of the bias statistic: Menchero, Morozov & Shepard, Global Equity Risk Modeling (2010).
    """
    days = len(returns.matrix)
    months = max(min(MOST_MONTHS, int(days * TEST_SHARE) // REFIT_DAYS), 0)
    starts = [days - REFIT_DAYS * (m + 1) for m in range(months)][::-1]
    starts = [start for start in starts if start >= SHORT_HISTORY_DAYS]
    outcomes = [_outcome(returns, fit_factors(returns.between(0, start)), start) for start in starts]
    return _quality(returns, starts, outcomes, made=made, hindsight=False)


def judge_model(model: RiskModel, returns: DailyReturns, *, made: str) -> RiskQuality:
    """Return how a model given from outside would have done in the last year, which it may have been made from.

    Only names that the model covers count. A wrong unit (monthly or daily variances, per cent) shows at once.
    """
    known = [name in model.position for name in returns.security_ids]
    rows = [model.position[name] for name in returns.security_ids if name in model.position]
    ids = tuple(name for name in returns.security_ids if name in model.position)
    covered = DailyReturns(
        security_ids=ids,
        sectors=("",) * len(ids),
        days=returns.days,
        matrix=returns.matrix[:, known],
        per_year=returns.per_year,
    )
    ordered = RiskModel(
        security_ids=ids,
        factors=model.factors,
        exposures=model.exposures[rows],
        factor_covariance=model.factor_covariance,
        specific_variance=model.specific_variance[rows],
    )
    days = len(covered.matrix)
    starts = [days - REFIT_DAYS * (m + 1) for m in range(MOST_MONTHS) if days >= REFIT_DAYS * (m + 1)][::-1]
    outcomes = [_outcome(covered, ordered, start) for start in starts]
    return _quality(covered, starts, outcomes, made=made, hindsight=True)


def sentence(quality: RiskQuality) -> str:
    """Return what the figures say, in one sentence."""
    if not quality.test_days:
        return "Too little history to test it out of sample."
    how = (
        f"Held against the last {quality.test_days} days, which it may have been made from"
        if quality.hindsight
        else f"Fitted anew every {REFIT_DAYS} days and held against the {quality.test_days} days that followed"
    )
    return (
        f"{how}, it met active risk {quality.bias:.2f} times as large as it predicted (bias statistic over "
        f"{quality.portfolios} active portfolios; 1 is perfect; {quality.within:.0%} of them between {quality.low:.2f} "
        f"and {quality.high:.2f}, where 95 in 100 are if a model is right)."
    )


def _outcome(returns: DailyReturns, model: RiskModel, start: int) -> _Outcome:
    """Return how a model's portfolios fared in the days from start on; none where too few names can be tested."""
    future = returns.matrix[start : start + REFIT_DAYS]
    old = (~np.isnan(returns.matrix[:start])).sum(axis=0) >= min(SHORT_HISTORY_DAYS, start)
    usable = np.flatnonzero(old & ((~np.isnan(future)).mean(axis=0) >= MIN_SEEN) & (model.specific_variance > 0))
    portfolios = np.array([*patternless(len(usable)), *following(model, usable)]).reshape(-1, len(usable))
    exposed = portfolios @ model.exposures[usable]
    common = np.einsum("pk,kl,pl->p", exposed, model.factor_covariance, exposed)
    own = portfolios**2 @ model.specific_variance[usable]
    predicted = np.sqrt((common + own) / returns.per_year)
    kept = predicted > 0
    return _Outcome(predicted=predicted[kept], realised=np.nan_to_num(future[:, usable]) @ portfolios[kept].T)


def _quality(
    returns: DailyReturns, starts: list[int], outcomes: list[_Outcome], *, made: str, hindsight: bool
) -> RiskQuality:
    tested = [(start, outcome) for start, outcome in zip(starts, outcomes, strict=True) if outcome.predicted.size]
    count = min((len(outcome.predicted) for _, outcome in tested), default=0)
    squares = np.vstack(
        [(outcome.realised[:, :count] / outcome.predicted[:count]) ** 2 for _, outcome in tested] or [np.zeros((0, 0))]
    )
    test_days = len(squares)
    own = np.sqrt(squares.mean(axis=0)) if test_days else np.zeros(0)
    half = float(1.96 / np.sqrt(2.0 * test_days)) if test_days else 0.0
    year = np.sqrt(returns.per_year)
    return RiskQuality(
        made=made,
        hindsight=hindsight,
        names=len(returns.security_ids),
        short_histories=int(((~np.isnan(returns.matrix)).sum(axis=0) < SHORT_HISTORY_DAYS).sum()),
        from_day=returns.days[0],
        to_day=returns.days[-1],
        test_days=test_days,
        portfolios=count,
        bias=float(np.sqrt(squares.mean())) if test_days else 0.0,
        robust=float(MAD_TO_SIGMA * np.sqrt(np.median(squares))) if test_days else 0.0,
        within=float((np.abs(own - 1.0) <= half).mean()) if test_days else 0.0,
        low=1.0 - half if test_days else 0.0,
        high=1.0 + half if test_days else 0.0,
        months=tuple(
            RiskMonth(
                ends=returns.days[min(start + REFIT_DAYS, len(returns.days)) - 1],
                predicted=float(year * np.sqrt(np.mean(outcome.predicted**2))),
                realised=float(year * np.sqrt(np.mean(outcome.realised**2))),
            )
            for start, outcome in tested
        ),
    )
