"""The stand-in custodian follows its published rules, in a file as in a session."""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from connectors.fix.fix44 import new_order, status_request
from connectors.fix.messages import Acknowledged, Rejected, Status, message, read_answer
from connectors.fix.wire import decode, encode
from connectors.sandbox.custodian import answer, fill_file, read_closes
from connectors.sandbox.custodian_changes import Held, status, status_unknown
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, ClOrdId, LotId, PlanId, SecurityId
from engine.domain.orders import Block, LotInstruction, Order
from engine.domain.plans import Side

CLOSES = {"ABC": Decimal("200")}
AT = datetime(2024, 3, 4, 15, tzinfo=UTC)


def order(name="BLOCK1", quantity="50", ticker="ABC"):
    block = Block(
        cl_ord_id=ClOrdId(name),
        custodian="Alpha",
        security_id=SecurityId(ticker),
        ticker=ticker,
        cusip=None,
        side=Side.SELL,
        quantity=Decimal(quantity),
        allocations=(
            Order(
                cl_ord_id=ClOrdId(f"{name}O"),
                plan_id=PlanId("p"),
                account_id=AccountId("A1"),
                account_number="77",
                custodian="Alpha",
                security_id=SecurityId(ticker),
                ticker=ticker,
                cusip=None,
                side=Side.SELL,
                quantity=Decimal(quantity),
                reference_price=Decimal(100),
                lots=(
                    LotInstruction(
                        lot_id=LotId("L1"),
                        quantity=Decimal(quantity),
                        acquired=date(2020, 5, 6),
                        cost_per_share=Decimal(1),
                    ),
                ),
            ),
        ),
    )
    said = new_order(block, at=AT, lots=False)
    return message(*said, sender="LOTSMITH", target="ALPHA", sequence=1, sent=AT)


def parsed(data):
    return decode(data)[0]


def read(report):
    return read_answer(decode(encode(((35, "8"), *report)))[0])


@pytest.mark.parametrize("name", [f"BLOCK{n}" for n in range(20)])
def test_an_order_is_acknowledged_then_filled_completely_near_the_close(name):
    first, *executions = [read(report) for report in answer(parsed(order(name)), CLOSES, used=False)]

    assert first == Acknowledged(cl_ord_id=name, order_id=f"C{name}")
    assert 1 <= len(executions) <= 3
    assert sum(fill.quantity for fill in executions) == 50
    assert all(Decimal("199.9") <= fill.price <= Decimal("200.1") for fill in executions)  # 5 bp of 200 is 0.10
    assert len({fill.exec_id for fill in executions}) == len(executions)


def test_one_share_is_one_execution_and_some_orders_fill_in_parts():
    assert len(answer(parsed(order(quantity="1")), CLOSES, used=False)) == 2
    assert {len(answer(parsed(order(f"B{n}")), CLOSES, used=False)) for n in range(40)} == {2, 3, 4}


@pytest.mark.parametrize(
    ("request_", "used", "code"),
    [
        (order(ticker="ZZZ"), False, "1"),
        (order(quantity="1000001"), False, "3"),
        (order(quantity="1000000"), False, None),
    ],
)
def test_an_unknown_symbol_and_an_oversized_order_are_rejected(request_, used, code):
    first = read(answer(parsed(request_), CLOSES, used=used)[0])

    assert (first.code if isinstance(first, Rejected) else None) == code


def test_allocations_that_do_not_add_up_are_rejected():
    fields = [(tag, "49" if tag == 80 else value) for tag, value in parsed(order()).fields]

    (only,) = answer(parsed(encode(fields)), CLOSES, used=False)

    assert read(only) == Rejected(cl_ord_id="BLOCK1", code="14", text="allocations sum to 49, not 50")


def test_a_used_order_id_is_rejected_with_reason_6():
    (only,) = answer(parsed(order()), CLOSES, used=True)

    assert dict(only)[103] == "6"
    assert dict(only)[39] == "8"


def test_a_status_request_is_answered_from_the_reports_sent_so_far():
    request = parsed(order())
    reports = answer(request, CLOSES, used=False)

    assert read(status(Held(order=request, reports=reports), (790, "R1"))) == Status(
        cl_ord_id="BLOCK1", request_id="R1", known=True, refused=False, filled=Decimal(50), last=False
    )
    assert read(status(Held(order=request, reports=()), (790, "R1"))).filled == 0
    asked = encode(((35, "H"), *status_request(request, "R2").fields))
    assert read(status_unknown(parsed(asked))).known is False


