"""Accounts at the edge of what there can be get the best plan too: against every combination of sides, or by hand."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D

import numpy as np
import pytest

from engine.domain.accounts import Restriction, Rule
from engine.domain.plans import PlanStatus, Verdict
from engine.domain.settings import LotMethod, PlanSettings
from engine.plan.problem import BP, build_problem
from engine.plan.propose import propose_plan
from engine.plan.search import search
from tests.engine.plan.brute_force import best_plan

LONG_AGO, LATELY = date(2024, 1, 5), date(2026, 8, 3)
CLOSE_BP = 0.01
LOOSE = {"max_active_weight": None, "max_sector_active": None}
NAMES = "ABCD"


class Account:
    """Four names at 100 USD, 1,000,000 USD in all; A and C at a loss, B and D at a gain, in two lots each."""

    def __init__(self, market_of, account_of, **changes):
        self.market_of, self.account_of = market_of, account_of
        self.prices = dict.fromkeys(NAMES, 100)
        self.targets = {"A": "0.25", "B": "0.25", "C": "0.25", "D": "0.25"}
        self.specific, self.exposures, self.covariance = 0.04, [[1.0], [0.5], [-0.5], [1.5]], [[0.02]]
        self.held = {"A": 0.4, "B": 0.3, "C": 0.2, "D": 0.05}
        self.costs = {"A": (130, 110), "B": (70, 90), "C": (160, 101), "D": (99, 40)}
        self.cash, self.restrictions, self.fields = 50_000, (), {}
        self.settings = PlanSettings(**{"risk_aversion": 20.0, "gap_tolerance_bp": 0.001, **LOOSE, **changes})
        self.lots = None

    def case(self):
        market = self.market_of(
            self.prices, self.targets, specific=self.specific, exposures=self.exposures, covariance=self.covariance
        )
        lots = self.lots
        if lots is None:
            lots = [
                (f"{n}{k}", n, round(self.held[n] * 1e6 / 2 / float(self.prices[n])), cost, LATELY if k else LONG_AGO)
                for n in self.prices
                for k, cost in enumerate(self.costs[n])
                if self.held[n]
            ]
        snapshot = self.account_of(self.cash, *lots, restrictions=self.restrictions, **self.fields)
        return snapshot, market, self.settings

    def problem(self):
        snapshot, market, settings = self.case()
        return build_problem(snapshot, market, settings, locks=())


@pytest.fixture
def account(market_of, account_of):
    return Account(market_of, account_of)


def is_best(problem):
    """The plan that search finds, held against brute force and under a true bound; None where there is none."""
    best, found = best_plan(problem), search(problem)
    assert (best is None) == (found is None)
    if best is None:
        return None
    assert np.isfinite(found.trade).all()
    assert found.bound * BP <= best.objective * BP + CLOSE_BP
    assert found.objective * BP == pytest.approx(best.objective * BP, abs=CLOSE_BP)
    return found


def works(account):
    """Whether the whole plan is made: certified, and no check fails."""
    plan, run = propose_plan(*account.case(), inputs_hash="")
    assert plan.status is not PlanStatus.INFEASIBLE
    assert [check for check in plan.checks if check.verdict is Verdict.FAIL] == []
    assert not run.fallback
    return plan


def restrict(target, *rules, value=None):
    return tuple(
        Restriction(scope="A", target=target, rule=rule, value=value, until=None, reason="Test") for rule in rules
    )


def test_the_account_itself_is_nothing_odd(account):
    assert is_best(account.problem())
    assert works(account).trades


@pytest.mark.parametrize("cost", [100, 130, 70])
def test_lots_that_are_all_alike(account, cost):
    account.costs = dict.fromkeys(NAMES, (cost, cost))

    assert is_best(account.problem())
    assert works(account)


def test_a_lot_of_hardly_anything(account):
    snapshot, _, _ = account.case()
    lots = [(lot.lot_id, lot.security_id, lot.quantity, lot.cost_per_share, lot.acquired) for lot in snapshot.lots]
    account.lots = [*lots, *((f"dust{k}", "A", "0.000001", 100 + k, LATELY) for k in range(5))]

    assert is_best(account.problem())
    assert works(account)


def test_prices_that_are_all_equal_to_cost_leave_nothing_to_tax(account):
    account.costs = dict.fromkeys(NAMES, (100, 100))

    found = is_best(account.problem())

    assert found.objective >= 0


def test_a_name_of_two_hundred_lots(account):
    rng = np.random.default_rng(0)
    costs = rng.uniform(60, 160, 200)
    account.lots = [
        (f"a{k:03d}", "A", int(rng.integers(1, 40)), round(float(cost), 2), LATELY - timedelta(int(rng.integers(800))))
        for k, cost in enumerate(costs)
    ]
    account.lots += [("b", "B", 2500, 80, LONG_AGO), ("c", "C", 2000, 110, LONG_AGO)]

    assert is_best(account.problem())
    assert works(account)


@pytest.mark.parametrize("method", LotMethod)
def test_two_hundred_lots_by_any_method_make_a_certified_plan(account, method):
    rng = np.random.default_rng(0)
    account.lots = [
        (f"a{k:03d}", "A", 10, round(float(cost), 2), LATELY - timedelta(k))
        for k, cost in enumerate(rng.uniform(60, 160, 200))
    ]
    account.settings = replace(account.settings, lot_method=method)

    plan = works(account)

    assert plan.objective.lower_bound <= plan.objective.total
    assert plan.objective.gap <= 1.0


@pytest.mark.parametrize("cash", [0, 1_000, 500_000])
@pytest.mark.parametrize("cost", [50, 150])
def test_an_account_of_one_name(account, cash, cost):
    account.prices, account.targets, account.exposures = {"A": 100}, {"A": 1}, [[1.0]]
    account.lots, account.cash = [("a", "A", 5000, cost, LONG_AGO)], cash
    account.settings = replace(account.settings, min_cash=0.0, max_cash=1.0)

    assert is_best(account.problem())
    assert works(account)


def test_an_account_of_one_name_that_is_not_wanted_sells_it_by_hand(account):
    """Cash alone is left: B is wanted whole and may not be bought."""
    account.prices, account.targets, account.exposures = {"A": 100, "B": 100}, {"B": 1}, [[0.0], [0.0]]
    account.lots, account.cash = [("a", "A", 5000, 100, LONG_AGO)], 0
    account.settings = replace(account.settings, min_cash=0.0, max_cash=1.0, cost_bp=0.0)
    account.restrictions = restrict("B", Rule.DO_NOT_BUY)

    assert is_best(account.problem()).trade[:2] == pytest.approx([-1, 0], abs=1e-6)


def test_no_factors_at_all(account):
    account.exposures, account.covariance = np.zeros((4, 0)), np.zeros((0, 0))

    assert is_best(account.problem())
    assert works(account)


@pytest.mark.parametrize("specific", [0.04, 0.0])
def test_more_factors_than_names(account, specific):
    account.exposures = np.random.default_rng(1).normal(0, 1, (4, 25))
    account.covariance, account.specific = np.diag(np.linspace(0.0, 0.02, 25)), specific

    assert is_best(account.problem())
    assert works(account)


@pytest.mark.parametrize("aversion", [20.0, 0.0])
def test_no_specific_risk(account, aversion):
    account.specific = 0.0
    account.settings = replace(account.settings, risk_aversion=aversion)

    assert is_best(account.problem())
    assert works(account)


def test_no_risk_at_all_is_a_linear_program(account):
    account.specific, account.exposures, account.covariance = 0.0, np.zeros((4, 0)), np.zeros((0, 0))

    assert is_best(account.problem())
    assert works(account)


def test_some_names_without_specific_risk(account):
    account.specific = np.array([0.0, 0.04, 0.0, 0.3])

    assert is_best(account.problem())


@pytest.mark.parametrize("rates", [("0.9999", "0.9999"), ("0.00000001", "0"), ("0", "0")])
@pytest.mark.parametrize("weight", [1e-6, 1.0, 1e4])
def test_taxes_of_any_size(account, rates, weight):
    account.fields = {"st_rate": rates[0], "lt_rate": rates[1]}
    account.settings = replace(account.settings, tax_weight=weight)

    best, found = best_plan(account.problem()), search(account.problem())

    assert found.bound <= best.objective + 1e-6 + 1e-8 * abs(best.objective)
    assert found.objective == pytest.approx(best.objective, abs=1e-6, rel=1e-8)


@pytest.mark.parametrize("aversion", [1e-6, 1e4, 1e6])
def test_risk_aversion_of_any_size(account, aversion):
    account.settings = replace(account.settings, risk_aversion=aversion)

    best, found = best_plan(account.problem()), search(account.problem())

    assert found.bound <= best.objective + 1e-6 + 1e-7 * abs(best.objective)
    assert found.objective == pytest.approx(best.objective, abs=1e-6, rel=1e-6)


@pytest.mark.parametrize("scale", ["0.0001", "250000"])
def test_prices_of_any_size(account, scale):
    """Shares, and costs, that go with them: the problem is the same."""
    plain = search(account.problem())
    account.lots = [
        (lot.lot_id, lot.security_id, lot.quantity / D(scale), lot.cost_per_share * D(scale), lot.acquired)
        for lot in account.case()[0].lots
    ]
    account.prices = dict.fromkeys(NAMES, D(100) * D(scale))

    found = is_best(account.problem())

    assert found.objective == pytest.approx(plain.objective, abs=1e-7)


@pytest.mark.parametrize("value", ["0.01", "1000"])
def test_accounts_of_any_size(account, value):
    """A hundredth of the account, or a thousand of them, trade the same weights."""
    plain = search(account.problem())
    account.lots = [
        (lot.lot_id, lot.security_id, lot.quantity * D(value), lot.cost_per_share, lot.acquired)
        for lot in account.case()[0].lots
    ]
    account.cash = D(account.cash) * D(value)

    assert is_best(account.problem()).trade == pytest.approx(plain.trade, abs=1e-6)


@pytest.mark.parametrize("cost", [0.0, 5.0])
def test_names_that_are_the_same_twice_share_a_trade_of_the_same_worth(account, cost):
    """B is A once more: alike in exposure and risk, wanted and held alike. Their joint cost is what counts."""
    account.exposures = [[1.0], [1.0], [-0.5], [1.5]]
    account.held |= {"A": 0.35, "B": 0.35}
    account.costs |= {"B": account.costs["A"]}
    account.settings = replace(account.settings, cost_bp=cost)

    found = is_best(account.problem())

    assert works(account)
    assert found.bound <= found.objective


def test_factors_that_are_the_same_twice(account):
    plain = search(account.problem())
    account.exposures = np.repeat(account.exposures, 2, axis=1)
    account.covariance = np.full((2, 2), 0.02 / 4)

    assert is_best(account.problem()).objective == pytest.approx(plain.objective, abs=1e-8)


def test_all_cash_buys_the_model(account):
    account.held = dict.fromkeys(NAMES, 0)
    account.cash = 1_000_000

    found = is_best(account.problem())

    assert (found.trade[:4] > 0.2).all()
    assert works(account)


def test_no_cash_at_all(account):
    account.cash = 0

    assert is_best(account.problem())
    assert works(account)


def test_a_negative_balance_is_raised_by_sales(account):
    account.cash = -20_000

    assert is_best(account.problem()).trade[:4].sum() < 0
    assert works(account)


def test_a_cash_band_of_no_width(account):
    account.settings = replace(account.settings, min_cash=0.05, max_cash=0.05)

    assert is_best(account.problem())


def test_a_withdrawal_of_almost_everything(account):
    account.settings = replace(account.settings, withdrawal=D(900_000))

    assert is_best(account.problem())
    assert works(account)


def test_where_everything_is_restricted_nothing_is_traded(account):
    account.restrictions = restrict("sector:Any", Rule.DO_NOT_BUY, Rule.DO_NOT_SELL)
    account.settings = replace(account.settings, max_cash=0.2)

    assert np.abs(is_best(account.problem()).trade).max() == 0
    assert works(account).trades == ()


def test_where_everything_is_restricted_and_cash_is_short_there_is_no_plan(account):
    account.restrictions = restrict("sector:Any", Rule.DO_NOT_BUY, Rule.DO_NOT_SELL)
    account.settings = replace(account.settings, max_cash=0.01)

    assert is_best(account.problem()) is None


def test_where_all_must_go_all_goes(account):
    account.restrictions = restrict("sector:Any", Rule.DO_NOT_HOLD)
    account.settings = replace(account.settings, max_cash=1.0)

    found = is_best(account.problem())

    assert found.trade[:4] == pytest.approx([-name.held for name in account.problem().names], abs=1e-12)


def test_a_rule_on_names_that_are_not_there_changes_nothing(account):
    plain = search(account.problem())
    account.restrictions = restrict("tag:nobody", Rule.MAX_WEIGHT, value=D("0.1"))

    found = is_best(account.problem())

    assert found.trade == pytest.approx(plain.trade, abs=1e-7)
    assert works(account)


def test_a_least_weight_of_names_that_are_not_there_is_broken_for_good_and_priced(account):
    """It asks for 10 % of nothing; 10 bp for each percent that is missing are 100 bp, whatever is traded."""
    plain = search(account.problem())
    account.restrictions = restrict("tag:nobody", Rule.MIN_WEIGHT, value=D("0.1"))

    found = is_best(account.problem())

    assert found.objective * BP == pytest.approx(plain.objective * BP + 100, abs=CLOSE_BP)


def test_the_same_rule_twice_counts_once_where_it_is_kept(account):
    account.restrictions = restrict("sector:Any", Rule.MAX_WEIGHT, value=D("0.97"))
    account.settings = replace(account.settings, max_cash=1.0)
    once = search(account.problem())
    account.restrictions *= 2

    twice = is_best(account.problem())

    assert twice.trade == pytest.approx(once.trade, abs=1e-6)


def test_a_limit_of_no_width_is_kept_exactly(account):
    account.settings = replace(
        account.settings, max_active_weight=0.0, cost_bp=0.0, min_cash=0.0, max_cash=1.0, enforce=True
    )

    found = is_best(account.problem())

    assert found.trade[:4] == pytest.approx(account.problem().shortfall, abs=1e-9)


def test_no_turnover_allowed_is_no_trade(account):
    account.settings = replace(account.settings, max_turnover=0.0, max_cash=0.2)

    found = is_best(account.problem())

    assert found.trade[:4] == pytest.approx(np.zeros(4), abs=1e-7)


def test_a_minimum_trade_above_the_whole_account_leaves_exits_alone(account):
    account.settings = replace(account.settings, min_trade_usd=D(2_000_000), max_cash=1.0)

    found = is_best(account.problem())

    for name, u in zip(account.problem().names, found.trade, strict=False):
        assert u == pytest.approx(0.0, abs=1e-12) or u == pytest.approx(-name.held, abs=1e-12)


def test_a_correlation_of_one_leaves_a_riskless_mix(account):
    """Two factors that move together: the covariance has no full rank."""
    account.exposures = [[1.0, -1.0], [0.5, 0.5], [-0.5, 0.2], [1.5, 0.0]]
    account.covariance, account.specific = [[0.02, 0.02], [0.02, 0.02]], 0.0

    assert is_best(account.problem())
