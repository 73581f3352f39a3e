"""What is shown of orders on their way: blocks in dollars, answers in words, breaks and by how much, fills."""

from datetime import UTC, datetime
from decimal import Decimal as D

import pandas as pd
import pytest

from app.steps.amend import Working
from app.steps.realised import Outcome
from app.steps.reconcile import Arrival, Sending
from app.tables.execute import (
    all_breaks_table,
    answer_table,
    arrival_table,
    block_table,
    break_table,
    change_table,
    custodian_table,
    fill_table,
    not_understood_table,
    outbox_table,
    outcome_table,
    outgoing_table,
    sent_table,
    signed_table,
    working_table,
)
from connectors.fix.destinations import read_destinations
from data.mailbox import Received
from data.orders import Acknowledgement, AskedChange
from data.outbox import OutboxRow
from data.plans import PlanHead
from engine.domain.lifecycle import PlanState
from engine.domain.orders import Block, LotInstruction, Order
from engine.domain.plans import Side
from engine.execute.fills import FilledOrder
from engine.execute.outcome import Figures
from engine.execute.reconcile import Break, BreakKind

NINE = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)


def order(side, quantity, price, *, number="1"):
    lot = LotInstruction(lot_id="l", quantity=D(quantity), acquired=NINE.date(), cost_per_share=D(1))
    return Order(
        cl_ord_id=f"o{number}", plan_id="p" * 64, account_id="T1", account_number="1001", custodian="One",
        security_id="S1", ticker="ABC", cusip=None, side=side, quantity=D(quantity), reference_price=D(price),
        lots=(lot,) if side is Side.SELL else (),
    )  # fmt: skip


def block(*orders):
    return Block(
        cl_ord_id="b1", custodian="One", security_id="S1", ticker="ABC", cusip=None, side=orders[0].side,
        quantity=sum((each.quantity for each in orders), D(0)), allocations=orders,
    )  # fmt: skip


# What goes out

SALE = block(order(Side.SELL, 30, "50.00", number="1"), order(Side.SELL, "12.5", "50.10", number="2"))


def test_a_block_counts_its_accounts_and_its_dollars_are_those_of_each_plans_own_price(market):
    # 30 x 50.00 + 12.5 x 50.10 = 1,500 + 626.25
    [sent] = block_table([SALE]).to_dict("records")
    [previewed] = outgoing_table([SALE], market.securities).to_dict("records")

    assert sent == {
        "custodian": "One", "ticker": "ABC", "side": "sell", "shares": 42.5, "allocations": 2, "cl_ord_id": "b1",
    }  # fmt: skip
    assert previewed == {**sent, "name": "Alphabet Soup", "amount": 2126.25}


def test_what_is_signed_is_what_is_previewed_and_where_it_goes(market):
    [signed] = signed_table([SALE], market.securities).to_dict("records")

    assert signed == {
        "Side": "sell", "Ticker": "ABC", "Name": "Alphabet Soup", "Shares": 42.5, "Dollars": 2126.25, "To": "One",
    }  # fmt: skip


# What comes back


def arrival(custodian="One", *, blocks=4, acknowledged=0, rejected=0, shares=100, filled=0, first=1):
    """What came back of blocks first, first + 1, ...: those acknowledged, then those rejected, then the silent ones."""
    names = [f"{custodian}-{number}" for number in range(first, first + blocks)]
    return Arrival(
        custodian=custodian, blocks=frozenset(names), acknowledged=frozenset(names[:acknowledged]),
        rejected=frozenset(names[acknowledged:acknowledged + rejected]), shares=D(shares), filled=D(filled),
        at=NINE if acknowledged or rejected else None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("acknowledged", "rejected", "filled", "words"),
    [
        (0, 0, 0, "… waiting"),
        (3, 0, 99, "… acknowledged in part"),
        (4, 0, 0, "✓ acknowledged"),
        (4, 0, 99, "… filled in part"),
        (4, 0, 100, "✓ filled"),
        (0, 4, 0, "✗ rejected"),
        (3, 1, 75, "✗ rejected in part"),
        (0, 1, 0, "✗ rejected in part"),  # of the others nothing was heard yet
    ],
)
def test_what_a_custodian_said_is_told_in_a_word_with_a_sign(acknowledged, rejected, filled, words):
    [row] = arrival_table([arrival(acknowledged=acknowledged, rejected=rejected, filled=filled)]).to_dict("records")

    assert row["status"] == words
    assert row["filled_pct"] == filled


