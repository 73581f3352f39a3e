"""Until when do custodians take orders for today's market? The exchange's sessions, less each custodian's margin."""

import warnings
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.ports import Services
from engine.domain.errors import DataError
from engine.execute.cut_off import next_cut_off

MARKET_TIME: Final = ZoneInfo("America/New_York")
BEFORE_CLOSE_MINUTES: Final = 30  # unless the firm says otherwise: 15:30, on a short day 12:30
_DEFAULT: Final = "default"
_EXCHANGE: Final = "XNYS"
_AHEAD: Final = timedelta(days=14)  # no market is closed for so long
_MOST_MINUTES: Final = 390  # of a session


def cut_offs(services: Services, custodians: Iterable[str]) -> Mapping[str, datetime]:
    """Return the next cut-off of each custodian, UTC.

    The margin before the close, in minutes, is that of the custodian in the table [fix.cut_off_minutes] of the
    connections, else its "default", else 30. Raises DataError for a margin that is no number of minutes of a session.
    """
    now = services.now()
    margins = services.connections.get("fix", {}).get("cut_off_minutes", {})
    closes = _closes(now.astimezone(MARKET_TIME).date())
    return {name: next_cut_off(closes, _margin(margins, name), now) for name in sorted(set(custodians))}


def warm() -> None:
    """Load the exchange's calendar, so that nobody waits for it."""
    _closes(datetime.now(MARKET_TIME).date())


def _margin(margins: Any, custodian: str) -> timedelta:
    if not isinstance(margins, Mapping):
        raise DataError(f"[fix] cut_off_minutes: expected a table of minutes by custodian, found {margins!r}")
    minutes = margins.get(custodian, margins.get(_DEFAULT, BEFORE_CLOSE_MINUTES))
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not 0 <= minutes < _MOST_MINUTES:
        raise DataError(
            f"[fix.cut_off_minutes] {custodian}: expected whole minutes before the close, 0 to {_MOST_MINUTES - 1}, "
            f"found {minutes!r}"
        )
    return timedelta(minutes=minutes)


@lru_cache(maxsize=2)
def _closes(day: date) -> tuple[datetime, ...]:
    import exchange_calendars  # takes half a second to load, and the command line seldom needs it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the library's own use of pandas, not ours
        calendar = exchange_calendars.get_calendar(_EXCHANGE, start=day.isoformat(), end=(day + _AHEAD).isoformat())
    return tuple(close.to_pydatetime() for close in calendar.closes)