def test_an_exported_file_is_filled_offline_the_same_each_time(tmp_path, fills_of):
    (tmp_path / "orders.fix").write_bytes(order("B1") + order("B2", ticker="ZZZ") + order("B1"))

    count = fill_file(tmp_path / "orders.fix", CLOSES, tmp_path / "fills.fix")
    fill_file(tmp_path / "orders.fix", CLOSES, tmp_path / "again.fix")

    messages = decode((tmp_path / "fills.fix").read_bytes())
    answers = [read_answer(m) for m in messages]
    assert (tmp_path / "fills.fix").read_bytes() == (tmp_path / "again.fix").read_bytes()
    assert len(messages) == count
    assert [m.get(34) for m in messages] == [str(n) for n in range(1, count + 1)]
    assert {(m.get(49), m.get(56)) for m in messages} == {("ALPHA", "LOTSMITH")}
    assert sum(fill.quantity for fill in fills_of(answers)) == 50  # B1 once; B2 and the second B1 rejected
    assert [a.code for a in answers if isinstance(a, Rejected)] == ["1"]


@pytest.mark.fix
def test_its_reports_are_valid_by_the_standard_dictionary(tmp_path):
    import quickfix as fix

    from connectors.fix.gateway import dictionary_path

    dictionary = fix.DataDictionary(str(dictionary_path("FIX44.xml")))
    (tmp_path / "orders.fix").write_bytes(order("B1") + order("B2", ticker="ZZZ") + order("B1"))
    fill_file(tmp_path / "orders.fix", CLOSES, tmp_path / "fills.fix")
    request = parsed(order())
    asked = parsed(encode(((35, "H"), *status_request(request, "R2").fields)))
    extra = b"".join(
        message("8", report, sender="ALPHA", target="LOTSMITH", sequence=1, sent=AT)
        for report in (status(Held(order=request, reports=()), (790, "R1")), status_unknown(asked))
    )

    stream = ((tmp_path / "fills.fix").read_bytes() + extra).decode()
    messages = stream.split("8=FIX")[1:]
    assert len(messages) >= 6  # acknowledgement, executions, two rejections, two statuses
    for rest in messages:
        dictionary.validate(fix.Message(f"8=FIX{rest}", dictionary, True))


def test_a_market_of_another_day_fills_on_that_day_at_the_same_prices(tmp_path, fills_of):
    orders, today, friday = tmp_path / "orders.fix", tmp_path / "today.fix", tmp_path / "friday.fix"
    orders.write_bytes(order("B1"))

    fill_file(orders, CLOSES, today)
    fill_file(orders, CLOSES, friday, day=date(2024, 3, 1))

    there, here = (fills_of([read_answer(m) for m in decode(file.read_bytes())]) for file in (friday, today))
    assert [(fill.exec_id, fill.quantity, fill.price) for fill in there] == [
        (fill.exec_id, fill.quantity, fill.price) for fill in here
    ]
    assert {fill.executed_at.date() for fill in here} == {date(2024, 3, 4)}
    assert {fill.executed_at.date() for fill in there} == {date(2024, 3, 1)}


def test_only_new_orders_are_filled(tmp_path):
    (tmp_path / "orders.fix").write_bytes(encode(((35, "H"), *status_request(parsed(order()), "R2").fields)))

    with pytest.raises(DataError, match=r"orders\.fix: expected new orders .* found 35=H"):
        fill_file(tmp_path / "orders.fix", CLOSES, tmp_path / "fills.fix")


@pytest.mark.parametrize("rows", [None, [("name", "close")], [("ticker", "close"), ("A", "x")],
                                  [("ticker", "close"), ("A", "0")], [("ticker", "close"), ("A", "NaN")],
                                  [("ticker", "close"), ("A",)]])  # fmt: skip
def test_a_price_file_without_sense_is_refused(tmp_path, rows):
    path = tmp_path / "prices.csv"
    if rows is not None:
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([*rows, ("B", "1")] if rows == [("name", "close")] else rows)

    with pytest.raises(DataError, match=r"prices\.csv: expected"):
        read_closes(path)
