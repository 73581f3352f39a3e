"""Cut-offs, by the clock of New York on days worked out by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.domain.errors import DataError
from engine.execute.cut_off import next_cut_off, time_left

# Thanksgiving week of 2026: Wednesday closes at 16:00 (21:00 UTC), Thursday not at all, Friday at 13:00 (18:00 UTC).
WEDNESDAY = datetime(2026, 11, 25, 21, 0, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 11, 25, 20, 29, tzinfo=UTC), datetime(2026, 11, 25, 20, 30, tzinfo=UTC)),
        (datetime(2026, 11, 25, 20, 30, tzinfo=UTC), datetime(2026, 11, 27, 17, 30, tzinfo=UTC)),  # the moment is over
        (datetime(2026, 11, 26, 12, 0, tzinfo=UTC), datetime(2026, 11, 27, 17, 30, tzinfo=UTC)),  # a holiday
    ],
)
def test_the_next_cut_off_is_a_sessions_close_less_the_margin(now, expected):
    assert next_cut_off([FRIDAY, WEDNESDAY], HALF_HOUR, now) == expected


def test_without_a_session_ahead_there_is_no_cut_off():
    with pytest.raises(DataError, match="expected a market session after 2026-11-27 17:30, found none"):
        next_cut_off([WEDNESDAY, FRIDAY], HALF_HOUR, FRIDAY - HALF_HOUR)


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (timedelta(hours=2, minutes=14, seconds=59), "2 h 14 min left"),
        (timedelta(minutes=59), "59 min left"),
        (timedelta(hours=1), "1 h 0 min left"),
        (timedelta(seconds=59), "less than a minute left"),
        (timedelta(seconds=-5), "less than a minute left"),
        (timedelta(days=1, hours=3, minutes=50), "1 d 3 h left"),
        (timedelta(days=1, hours=3), "1 d 3 h left"),
        (timedelta(days=1), "1 d 0 h left"),
    ],
)
def test_the_time_left_is_told_in_whole_minutes_rounded_down(left, text):
    assert time_left(FRIDAY, FRIDAY - left) == text
