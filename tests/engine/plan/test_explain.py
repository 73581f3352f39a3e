"""Every trade says why in figures that add up, and every rule that binds says what more room would save."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest

from engine.domain.settings import PlanSettings
from engine.plan.propose import propose_plan

LONG_AGO = date(2024, 1, 5)


@pytest.fixture
def market(market_of):
    return market_of({"A": 100, "B": 100}, {"A": "0.5", "B": "0.5"}, specific=0.05)


@pytest.fixture
def account(account_of):
    """70 % in A at a gain of half its value (12.5 cents of tax a dollar), 30 % in B; V = 100,000 USD, no cash."""
    return account_of(0, ("a", "A", 700, 50, LONG_AGO), ("b", "B", 300, 100, LONG_AGO))


@pytest.fixture
def settings():
    return PlanSettings(
        risk_aversion=10.0, cost_bp=0.0, min_cash=0.0, max_cash=0.0, max_active_weight=None, max_sector_active=None
    )


def planned(account, market, settings, **changes):
    return propose_plan(account, market, replace(settings, whole_shares=False, **changes), inputs_hash="")[0]


def test_the_parts_of_a_reason_by_hand(account, market, settings):
    # At a risk aversion of 12.5 risk is 1.25 (0.2 - s)^2, and selling stops where 2.5 (0.2 - s) = 0.125: s = 15 %.
    # Without the sale A's own part of risk would be 0.625 x 0.2^2 = 250 bp instead of 0.625 x 0.05^2 = 15.625 bp.
    # The tax is 0.125 x 0.15 = 187.5 bp.
    plan, _ = propose_plan(account, market, replace(settings, risk_aversion=12.5), inputs_hash="")

    sale = plan.trades[0].reason
    assert sale.risk_bp == pytest.approx(234.375, abs=1e-6)
    assert sale.tax_bp == pytest.approx(-187.5, abs=1e-6)
    assert sale.cost_bp == 0.0
    assert sale.sentence == (
        "Sells 150 shares of A, from 70.00% to 55.00% of the account (target 50.00%): "
        "realises a gain of 7,500.00 USD taxed at 1,875.00 USD; brings the account closer to its model."
    )


def test_a_turnover_cap_that_binds_says_what_more_of_it_would_save(account, market, settings):
    # Turnover of 10 % one way lets s = 0.1. The objective 0.5 x 2 (0.2 - s)^2 + 0.125 s falls there by
    # 2 x 0.1 - 0.125 = 0.075 a unit of s, and one-way turnover is s itself: 1 % of it saves 7.5 bp.
    plan = planned(account, market, settings, max_turnover=0.1)

    assert {b.rule: b.price_bp for b in plan.binding}["max_turnover"] == pytest.approx(7.5, abs=1e-3)
    assert "max_turnover" in plan.trades[0].reason.rules


def test_the_price_of_a_rule_is_what_a_little_more_room_does_save(account, market, settings):
    caps = (0.1, 0.1001)

    less, more = (planned(account, market, settings, max_turnover=cap) for cap in caps)

    saved = (less.objective.total - more.objective.total) / (caps[1] - caps[0]) * 0.01
    assert {b.rule: b.price_bp for b in less.binding}["max_turnover"] == pytest.approx(saved, rel=0.01)


def test_a_gains_cap_that_binds_says_what_more_of_it_would_save(account, market, settings):
    # 5,000 USD of gain are 10,000 of sales: s = 0.1, where a unit of s saves 0.075 and makes 0.5 of gain: 0.15 a unit
    # of gain, 15 bp for 1 % of value.
    plan = planned(account, market, settings, max_net_gain=D(5_000))

    assert {b.rule: b.price_bp for b in plan.binding}["max_net_gain"] == pytest.approx(15.0, abs=1e-3)


def test_an_active_weight_limit_that_binds_is_named_with_its_security(account, market, settings):
    # Left alone the plan ends 6.25 % off its model; 5 % is the limit, and the account starts 20 % beyond it, at a
    # penalty of 10 bp for each 1 %: 0.1 a unit on either name, more than the 0.125 - 2 x 0.05 = 0.025 that it costs.
    plan = planned(account, market, settings, max_active_weight=0.05)

    active = {t.security_id: t for t in plan.trades}
    assert float(active["A"].amount) == pytest.approx(15_000, abs=0.01)
    assert "max_active_weight" in active["A"].reason.rules


def test_a_plan_that_nothing_binds_but_cash_names_nothing_else(account, market, settings):
    plan = planned(account, market, settings)

    assert [b.rule for b in plan.binding] == ["cash band"]
