"""How good is an estimated risk model? Its forecast held against days that it had not seen."""

from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.risk.factors import SHORT_HISTORY_DAYS, TRADING_DAYS, fit_factors
from engine.risk.measure import tracking_error
from engine.risk.returns import DailyReturns

TEST_PORTFOLIOS: Final = 40
TEST_SHARE: Final = 0.2  # of the days are held out to test the model


def bias_sentence(returns: DailyReturns) -> str:
    """Return a sentence with the bias statistic of fixed active portfolios over the last days, fitted without them.

    Bias statistic: root mean square of daily active return over predicted daily risk; 1 is perfect.
    Source: Menchero, Wang & Orr, Improving risk forecasts for optimized portfolios (2012).
    """
    days = len(returns.matrix)
    held_out = int(days * TEST_SHARE)
    if days - held_out < SHORT_HISTORY_DAYS:
        return "Too little history to test it out of sample."
    past = DailyReturns(
        security_ids=returns.security_ids, sectors=returns.sectors, matrix=returns.matrix[: days - held_out]
    )
    model = fit_factors(past)
    future = np.nan_to_num(returns.matrix[days - held_out :])
    traded = (~np.isnan(past.matrix)).sum(axis=0) >= SHORT_HISTORY_DAYS
    ratios = []
    for portfolio in _test_portfolios(traded):
        predicted = tracking_error(model, portfolio) / np.sqrt(TRADING_DAYS)
        if predicted > 0:
            ratios.append(float(np.sqrt(np.mean((future @ portfolio) ** 2)) / predicted))
    if not ratios:
        return "Too few names with history to test it out of sample."
    overall = float(np.sqrt(np.mean(np.square(ratios))))
    low, high = np.quantile(ratios, [0.1, 0.9])
    return (
        f"Fitted without the last {held_out} days, it met active risk in them {overall:.2f} times as large as it "
        f"predicted (bias statistic over {len(ratios)} fixed active portfolios; 1 is perfect; "
        f"8 in 10 of them between {low:.2f} and {high:.2f})."
    )


def _test_portfolios(traded: np.ndarray) -> list[Array]:
    """Return active portfolios that sum to zero, spread evenly by irrational steps: fixed, and patternless enough."""
    order = np.arange(1, int(traded.sum()) + 1)
    if len(order) < 2:
        return []
    portfolios = []
    for p in range(1, TEST_PORTFOLIOS + 1):
        active = np.zeros(len(traded))
        active[traded] = np.sin(order * np.sqrt(2.0 + 7.0 * p) * 10.0)
        active[traded] -= active[traded].mean()
        portfolios.append(active / np.abs(active).sum())
    return portfolios
