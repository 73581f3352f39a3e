"""What a trade is worth is what the plan loses when the trade is forbidden and the rest is solved again."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from benchmarks.synthetic import synthetic
from engine.domain.accounts import Restriction, Rule
from engine.domain.plans import PlanStatus
from engine.domain.settings import PlanSettings
from engine.plan.prices import Prices
from engine.plan.problem import BP, build_problem
from engine.plan.propose import propose_plan
from engine.plan.search import search
from engine.plan.worth import worth_of_trades

CLOSE_BP = 0.01
LONG_AGO = date(2024, 1, 5)


def forbidding(snapshot, name):
    """The account with a client's wish that one name be left alone."""
    wishes = tuple(
        Restriction(scope="A", target=name, rule=rule, value=None, until=None, reason="Test")
        for rule in (Rule.DO_NOT_BUY, Rule.DO_NOT_SELL)
    )
    return replace(snapshot, restrictions=snapshot.restrictions + wishes)


@pytest.mark.parametrize("seed", [1, 2, 9, 33, 38, 48, 57, 84])
def test_the_worth_of_a_trade_is_what_the_objective_loses_without_it(random_case, seed):
    snapshot, market, settings, _ = random_case(seed, most_names=7)
    settings = replace(settings, whole_shares=False)
    plan, _ = propose_plan(snapshot, market, settings, inputs_hash="")
    forced = {r.target for r in snapshot.restrictions if r.rule is Rule.DO_NOT_HOLD} | set(settings.exclude)

    for trade in plan.trades:
        without, _ = propose_plan(forbidding(snapshot, trade.security_id), market, settings, inputs_hash="")
        lost = without.objective.total - plan.objective.total
        if trade.security_id in forced or without.status is PlanStatus.INFEASIBLE:
            assert trade.reason.worth_bp is None
        else:
            assert trade.reason.worth_bp == pytest.approx(lost, abs=CLOSE_BP)


def test_the_worth_of_a_trade_by_hand(market_of, account_of):
    # A and B at 50/50, held 70/30 of V = 100,000 without cash; D = 0.04, risk aversion 1, no gain, no cost. The plan
    # trades 20 %, to no risk at all. Without the sale of A nothing can be bought, so risk stays 2 x 0.04 x 0.2^2 =
    # 0.0032 = 32 bp, and that is what either trade is worth.
    market = market_of({"A": 100, "B": 100}, {"A": "0.5", "B": "0.5"})
    account = account_of(0, ("a", "A", 700, 100, LONG_AGO), ("b", "B", 300, 100, LONG_AGO))
    settings = PlanSettings(
        risk_aversion=1.0, cost_bp=0.0, min_cash=0.0, max_cash=0.0, max_active_weight=None, max_sector_active=None
    )

    plan, _ = propose_plan(account, market, settings, inputs_hash="")

    assert [t.reason.worth_bp for t in plan.trades] == pytest.approx([32.0, 32.0], abs=1e-3)


def test_a_trade_without_which_no_plan_obeys_the_rules_has_no_worth(market_of, account_of):
    # Cash is 10 % of value and may be 1 %; only A may be bought.
    market = market_of({"A": 100, "B": 100}, {"A": "0.5", "B": "0.5"})
    wish = Restriction(scope="A", target="B", rule=Rule.DO_NOT_BUY, value=None, until=None, reason="Test")
    account = account_of(10_000, ("b", "B", 900, 100, LONG_AGO), restrictions=(wish,))
    settings = PlanSettings(max_active_weight=None, max_sector_active=None)

    plan, _ = propose_plan(account, market, settings, inputs_hash="")

    assert {t.security_id: t.reason.worth_bp for t in plan.trades}["A"] is None


def test_in_a_large_account_the_estimate_is_close_to_solving_again():
    snapshot, market = synthetic(names=60, factors=14, lots=240)
    problem = build_problem(snapshot, market, PlanSettings(gap_tolerance_bp=0.001), locks=())
    found = search(problem)
    traded = np.flatnonzero(np.abs(found.trade[: len(problem.names)]) > 1e-4).tolist()
    assert len(traded) > 40

    estimates = worth_of_trades(Prices(problem=problem, found=found), traded)

    for i in traded[::6]:
        bans = forbidding(snapshot, problem.names[i].security.security_id)
        again = search(build_problem(bans, market, problem.settings, locks=()))
        assert estimates[i] * BP == pytest.approx((again.objective - found.objective) * BP, rel=0.05, abs=CLOSE_BP)


@pytest.mark.parametrize("drift", [-0.12, -0.3])
def test_after_a_fall_nine_in_ten_estimates_are_within_a_twentieth_of_solving_again(drift):
    # Most lots stand at a loss, so that other names change sides when a trade is forbidden: what an estimate misses.
    snapshot, market = synthetic(names=150, factors=20, lots=600, drift=drift)
    problem = build_problem(snapshot, market, PlanSettings(gap_tolerance_bp=0.02), locks=())
    found = search(problem)
    traded = np.flatnonzero(np.abs(found.trade[: len(problem.names)]) > 1e-5).tolist()

    estimates = worth_of_trades(Prices(problem=problem, found=found), traded)

    exact = {}
    for i in traded[::4]:
        bans = forbidding(snapshot, problem.names[i].security.security_id)
        exact[i] = search(build_problem(bans, market, problem.settings, locks=())).objective - found.objective
    off = [abs(estimates[i] - worth) / max(worth, CLOSE_BP / BP) for i, worth in exact.items()]
    assert np.quantile(off, 0.9) <= 0.05
    assert np.median(off) <= 0.005


def test_a_trade_that_uses_the_last_one_allowed_is_worth_what_it_is_worth_more_than_the_next(market_of, account_of):
    # Buying A is worth 10 x 0.05 x 0.4^2 = 800 bp, buying B 450: forbidden the one, the plan does the other.
    market = market_of({"A": 100, "B": 100, "C": 100}, {"A": "0.4", "B": "0.3", "C": "0.3"}, specific=0.05)
    account = account_of(70_000, ("c", "C", 300, 100, LONG_AGO))
    settings = PlanSettings(
        risk_aversion=10.0, cost_bp=0.0, min_cash=0.0, max_cash=1.0, max_active_weight=None, max_sector_active=None,
        max_trades=1,
    )  # fmt: skip

    plan, _ = propose_plan(account, market, settings, inputs_hash="")

    assert {t.security_id: t.reason.worth_bp for t in plan.trades} == pytest.approx({"A": 350.0}, abs=1e-3)