def test_a_custodian_that_said_nothing_yet_has_no_time(market):
    assert pd.isna(arrival_table([arrival()])["at"][0])
    assert arrival_table([arrival(acknowledged=1)])["at"][0] == NINE


def sending(*arrivals, breaks=(), account="T1"):
    head = PlanHead(
        plan_id="0123456789abcdef", account_id=account, household_id="H1", parent_id=None, state=PlanState.SENT,
        version=5, created_at=NINE, run_id=None, note="", makers=frozenset({"maya"}),
    )  # fmt: skip
    return Sending(head=head, arrivals=arrivals, breaks=breaks)


ONE = arrival("One", blocks=3, acknowledged=2, shares=100, filled=50)
TWO = arrival("Two", blocks=2, acknowledged=1, rejected=1, shares=300, filled=150)


def test_a_sent_plan_adds_up_its_custodians_and_its_filled_shares_are_of_all_of_them():
    [row] = sent_table([sending(ONE, TWO)]).to_dict("records")

    assert (row["account"], row["stage"], row["plan"]) == ("T1", "sent", "0123456789ab")
    assert (row["custodian"], row["blocks"], row["acknowledged"], row["rejected"]) == ("One, Two", 5, 3, 1)
    assert row["filled_pct"] == 50.0  # 200 of 400


def test_a_custodian_counts_each_block_once_whoever_shares_it_in_the_order_of_the_alphabet():
    shares = arrival("One", blocks=2, first=3)  # the first of its two blocks is the third of ONE, still silent

    table = custodian_table([sending(shares), sending(ONE, TWO)], read_destinations({}, ["One", "Two"]))

    counted = table[["custodian", "plans", "blocks", "acknowledged", "rejected", "unanswered"]].to_numpy().tolist()
    assert counted == [["One", 2, 4, 2, 0, 2], ["Two", 1, 2, 1, 1, 0]]


def test_a_custodian_says_how_it_takes_orders_and_lots():
    two = {"version": "FIX.4.2", "lots": "default", "default_method": "lifo"}
    profiles = read_destinations({"destinations": {"Two": two}}, ["One", "Two"])

    table = custodian_table([sending(ONE, TWO)], profiles)

    assert table[["orders_by", "on_lots"]].to_numpy().tolist() == [
        ["file in FIX.4.4", "sells the lots of the sheet; without it FIFO"],
        ["file in FIX.4.2", "takes no lot instructions, and sells by LIFO"],
    ]


def broken(kind, expected, found):
    return Break(kind=kind, cl_ord_id="b1", expected=D(expected), found=D(found), sentence="Not as ordered.")


def test_a_break_is_off_by_per_cent_of_what_was_ordered_and_by_none_where_nothing_was():
    breaks = (
        broken(BreakKind.MISSING, 200, 150),
        broken(BreakKind.PRICE, "50.00", "51.25"),
        broken(BreakKind.UNKNOWN, 0, 10),
    )

    table = all_breaks_table([sending(ONE), sending(TWO, breaks=breaks, account="T2")])

    assert set(table["account"]) == {"T2"}
    assert table[["kind", "ordered", "came"]].to_numpy().tolist() == [
        ["missing", 200.0, 150.0], ["price", 50.0, 51.25], ["unknown", 0.0, 10.0],
    ]  # fmt: skip
    assert table["off_pct"].tolist()[:2] == [-25.0, 2.5]
    assert pd.isna(table["off_pct"][2])


def test_the_kind_of_a_break_is_told_in_the_same_words_wherever_it_stands():
    breaks = (broken(BreakKind.OVER_FILLED, 10, 11),)

    assert break_table(breaks)["kind"].tolist() == ["over filled"]
    assert all_breaks_table([sending(breaks=breaks)])["kind"].tolist() == ["over filled"]


def test_an_order_that_got_nothing_has_no_price_and_one_that_got_some_the_average():
    asked = order(Side.BUY, 40, 50)
    got = [(25, "50.125"), (0, "50")]

    table = fill_table(FilledOrder(order=asked, quantity=D(shares), price=D(price)) for shares, price in got)

    assert table[["ticker", "side", "shares", "filled", "reference_price"]].to_numpy().tolist() == [
        ["ABC", "buy", 40.0, 25.0, 50.0], ["ABC", "buy", 40.0, 0.0, 50.0],
    ]  # fmt: skip
    assert table["price"][0] == 50.125
    assert pd.isna(table["price"][1])


