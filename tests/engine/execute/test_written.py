"""What was written is held against the plans: any other side, share or lot is found."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from engine.execute.written import Key, WrittenLot, WrittenOrder, differences

SALE = WrittenOrder(
    key=Key("77", "AAA", True),
    quantity=Decimal(10),
    lots=(
        WrittenLot(lot_id="L1", quantity=Decimal(6), acquired=date(2020, 5, 6), cost_per_share=Decimal("90.25")),
        WrittenLot(lot_id="L2", quantity=Decimal(4), acquired=date(2021, 5, 6), cost_per_share=Decimal(80)),
    ),
)
PURCHASE = WrittenOrder(key=Key("77", "BBB", False), quantity=Decimal(3), lots=())


def test_the_same_orders_in_another_order_and_form_agree():
    again = replace(SALE, quantity=Decimal("10.00"), lots=SALE.lots[::-1])

    assert differences([SALE, PURCHASE], [PURCHASE, again]) == ()


@pytest.mark.parametrize(
    "found",
    [
        replace(SALE, quantity=Decimal(11)),
        replace(SALE, lots=SALE.lots[:1]),
        replace(SALE, lots=(replace(SALE.lots[0], lot_id="L9"), SALE.lots[1])),
        replace(SALE, lots=(replace(SALE.lots[0], quantity=Decimal(5)), SALE.lots[1])),
        replace(SALE, lots=(replace(SALE.lots[0], acquired=date(2020, 5, 7)), SALE.lots[1])),
        replace(SALE, lots=(replace(SALE.lots[0], cost_per_share=Decimal(90)), SALE.lots[1])),
    ],
)
def test_any_other_share_or_lot_is_found(found):
    (only,) = differences([SALE], [found])

    assert only == "sale of AAA in account 77: written with other shares or lots than approved"


def test_another_side_account_or_ticker_is_one_missing_and_one_unasked():
    for key in (Key("78", "AAA", True), Key("77", "AAB", True), Key("77", "AAA", False)):
        found = differences([SALE], [replace(SALE, key=key)])
        assert sorted(sentence.split(": ")[1] for sentence in found) == [
            "approved 0, written 1", "approved 1, written 0",
        ]  # fmt: skip


def test_an_order_that_is_missing_or_comes_twice_is_found():
    assert differences([SALE], []) == ("sale of AAA in account 77: approved 1, written 0",)
    assert differences([PURCHASE], [PURCHASE, PURCHASE]) == (
        "purchase of BBB in account 77: approved 1, written 2",
    )  # fmt: skip
