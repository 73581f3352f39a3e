"""When does the exchange trade? The sessions of New York, early closes and extra holidays included."""

import warnings
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

MARKET_TIME: Final = ZoneInfo("America/New_York")
_EXCHANGE: Final = "XNYS"
_REACH: Final = timedelta(days=14)  # no market is closed for so long
_SETTLES_AFTER: Final = 1  # sessions: T+1 since 2024-05-28 (17 CFR 240.15c6-1)


def closes_from(day: date) -> tuple[datetime, ...]:
    """Return the closes of the sessions from a day on, UTC, of two weeks; a short day closes early."""
    return tuple(
        close.to_pydatetime() for close in _calendar(day.year).closes[_midnight(day) : _midnight(day + _REACH)]
    )


def last_session(now: datetime) -> date:
    """Return the day of the newest session that has closed; now has a time zone."""
    today = now.astimezone(MARKET_TIME).date()
    closes = _calendar(today.year).closes[_midnight(today - _REACH) : _midnight(today)]
    newest: datetime = max(close.to_pydatetime() for close in closes if close <= now)
    return newest.astimezone(MARKET_TIME).date()


def next_session(now: datetime) -> date:
    """Return the day of the session that is on or comes next; now has a time zone."""
    coming = (close for close in closes_from(now.astimezone(MARKET_TIME).date()) if close > now)
    return next(coming).astimezone(MARKET_TIME).date()


def settles_on(traded: date) -> date:
    """Return when a trade of a session settles: the next one (T+1). A day without trading counts as the one after."""
    sessions = _calendar(traded.year).sessions_in_range(_midnight(traded), _midnight(traded + _REACH))
    day: date = sessions[_SETTLES_AFTER].date()
    return day


def sessions_since(day: date, now: datetime) -> int:
    """Return how many sessions have closed after a day: 0 for prices as new as they can be."""
    newest = last_session(now)
    return len(
        _calendar(newest.year, since=day.year).sessions_in_range(_midnight(day + timedelta(days=1)), _midnight(newest))
    )


def warm() -> None:
    """Load the calendar, so that nobody waits for it."""
    _calendar(datetime.now(MARKET_TIME).year)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


@lru_cache(maxsize=8)
def _calendar(year: int, since: int | None = None) -> "ExchangeCalendar":
    import exchange_calendars  # takes half a second to load, and the command line seldom needs it

    first, last = date(since or year, 1, 1) - _REACH, date(year, 12, 31) + 2 * _REACH
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the library's own use of pandas, not ours
        return exchange_calendars.get_calendar(_EXCHANGE, start=first.isoformat(), end=last.isoformat())
