"""After a logon the gateway learns what the custodian never got, and believes no answer to an older question."""

from decimal import Decimal

import pytest

from connectors.fix.dialects import DIALECTS
from connectors.fix.gateway import Outgoing
from connectors.fix.messages import Status
from connectors.fix.questions import Questions
from connectors.fix.spool import Incoming, Spool
from connectors.fix.wire import decode

DIALECT = DIALECTS["FIX.4.4"]


def answer(order, question, *, known, last=False):
    return Status(cl_ord_id=order, request_id=question, known=known, refused=False, filled=Decimal(0), last=last)


@pytest.fixture
def orders(block, order_text):
    made = [Outgoing(name, order_text(block(name))) for name in ("B1", "B2", "B3")]
    return [(f"Q{place}", one, decode(one.text.encode())[0]) for place, one in enumerate(made)]


def test_only_what_the_custodian_does_not_know_is_sent_again_and_once(orders):
    questions = Questions()
    said = questions.ask_each(orders, DIALECT)

    assert [dict(each.fields)[790] for each in said] == ["Q0", "Q1", "Q2"]
    questions.answered(answer("B1", "Q0", known=True))
    questions.answered(answer("B2", "Q1", known=False))
    assert [order.key for order in questions.never_arrived()] == ["B2"]
    assert questions.never_arrived() == []


def test_an_answer_to_an_older_question_no_longer_counts(orders):
    questions = Questions()
    questions.ask_each(orders, DIALECT)
    questions.ask_each([("NEW", *orders[0][1:])], DIALECT)

    questions.answered(answer("B1", "Q0", known=False))
    assert questions.never_arrived() == []
    questions.answered(answer("B1", "NEW", known=False))
    assert [order.key for order in questions.never_arrived()] == ["B1"]


def test_an_answer_without_a_questions_name_counts_for_its_order(orders):
    questions = Questions()
    questions.ask_each(orders, DIALECTS["FIX.4.2"])

    questions.answered(answer("B3", "", known=False))

    assert [order.key for order in questions.never_arrived()] == ["B3"]


def test_of_all_orders_those_that_the_whole_answer_leaves_out_never_arrived(orders):
    questions = Questions()
    (said,) = questions.ask_all([one for _, one, _ in orders], DIALECT.mass_status("M1"))

    assert (said.kind, dict(said.fields)) == ("AF", {584: "M1", 585: "7"})
    questions.answered(answer("B2", "M1", known=True))
    assert questions.never_arrived() == []  # more is to come
    questions.answered(answer("OLD", "M1", known=True, last=True))
    assert [order.key for order in questions.never_arrived()] == ["B1", "B3"]


def test_a_custodian_that_has_no_order_at_all_got_none_of_ours(orders):
    questions = Questions()
    questions.ask_all([one for _, one, _ in orders], DIALECT.mass_status("M1"))

    questions.answered(answer("", "M1", known=False, last=True))

    assert [order.key for order in questions.never_arrived()] == ["B1", "B2", "B3"]


def test_an_order_of_which_the_custodian_said_anything_is_not_sent_again_though_its_list_leaves_it_out(orders):
    questions = Questions()
    questions.ask_all([one for _, one, _ in orders], DIALECT.mass_status("M1"))

    questions.heard_of("B1")  # its fill came first; the list has what is still worked on alone
    questions.answered(answer("B2", "M1", known=True, last=True))
    questions.heard_of("B9")

    assert [order.key for order in questions.never_arrived()] == ["B3"]


def test_an_order_that_is_heard_of_before_it_is_sent_again_is_not(orders):
    questions = Questions()
    questions.ask_each(orders, DIALECT)
    questions.answered(answer("B1", "Q0", known=False))

    questions.heard_of("B1")

    assert questions.never_arrived() == []


def test_the_journal_keeps_what_came_in_until_it_is_elsewhere(tmp_path):
    spool = Spool(tmp_path / "spool.db")
    came = [Incoming("Alpha", f"K{n}", f"text {n}", None, None) for n in range(3)]
    for each in came:
        spool.put(each)

    until, batch = spool.oldest(2)
    assert batch == came[:2]
    assert Spool(tmp_path / "spool.db").oldest(2)[1] == came[:2]  # another process after a crash
    spool.drop(until)
    assert spool.oldest(9)[1] == came[2:]
