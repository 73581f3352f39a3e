"""What did each security earn on each day? Prices of many histories aligned to one calendar."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.domain.identifiers import SecurityId
from engine.domain.market import ActionKind, Array, CorporateAction, PriceHistory, Security

WINDOW_DAYS: Final = 3 * 365 + 1  # calendar days of history used
CALENDAR_SHARE: Final = 0.5  # a day belongs to the calendar when half as many names traded as on the busiest day
OUTLIER_SIGMAS: Final = 8.0  # beyond this, robustly measured, a return is a data fault or a jump: it is cut to it
MAD_TO_SIGMA: Final = 1.4826
STALE_RUN: Final = 5  # a price that stands still for so many steps is no price but the memory of one
LONGEST_CLOSURE_DAYS: Final = 6  # more calendar days than usual between two rows: history is missing there
TRADING_DAYS: Final = 252
DAYS_A_YEAR: Final = 365.25


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyReturns:
    """matrix: (days, n) simple returns, nan where there is none; days: the day that each row ends on.

    sectors: each security's sector. groups: the word that share classes of one company share, "" for all others; empty
    for no groups. per_year: rows in a year, 252 for daily prices.
    """

    security_ids: tuple[SecurityId, ...]
    sectors: tuple[str, ...]
    days: tuple[date, ...]
    matrix: Array
    groups: tuple[str, ...] = ()
    per_year: float = TRADING_DAYS

    def between(self, start: int, end: int) -> "DailyReturns":
        """Return the rows from start up to but not including end."""
        return replace(self, days=self.days[start:end], matrix=self.matrix[start:end])


def daily_returns(
    histories: Sequence[PriceHistory],
    securities: Sequence[Security],
    *,
    as_of: date,
    actions: Iterable[CorporateAction] = (),
) -> DailyReturns:
    """Return daily simple returns of the last three years for every security with a price on or before as_of.

    A return is taken between adjusted closes where both days have one, else between closes, with the splits and
    dividends of the actions in between; extremes are cut to eight robust standard deviations of the name. Days on which
    few names traded are left out, and so are steps across which history is missing. A price that stands still for five
    steps has no return there, nor on the step that ends it.
    """
    sector_of = {security.security_id: security.sector for security in securities}
    group_of = {security.security_id: security.identical_group or "" for security in securities}
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
    columns = {history.security_id: column for column, history in enumerate(priced)}
    by_adjusted, by_close = _changes(adjusted), _changes(closes, *_received(actions, calendar, columns))
    matrix = _without_stale(np.where(np.isnan(by_adjusted), by_close, by_adjusted))
    whole, per_year = _steps(calendar)
    return DailyReturns(
        security_ids=tuple(h.security_id for h in priced),
        sectors=tuple(sector_of[h.security_id] for h in priced),
        groups=tuple(group_of[h.security_id] for h in priced),
        days=tuple(day for day, kept in zip(calendar[1:], whole, strict=True) if kept),
        matrix=_without_outliers(matrix[whole]),
        per_year=per_year,
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


def _received(
    actions: Iterable[CorporateAction], calendar: Sequence[date], columns: Mapping[SecurityId, int]
) -> tuple[Array, Array]:
    """Return what one share of each name became over each step: (days, n) shares, and USD of dividends beside them."""
    shares, cash = np.ones((len(calendar), len(columns))), np.zeros((len(calendar), len(columns)))
    # A dividend is told in shares as they are on its day, so that a split of that day goes first.
    for action in sorted(actions, key=lambda action: (action.ex_date, action.kind is ActionKind.DIVIDEND)):
        place, column = bisect_left(calendar, action.ex_date), columns.get(action.security_id)
        if column is None or not 0 < place < len(calendar):
            continue
        if action.kind is ActionKind.SPLIT:
            shares[place, column] *= float(action.value)
        else:
            cash[place, column] += shares[place, column] * float(action.value)
    return shares[1:], cash[1:]


def _changes(prices: Array, shares: Array | float = 1.0, cash: Array | float = 0.0) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        change = (prices[1:] * shares + cash) / prices[:-1] - 1.0
    change[~np.isfinite(change)] = np.nan
    return change


def _steps(calendar: Sequence[date]) -> tuple[NDArray[np.bool_], float]:
    """Return which steps of the calendar are no longer than usual, and how many of them make a year."""
    gaps = np.diff(np.array([float(day.toordinal()) for day in calendar]))
    usual = float(np.median(gaps)) if gaps.size else 1.0
    whole: NDArray[np.bool_] = gaps <= usual + LONGEST_CLOSURE_DAYS
    return whole, TRADING_DAYS if usual <= 1.0 else DAYS_A_YEAR / float(gaps[whole].mean())


def _without_stale(matrix: Array) -> Array:
    """Return the returns without runs of zeros and the step after each, but for a name that never moves at all."""
    if len(matrix) < STALE_RUN:
        return matrix
    moves = (np.nan_to_num(matrix) != 0.0).any(axis=0)
    still = (matrix == 0.0) & moves
    stale = np.zeros_like(still)
    windows = np.lib.stride_tricks.sliding_window_view(still, STALE_RUN, axis=0)
    runs: NDArray[np.bool_] = np.asarray(windows.all(axis=-1))
    for shift in range(STALE_RUN + 1):
        stale[shift : shift + len(runs)] |= runs[: len(matrix) - shift]
    return np.where(stale, np.nan, matrix)


def _without_outliers(matrix: Array) -> Array:
    clipped = matrix.copy()
    for column in range(matrix.shape[1]):
        moves = np.abs(matrix[np.nan_to_num(matrix[:, column]) != 0.0, column])  # many zeros would hide what is usual
        sigma = MAD_TO_SIGMA * np.median(moves) if moves.size else 0.0
        clipped[:, column] = np.clip(matrix[:, column], -OUTLIER_SIGMAS * sigma, OUTLIER_SIGMAS * sigma)
    return clipped
