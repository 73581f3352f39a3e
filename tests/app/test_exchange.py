"""Sessions of the New York exchange, as its own holiday notices for 2025 to 2027 give them.

Thanksgiving 2026 is Thursday 26 November; the Friday after it closes at 13:00. 9 January 2025 was a day of mourning.
"""

from datetime import UTC, date, datetime

import pytest

from app.steps.exchange import closes_from, last_session, next_session, sessions_since, settles_on


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def test_a_holiday_has_no_close_and_the_day_after_thanksgiving_an_early_one():
    assert closes_from(date(2026, 11, 25))[:3] == (
        utc(2026, 11, 25, 21), utc(2026, 11, 27, 18), utc(2026, 11, 30, 21),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("now", "session"),
    [
        (utc(2026, 11, 27, 17, 59), date(2026, 11, 25)),
        (utc(2026, 11, 27, 18, 0), date(2026, 11, 27)),
        (utc(2026, 11, 30, 3, 0), date(2026, 11, 27)),  # Sunday evening in New York
        (utc(2025, 1, 9, 22, 0), date(2025, 1, 8)),
        (utc(2027, 1, 1, 22, 0), date(2026, 12, 31)),
    ],
)
def test_the_last_session_is_the_newest_that_has_closed(now, session):
    assert last_session(now) == session


@pytest.mark.parametrize(
    ("now", "session"),
    [
        (utc(2026, 11, 25, 20, 59), date(2026, 11, 25)),
        (utc(2026, 11, 25, 21, 0), date(2026, 11, 27)),
        (utc(2026, 11, 26, 15, 0), date(2026, 11, 27)),  # Thanksgiving
        (utc(2026, 11, 27, 18, 0), date(2026, 11, 30)),
        (utc(2026, 12, 31, 23, 0), date(2027, 1, 4)),
    ],
)
def test_orders_are_for_the_session_that_is_on_or_comes_next(now, session):
    assert next_session(now) == session


@pytest.mark.parametrize(
    ("traded", "settled"),
    [
        (date(2026, 11, 23), date(2026, 11, 24)),
        (date(2026, 11, 25), date(2026, 11, 27)),
        (date(2026, 11, 27), date(2026, 11, 30)),
        (date(2026, 12, 31), date(2027, 1, 4)),
    ],
)
def test_a_trade_settles_on_the_next_session(traded, settled):
    assert settles_on(traded) == settled


@pytest.mark.parametrize(("day", "sessions"), [(20, 3), (24, 1), (25, 0), (26, 0)])
def test_prices_age_by_sessions_not_by_days(day, sessions):
    """Before noon on the Friday after Thanksgiving: 23, 24 and 25 November have closed since Friday the 20th."""
    assert sessions_since(date(2026, 11, day), utc(2026, 11, 27, 12)) == sessions


@pytest.mark.parametrize(("day", "sessions"), [(date(2025, 12, 30), 4), (date(2025, 12, 1), 24)])
def test_prices_of_another_year_are_counted_too(day, sessions):
    """Up to 6 January: 31 December, and 2, 5 and 6 January; before, 20 more of 21 weekdays from 2 December on."""
    assert sessions_since(day, utc(2026, 1, 6, 22)) == sessions
