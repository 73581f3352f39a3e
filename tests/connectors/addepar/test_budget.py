"""Is the allowance ever exceeded, whatever the pace of requests?"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.addepar.budget import Allowance, RequestBudget
from engine.domain.errors import ExternalRefusal

ADDEPAR_ALLOWANCES = (Allowance(requests=50, seconds=900.0), Allowance(requests=1000, seconds=86400.0))


class _Time:
    def __init__(self) -> None:
        self.now = 0

    def sleep(self, seconds: float) -> None:
        self.now += int(seconds)


_ALLOWANCES = st.lists(
    st.builds(Allowance, requests=st.integers(1, 6), seconds=st.integers(1, 60)), min_size=1, max_size=3
).map(tuple)
# How long we idle before a request, how long it travels there, and how long its answer takes, in whole seconds.
_REQUESTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), st.integers(0, 5)), max_size=60)


@settings(deadline=None)  # time spent says nothing here: other work shares the machine
@given(allowances=_ALLOWANCES, requests=_REQUESTS)
def test_no_window_of_the_other_side_ever_sees_more_than_is_allowed(
    allowances: tuple[Allowance, ...], requests: list[tuple[int, int, int]]
) -> None:
    time = _Time()
    budget = RequestBudget(clock=lambda: time.now, sleep=time.sleep, longest_wait_seconds=1e9, allowances=allowances)
    arrived = []
    for idle, there, back in requests:
        time.now += idle
        with budget.request():
            arrived.append(time.now + there)
            time.now += there + back

    for allowance in allowances:
        for first, later in zip(arrived, arrived[allowance.requests :], strict=False):
            assert later - first >= allowance.seconds


@settings(deadline=None, max_examples=20)
@given(pause=st.integers(0, 60))
def test_addepars_own_allowances_hold_over_a_day_of_constant_asking(pause: int) -> None:
    time = _Time()
    budget = RequestBudget(
        clock=lambda: time.now, sleep=time.sleep, longest_wait_seconds=1e9, allowances=ADDEPAR_ALLOWANCES
    )
    sent = []
    while time.now < 2 * 86400:
        with budget.request():
            sent.append(time.now)
        time.now += pause

    for allowance in ADDEPAR_ALLOWANCES:
        gaps = [later - first for first, later in zip(sent, sent[allowance.requests :], strict=False)]
        assert min(gaps, default=allowance.seconds) >= allowance.seconds


def test_requests_within_the_allowance_do_not_wait() -> None:
    time = _Time()
    budget = RequestBudget(
        clock=lambda: time.now, sleep=time.sleep, longest_wait_seconds=0, allowances=ADDEPAR_ALLOWANCES
    )

    for _ in range(50):
        with budget.request():
            pass

    assert time.now == 0


def test_a_wait_longer_than_the_limit_is_refused_and_says_how_long_it_is() -> None:
    time = _Time()
    budget = RequestBudget(clock=lambda: time.now, sleep=time.sleep, longest_wait_seconds=100,
                           allowances=(Allowance(requests=1, seconds=900.0),))  # fmt: skip
    with budget.request():
        pass

    with (
        pytest.raises(ExternalRefusal, match="expected to go on within 100 s, found a wait of 900 s"),
        budget.request(),
    ):
        pytest.fail("the request was let through")


def test_a_failed_request_counts_too() -> None:
    time: Any = _Time()
    budget = RequestBudget(clock=lambda: time.now, sleep=time.sleep, longest_wait_seconds=1000,
                           allowances=(Allowance(requests=1, seconds=900.0),))  # fmt: skip
    with pytest.raises(OSError, match="lost"), budget.request():
        raise OSError("lost")

    with budget.request():
        assert time.now == 900
