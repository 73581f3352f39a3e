"""What was written is held against the plans: any other side, share or lot is found."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from engine.domain.identifiers import PlanId
from engine.domain.plans import LotSale, Term
from engine.execute.orders import orders_if_approved
from engine.execute.written import Key, WrittenLot, WrittenOrder, approved_orders, differences

SALE = WrittenOrder(
    key=Key("77", "AAA", True),
    quantity=Decimal(10),
    lots=(
        WrittenLot(lot_id="L1", quantity=Decimal(6), acquired=date(2020, 5, 6), cost_per_share=Decimal("90.25")),
        WrittenLot(lot_id="L2", quantity=Decimal(4), acquired=date(2021, 5, 6), cost_per_share=Decimal(80)),
    ),
)
PURCHASE = WrittenOrder(key=Key("77", "BBB", False), quantity=Decimal(3), lots=())

PLANNED = (  # of the account worked out by hand in tests/engine/conftest.py, whose number is 1
    WrittenOrder(
        key=Key("1", "ALFA", True),
        quantity=Decimal(100),
        lots=(
            WrittenLot(lot_id="a1", quantity=Decimal(100), acquired=date(2025, 11, 19), cost_per_share=Decimal(130)),
        ),
    ),
    WrittenOrder(key=Key("1", "BETA", False), quantity=Decimal(95), lots=()),
    WrittenOrder(key=Key("1", "GAMA", False), quantity=Decimal(190), lots=()),
)


@pytest.fixture
def orders(plan, snapshot, market):
    return orders_if_approved(PlanId("p"), plan, snapshot.account, market.securities, snapshot.lots)


def test_what_was_approved_is_the_plans_sides_shares_and_lots(plan, orders):
    assert approved_orders([plan], orders) == PLANNED


def test_a_lot_that_a_plan_sells_in_two_parts_is_one_lot_of_their_sum(plan, orders):
    parts = (
        LotSale(lot_id="a1", quantity=Decimal(60), term=Term.LONG, gain=Decimal(-1800)),
        LotSale(lot_id="a1", quantity=Decimal(40), term=Term.LONG, gain=Decimal(-1200)),
    )
    sold, *bought = plan.trades
    split = replace(plan, trades=(replace(sold, lots=parts), *bought))

    assert approved_orders([split], orders) == PLANNED


def test_a_trade_without_its_order_or_its_lot_agrees_with_nothing_written(plan, orders):
    sold, *bought = orders
    other_lot = replace(sold, lots=(replace(sold.lots[0], lot_id="a9"),))

    assert differences(approved_orders([plan], orders), PLANNED) == ()
    assert differences(approved_orders([plan], [other_lot, *bought]), PLANNED) == (
        "sale of ALFA in account 1: written with other shares or lots than approved",
    )  # fmt: skip
    assert differences(approved_orders([plan], bought), PLANNED) == (
        "sale of  in account : approved 1, written 0",
        "sale of ALFA in account 1: approved 0, written 1",
    )


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
