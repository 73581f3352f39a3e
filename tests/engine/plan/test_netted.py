"""The year's tax is the least of three convex functions, and a plan made with them is the best of all sides."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import numpy as np
import pytest

from engine.domain.accounts import Registration
from engine.domain.errors import DataError
from engine.domain.settings import LotMethod, PlanSettings
from engine.plan.netted import branches, netting_of, tax_of_year
from engine.plan.problem import BP, build_problem
from engine.plan.search import search
from engine.tax.netting import YearToDate, netted_liability
from tests.engine.plan.brute_force import best_plan

LONG_AGO, LATELY = date(2024, 1, 5), date(2026, 8, 3)
CLOSE_BP = 0.01
NOTHING = YearToDate(st_gain=D(0), lt_gain=D(0), st_carryforward=D(0), lt_carryforward=D(0))
RATES = [("0.4", "0.25", "0.5"), ("0.37", "0.2", "0"), ("0.3", "0.3", "1"), ("0.408", "0.238", "0.3")]
USD = (-90_000, -10_000, -3_001, -3_000, -2_999, -1, 0, 1, 2_999, 3_000, 3_001, 20_000, 90_000)
FREE = {"max_active_weight": None, "max_sector_active": None}


def law(st, lt, rates, ytd=NOTHING):
    st_rate, lt_rate, carried = rates
    return float(
        netted_liability(D(st), D(lt), ytd, st_rate=D(st_rate), lt_rate=D(lt_rate), carryforward_value=D(carried))
    )


def year(rates, st=0.0, lt=0.0, value=1.0):
    st_rate, lt_rate, carried = map(float, rates)
    return netting_of(st, lt, st_rate=st_rate, lt_rate=lt_rate, carried=carried, value=value)


@pytest.mark.parametrize("rates", RATES)
def test_the_least_branch_is_the_tax_of_the_law_around_every_corner(rates):
    for st in USD:
        for lt in USD:
            assert tax_of_year(year(rates), st, lt) == pytest.approx(law(st, lt, rates), abs=1e-6), (st, lt)


@pytest.mark.parametrize("seed", range(30))
def test_the_least_branch_is_the_tax_of_the_law_anywhere(seed):
    rng = np.random.default_rng(seed)
    lt_rate = round(float(rng.uniform(0, 0.4)), 3)
    rates = (str(round(lt_rate + float(rng.uniform(0, 0.2)), 3)), str(lt_rate), str(round(float(rng.uniform(0, 1)), 2)))
    for _ in range(50):
        st, lt = (int(x) for x in rng.normal(0, rng.choice([2_000, 8_000, 100_000]), 2))
        assert tax_of_year(year(rates), st, lt) == pytest.approx(law(st, lt, rates), abs=1e-5)


@pytest.mark.parametrize("rates", RATES)
def test_no_branch_ever_states_less_than_the_law(rates):
    """Rows st s + lt l - t <= at: the least t they allow is the branch's tax on top of the year so far, all per V."""
    value, ytd = (
        500_000.0,
        YearToDate(st_gain=D(5_000), lt_gain=D(-8_000), st_carryforward=D(0), lt_carryforward=D(4_000)),
    )
    so_far = year(rates, 5_000, -12_000, value)
    for branch in branches(so_far, reach=1.0):
        for st in USD:
            for lt in USD:
                stated = float((branch.st * st / value + branch.lt * lt / value - branch.at).max())
                assert branch.lo <= stated <= branch.hi
                assert stated * value >= law(st, lt, rates, ytd) - 1e-6


def regions(year):
    """Where the year's net results S, L can lie, as [(a, b, c): a S + b L <= c], with the tax there (a, b, constant).

    Written down from 26 U.S.C. 1222, 1211(b) and 1212(b) as engine/tax/netting.py words them: first each loss meets the
    gain of the other character; of a loss that is left 3,000 USD meet income, short-term first; the rest is carried.
    """
    rs, rl, free, carried = year.st_rate, year.lt_rate, year.allowance, year.carried
    vs, vl = carried * rs, carried * rl
    s_gain, s_loss, l_gain, l_loss = (-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0)
    plus, minus, small, large = (-1, -1, 0), (1, 1, 0), (-1, -1, free), (1, 1, -free)
    return [
        ([s_gain, l_gain], (rs, rl, 0)),
        ([s_gain, l_loss, plus], (rs, rs, 0)),
        ([s_loss, l_gain, plus], (rl, rl, 0)),
        ([s_gain, l_loss, minus, small], (rs, rs, 0)),
        ([s_gain, l_loss, large], (vl, vl, free * (vl - rs))),
        ([s_loss, l_gain, minus, small], (rs, rs, 0)),
        ([s_loss, l_gain, large], (vs, vs, free * (vs - rs))),
        ([s_loss, l_loss, small], (rs, rs, 0)),
        ([s_loss, (-1, 0, free), l_loss, large], (vl, vl, free * (vl - rs))),
        ([(1, 0, -free), l_loss], (vs, vl, free * (vs - rs))),
    ]


def plan_regions(year):
    """The same on the plan's own gains: shifted by the year so far, whose tax is taken off."""
    before = next(
        a * year.st + b * year.lt + c
        for rules, (a, b, c) in regions(year)
        if all(x * year.st + y * year.lt <= z + 1e-15 for x, y, z in rules)
    )
    return [
        (
            [(x, y, z - x * year.st - y * year.lt) for x, y, z in rules],
            (a, b, c + a * year.st + b * year.lt - before),
        )
        for rules, (a, b, c) in regions(year)
    ]


