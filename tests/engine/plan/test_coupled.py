"""Limits on trades, names and tracking error hold, and no plan within them is better: against every choice there is."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import cvxpy as cp
import numpy as np
import pytest

from engine.domain.settings import LotMethod, PlanSettings
from engine.plan.problem import BP, build_problem
from engine.plan.search import search
from tests.engine.plan.brute_force import best_plan, on_sides

LONG_AGO = date(2024, 1, 5)
CLOSE_BP = 0.01
LIMITS = ("max_trades", "max_names", "max_tracking_error")
FREE = {"max_active_weight": None, "max_sector_active": None}


def limited(case, seed, limits):
    """The case's problem with these limits, drawn from the seed."""
    snapshot, market, settings, locks = case
    rng, n = np.random.default_rng([seed, 7]), len(market.securities)
    drawn = {
        "max_trades": int(rng.integers(1, n)),
        "max_names": int(rng.integers(2, n)),
        "max_tracking_error": float(rng.choice([0.005, 0.02, 0.05])),
    }
    changes = {limit: drawn[limit] for limit in limits}
    settings = replace(settings, lot_method=LotMethod.OPTIMAL, min_trade_usd=D(0), **changes)
    return build_problem(snapshot, market, settings, locks=locks)


def faults(problem, trade):
    """The limits that a plan of these trades breaks."""
    settings, u = problem.settings, trade[: len(problem.names)]
    active = u - problem.shortfall
    factor = problem.loadings.T @ active
    error = np.sqrt(factor @ factor + problem.specific @ active**2)
    held = sum(name.held + step > 1e-8 for name, step in zip(problem.names, u, strict=True))
    return [
        limit
        for limit, value, slack in (
            ("max_trades", (np.abs(u) > 1e-8).sum(), 0),
            ("max_names", held, 0),
            ("max_tracking_error", error, 1e-6),
        )
        if getattr(settings, limit) is not None and value > getattr(settings, limit) + slack
    ]


@pytest.mark.parametrize("seed", range(3000, 3016))
@pytest.mark.parametrize("limits", [(limit,) for limit in LIMITS], ids=LIMITS)
def test_the_plan_within_one_limit_is_the_best_of_all_subsets_and_sides(random_case, seed, limits):
    problem = limited(random_case(seed, most_names=4), seed, limits)

    best, found = best_plan(problem), search(problem)

    assert (best is None) == (found is None)
    if best is None:
        return
    assert faults(problem, found.trade) == []
    assert found.bound * BP <= best.objective * BP + CLOSE_BP
    assert found.objective * BP == pytest.approx(best.objective * BP, abs=CLOSE_BP)


@pytest.mark.parametrize("seed", [3210, 3212, 3213, 3214, 3215, 3217])
def test_the_plan_within_all_three_limits_keeps_them_and_its_bound_is_true(random_case, seed):
    problem = limited(random_case(seed, most_names=4), seed, LIMITS)

    best, found = best_plan(problem), search(problem)

    assert (best is None) == (found is None)
    if best is None:
        return
    assert faults(problem, found.trade) == []
    assert found.bound * BP <= best.objective * BP + CLOSE_BP
    assert best.objective * BP - CLOSE_BP <= found.objective * BP


def test_branching_to_a_better_plan_keeps_to_the_number_of_trades(random_case):
    """A case whose first plan trades two names, and whose best plan without a limit trades three."""
    snapshot, market, settings, locks = random_case(3034, most_names=5)
    settings = replace(settings, lot_method=LotMethod.OPTIMAL, max_trades=2)
    problem = build_problem(snapshot, market, settings, locks=locks)

    found = search(problem)

    assert faults(problem, found.trade) == []
    assert found.objective == pytest.approx(best_plan(problem).objective, abs=1e-6)
    assert found.bound == pytest.approx(found.objective, abs=1e-5)


def test_a_small_account_is_searched_to_the_end_so_its_bound_is_the_plan(random_case):
    """A case whose relaxation, at the best price on names, is 4,000 bp below the best plan."""
    snapshot, market, settings, locks = random_case(4057, most_names=4)
    settings = replace(settings, lot_method=LotMethod.OPTIMAL, max_names=2)
    problem = build_problem(snapshot, market, settings, locks=locks)

    found = search(problem)

    assert found.objective == pytest.approx(best_plan(problem).objective, abs=1e-6)
    assert found.bound == pytest.approx(found.objective, abs=1e-5)


