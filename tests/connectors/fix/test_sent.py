"""A session reject names a number; it refuses the order, change or split that bore it, and nothing else."""

import pytest

from connectors.fix.sent import Sent
from connectors.fix.wire import FixMessage


def ours(kind, number, *fields):
    return FixMessage(fields=((35, kind), (34, str(number)), *fields))


REJECT = FixMessage(fields=((35, "3"), (34, "9"), (45, "7")))


@pytest.mark.parametrize(("kind", "tag"), [("D", 11), ("F", 11), ("G", 11), ("J", 70)])
def test_what_bore_the_number_is_what_is_refused_at_that_custodian_alone(kind, tag):
    sent = Sent()
    sent.note("One", ours(kind, 7, (tag, "K1")))
    sent.note("Two", ours(kind, 7, (tag, "K2")))

    assert sent.rejected("One", REJECT) == (kind, "K1")
    assert sent.rejected("Three", REJECT) is None


def test_a_refused_question_about_an_order_refuses_no_order():
    sent = Sent()
    sent.note("One", ours("H", 7, (11, "B1")))

    assert sent.rejected("One", REJECT) is None


def test_an_order_of_an_earlier_session_is_not_refused_by_the_number_of_a_heartbeat():
    sent = Sent()
    sent.note("One", ours("D", 7, (11, "B1")))
    sent.note("One", ours("0", 7))

    assert sent.rejected("One", REJECT) is None
