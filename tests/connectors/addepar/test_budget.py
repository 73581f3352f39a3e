"""Is the allowance ever exceeded, whatever the pace of requests?"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.addepar.budget import Allowance, RequestBudget, SpentHere, in_words
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


def test_a_request_that_never_came_back_counts_as_late_as_it_may_have_arrived() -> None:
    time, spent = _Time(), SpentHere()
    allowances = (Allowance(requests=1, seconds=900.0),)
    given: dict[str, Any] = {"clock": lambda: time.now, "sleep": time.sleep, "longest_wait_seconds": 1e9}
    killed = RequestBudget(**given, longest_request_seconds=65.0, allowances=allowances, spent=spent)
    under_way = killed.request()
    under_way.__enter__()  # its process dies before the answer

    with RequestBudget(**given, allowances=allowances, spent=spent).request():
        assert time.now == 65 + 900


@pytest.mark.parametrize(
    ("requests", "seconds"),
    [
        (0, 0),
        (3, 30),  # 10 s each
        (4, 30 + 10),
        # Four of ten seconds fill the window of 100 s at 10, 20, 30, 40; the fifth may go at 110, and is over at 120.
        (5, 120),
        (6, 130),
        (9, 230),
    ],
)
def test_the_time_that_requests_take_counts_the_waits_for_the_allowance(requests: int, seconds: float) -> None:
    time = _Time()
    budget = RequestBudget(clock=lambda: time.now, sleep=time.sleep, longest_wait_seconds=1e9,
                           allowances=(Allowance(requests=4, seconds=100.0),))  # fmt: skip

    assert budget.seconds_for(requests, each_seconds=10.0) == seconds
    assert budget.used() == ((Allowance(requests=4, seconds=100.0), 0),)  # an estimate spends nothing


def test_a_long_wait_is_told_as_it_passes_and_may_be_stopped() -> None:
    time, told = _Time(), list[str]()
    budget = RequestBudget(clock=lambda: time.now, sleep=time.sleep, longest_wait_seconds=1e9, allowances=())

    def tell(words: str) -> None:
        told.append(words)
        if len(told) == 4:
            raise InterruptedError

    budget.tell = tell
    with pytest.raises(InterruptedError):
        budget.wait(200, reason="used up")

    assert told == [f"used up: going on in {left}" for left in ("3 min", "3 min", "3 min", "3 min")]
    assert time.now == 15


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (89, "89 s"), (91, "2 min"), (900, "15 min"), (7140, "119 min"), (7200, "2 h"), (86400, "24 h"),
     (7500, "2 h 05 min")],
)  # fmt: skip
def test_a_length_of_time_reads_as_people_say_it(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
