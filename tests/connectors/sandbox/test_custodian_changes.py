"""The stand-in custodian answers changes, splits and questions by rules that a person can follow."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from connectors.fix.fix42 import modern
from connectors.fix.messages import (
    AllocationAnswer,
    ChangeRejected,
    Ended,
    Rejected,
    Replaced,
    Status,
    read_answer,
)
from connectors.fix.wire import FixMessage
from connectors.sandbox.custodian import answer
from connectors.sandbox.custodian_changes import Held, allocated, changed, in_42, mass_status, status_unknown
from connectors.sandbox.custodian_faults import NO_FAULTS, Faults, read_faults
from engine.domain.errors import DataError
from engine.domain.orders import Fill

CLOSE = Decimal(100)
COMMON = ((55, "ABC"), (54, "1"), (60, "20240304-12:00:00.000"))


def request(kind, *fields):
    return FixMessage(fields=((35, kind), *fields))


ORDER = request("D", (11, "B1"), *COMMON, (38, "50"))


def read(said):
    return read_answer(FixMessage(fields=((35, said.kind), *said.fields)))


def held(filled):
    """B1 as it stands after it was filled in part."""
    reports = answer(ORDER, {"ABC": CLOSE}, used=False)
    last = tuple((tag, {14: str(filled), 39: "1"}.get(tag, value)) for tag, value in reports[0])
    return Held(order=ORDER, reports=(last,))


def change(kind, quantity):
    return request(kind, (41, "B1"), (11, "C1"), *COMMON, (38, quantity))


def test_a_cancellation_ends_the_order_at_what_is_filled():
    (said,) = changed(change("F", "50"), held(20), CLOSE, NO_FAULTS)

    assert read(said) == Ended(cl_ord_id="C1", how="cancelled")
    assert dict(said.fields)[14] == "20"
    assert dict(said.fields)[151] == "0"


def test_a_lower_quantity_is_taken_and_the_rest_filled_under_its_name():
    taken, *fills = (read(said) for said in changed(change("G", "30"), held(20), CLOSE, NO_FAULTS))

    assert taken == Replaced(cl_ord_id="C1", quantity=Decimal(30))
    assert all(isinstance(fill, Fill) and fill.cl_ord_id == "C1" for fill in fills)
    assert sum(fill.quantity for fill in fills) == 10


@pytest.mark.parametrize(
    ("asked", "order", "faults", "code"),
    [
        (change("G", "10"), held(20), NO_FAULTS, "2"),  # fewer than are filled
        (change("F", "50"), None, NO_FAULTS, "1"),
        (change("F", "50"), replace(held(20), reports=(((39, "2"), (14, "50")),)), NO_FAULTS, "0"),
        (change("F", "50"), held(20), Faults(no_changes=True), "2"),
    ],
)
def test_a_change_that_cannot_be_is_refused(asked, order, faults, code):
    (said,) = changed(asked, order, CLOSE, faults)

    refused = read(said)
    assert isinstance(refused, ChangeRejected)
    assert (refused.cl_ord_id, refused.code) == ("C1", code)


@pytest.mark.parametrize(("shares", "faults", "taken"), [("20", NO_FAULTS, True), ("19", NO_FAULTS, False),
                                                          ("20", Faults(no_allocations=True), False)])  # fmt: skip
def test_a_split_is_received_and_then_taken_where_it_adds_up(shares, faults, taken):
    split = request("J", (70, "A1"), (75, "20240304"), (60, "20240304-12:00:00.000"), (53, "50"), (79, "1"), (80, "30"),
                    (79, "2"), (80, shares))  # fmt: skip

    first, second = (read(said) for said in allocated(split, faults))

    assert first == AllocationAnswer(alloc_id="A1", taken=None, text="")
    assert second.taken is taken


def test_all_orders_are_told_with_the_last_marked_and_none_is_said_to_be_unknown():
    ask = request("AF", (584, "M1"), (585, "7"))

    told = [read(said) for said in mass_status(ask, [held(20), held(30)])]
    (nothing,) = (read(said) for said in mass_status(ask, []))

    assert [(one.filled, one.known, one.last) for one in told] == [(20, True, False), (30, True, True)]
    assert nothing == Status(
        cl_ord_id="", request_id="M1", known=False, refused=False, filled=Decimal(0), last=True
    )  # fmt: skip


def test_every_report_means_the_same_in_the_words_of_42():
    bust = answer(ORDER, {"ABC": CLOSE}, used=False, faults=Faults(bust=frozenset({"ABC"})))
    mended = answer(ORDER, {"ABC": CLOSE}, used=False, faults=Faults(correct=frozenset({"ABC"})))
    unknown = status_unknown(request("H", (11, "B1"), (55, "ABC"), (54, "1")))

    for told in (*bust, *mended):
        old = FixMessage(fields=((35, "8"), *in_42(dict(told))))
        assert dict(old.fields)[20] in "012"
        assert read_answer(modern(old)) == read_answer(FixMessage(fields=((35, "8"), *told)))
    assert not read_answer(modern(FixMessage(fields=((35, "8"), *in_42(dict(unknown)))))).known


def test_faults_are_of_the_tickers_that_the_file_names(tmp_path):
    path = tmp_path / "faults.json"
    assert read_faults(path) == NO_FAULTS
    path.write_text(json.dumps({"reject": ["ABC"], "allocations": "reject"}))
    faults = read_faults(path)

    (only,) = answer(ORDER, {"ABC": CLOSE}, used=False, faults=faults)
    assert isinstance(read_answer(FixMessage(fields=((35, "8"), *only))), Rejected)
    assert (faults.no_allocations, faults.no_changes) == (True, False)
    path.write_text('{"explode": ["ABC"]}')
    with pytest.raises(DataError, match=r"faults\.json: expected tickers by fault"):
        read_faults(path)
