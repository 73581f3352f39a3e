"""Between app and gateway nothing is lost, and nothing counts twice."""

import threading
from datetime import timedelta

import pytest

from data.mailbox import SESSION, Inbox, SqlMailbox, to_session, withdraw
from data.outbox import Outbox, OutboxItem, enqueue


@pytest.fixture
def mailbox(database, at):
    return SqlMailbox(database, lambda: at)


@pytest.fixture
def inbox(database):
    return Inbox(database)


@pytest.fixture
def put(database, at):
    def orders(*keys, custodian="Alpha"):
        with database.begin() as connection:
            enqueue(connection, [to_session(custodian, key, f"text of {key}") for key in keys], at=at)

    return orders


def test_messages_are_taken_oldest_first_each_once_and_for_its_own_custodian(mailbox, put):
    put("B1", "B2", "B3")
    put("X1", custodian="Beta")

    assert mailbox.take("Alpha", 2) == (("B1", "text of B1"), ("B2", "text of B2"))
    assert mailbox.take("Alpha", 2) == (("B3", "text of B3"),)
    assert mailbox.take("Alpha", 2) == ()
    assert mailbox.take("Beta", 2) == (("X1", "text of X1"),)


def test_what_was_taken_is_unanswered_until_an_answer_settles_it_and_the_first_outcome_stays(mailbox, put, database):
    put("B1", "B2", "B3")
    mailbox.take("Alpha", 2)
    assert [key for key, _ in mailbox.unanswered("Alpha")] == ["B1", "B2"]

    mailbox.received([("Alpha", "R1", "yes", "B1", "accepted"), ("Alpha", "R2", "no", "B1", "refused")])
    mailbox.received([("Alpha", "R3", "never", "B1", "refused")])

    assert [key for key, _ in mailbox.unanswered("Alpha")] == ["B2"]
    assert Outbox(database).by_key("B1").answer == {"outcome": "accepted", "text": "yes"}


def test_an_answer_that_comes_again_is_kept_once_also_within_one_batch(mailbox, inbox, database, at):
    answer = ("Alpha", "R1", "filled", None, None)
    mailbox.received([answer, answer, ("Beta", "R1", "another's", None, None)])
    mailbox.received([answer])

    with database.begin() as connection:
        received = inbox.take(connection, 10)
        assert [(one.custodian, one.text, one.at) for one in received] == [
            ("Alpha", "filled", at), ("Beta", "another's", at),
        ]  # fmt: skip


def test_the_app_takes_each_message_in_once_and_keeps_what_it_did_not_understand(mailbox, inbox, database, at):
    mailbox.received([("Alpha", f"R{n}", f"answer {n}", None, None) for n in range(3)])
    assert inbox.waiting()

    with database.begin() as connection:
        first, second = inbox.take(connection, 2)
        inbox.taken(connection, {first.id: None, second.id: "no order of ours"}, at=at)
    with database.begin() as connection:
        (third,) = inbox.take(connection, 2)
        inbox.taken(connection, {third.id: None}, at=at)

    assert not inbox.waiting()
    assert [(one.text, one.problem) for one in inbox.not_understood()] == [("answer 1", "no order of ours")]
    assert inbox.newest() == third.id


def test_traffic_tells_what_waits_and_when_each_session_last_answered(put, inbox, database, at):
    put("B1", "B2")
    put("X1", custodian="Beta")
    later = at + timedelta(minutes=5)
    SqlMailbox(database, lambda: later).received([("Alpha", "R1", "yes", "B1", "accepted")])

    assert [(one.custodian, one.waiting, one.answered_at) for one in inbox.traffic()] == [
        ("Alpha", 1, later), ("Beta", 1, None),
    ]  # fmt: skip
    assert [row.key for row in Outbox(database).waiting(but=SESSION)] == []


def test_an_answer_settles_no_message_to_another_custodian_or_to_anyone_else(mailbox, put, database, at):
    put("B1")
    with database.begin() as connection:
        enqueue(connection, [OutboxItem(topic="fix.files", key="F1", payload={})], at=at)
    mailbox.take("Alpha", 1)

    mailbox.received([("Beta", "R1", "no", "B1", "refused"), ("Beta", "R2", "no", "F1", "refused"),
                      ("Alpha", "R1", "yes", "B1", "accepted")])  # fmt: skip

    assert Outbox(database).by_key("B1").answer == {"outcome": "accepted", "text": "yes"}
    assert [row.key for row in Outbox(database).waiting()] == ["F1"]


def test_two_that_take_messages_in_at_once_do_so_one_after_the_other(mailbox, inbox, database, at):
    mailbox.received([("Alpha", f"R{n}", f"answer {n}", None, None) for n in range(2)])
    second, begun = [], threading.Event()

    def take_in():
        begun.set()
        with database.begin() as connection:
            second.extend(inbox.take(connection, 1))

    other = threading.Thread(target=take_in)
    with database.begin() as connection:
        (first,) = inbox.take(connection, 1)
        other.start()
        begun.wait()
        other.join(0.5)
        assert second == []  # a correction may not overtake its execution
        inbox.taken(connection, {first.id: None}, at=at)
    other.join()

    assert [one.text for one in (first, *second)] == ["answer 0", "answer 1"]


def test_a_message_is_withdrawn_until_the_gateway_takes_it(mailbox, put, inbox, database, at):
    put("B1", "B2")
    assert [key for key, _ in mailbox.take("Alpha", 1)] == ["B1"]

    with database.begin() as connection:
        assert not withdraw(connection, "Alpha", "B1", "gone", at=at)
        assert not withdraw(connection, "Beta", "B2", "gone", at=at)
        assert withdraw(connection, "Alpha", "B2", "gone", at=at)

    assert mailbox.take("Alpha", 9) == ()
    assert [key for key, _ in mailbox.unanswered("Alpha")] == ["B1"]
    with database.begin() as connection:
        assert [(one.custodian, one.text) for one in inbox.take(connection, 9)] == [("Alpha", "gone")]
