"""Plans of one household: those of one day never wash each other, however they come about."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from app.steps import people, plan, review
from app.tables.plan import wash_table
from engine.domain.errors import CheckFailed
from engine.domain.lifecycle import Action, PlanState
from engine.domain.plans import Side, Washed


@pytest.fixture
def harvests(desk, plan_of):
    """A draft of T1, which sells 12 AAA at a loss."""
    return plan_of(desk, "T1", "--as", "maya")


@pytest.fixture
def buys_back(desk, services, plan_of):
    """A draft of the same household's IRA, by hand: it buys 5 AAA."""
    base = plan_of(desk, "I1", "--as", "maya")
    adjusted = review.adjust(services, base, {"AAA": Decimal(5)})
    return review.save_adjusted(services, base, adjusted, actor=_person(services, "maya"), comment="by hand")


def _person(services, user_id):
    return people.acting(services, user_id)


@pytest.mark.parametrize("harvest_first", [True, False])
def test_of_two_drafts_that_would_wash_each_other_only_the_first_can_be_proposed(
    services, harvests, buys_back, harvest_first
):
    first, second = (harvests, buys_back) if harvest_first else (buys_back, harvests)
    maya = _person(services, "maya")
    assert review.propose(services, first, actor=maya) is PlanState.PROPOSED

    with pytest.raises(CheckFailed, match="would wash each other: AAA: "):
        review.propose(services, second, actor=maya)
    assert services.plans.get(second).state is PlanState.DRAFT

    review.decide(services, first, Action.CANCEL, actor=maya, comment="not now", seen=first)
    assert review.propose(services, second, actor=maya) is PlanState.PROPOSED


def test_a_plan_made_after_a_proposal_of_its_household_respects_it(desk, services, harvests, plan_of):
    review.propose(services, harvests, actor=_person(services, "maya"))

    snapshot, _ = services.plans.inputs(plan_of(desk, "I1", "--as", "maya"))

    sold = [(row.security_id, row.quantity) for row in snapshot.pending if row.type == "sell"]
    assert sold == [("AAA", 12)]


def test_a_book_planned_at_once_plans_each_household_together(services):
    progress = []
    outcomes = dict(
        plan.plan_book(services, ["T2", "I1", "T1"], actor="maya", progress=lambda name, part: progress.append(part))
    )

    assert progress == [pytest.approx(1 / 3), 1.0]
    assert list(outcomes) == ["T2", "I1", "T1"]
    snapshot, _ = services.plans.inputs(outcomes["T1"])
    assert {row.account_id for row in snapshot.pending} <= {"I1"}
    ira, _ = services.plans.inputs(outcomes["I1"])
    assert {(row.security_id, row.type.value) for row in ira.pending if row.type == "sell"} == {("AAA", "sell")}
    sides = {trade.security_id: trade.side for trade in plan.kept(services, outcomes["T1"]).plan.trades}
    assert sides == {"AAA": Side.SELL, "BBB": Side.BUY, "CCC": Side.BUY, "DDD": Side.BUY}
    plan.replay(services, outcomes["T1"])  # its inputs hold what it saw of the other account


def test_each_loss_sold_says_what_is_taken_of_it_and_until_when_it_may_not_be_bought(services, harvests):
    # T1 sells 12 of the lot bought at 140, at 100: 480 USD. 30 days after 2026-11-20 is 2026-12-20.
    found = plan.kept(services, harvests)
    [row] = wash_table(found.plan, found.market).to_dict("records")

    assert (row["ticker"], row["lot"], row["shares"], row["loss"]) == ("AAA", "t1-a-loss", 12, 480)
    assert (row["disallowed"], row["free_from"]) == (0, date(2026, 12, 21))
    caught = Washed(
        lot_id="t1-a-loss", transaction_id="x", account_id="I1", on=date(2026, 11, 30), quantity=Decimal(5),
        disallowed=Decimal(200), deferred=False,
    )  # fmt: skip
    trades = tuple(replace(trade, washed=(caught,)) if trade.lots else trade for trade in found.plan.trades)
    [row] = wash_table(replace(found.plan, trades=trades), found.market).to_dict("records")
    assert row["disallowed"] == 200
    assert row["goes_to"] == "lost for good to 5 shares that I1 buys on 2026-11-30, a retirement account"
