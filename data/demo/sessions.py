"""On which days does the demo firm have prices? Four years of New York sessions up to a fixed day."""

import warnings
from bisect import bisect_left
from datetime import date
from functools import cache
from typing import Final

AS_OF: Final = date(2026, 11, 20)
_FIRST: Final = date(2022, 11, 21)


@cache
def sessions() -> tuple[date, ...]:
    """Return the NYSE sessions from 2022-11-21 to AS_OF, oldest first."""
    import exchange_calendars  # takes half a second to load, with pandas, and only the making of a demo firm needs it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the library's own use of pandas, not ours
        calendar = exchange_calendars.get_calendar("XNYS", start=_FIRST.isoformat(), end=AS_OF.isoformat())
    return tuple(stamp.date() for stamp in calendar.sessions)


def session_on_or_after(day: date) -> int:
    """Return the position of the first session on or after a day; one past the last where there is none."""
    return bisect_left(sessions(), day)
