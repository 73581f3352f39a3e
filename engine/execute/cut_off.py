"""Until when can an order still reach today's market? A custodian's cut-off, and the time that is left to it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from engine.domain.errors import DataError

_MINUTE: Final = timedelta(minutes=1)


def next_cut_off(closes: Iterable[datetime], before_close: timedelta, now: datetime) -> datetime:
    """Return the first cut-off that has not passed: a session's close less the custodian's margin.

    closes: of market sessions, with a time zone; a session that ends early has its cut-off as much earlier. At the
    very moment of a cut-off it has passed. Raises DataError where every session given is over.
    """
    ahead = [close - before_close for close in closes if close - before_close > now]
    if not ahead:
        raise DataError(f"cut-off: expected a market session after {now:%Y-%m-%d %H:%M}, found none")
    return min(ahead)


def time_left(cut_off: datetime, now: datetime) -> str:
    """Return the time to a cut-off in whole minutes, rounded down: "2 h 14 min left"."""
    minutes = max((cut_off - now) // _MINUTE, 0)
    if not minutes:
        return "less than a minute left"
    days, hours = minutes // (24 * 60), minutes % (24 * 60) // 60
    if days:
        return f"{days} d {hours} h left"
    return f"{hours} h {minutes % 60} min left" if hours else f"{minutes} min left"
