"""A message is sent for every change, and after a crash once more under the same key."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from data.database import open_database
from data.outbox import Outbox, OutboxItem, enqueue
from engine.domain.errors import DataError

MINUTE = timedelta(minutes=1)


@pytest.fixture
def outbox(database) -> Outbox:
    return Outbox(database)


@pytest.fixture
def put(database, at):
    def enqueue_items(*keys: str, topic: str = "crm", **payload):
        with database.begin() as connection:
            enqueue(connection, [OutboxItem(topic=topic, key=key, payload=payload) for key in keys], at=at)

    return enqueue_items


def test_messages_are_claimed_oldest_first_and_marked_with_their_answer(outbox, put, at):
    put("b", n=1)
    put("a", n=2)

    first = outbox.claim(at=at, lease=MINUTE)
    outbox.mark_sent(first, answer={"id": "00Q"}, at=at)
    second = outbox.claim(at=at, lease=MINUTE)

    assert (first.key, first.payload, first.attempts, first.created_at) == ("b", {"n": 1}, 1, at)
    assert second.key == "a"
    assert outbox.claim(at=at, lease=MINUTE) is None
    sent = outbox.by_key("b")
    assert (sent.sent_at, sent.answer, sent.error) == (at, {"id": "00Q"}, None)
    assert [row.key for row in outbox.waiting()] == ["a"]


def test_a_message_rolled_back_with_its_change_was_never_there(outbox, database, at):
    def change():
        with database.begin() as connection:
            enqueue(connection, [OutboxItem(topic="crm", key="k", payload={})], at=at)
            raise RuntimeError("the change failed")

    with pytest.raises(RuntimeError):
        change()

    assert outbox.by_key("k") is None


def test_a_key_is_taken_once_and_for_one_message_only(outbox, put):
    put("k", n=1)
    put("k", n=1)

    with pytest.raises(DataError, match="key k is taken by another message"):
        put("k", n=2)
    with pytest.raises(DataError, match="key k is taken by another message"):
        put("k", topic="orders", n=1)
    assert len(outbox.waiting()) == 1


def test_a_sender_that_dies_leaves_its_message_to_the_next_when_the_lease_has_run_out(outbox, put, at):
    put("k")
    dead = outbox.claim(at=at, lease=MINUTE)

    assert outbox.claim(at=at + MINUTE - timedelta(microseconds=1), lease=MINUTE) is None
    again = outbox.claim(at=at + MINUTE, lease=MINUTE)

    assert (again.id, again.key, again.attempts) == (dead.id, "k", 2)


def test_a_failure_is_kept_and_tried_again_when_it_is_due(outbox, put, at):
    put("k")
    outbox.mark_failed(outbox.claim(at=at, lease=MINUTE), error="503", retry_at=at + 5 * MINUTE)

    assert outbox.by_key("k").error == "503"
    assert outbox.claim(at=at + 2 * MINUTE, lease=MINUTE) is None
    retry = outbox.claim(at=at + 5 * MINUTE, lease=MINUTE)
    outbox.mark_sent(retry, answer=None, at=at + 5 * MINUTE)
    assert (outbox.by_key("k").error, outbox.by_key("k").attempts) == (None, 2)


def test_a_late_sender_neither_undoes_a_success_nor_ends_another_ones_lease(outbox, put, at):
    put("k")
    late = outbox.claim(at=at, lease=MINUTE)
    other = outbox.claim(at=at + MINUTE, lease=MINUTE)

    outbox.mark_failed(late, error="timed out", retry_at=at)
    assert outbox.claim(at=at + MINUTE, lease=MINUTE) is None

    outbox.mark_sent(other, answer={"id": 1}, at=at + MINUTE)
    outbox.mark_sent(late, answer={"id": 2}, at=at + 2 * MINUTE)
    outbox.mark_failed(other, error="too late", retry_at=at)
    assert (outbox.by_key("k").answer, outbox.by_key("k").error) == ({"id": 1}, None)


def test_a_sender_takes_only_its_own_topic(outbox, put, at):
    put("c", topic="crm")
    put("o", topic="orders")

    assert outbox.claim(at=at, lease=MINUTE, topic="orders").key == "o"
    assert [row.key for row in outbox.waiting(but="ord")] == ["c"]
    outbox.mark_sent(outbox.claim(at=at, lease=MINUTE), answer=None, at=at)
    assert [row.key for row in outbox.all("crm")] == ["c"]


def test_senders_at_once_share_the_messages_and_none_is_claimed_twice(url, put, at):
    put(*(f"k{n}" for n in range(24)))
    gate = threading.Barrier(4)

    def drain(_):
        own = open_database(url)
        gate.wait()
        claimed = []
        while row := Outbox(own).claim(at=at, lease=MINUTE):
            claimed.append(row.key)
        own.close()
        return claimed

    with ThreadPoolExecutor(4) as pool:
        claimed = [key for keys in pool.map(drain, range(4)) for key in keys]

    assert sorted(claimed) == sorted(f"k{n}" for n in range(24))
