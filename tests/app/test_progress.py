"""How long a bar of progress says that work still takes."""

import pytest

from app.panels.frame import time_left


@pytest.mark.parametrize(
    ("passed_s", "share", "text"),
    [
        (0.9, 0.5, ""),  # too early to tell
        (60.0, 0.0, ""),
        (10.0, 0.25, " · about 30 s left"),  # a quarter took 10 s
        (30.0, 0.25, " · about 90 s left"),
        (50.0, 0.25, " · about 2 min left"),  # 150 s
        (600.0, 0.5, " · about 10 min left"),
        (10.0, 0.99, " · about 1 s left"),  # never none while it runs
    ],
)
def test_the_rest_takes_as_long_as_it_did_so_far_in_seconds_and_beyond_a_minute_and_a_half_in_minutes(
    passed_s, share, text
):
    assert time_left(passed_s, share) == text
