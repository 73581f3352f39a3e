"""What an approver reads besides the queue: budget, cut-off and age in words, the lists of plans, trades to edit."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest

from app.steps import plan, review
from app.steps.queue import Assessment
from app.tables.review import (
    age_text,
    budget_text,
    cut_off_text,
    difference_table,
    edit_table,
    editable_trades,
    history_table,
    objections,
    opinion_text,
    plan_table,
    returned_table,
    verdict_line,
)
from data.opinions import Opinion
from data.plans import PlanHead, PlanMove
from engine.domain.lifecycle import Action, PlanState
from engine.domain.plans import Check, Verdict
from engine.review.difference import Change, Difference, TradeChange

FRIDAY_NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)  # in New York, in winter time


def assessed(*checks, stale=(), year_gain=None):
    return Assessment(
        planned=tuple(Check(rule=rule, verdict=verdict, detail=detail) for rule, verdict, detail in checks),
        second=(), stale=stale, year_gain=None if year_gain is None else D(year_gain),
    )  # fmt: skip


# Sentences


@pytest.mark.parametrize(
    ("gain", "budget", "text"),
    [
        (None, 1000, "This account pays no tax on gains."),
        (-480, None, "Net gain of the year with this plan -$480; no gains budget is set."),
        (600, 1000, "Net gain of the year with this plan $600, budget $1,000: $400 of it left."),
        (1000, 1000, "Net gain of the year with this plan $1,000, budget $1,000: $0 of it left."),
        (1250, 1000, "Net gain of the year with this plan $1,250, budget $1,000: over it by $250."),
    ],
)
def test_the_gains_budget_is_told_with_what_is_left_of_it_or_by_how_much_it_is_exceeded(harvest, gain, budget, text):
    settings = replace(harvest.plan.settings, gains_budget=None if budget is None else D(budget))

    assert budget_text(assessed(year_gain=gain), replace(harvest.plan, settings=settings)) == text


@pytest.mark.parametrize(
    ("after", "text"),
    [
        (timedelta(hours=3, minutes=30), "15:30 New York, 3 h 30 min left"),
        (timedelta(days=3, hours=3, minutes=30), "Mon 23 Nov 15:30 New York, 3 d 3 h left"),
        # 04:30 UTC is the next day there, and still Friday in New York
        (timedelta(hours=11, minutes=30), "23:30 New York, 11 h 30 min left"),
    ],
)
def test_a_cut_off_is_told_in_the_markets_time_with_the_day_where_it_is_another_one(after, text):
    assert cut_off_text(FRIDAY_NOON + after, FRIDAY_NOON) == text


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(-1, "0 min"), (59.9, "59 min"), (60, "1 h"), (2879, "47 h"), (2880, "2 d"), (4319, "2 d")],
)
def test_an_age_is_told_in_whole_minutes_hours_up_to_two_days_or_days(minutes, text):
    assert age_text(FRIDAY_NOON - timedelta(minutes=minutes), FRIDAY_NOON) == text


FAILURE, REMARK, PASS = ("cash", Verdict.FAIL, "below 0"), ("cost", Verdict.WARN, "high"), ("tax", Verdict.PASS, "")


@pytest.mark.parametrize(
    ("found", "line", "against"),
    [
        (None, "being checked", []),
        (assessed(PASS, PASS), "passes all 2 checks", []),
        (assessed(PASS, REMARK), "passes with a remark on cost: high", ["cost: high"]),
        (assessed(REMARK, FAILURE, FAILURE), "fails cash: below 0, and 1 more",
         ["cash: below 0", "cash: below 0", "cost: high"]),
        (assessed(FAILURE, stale=("moved",)), "no longer holds: moved", ["moved", "cash: below 0"]),
        (assessed(PASS, stale=("one", "two", "three")), "no longer holds: one, and 2 more", ["one", "two", "three"]),
    ],
)  # fmt: skip
def test_the_worst_is_told_in_one_line_and_everything_against_a_plan_in_full(found, line, against):
    assert verdict_line(found) == line
    assert objections(found) == against


def test_an_opinion_tells_when_it_was_formed_and_of_which_days_prices():
    opinion = Opinion(
        plan_id="p", checker="c", inputs_hash="h", checks=(), year_gain=None, seen="", on=FRIDAY_NOON.date(), stale=(),
        washed=(), at=FRIDAY_NOON + timedelta(days=1),
    )  # fmt: skip

    assert opinion_text(replace(assessed(PASS), opinion=opinion)).startswith(
        "Checked on 21 Nov 2026 17:00 UTC with prices of 20 Nov 2026; "
    )
    assert opinion_text(assessed(PASS)) == ""


# Lists of plans

HEAD = PlanHead(
    plan_id="0123456789abcdef", account_id="T1", household_id="H1", parent_id=None, state=PlanState.CHANGES_REQUESTED,
    version=3, created_at=FRIDAY_NOON, run_id=None, note="Autumn\nasked by phone", makers=frozenset({"pia", "maya"}),
)  # fmt: skip


def test_a_plan_in_a_list_has_its_stage_in_words_its_makers_and_its_note_on_one_line():
    assert plan_table([HEAD]).to_dict("records") == [
        {
            "plan": "0123456789ab", "account": "T1", "stage": "changes requested", "created": FRIDAY_NOON,
            "made_by": "maya, pia", "note": "Autumn · asked by phone",
        }
    ]  # fmt: skip


def test_a_plan_that_came_back_has_the_last_word_on_it_beside_its_stage():
    other = replace(HEAD, plan_id="f" * 64)

    table = returned_table([HEAD, other], {HEAD.plan_id: "less turnover"})

    assert table[["plan", "comment"]].to_numpy().tolist() == [["0123456789ab", "less turnover"], ["f" * 12, ""]]
    assert list(table.columns)[2:4] == ["stage", "comment"]


def test_a_step_in_a_plans_life_tells_what_was_done_and_where_it_led():
    move = PlanMove(
        version=3, at=FRIDAY_NOON, actor="alan", action=Action.REQUEST_CHANGES, source=PlanState.IN_REVIEW,
        target=PlanState.CHANGES_REQUESTED, comment="less turnover",
    )  # fmt: skip

    assert history_table([move]).to_dict("records") == [
        {
            "at": FRIDAY_NOON, "actor": "alan", "action": "request changes", "stage": "changes requested",
            "comment": "less turnover",
        }
    ]  # fmt: skip


# Edits


def test_trades_to_edit_are_signed_shares_with_the_dollars_and_reasons_of_the_plan_document(harvest):
    # 12 AAA sold for 1,200; 4 BBB, 8 CCC and 20 DDD bought for 400 each.
    table = editable_trades(harvest.plan, harvest.market).set_index("security")

    assert table["signed_shares"].to_dict() == {"AAA": -12.0, "BBB": 4.0, "CCC": 8.0, "DDD": 20.0}
    assert table["amount"].to_dict() == {"AAA": 1200.0, "BBB": 400.0, "CCC": 400.0, "DDD": 400.0}
    assert table["side"].to_dict() == {"AAA": "sell", "BBB": "buy", "CCC": "buy", "DDD": "buy"}
    assert table["why"].to_dict() == {
        trade["security_id"]: trade["reason"]["sentence"] for trade in harvest.document["trades"]
    }


def test_an_edit_has_signed_shares_and_its_price_is_below_zero_where_the_plan_is_better_with_it(services, harvest):
    plan_id = plan.keep(services, harvest, actor="maya")

    [row] = edit_table(review.adjust(services, plan_id, {"BBB": D(0)}), harvest.market).to_dict("records")

    # The 0.4 % that BBB was above its target cost 100 x 0.04 x 0.004^2 of risk: 0.64 bp of 100,000, saved now.
    assert (row["ticker"], row["before"], row["after"]) == ("BBB", 4.0, 0.0)
    assert (row["price_bp"], row["price_usd"]) == (pytest.approx(-0.64), -6.4)


def test_a_changed_trade_has_sales_below_zero_in_shares_and_dollars(market):
    change = TradeChange(
        security_id="S1", change=Change.CHANGED, shares_before=D(-10), shares_after=D("-7.5"), usd_before=D(-500),
        usd_after=D(-375),
    )  # fmt: skip
    found = Difference(trades=(change,), cost_bp=0.0, cost_usd=D(0), tax=D(0), tracking_error=0.0)

    assert difference_table(found, market).to_dict("records") == [
        {
            "ticker": "ABC", "name": "Alphabet Soup", "change": "changed", "shares_before": -10.0, "shares_after": -7.5,
            "usd_before": -500.0, "usd_after": -375.0,
        }
    ]  # fmt: skip
