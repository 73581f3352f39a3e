"""A rule that binds says what more room, or being rid of it, would save: in basis points and in dollars."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest

from engine.domain.accounts import Restriction, Rule
from engine.domain.settings import PlanSettings
from engine.plan.lifted import lifted_rules, lifts_of
from engine.plan.problem import build_problem
from engine.plan.propose import propose_plan
from engine.plan.search import search
from engine.plan.tradable import prices_of

LONG_AGO = date(2024, 1, 5)
CLOSE_BP = 0.02


@pytest.fixture
def market(market_of):
    return market_of(
        {"A": 100, "B": 100, "C": 100, "D": 100}, {"A": "0.4", "B": "0.3", "C": "0.2", "D": "0.1"}, specific=0.05
    )


@pytest.fixture
def account(account_of):
    """V = 100,000 USD: D on its target of 10 %, the rest in cash."""
    return account_of(90_000, ("d", "D", 100, 100, LONG_AGO))


@pytest.fixture
def settings():
    return PlanSettings(
        risk_aversion=10.0, cost_bp=0.0, min_cash=0.0, max_cash=1.0, max_active_weight=None, max_sector_active=None,
        whole_shares=False, gap_tolerance_bp=0.001,
    )  # fmt: skip


def planned(account, market, settings, **changes):
    return propose_plan(account, market, replace(settings, **changes), inputs_hash="")[0]


def restricted(account, rule, name, value=None):
    wish = Restriction(scope="A", target=name, rule=rule, value=value, until=None, reason="Test")
    return replace(account, restrictions=(*account.restrictions, wish))


def binding(plan):
    return {b.rule: b for b in plan.binding}


def test_a_restriction_says_what_lifting_it_saves(account, market, settings):
    # Without A its own risk stays 10 x 0.05 x 0.4^2 = 0.08: 800 bp, 8,000 USD. All else goes to its target, at no cost.
    plan = planned(restricted(account, Rule.DO_NOT_BUY, "A"), market, settings)

    found = binding(plan)["do_not_buy A"]
    assert (found.price_bp, found.price_usd) == (pytest.approx(800.0, abs=1e-3), D("8000.00"))
    assert found.detail == "A could be bought without it; price is the most that lifting it could save"


def test_an_exclusion_says_what_keeping_the_name_saves(account, market, settings):
    # D leaves its target: 10 x 0.05 x 0.1^2 = 50 bp.
    plan = planned(account, market, settings, exclude=("D",))

    assert binding(plan)["exclude D"].price_bp == pytest.approx(50.0, abs=1e-3)


def test_a_limit_on_trades_says_what_one_more_saves(account, market, settings):
    # One trade: A, worth 800 bp. The next is B: 10 x 0.05 x 0.3^2 = 450 bp.
    plan = planned(account, market, settings, max_trades=1)

    assert [t.security_id for t in plan.trades] == ["A"]
    assert binding(plan)["max_trades"].price_bp == pytest.approx(450.0, abs=1e-3)
    assert binding(plan)["max_trades"].price_usd == D("4500.00")
    assert plan.trades[0].reason.rules == ("max_trades",)


def test_a_limit_on_names_says_what_one_more_saves(account, market, settings):
    # Two names: A and B, D sold for them. The next is C: 10 x 0.05 x 0.2^2 = 200 bp.
    plan = planned(account, market, settings, max_names=2)

    assert {t.security_id for t in plan.trades} == {"A", "B", "D"}
    assert binding(plan)["max_names"].price_bp == pytest.approx(200.0, abs=1e-3)


def test_the_price_of_a_limit_on_the_tracking_error_is_what_a_little_more_of_it_saves(account, market, settings):
    # Costs of 2 % keep the plan off its model; a limit of 4 % a year pushes it on.
    limits = (0.04, 0.0401)
    dear = {"cost_bp": 200.0, "risk_aversion": 1.0}

    less, more = (planned(account, market, settings, max_tracking_error=limit, **dear) for limit in limits)

    saved = (less.objective.total - more.objective.total) / (limits[1] - limits[0]) * 0.001
    assert binding(less)["max_tracking_error"].price_bp == pytest.approx(saved, rel=0.02)
    assert "max_tracking_error" in less.trades[0].reason.rules


@pytest.mark.parametrize("seed", range(400, 424))
def test_no_rule_that_is_lifted_saves_more_than_it_says(random_case, seed):
    snapshot, market, settings, _ = random_case(seed, pairs=False)
    settings = replace(settings, whole_shares=False)
    plan, _ = propose_plan(snapshot, market, settings, inputs_hash="")

    said = binding(plan)
    for gone in snapshot.restrictions:
        rule = f"{gone.rule} {gone.target}"
        if gone.rule not in (Rule.DO_NOT_BUY, Rule.DO_NOT_SELL, Rule.DO_NOT_HOLD) or not plan.trades:
            continue
        kept = tuple(r for r in snapshot.restrictions if r is not gone)
        without, _ = propose_plan(replace(snapshot, restrictions=kept), market, settings, inputs_hash="")
        saved = plan.objective.total - without.objective.total
        most = said[rule].price_bp if rule in said else 0.0
        assert saved <= most + plan.objective.gap + CLOSE_BP


def test_no_lock_that_runs_out_saves_more_than_it_says(random_case):
    for seed in range(430, 460):
        snapshot, market, settings, locks = random_case(seed, pairs=False)
        settings = replace(settings, whole_shares=False)
        plan, _ = propose_plan(snapshot, market, settings, inputs_hash="")
        if not locks or not plan.trades:
            continue
        alone = replace(snapshot, household_books=(snapshot.book,))
        without, _ = propose_plan(alone, market, settings, inputs_hash="")

        most = sum(b.price_bp for b in plan.binding if b.rule.startswith("wash_sales"))
        assert plan.objective.total - without.objective.total <= most + plan.objective.gap + CLOSE_BP


def test_every_price_in_dollars_is_its_price_in_basis_points_of_the_accounts_value(account, market, settings):
    plan = planned(restricted(account, Rule.DO_NOT_BUY, "A"), market, settings, max_trades=2)

    assert plan.binding
    for found in plan.binding:
        assert float(found.price_usd) == pytest.approx(found.price_bp * 10, abs=0.01)


# Under the rules of seven of the accounts 400 to 439 there is no plan at all.
@pytest.mark.parametrize("seed", sorted({*range(400, 440)} - {407, 418, 419, 423, 425, 426, 435}))
def test_rules_left_unpriced_are_those_that_lifting_saves_nothing_on(random_case, seed):
    """Each name is priced here, whether or not the bound says that it can pay; the same rules must come out."""
    snapshot, market, settings, locks = random_case(seed)
    problem = build_problem(snapshot, market, replace(settings, liquidate=False), locks=locks)
    found = search(problem)
    assert found is not None
    prices = prices_of(problem, found)
    told = {lifted.name for lifted in lifted_rules(prices)}

    for i in problem.names.rulings.ruled:
        if "not tradable" not in problem.names.rules[i].no_buy:
            saved = max((each.saved for each in lifts_of(prices, i, problem.names.rules[i])), default=0.0)
            assert (saved > 1e-8) == (i in told)
