"""What did each security earn on each day? Prices of many histories aligned to one calendar."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.identifiers import SecurityId
from engine.domain.market import Array, PriceHistory, Security

WINDOW_DAYS: Final = 3 * 365 + 1  # calendar days of history used
CALENDAR_SHARE: Final = 0.5  # a day belongs to the calendar when half as many names traded as on the busiest day
OUTLIER_SIGMAS: Final = 8.0  # beyond this, robustly measured, a return is a data fault or a jump: it is cut to it
MAD_TO_SIGMA: Final = 1.4826


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyReturns:
    """matrix: (days, n) simple returns, nan where there is none. sectors: each security's sector."""

    security_ids: tuple[SecurityId, ...]
    sectors: tuple[str, ...]
    matrix: Array


def daily_returns(histories: Sequence[PriceHistory], securities: Sequence[Security], *, as_of: date) -> DailyReturns:
    """Return daily simple returns of the last three years for every security with a price on or before as_of.

    A return is taken between adjusted closes where both days have one, else between closes; extremes are cut to eight
    robust standard deviations of the name. Days on which few names traded are left out.
    """
    sector_of = {security.security_id: security.sector for security in securities}
    priced = sorted(
        (h for h in histories if h.security_id in sector_of and h.dates and h.dates[0] <= as_of),
        key=lambda h: h.security_id,
    )
    calendar = _calendar(priced, as_of)
    row = {day: k for k, day in enumerate(calendar)}
    closes = np.full((len(calendar), len(priced)), np.nan)
    adjusted = np.full_like(closes, np.nan)
    for column, history in enumerate(priced):
        rows = np.array([row.get(day, -1) for day in history.dates], dtype=np.intp)
        inside = rows >= 0
        closes[rows[inside], column] = _floats(history.closes)[inside]
        adjusted[rows[inside], column] = _floats(history.adjusted)[inside]
    by_adjusted, by_close = _changes(adjusted), _changes(closes)
    matrix = np.where(np.isnan(by_adjusted), by_close, by_adjusted)
    return DailyReturns(
        security_ids=tuple(h.security_id for h in priced),
        sectors=tuple(sector_of[h.security_id] for h in priced),
        matrix=_without_outliers(matrix),
    )


def _calendar(histories: Sequence[PriceHistory], as_of: date) -> list[date]:
    first = as_of - timedelta(days=WINDOW_DAYS)
    count: dict[date, int] = {}
    for history in histories:
        for day in history.dates:
            if first <= day <= as_of:
                count[day] = count.get(day, 0) + 1
    busy = CALENDAR_SHARE * max(count.values(), default=0)
    return sorted(day for day, names in count.items() if names >= busy)


def _floats(prices: Sequence[Decimal | None]) -> Array:
    return np.array([np.nan if price is None else float(price) for price in prices])


def _changes(prices: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        change = prices[1:] / prices[:-1] - 1.0
    change[~np.isfinite(change)] = np.nan
    return change


def _without_outliers(matrix: Array) -> Array:
    clipped = matrix.copy()
    for column in range(matrix.shape[1]):
        seen = matrix[~np.isnan(matrix[:, column]), column]
        sigma = MAD_TO_SIGMA * np.median(np.abs(seen - np.median(seen))) if seen.size else 0.0
        if sigma > 0:
            clipped[:, column] = np.clip(matrix[:, column], -OUTLIER_SIGMAS * sigma, OUTLIER_SIGMAS * sigma)
    return clipped
