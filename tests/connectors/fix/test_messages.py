"""Blocks become standard FIX 4.4 orders, and a custodian's answers become what they mean."""

import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.fix.fix44 import new_order, status_request
from connectors.fix.messages import (
    Acknowledged,
    AllocationAnswer,
    ChangeRejected,
    Corrected,
    Ended,
    Rejected,
    Replaced,
    Status,
    message,
    number,
    read_answer,
    refusal,
    withdrawal,
)
from connectors.fix.wire import decode, encode
from engine.domain.errors import DataError
from engine.domain.orders import Fill
from engine.domain.plans import Side

SENT = "20240304-15:05:00.000"
NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)


def report(*changes, kind="F", **header):
    """An execution of 10 of 50 at 101.25, with tags replaced or (None) left out."""
    tags = {
        35: "8",
        49: "ALPHA",
        56: "LOTSMITH",
        34: "7",
        52: SENT,
        37: "C1",
        11: "BLOCK1",
        17: "E1",
        150: kind,
        39: "1",
        55: "ABC",
        54: "1",
        151: "40",
        14: "10",
        6: "101.25",
        32: "10",
        31: "101.25",
        60: "20240304-12:00:00",
    }
    tags.update(changes)  # fmt: skip
    return decode(encode([(tag, value) for tag, value in tags.items() if value is not None]))[0]


def test_a_block_is_a_market_order_for_the_day_with_one_allocation_an_account(block, released):
    assert new_order(block(), at=released, lots=False).fields == (
        (11, "BLOCK1"), (591, "0"), (70, "BLOCK1"), (78, "2"),
        (79, "77-1"), (661, "99"), (467, "BLOCK1O1"), (80, "30"),
        (79, "77-2"), (661, "99"), (467, "BLOCK1O2"), (80, "20"),
        (21, "1"), (55, "ABC"), (48, "037833100"), (22, "1"), (54, "1"), (60, "20240304-15:04:05.678"), (38, "50"),
        (40, "1"), (15, "USD"), (59, "0"),
    )  # fmt: skip


def test_a_sale_without_cusip_has_side_2_and_no_security_id(block, released):
    fields = dict(new_order(block(side=Side.SELL, cusip=None), at=released, lots=False).fields)

    assert fields[54] == "2"
    assert 48 not in fields
    assert 22 not in fields


@pytest.mark.parametrize(
    ("value", "text"),
    [("100", "100"), ("1E+2", "100"), ("1.50", "1.5"), ("0.000001", "0.000001"), ("0E+3", "0"), ("-0", "0")],
)
def test_numbers_have_no_exponent_and_no_trailing_zeros(value, text):
    assert number(Decimal(value)) == text


@pytest.mark.fix
def test_orders_and_status_requests_are_valid_by_the_standard_dictionary(block, order_text):
    import quickfix as fix

    dictionary = fix.DataDictionary(str(Path(sys.prefix) / "share" / "quickfix" / "FIX44.xml"))
    sale = order_text(block(side=Side.SELL))
    request = message(*status_request(decode(sale.encode())[0], "R1"), sender="LOTSMITH", target="ALPHA",
                      sequence=2, sent=NOON).decode()  # fmt: skip

    for text in (order_text(block()), sale, order_text(block(cusip=None)), request):
        dictionary.validate(fix.Message(text, dictionary, True))
    with pytest.raises(fix.FIXException):  # the check itself is able to fail
        dictionary.validate(fix.Message(sale.replace("\x0154=2\x01", "\x0154=x\x01"), dictionary, False))


@pytest.mark.parametrize("kind", ["0", "A", "D", "9", "7", "6", "E"])
def test_an_order_that_is_being_worked_or_changed_is_held(kind):
    assert read_answer(report(kind=kind)) == Acknowledged(cl_ord_id="BLOCK1", order_id="C1")


def test_a_correction_names_what_it_replaces_and_what_holds_instead():
    instead = Fill(exec_id="E1", cl_ord_id="BLOCK1", quantity=Decimal(10), price=Decimal("101.25"), executed_at=NOON)

    assert read_answer(report((19, "E0"), kind="G")) == Corrected(cl_ord_id="BLOCK1", exec_ref_id="E0", instead=instead)


@pytest.mark.parametrize(("code", "had_it"), [("6", True), ("0", False)])
def test_only_a_change_refused_as_a_duplicate_was_had_before(code, had_it):
    refused = read_answer(report((35, "9"), (11, "CHANGE1"), (41, "BLOCK1"), (434, "1"), (102, code)))

    assert isinstance(refused, ChangeRejected)
    assert refused.had_it is had_it


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (refusal("D", "B1", "no tag 7"), Rejected(cl_ord_id="B1", code="99", text="no tag 7")),
        (refusal("F", "CH1", "no tag 7"), ChangeRejected(cl_ord_id="CH1", code="99", text="no tag 7")),
        (refusal("G", "CH1", "no tag 7"), ChangeRejected(cl_ord_id="CH1", code="99", text="no tag 7")),
        (refusal("J", "AL1", "no tag 7"), AllocationAnswer(alloc_id="AL1", taken=False, text="no tag 7")),
        (withdrawal("CH1"), Ended(cl_ord_id="CH1", how="cancelled")),
    ],
)
def test_what_never_left_us_is_answered_as_the_custodian_would_have(said, answer):
    text = message(*said, sender="ALPHA", target="LOTSMITH", sequence=1, sent=NOON)

    assert read_answer(decode(text)[0]) == answer