@pytest.mark.parametrize("seed", [3006, 3012, 3017, 3022, 3024, 3028])
def test_on_the_plans_own_sides_nothing_within_the_tracking_error_is_better(random_case, seed):
    """Stated once more in cvxpy, the error as a norm, on the sides that the plan took."""
    problem = limited(random_case(seed, most_names=6), seed, ("max_tracking_error",))
    problem = replace(problem, settings=replace(problem.settings, max_tracking_error=0.03), rows=problem.rows[:1])
    found = search(problem)
    if found is None:
        return
    sides = ["buy" if u > 1e-8 else "sell" if u < -1e-8 else "rest" for u in found.trade[: len(problem.names)]]
    assert best_in_cvxpy(problem, sides) >= found.objective - 1e-6
    own = on_sides(problem, tuple(sides))
    assert own is not None
    assert own.objective == pytest.approx(best_in_cvxpy(problem, sides), abs=1e-6)


def best_in_cvxpy(problem, sides):
    """Least cost with the error's cap as a second-order cone, and no row but the cash row."""
    n, settings = len(problem.names), problem.settings
    buy, lots = cp.Variable(n, nonneg=True), [(i, lot) for i, name in enumerate(problem.names) for lot in name.sellable]
    sold = cp.Variable(max(len(lots), 1), nonneg=True)
    owner = np.array([[float(i == own) for own, _ in lots] or [0.0] for i in range(n)])
    sell = owner @ sold
    active = buy - sell - problem.shortfall
    cost = np.array([name.cost for name in problem.names]) @ (buy + sell)
    cost -= np.array([name.alpha for name in problem.names]) @ (buy - sell)
    tax = settings.tax_weight * sum(lot.tax * sold[k] for k, (_, lot) in enumerate(lots))
    root = np.vstack([problem.loadings.T, np.diag(np.sqrt(problem.specific))])
    row = problem.rows[0]
    spent = row.up @ buy + row.down @ sell
    rules = [cp.norm(root @ active) <= settings.max_tracking_error, spent >= row.lo, spent <= row.hi]
    rules += [sold[k] <= lot.weight for k, (_, lot) in enumerate(lots)] + ([] if lots else [sold == 0])
    breach = 0
    for i, (name, side) in enumerate(zip(problem.names, sides, strict=True)):
        rules += [buy[i] == 0] if side != "buy" else [buy[i] <= max(0.0, 1 - name.held)]
        if side == "buy" or (side == "rest" and not name.rules.must_exit):
            rules.append(sell[i] == 0)
        if name.rules.must_exit:
            rules.append(sell[i] == sum(lot.weight for lot in name.sellable))
        for bound in name.bounds:
            over = (buy[i] - sell[i] - bound.at) * (1 if bound.upper else -1)
            if bound.is_broken and not settings.enforce:
                breach += problem.penalty * cp.pos(over)
                rules.append((buy[i] - sell[i]) * (1 if bound.upper else -1) <= 0)
            else:
                rules.append(over <= 0)
    statement = cp.Problem(
        cp.Minimize(settings.risk_aversion * cp.sum_squares(root @ active) + tax + cost + breach), rules
    )
    statement.solve(solver=cp.CLARABEL)
    assert statement.status == cp.OPTIMAL
    return float(statement.value)


def four_names(market_of, account_of, **settings):
    """Four equal names, 25 % wanted of each; A to D held at 40, 30, 20 and 10 % of 100,000 USD. No cash, tax or cost.

    Risk is 0.04 a name, risk aversion 1: the variance is 0.04 x (0.15^2 + 0.05^2 + 0.05^2 + 0.15^2) = 0.002 at rest.
    """
    market = market_of(dict.fromkeys("ABCD", 100), dict.fromkeys("ABCD", "0.25"))
    lots = [
        (name.lower(), name, shares, 100, LONG_AGO) for name, shares in zip("ABCD", (400, 300, 200, 100), strict=True)
    ]
    settings = {"risk_aversion": 1.0, "cost_bp": 0.0, "min_cash": 0.0, "max_cash": 0.0, **FREE, **settings}
    return build_problem(account_of(0, *lots), market, PlanSettings(gap_tolerance_bp=1e-4, **settings), locks=())


