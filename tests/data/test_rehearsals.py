"""A rehearsal is kept once under its id, both sides come back equal, and the present side serves the next change."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from data.rehearsals import RehearsalRecord, RehearsalStore
from engine.domain.errors import DataError
from engine.review.rehearsed import AccountFigures

NOW = (
    AccountFigures(
        account_id="A", household_id="H", household="Hill", advisor="Ann", registration="taxable", model_id="M",
        outcome="proposed", nav=100.0, te_before=0.1, te_after=1 / 3, trades=(("X", -1.25), ("Y", 0.5)), st_gain=-1.0,
        lt_gain=0.0, liability=-0.32, harvested=1.0, breaches=("cash band",), cause="",
    ),
)  # fmt: skip
THEN = (replace(NOW[0], outcome="exception", nav=None, te_before=None, te_after=None, trades=(), cause="none fits"),)


@pytest.fixture
def record(at):
    return RehearsalRecord(
        rehearsal_id="abc1", book="b1", inputs="i1", at=at, actor="pam", as_of=date(2026, 11, 20),
        change={"settings": [["cost_bp", "9"]]}, words=("cost_bp = 9",), sample={"accounts": None, "chosen": 1},
    )  # fmt: skip


def test_what_was_kept_comes_back_equal(database, record):
    store = RehearsalStore(database)

    store.save(record, now=NOW, then=THEN)

    assert store.get("abc1") == store.find("abc1") == record
    assert store.sides("abc1") == (NOW, THEN)


def test_what_is_kept_under_an_id_stays(database, record):
    store = RehearsalStore(database)
    store.save(record, now=NOW, then=THEN)

    store.save(replace(record, words=("other",)), now=THEN, then=NOW)

    assert store.get("abc1") == record
    assert store.sides("abc1") == (NOW, THEN)


def test_the_present_side_is_that_of_the_same_book_alone(database, record):
    store = RehearsalStore(database)
    store.save(record, now=NOW, then=THEN)
    store.save(replace(record, rehearsal_id="abc2"), now=NOW, then=NOW)

    assert store.present_side("b1") == NOW
    assert store.present_side("b2") is None


def test_the_newest_come_first_and_a_beginning_of_an_id_must_mean_one(database, record, at):
    store = RehearsalStore(database)
    store.save(record, now=NOW, then=THEN)
    store.save(replace(record, rehearsal_id="abd2", at=at + timedelta(seconds=1)), now=NOW, then=THEN)

    assert [each.rehearsal_id for each in store.newest()] == ["abd2", "abc1"]
    assert [each.rehearsal_id for each in store.newest(limit=1)] == ["abd2"]
    assert store.get("abd").rehearsal_id == "abd2"
    for prefix, told in (
        ("ab", "2 begin so"),
        ("x", "unknown rehearsal 'x'"),
        ("", "unknown rehearsal"),
        ("a%", "unknown"),
    ):
        with pytest.raises(DataError, match=told):
            store.get(prefix)
    assert store.find("ab") is None