def test_an_answer_is_shown_with_the_custodians_own_words_and_time():
    answer = Acknowledgement(message_id="7", cl_ord_id="b1", status="rejected", text="halted", at=NINE)

    assert answer_table([answer]).to_dict("records") == [
        {"at": NINE, "status": "rejected", "text": "halted", "cl_ord_id": "b1"}
    ]


def test_what_the_fills_did_stands_beside_what_the_plan_said_and_no_difference_has_the_sign_of_nothing():
    said = Figures(tax=D("-480.00"), cost_bp=3.0, tracking_error=0.0125)
    did = Figures(tax=D("-455.50"), cost_bp=2.999, tracking_error=0.0150)

    table = outcome_table(Outcome(predicted=said, realised=did))

    assert table["figure"].tolist() == [
        "Tax, $", "Trading cost, bp of what is traded", "Tracking error, % a year",
    ]  # fmt: skip
    assert table["predicted"].tolist() == pytest.approx([-480, 3, 1.25])
    assert table["realised"].tolist() == pytest.approx([-455.5, 2.999, 1.5])
    assert [str(each) for each in table["difference"]] == ["24.5", "0.0", "0.25"]


def test_before_the_first_fill_there_is_nothing_to_compare_with():
    said = Figures(tax=D(10), cost_bp=3.0, tracking_error=0.01)

    table = outcome_table(Outcome(predicted=said, realised=None))

    assert table[["realised", "difference"]].isna().all(axis=None)


def test_a_block_at_work_has_the_shares_that_are_wanted_now_and_says_whether_a_change_is_open():
    def at_work(*, is_open):
        return Working(block=SALE, wanted=D(40), filled=D("7.5"), held_as="b2", asked=1, open=is_open)

    table = working_table([at_work(is_open=False), at_work(is_open=True)])

    assert table.to_numpy().tolist() == [
        ["One", "sell", "ABC", 40.0, 7.5, "working", "b1"],
        ["One", "sell", "ABC", 40.0, 7.5, "change not answered yet", "b1"],
    ]


@pytest.mark.parametrize(
    ("quantity", "taken", "asked", "status"),
    [
        ("0", None, "cancel what is left", "not answered yet"),
        ("30", True, "30 shares in all", "taken"),
        ("12.5", False, "12.5 shares in all", "refused"),
    ],
)
def test_a_change_tells_what_was_asked_of_which_block_and_what_the_custodian_said(quantity, taken, asked, status):
    change = AskedChange(
        cl_ord_id="c1", block_id="b1", replaces="b1", quantity=D(quantity), actor="alan", at=NINE, taken=taken,
        text="too late",
    )  # fmt: skip

    assert change_table([change], [SALE]).to_dict("records") == [
        {
            "at": NINE, "actor": "alan", "side": "sell", "ticker": "ABC", "asked": asked, "status": status,
            "text": "too late", "cl_ord_id": "b1",
        }
    ]  # fmt: skip


def test_a_message_that_makes_no_sense_is_shown_as_it_came_but_for_a_password():
    came = Received(id=1, custodian="One", text="35=A\x01554=secret\x0110=000\x01", at=NINE, problem="unknown order")

    [row] = not_understood_table([came]).to_dict("records")

    assert (row["custodian"], row["problem"], row["at"]) == ("One", "unknown order", NINE)
    assert row["message"] == "35=A|554=***|10=000|"


def test_a_waiting_message_tells_its_tries_the_next_one_and_what_went_wrong():
    def waiting(error):
        return OutboxRow(
            id=1, topic="crm.push", key="k", payload={}, created_at=NINE, due_at=NINE, attempts=2, sent_at=None,
            answer=None, error=error,
        )  # fmt: skip

    table = outbox_table([waiting("down"), waiting(None)])

    assert table[["topic", "attempts", "error"]].to_numpy().tolist() == [["crm.push", 2, "down"], ["crm.push", 2, ""]]
    assert table["due"].tolist() == [NINE, NINE]