@pytest.mark.parametrize("rates", RATES)
def test_the_regions_of_this_file_are_the_law(rates):
    for st in USD:
        for lt in USD:
            taxes = [
                a * st + b * lt + c
                for rules, (a, b, c) in regions(year(rates))
                if all(x * st + y * lt <= z for x, y, z in rules)
            ]
            assert taxes
            assert taxes == pytest.approx([law(st, lt, rates)] * len(taxes), abs=1e-6)


def netted_case(case, seed):
    """The case with a year behind it and nothing that makes the sides many."""
    snapshot, market, settings, locks = case
    rng = np.random.default_rng([seed, 11])
    usd = {
        key: D(int(rng.choice([0, rng.integers(low, 60_000)])))
        for key, low in (
            ("ytd_st_gain", -40_000),
            ("ytd_lt_gain", -40_000),
            ("st_carryforward", 0),
            ("lt_carryforward", 0),
        )
    }
    account = replace(snapshot.account, registration=Registration.TAXABLE, **usd)
    book = replace(snapshot.book, account=account)
    snapshot = replace(snapshot, book=book, household_books=(book, *snapshot.household_books[1:]))
    settings = replace(
        settings, lot_method=LotMethod.OPTIMAL, min_trade_usd=D(0), net_taxes=True,
        carryforward_value=float(rng.choice([0.0, 0.3, 0.5, 1.0])), tax_weight=float(rng.choice([1.0, 0.6])),
    )  # fmt: skip
    return build_problem(snapshot, market, settings, locks=locks)


@pytest.mark.parametrize("seed", range(3300, 3316))
def test_a_plan_with_netted_taxes_is_the_best_over_all_sides_and_regions_of_the_tax(random_case, seed):
    problem = netted_case(random_case(seed, most_names=4), seed)

    best, found = best_plan(problem, tax_lines=plan_regions(problem.netting)), search(problem)

    assert (best is None) == (found is None)
    if best is None:
        return
    assert found.bound * BP <= best.objective * BP + CLOSE_BP
    assert found.objective * BP == pytest.approx(best.objective * BP, abs=CLOSE_BP)


def two_names(market_of, account_of, *lots, **fields):
    """A and B at 100 USD, half wanted of each in an account of 200,000 USD without cash; hardly any risk counts."""
    market = market_of({"A": 100, "B": 100}, {"A": "0.5", "B": "0.5"}, specific=1e-9)
    settings = PlanSettings(
        net_taxes=True, risk_aversion=1.0, cost_bp=0.0, min_cash=0.0, max_cash=1.0, carryforward_value=0.5, **FREE
    )
    return build_problem(account_of(0, *lots, **fields), market, settings, locks=())


def sold(problem):
    found = search(problem)
    return found, [round(float(-u) * 2_000) for u in found.trade[:2]]


def test_a_loss_meets_gains_then_income_and_is_carried_then_by_hand(market_of, account_of):
    # A is at a short-term loss of 10,000 USD (1,000 shares bought at 110); there is 4,000 of short-term gain this year
    # already. All is sold: 4,000 save 40 %, 3,000 more save 40 % against income, 3,000 are carried at half of 40 %.
    # 1,600 + 1,200 + 600 = 3,400 USD of 200,000 is 170 bp; B has neither gain nor loss.
    problem = two_names(
        market_of, account_of, ("a", "A", 1000, 110, LATELY), ("b", "B", 1000, 100, LONG_AGO), ytd_st_gain=D(4_000)
    )

    found, (a, _) = sold(problem)

    assert a == 1000
    assert found.objective * BP == pytest.approx(-170.0, abs=0.01)


def test_a_loss_that_saves_nothing_now_or_later_is_sold_only_as_far_as_it_saves_by_hand(market_of, account_of):
    # As above, but carried losses are worth nothing and a sale costs 1 %: of 10,000 loss only 7,000 save 40 % of 10 USD
    # a share, 4 USD, against a cost of 1 USD. 700 shares: 2,800 USD saved, 700 USD spent.
    problem = two_names(
        market_of, account_of, ("a", "A", 1000, 110, LATELY), ("b", "B", 1000, 100, LONG_AGO), ytd_st_gain=D(4_000)
    )
    settings = replace(problem.settings, carryforward_value=0.0, cost_bp=100.0)
    problem = build_problem(problem.snapshot, problem.market, settings, locks=())

    found, (a, b) = sold(problem)

    assert (a, b) == (700, 0)
    assert found.objective * BP == pytest.approx(-2_100 / 20, abs=0.01)


def test_a_gain_is_free_up_to_the_losses_carried_in_by_hand(market_of, account_of):
    # A must go: a short-term gain of 20,000 USD, against 50,000 of short-term losses carried in. Without the sale 3,000
    # of them meet income and 47,000 are carried; with it 27,000 are. 20,000 are lost, worth 20 % each.
    problem = two_names(
        market_of, account_of, ("a", "A", 1000, 80, LATELY), ("b", "B", 1000, 100, LONG_AGO), st_carryforward=D(50_000)
    )
    settings = replace(problem.settings, exclude=("A",))

    found = search(build_problem(problem.snapshot, problem.market, settings, locks=()))

    assert found.objective * BP == pytest.approx(4_000 / 20, abs=0.01)


@pytest.mark.parametrize("fields", [{"st_rate": "0.2", "lt_rate": "0.25"}])
def test_rates_that_the_branches_cannot_net_are_refused(market_of, account_of, fields):
    with pytest.raises(DataError, match="st_rate >= lt_rate"):
        two_names(market_of, account_of, ("a", "A", 1000, 110, LATELY), **fields)


def test_an_account_that_pays_no_tax_has_none_to_net(market_of, account_of):
    problem = two_names(market_of, account_of, ("a", "A", 2000, 50, LATELY), registration=Registration.IRA)

    assert problem.netting is None
