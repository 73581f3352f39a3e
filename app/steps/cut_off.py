"""Until when do custodians take orders for today's market? The exchange's sessions, less each custodian's margin."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from app.ports import Services
from app.steps.exchange import MARKET_TIME, closes_from
from engine.domain.errors import DataError
from engine.execute.cut_off import next_cut_off

BEFORE_CLOSE_MINUTES: Final = 30  # unless the firm says otherwise: 15:30, on a short day 12:30
_DEFAULT: Final = "default"
_MOST_MINUTES: Final = 390  # of a session


def cut_offs(services: Services, custodians: Iterable[str]) -> Mapping[str, datetime]:
    """Return the next cut-off of each custodian, UTC.

    The margin before the close, in minutes, is that of the custodian in the table [fix.cut_off_minutes] of the
    connections, else its "default", else 30. Raises DataError for a margin that is no number of minutes of a session.
    """
    now = services.now()
    margins = services.connections.get("fix", {}).get("cut_off_minutes", {})
    closes = closes_from(now.astimezone(MARKET_TIME).date())
    return {name: next_cut_off(closes, _margin(margins, name), now) for name in sorted(set(custodians))}


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
