"""When a plan has gone stale."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D

import pytest

from engine.domain.accounts import Restriction, Rule
from engine.domain.market import ActionKind, CorporateAction, Mark
from engine.review.validity import held_against, why_stale

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def marked(market, name, price):
    return replace(market, marks={**market.marks, name: Mark(price=D(price), on=market.as_of)})


def why(plan, snapshot, market, *, approved_at=None):
    return why_stale(plan, market, held_against(plan, snapshot, market), approved_at=approved_at, now=NOW)


def test_a_plan_whose_inputs_stand_still_holds(plan, snapshot, market):
    assert why(plan, snapshot, market, approved_at=NOW - timedelta(days=3)) == ()


def test_an_approval_older_than_three_days_has_expired(plan, snapshot, market):
    approved = NOW - timedelta(days=3, seconds=1)

    assert "an approval lasts 3 days" in why(plan, snapshot, market, approved_at=approved)[0]


@pytest.mark.parametrize(("price", "stale"), [("105", False), ("105.01", True), ("95", False), ("94.99", True)])
def test_a_traded_name_may_move_by_five_per_cent(plan, snapshot, market, price, stale):
    today = marked(market, "ALFA", price)

    assert bool(why(plan, snapshot, today)) is stale


def test_a_lot_that_has_gone_makes_the_plan_stale(plan, snapshot, market):
    without = replace(snapshot, book=replace(snapshot.book, lots=snapshot.lots[1:]))

    reasons = why(plan, without, market)

    assert reasons == ("lots and securities exist: lot a1: not a lot of ALFA in this account",)


def test_cash_that_would_no_longer_suffice_makes_the_plan_stale(plan, snapshot, market):
    poorer = replace(snapshot, book=replace(snapshot.book, account=replace(snapshot.account, cash=D(9_000))))

    reasons = why(plan, poorer, market)

    assert reasons == ("cash would be overdrawn at today's prices",)


def test_a_new_limit_on_the_weight_of_a_name_makes_a_purchase_beyond_it_stale(plan, snapshot, market):
    # 190 GAMA at 50 are 9.5 % of 100,000.
    limit = Restriction(scope="A", target="GAMA", rule=Rule.MAX_WEIGHT, value=D("0.09"), until=None, reason="Policy")

    reasons = why(plan, replace(snapshot, restrictions=(limit,)), market)

    assert reasons == ("restricted weights: GAMA: weight 0.0950 of value, max_weight 0.09",)


# The plan is of 20 November, sent on the 23rd; ALFA is traded, ELSE is not.
SINCE = [
    ("ALFA", date(2026, 11, 20), ActionKind.SPLIT, False),  # its prices and lots know of it
    ("ALFA", date(2026, 11, 21), ActionKind.SPLIT, True),
    ("ALFA", date(2026, 11, 23), ActionKind.SPLIT, True),  # today's, which no price knows of yet
    ("ALFA", date(2026, 11, 24), ActionKind.SPLIT, False),
    ("ALFA", date(2026, 11, 23), ActionKind.DIVIDEND, False),
    ("ELSE", date(2026, 11, 23), ActionKind.SPLIT, False),
]


@pytest.mark.parametrize(("name", "on", "kind", "stale"), SINCE)
def test_an_action_of_a_traded_name_since_the_plan_makes_it_stale(plan, snapshot, market, name, on, kind, stale):
    assert plan.as_of == date(2026, 11, 20)
    action = CorporateAction(security_id=name, ex_date=on, kind=kind, value=D(2))

    found = why_stale(plan, market, held_against(plan, snapshot, market), approved_at=None, now=NOW, actions=[action])

    assert bool(found) is stale


def test_a_plan_that_buys_what_a_merger_brings_is_stale_too(plan, snapshot, market):
    action = CorporateAction(security_id="ELSE", ex_date=date(2026, 11, 23), kind=ActionKind.MERGER, value=D(2),
                             successor="ALFA", taxable=False)  # fmt: skip

    found = why_stale(plan, market, held_against(plan, snapshot, market), approved_at=None, now=NOW, actions=[action])

    assert found == ("ELSE: merger on 2026-11-23, after the plan's day",)
