"""What risk do the prices themselves show? A factor model estimated from returns, and a word on how good it is."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from engine.domain.errors import DataError
from engine.domain.market import CorporateAction, PriceHistory, RiskModel, Security
from engine.risk.factors import COMPANY_PREFIX, SECTOR_PREFIX, STATISTICAL_PREFIX, fit_factors
from engine.risk.out_of_sample import judge_estimates, judge_model, sentence
from engine.risk.returns import daily_returns

ESTIMATOR: Final = "risk 2"  # changes with the method, so that no model of an older one is taken for today's

MIN_DAYS: Final = 20  # fewer days than this say nothing about covariances


def estimate_risk(
    histories: Sequence[PriceHistory],
    securities: Sequence[Security],
    *,
    as_of: date,
    actions: Iterable[CorporateAction] = (),
) -> RiskModel:
    """Return a factor model for every security with at least one price on or before as_of, ordered by security_id.

    Variances are annual; the method is that of fit_factors. quality tells how risk came out in days that the model had
    not seen. Raises DataError when there are fewer than 20 days of returns.
    """
    returns = daily_returns(histories, securities, as_of=as_of, actions=actions)
    days = len(returns.matrix)
    if days < MIN_DAYS:
        raise DataError(
            f"risk model: expected at least {MIN_DAYS} days of returns to estimate it, found {days}; "
            "give more price history or import risk/"
        )
    model = fit_factors(returns)
    parts = [f"{sum(f.startswith(SECTOR_PREFIX) for f in model.factors)} sectors",
             f"{sum(f.startswith(STATISTICAL_PREFIX) for f in model.factors)} statistical factors"]  # fmt: skip
    companies = sum(factor.startswith(COMPANY_PREFIX) for factor in model.factors)
    if companies:
        parts.append(f"{companies} companies of several share classes")
    made = (
        f"Estimated from {days} days of returns of {len(returns.security_ids)} securities: market, {', '.join(parts)}."
    )
    judged = judge_estimates(returns, made=made)
    return replace(model, quality=f"{made} {sentence(judged)}", judged=judged)


def judge_imported(
    model: RiskModel,
    histories: Sequence[PriceHistory],
    securities: Sequence[Security],
    *,
    as_of: date,
    actions: Iterable[CorporateAction] = (),
) -> RiskModel:
    """Return an imported model with figures on how it fits the firm's own prices; as it is where there are too few."""
    returns = daily_returns(histories, securities, as_of=as_of, actions=actions)
    if len(returns.matrix) < MIN_DAYS or not any(name in model.position for name in returns.security_ids):
        return model
    made = model.quality[:1].upper() + model.quality[1:].rstrip(".") + "."
    judged = judge_model(model, returns, made=made)
    return replace(model, quality=f"{made} {sentence(judged)}", judged=judged)