def test_a_trade_is_a_fill_with_its_own_quantity_price_and_time():
    assert read_answer(report()) == Fill(
        exec_id="E1", cl_ord_id="BLOCK1", quantity=Decimal(10), price=Decimal("101.25"), executed_at=NOON
    )


def test_without_transact_time_the_sending_time_counts():
    assert read_answer(report((60, None))).executed_at == datetime(2024, 3, 4, 15, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (report(kind="0"), Acknowledged(cl_ord_id="BLOCK1", order_id="C1")),
        (report(kind="A"), Acknowledged(cl_ord_id="BLOCK1", order_id="C1")),
        (report((103, "1"), (58, "no"), kind="8"), Rejected(cl_ord_id="BLOCK1", code="1", text="no")),
        (report((103, "6"), kind="8"), Acknowledged(cl_ord_id="BLOCK1", order_id="C1")),
        (report(kind="3"), Ended(cl_ord_id="BLOCK1", how="done for the day")),
        (report(kind="4"), Ended(cl_ord_id="BLOCK1", how="cancelled")),
        (report(kind="C"), Ended(cl_ord_id="BLOCK1", how="expired")),
        (report((19, "E0"), kind="H"), Corrected(cl_ord_id="BLOCK1", exec_ref_id="E0", instead=None)),
        (report((790, "R1"), kind="I"), Status(cl_ord_id="BLOCK1", request_id="R1", known=True, refused=False,
                                               filled=Decimal(10), last=False)),
        (report((790, "R1"), (39, "8"), kind="I"), Status(cl_ord_id="BLOCK1", request_id="R1", known=True,
                                                          refused=True, filled=Decimal(10), last=False)),
        (report((790, "R1"), (39, "8"), (103, "5"), (14, "0"), kind="I"),
         Status(cl_ord_id="BLOCK1", request_id="R1", known=False, refused=False, filled=Decimal(0), last=True)),
        (report((790, "R1"), (39, "8"), (103, "5"), (14, "0"), kind="8"),
         Status(cl_ord_id="BLOCK1", request_id="R1", known=False, refused=False, filled=Decimal(0), last=True)),
        (report((35, "j"), (379, "BLOCK1"), (380, "4"), (58, "down")),
         Rejected(cl_ord_id="BLOCK1", code="4", text="down")),
        (report((11, "CHANGE1"), (41, "BLOCK1"), (38, "30"), kind="5"),
         Replaced(cl_ord_id="CHANGE1", quantity=Decimal(30))),
        (report((35, "9"), (11, "CHANGE1"), (41, "BLOCK1"), (434, "1"), (102, "0"), (58, "too late")),
         ChangeRejected(cl_ord_id="CHANGE1", code="0", text="too late")),
        (report((584, "M1"), (912, "Y"), kind="I"), Status(cl_ord_id="BLOCK1", request_id="M1", known=True,
                                                           refused=False, filled=Decimal(10), last=True)),
        (report((35, "P"), (70, "ALLOC1"), (87, "3")), AllocationAnswer(alloc_id="ALLOC1", taken=None, text="")),
        (report((35, "P"), (70, "ALLOC1"), (87, "0")), AllocationAnswer(alloc_id="ALLOC1", taken=True, text="")),
        (report((35, "P"), (70, "ALLOC1"), (87, "2"), (58, "lots"), (79, "77-1"), (161, "no such lot")),
         AllocationAnswer(alloc_id="ALLOC1", taken=False, text="lots; 77-1: no such lot")),
        (report((35, "P"), (70, "ALLOC1"), (87, "1"), (88, "7")),
         AllocationAnswer(alloc_id="ALLOC1", taken=False, text="reason 7")),
        (report((35, "P"), (70, "ALLOC1"), (87, "5")), AllocationAnswer(alloc_id="ALLOC1", taken=False, text="")),
        (report((790, "R1"), (103, "1"), kind="8"), Rejected(cl_ord_id="BLOCK1", code="1", text="")),
        (report((103, "6"), kind="4"), Ended(cl_ord_id="BLOCK1", how="cancelled")),
        (report((103, "5"), kind="8"), Rejected(cl_ord_id="BLOCK1", code="5", text="")),
        (report((584, "M1"), (39, "8"), (103, "5"), (14, "0"), kind="8"),
         Status(cl_ord_id="BLOCK1", request_id="M1", known=False, refused=False, filled=Decimal(0), last=True)),
    ],
)  # fmt: skip
def test_every_kind_of_answer_means_one_thing(message, answer):
    assert read_answer(message) == answer


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (report((32, None)), "expected tag 32"),
        (report((32, "-5")), "shares and price > 0"),
        (report((32, "0")), "shares and price > 0"),
        (report((31, "0")), "shares and price > 0"),
        (report((35, "j"), (372, "H"), (379, "BLOCK1"), (380, "4")), "a question .35=H. was refused"),
        (report((35, "j"), (372, "AF"), (379, "BLOCK1"), (380, "4")), "a question .35=AF. was refused"),
        (report((31, "NaN")), "FIX tag 31 of BLOCK1: expected a number, found 'NaN'"),
        (report((31, "1e999999999")), "expected a number"),
        (report(kind="Z"), "known ExecType"),
        (report((35, "B")), "expected an execution report"),
    ],
)
def test_an_answer_without_sense_is_refused(message, found):
    with pytest.raises(DataError, match=found):
        read_answer(message)
