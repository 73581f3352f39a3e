"""One setting a step tighter or looser at a time: what it changes, and which settings can change anything."""

from dataclasses import fields, replace
from datetime import date
from decimal import Decimal as D

import pytest

from engine.domain.accounts import Registration
from engine.domain.settings import PlanSettings
from engine.plan.sensitivity import change, sensitivities

LONG_AGO = date(2024, 1, 5)
BARE = PlanSettings(
    risk_aversion=10.0, cost_bp=0.0, min_cash=0.0, max_cash=0.0, max_active_weight=None, max_sector_active=None
)


@pytest.fixture
def two_names(market_of, account_of):
    """A 70 %, B 30 % of 100,000 USD, target half each, D = 0.05; A at a gain of half its value, long-term at 25 %."""
    market = market_of({"A": 100, "B": 100}, {"A": "0.5", "B": "0.5"}, specific=0.05)
    account = account_of(0, ("a", "A", 700, 50, LONG_AGO), ("b", "B", 300, 100, LONG_AGO))
    return account, market


def by_name(found):
    return {each.setting: each for each in found.settings}


def test_a_step_of_risk_aversion_by_hand(two_names):
    # Selling s leaves 0.1 (0.2 - s)^2 of variance; 0.2 g (0.2 - s) = 0.125 leaves an active weight of 0.625 / g on each
    # name: 6.25 % at g = 10, 5 % at 12.5, 8.333 % at 7.5. Tracking error is sqrt(0.1) of it, tax 12.5 cents a dollar.
    found = sensitivities(*two_names, BARE)
    step = by_name(found)["risk_aversion"]

    assert (step.value, step.tighter.value, step.looser.value) == (10.0, 12.5, 7.5)
    assert found.base.tracking_error == pytest.approx(0.1**0.5 * 0.0625, abs=1e-7)
    assert step.tighter.figures.tracking_error == pytest.approx(0.1**0.5 * 0.05, abs=1e-7)
    assert step.looser.figures.tracking_error == pytest.approx(0.1**0.5 / 12, abs=1e-7)
    assert [float(f.tax_usd) for f in (found.base, step.tighter.figures, step.looser.figures)] == pytest.approx(
        [1718.75, 1875.0, 1458.33], abs=0.01
    )
    tighter = change(found.base, step, step.tighter)
    assert float(tighter.tax_usd) == pytest.approx(156.25, abs=0.01)
    assert (tighter.objective_bp, tighter.trades) == (None, 0)  # another risk aversion measures by another measure
    assert {f.trades for f in (found.base, step.tighter.figures, step.looser.figures)} == {2}
    assert not step.same_measure


def test_a_step_of_turnover_by_hand(two_names):
    # The best plan sells 13.75 %. A turnover of 10 % stops it at 10 %, a step tighter at 9 %, a step looser at 11 %.
    # Objective: 10 x 0.1 x (0.2 - s)^2 + 0.125 s, in bp of value.
    found = sensitivities(*two_names, replace(BARE, max_turnover=0.1))
    step = by_name(found)["max_turnover"]

    def objective(s):
        return 1e4 * ((0.2 - s) ** 2 + 0.125 * s)

    assert (step.tighter.value, step.looser.value) == (0.09, 0.11)
    assert found.base.objective_bp == pytest.approx(objective(0.1), abs=1e-3)
    assert step.tighter.figures.objective_bp == pytest.approx(objective(0.09), abs=1e-3)
    assert step.looser.figures.objective_bp == pytest.approx(objective(0.11), abs=1e-3)
    assert step.same_measure
    assert change(found.base, step, step.tighter).objective_bp == pytest.approx(
        objective(0.09) - objective(0.1), abs=1e-3
    )


def test_where_no_plan_obeys_a_tighter_rule_the_step_says_so(two_names):
    # 10,000 withdrawn of 100,000: 11.1 % of the rest is sold, a turnover of 5.56 %. A step below 5.6 % it is too much.
    rules = replace(BARE, withdrawal=D(10_000), max_turnover=0.056)

    step = by_name(sensitivities(*two_names, rules))["max_turnover"]

    assert step.tighter.value == 0.0504
    assert step.tighter.figures is None
    assert change(sensitivities(*two_names, rules).base, step, step.tighter) is None
    assert step.looser.figures is not None


def test_an_account_without_a_plan_has_no_sensitivities(two_names):
    assert sensitivities(*two_names, replace(BARE, withdrawal=D(10_000), max_turnover=0.01)) is None


def test_where_there_is_no_room_for_a_step_there_is_none(two_names):
    found = by_name(sensitivities(*two_names, replace(BARE, min_cash=0.0, max_cash=0.0005, tax_weight=0.05)))

    assert (found["min_cash"].tighter.value, found["min_cash"].looser) == (0.0005, None)
    assert (found["max_cash"].tighter.value, found["max_cash"].looser.value) == (0.0, 0.0015)
    assert (found["tax_weight"].tighter.value, found["tax_weight"].looser.value) == (0.15, 0.0)


@pytest.mark.parametrize(
    ("registration", "changes", "listed", "left_out"),
    [
        (Registration.TAXABLE, {}, {"tax_weight", "risk_aversion"}, {"min_trade_usd", "deposit", "max_active_weight"}),
        (Registration.IRA, {"max_net_gain": D(5)}, {"risk_aversion"}, {"tax_weight", "max_net_gain"}),
        (Registration.TAXABLE, {"max_net_gain": D(5), "deposit": D(9)}, {"max_net_gain", "deposit"}, set()),
        (Registration.TAXABLE, {"enforce": True}, set(), {"breach_penalty"}),
        (Registration.TAXABLE, {"gains_budget": D(9)}, set(), {"gains_budget", "carryforward_value"}),
        (Registration.TAXABLE, {"min_trade_usd": D(50)}, {"min_trade_usd"}, {"impact_bp", "harvest_min_loss_usd"}),
    ],
)
def test_only_settings_that_can_change_something_are_listed(
    market_of, account_of, registration, changes, listed, left_out
):
    market = market_of({"A": 100, "B": 100}, {"A": "0.5", "B": "0.5"})
    account = account_of(0, ("a", "A", 500, 50, LONG_AGO), ("b", "B", 500, 100, LONG_AGO), registration=registration)

    found = by_name(sensitivities(account, market, replace(BARE, **changes))).keys()

    assert listed <= found
    assert not left_out & found
    assert found <= {each.name for each in fields(PlanSettings)}


@pytest.mark.parametrize("seed", [300, 301, 303, 305, 308, 313])
def test_a_tighter_limit_never_makes_the_best_plan_better_and_a_looser_one_never_worse(random_case, seed):
    snapshot, market, settings, _ = random_case(seed)
    found = sensitivities(snapshot, market, settings)
    limits = [each for each in found.settings if each.same_measure]

    assert limits
    for each in limits:
        if each.tighter and each.tighter.figures:
            figures = each.tighter.figures
            assert figures.objective_bp >= found.base.objective_bp - found.base.gap_bp - 1e-6, each.setting
        if each.looser and each.looser.figures:
            figures = each.looser.figures
            assert figures.objective_bp - figures.gap_bp <= found.base.objective_bp + 1e-6, each.setting
