"""What risk do the prices themselves show? A factor model estimated from returns, and a word on how good it is."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from engine.domain.errors import DataError
from engine.domain.market import PriceHistory, RiskModel, Security
from engine.risk.factors import SECTOR_PREFIX, STATISTICAL_PREFIX, fit_factors
from engine.risk.out_of_sample import bias_sentence
from engine.risk.returns import daily_returns

MIN_DAYS: Final = 20  # fewer days than this say nothing about covariances


def estimate_risk(histories: Sequence[PriceHistory], securities: Sequence[Security], *, as_of: date) -> RiskModel:
    """Return a factor model for every security with at least one price on or before as_of, ordered by security_id.

    Variances are annual; the method is that of fit_factors. quality tells how risk came out in days that the model had
    not seen. Raises DataError when there are fewer than 20 days of returns.
    """
    returns = daily_returns(histories, securities, as_of=as_of)
    days = len(returns.matrix)
    if days < MIN_DAYS:
        raise DataError(
            f"risk model: expected at least {MIN_DAYS} days of returns to estimate it, found {days}; "
            "give more price history or import risk/"
        )
    model = fit_factors(returns)
    sectors = sum(factor.startswith(SECTOR_PREFIX) for factor in model.factors)
    statistical = sum(factor.startswith(STATISTICAL_PREFIX) for factor in model.factors)
    summary = (
        f"Estimated from {days} days of returns of {len(returns.security_ids)} securities: market, "
        f"{sectors} sectors, {statistical} statistical factors."
    )
    return replace(model, quality=f"{summary} {bias_sentence(returns)}")