def test_with_two_trades_the_two_farthest_names_meet_by_hand(market_of, account_of):
    # A to D 15 %: what is left is 0.04 x 2 x 0.05^2 = 0.0002, 2 bp.
    found = search(four_names(market_of, account_of, max_trades=2))

    assert found.trade[:4] == pytest.approx([-0.15, 0, 0, 0.15], abs=1e-6)
    assert found.objective == pytest.approx(0.0002, abs=1e-9)
    assert found.bound <= 0.0002 + 1e-9


def test_one_trade_cannot_balance_the_cash_and_none_is_no_trade_at_all(market_of, account_of):
    assert search(four_names(market_of, account_of, max_trades=1)).trade[:4] == pytest.approx([0] * 4, abs=1e-12)
    assert search(four_names(market_of, account_of, max_trades=0)).trade[:4] == pytest.approx([0] * 4, abs=1e-12)


def test_with_three_names_the_smallest_leaves_by_hand(market_of, account_of):
    # Three names at a third each, the fourth at 0: 0.04 x (3 x (1/12)^2 + 0.25^2) = 0.04 / 12.
    found = search(four_names(market_of, account_of, max_names=3))

    weights = found.trade[:4] + np.array([0.4, 0.3, 0.2, 0.1])
    assert sorted(weights) == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3], abs=1e-6)
    assert found.objective == pytest.approx(0.04 / 12, abs=1e-9)


def test_no_name_at_all_may_stay_only_where_cash_may(market_of, account_of):
    assert search(four_names(market_of, account_of, max_names=0)) is None
    assert search(four_names(market_of, account_of, max_names=0, max_cash=1.0)).trade[:4] == pytest.approx(
        [-0.4, -0.3, -0.2, -0.1], abs=1e-9
    )


def test_a_tracking_error_that_costs_too_much_otherwise_is_just_kept_by_hand(market_of, account_of):
    # Trading costs so much that none pays. All four names move towards the target in proportion to their marginal
    # variance: A and D alone while |d| > 0.05. d = 0.05 + x leaves 0.04 x (2 (0.05 + x)^2 + 2 x 0.05^2) = 0.03^2 at
    # (0.05 + x)^2 = 0.00875, which is 0.0935414: A sells and D buys 0.0564586.
    found = search(four_names(market_of, account_of, cost_bp=500.0, max_cash=0.2, max_tracking_error=0.03))

    active = found.trade[:4] + np.array([0.15, 0.05, -0.05, -0.15])
    assert np.sqrt(0.04 * active @ active) == pytest.approx(0.03, abs=1e-6)
    assert found.trade[1:3] == pytest.approx([0, 0], abs=1e-6)


def test_a_tracking_error_of_nothing_is_out_of_reach_where_cash_is_kept(market_of, account_of):
    assert search(four_names(market_of, account_of, min_cash=0.01, max_cash=0.02, max_tracking_error=0.0)) is None


def test_limits_that_nothing_comes_near_change_nothing(random_case):
    for seed in range(3000, 3012):
        snapshot, market, settings, locks = random_case(seed)
        loose = replace(settings, max_trades=1000, max_names=1000, max_tracking_error=100.0)
        free, kept = (search(build_problem(snapshot, market, s, locks=locks)) for s in (settings, loose))
        assert (free is None) == (kept is None)
        if free is not None:
            assert kept.objective == pytest.approx(free.objective, abs=1e-6)
            assert kept.bound == pytest.approx(free.bound, abs=1e-6)


@pytest.mark.parametrize("limit", LIMITS)
def test_a_tighter_limit_never_makes_a_plan_better_than_a_looser_ones_bound(random_case, limit):
    steps = {"max_trades": (1, 3, 5, 8), "max_names": (3, 5, 8, 12), "max_tracking_error": (0.005, 0.01, 0.03, 0.1)}
    for seed in (3010, 3022, 3025):
        snapshot, market, settings, locks = random_case(seed, most_names=10)
        bound = np.inf
        for value in steps[limit]:
            found = search(build_problem(snapshot, market, replace(settings, **{limit: value}), locks=locks))
            if found is not None:
                assert found.bound <= min(bound, found.objective) + 1e-6
                assert found.bound <= found.objective
                bound = min(bound, found.objective)
