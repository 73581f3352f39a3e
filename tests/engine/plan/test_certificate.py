"""The lower bound is true for any prices at all, and tight at the right ones."""

from dataclasses import replace
from datetime import date
from itertools import product

import numpy as np
import pytest

from engine.domain.accounts import Restriction, Rule
from engine.domain.settings import LotMethod, PlanSettings
from engine.plan.certificate import certify
from engine.plan.pieces import piece_table
from engine.plan.problem import build_problem
from engine.plan.reference import reference_optimum
from engine.plan.search import search

SEEDS = [1005, 1006, 1007, 1009, 1010, 1012]
EPSILON = 1e-7  # Clarabel's tolerance, fractions of V


@pytest.fixture(params=SEEDS)
def problem(request, random_case):
    snapshot, market, settings, locks = random_case(request.param, most_names=4, pairs=False)
    settings = replace(settings, lot_method=LotMethod.OPTIMAL, min_trade_usd=0 * settings.min_trade_usd)
    return build_problem(snapshot, market, settings, locks=locks)


def best(problem):
    optima = [reference_optimum(problem, sides) for sides in product((1, -1), repeat=len(problem.names))]
    return min((optimum[0] for optimum in optima if optimum is not None), default=np.inf)


def test_no_prices_make_the_bound_pass_the_best_plan(problem):
    rng = np.random.default_rng(0)
    optimum = best(problem)

    for _ in range(200):
        table = piece_table(problem, prices=np.full(len(problem.rows), rng.choice([0.0, rng.exponential(1.0)])))
        certificate = certify(
            table,
            np.ones(len(table.col), dtype=bool),
            factor_price=rng.normal(0, rng.choice([0.01, 1.0, 30.0]), table.exposures.shape[1]),
            row_price=rng.normal(0, rng.choice([0.01, 1.0, 30.0]), len(problem.rows)),
        )
        assert certificate.bound <= optimum + EPSILON


def test_at_the_plans_own_prices_the_bound_meets_the_best_plan(problem):
    optimum, found = best(problem), search(problem)

    if found is None:
        assert optimum == np.inf
        return
    assert found.bound <= optimum + EPSILON
    assert found.bound == pytest.approx(optimum, abs=problem.settings.gap_tolerance_bp * 1e-4 + EPSILON)


def test_forbidding_pieces_never_lowers_the_bound(problem):
    rng = np.random.default_rng(1)
    table = piece_table(problem)
    everything = np.ones(len(table.col), dtype=bool)
    factor_price = rng.normal(0, 0.1, table.exposures.shape[1])
    row_price = rng.normal(0, 0.1, len(problem.rows))

    free = certify(table, everything, factor_price=factor_price, row_price=row_price).bound

    for _ in range(20):
        some = everything.copy()
        some[rng.integers(len(some))] = False
        assert certify(table, some, factor_price=factor_price, row_price=row_price).bound >= free - 1e-12


def test_a_bound_by_hand(market_of, account_of):
    # One name held at 60 % and wanted at 50 %, D = 0.04, risk aversion 10, no gain, no cost, no factor. With a price of
    # p on the cash row (spending u, between -0.4 and -0.39 of V, for cash is 0 and must end between 0.39 and 0.40) the
    # bound is  -max(-0.4 p, -0.39 p) + min over u in [-0.6, 0.4] of 0.4 (u + 0.1)^2 + p u.
    # At p = 0.24 the minimum lies at u = -0.1 - 0.3 = -0.4: 0.036 - 0.096, and -max(-0.096, -0.0936) = 0.0936.
    # Together 0.0336: a hair below the best plan, u = -0.39, whose risk is 0.4 x 0.29^2 = 0.03364.
    market = market_of({"A": 100, "B": 100}, {"A": "0.5", "B": "0.5"})
    assert market.risk.specific_variance[0] == 0.04

    frozen = tuple(
        Restriction(scope="A", target="B", rule=rule, value=None, until=None, reason="Test")
        for rule in (Rule.DO_NOT_BUY, Rule.DO_NOT_SELL)
    )
    account = account_of(
        0, ("a", "A", 600, 100, date(2024, 1, 5)), ("b", "B", 400, 100, date(2024, 1, 5)), restrictions=frozen
    )
    settings = PlanSettings(
        risk_aversion=10.0, cost_bp=0.0, min_cash=0.39, max_cash=0.4, max_active_weight=None, max_sector_active=None
    )
    table = piece_table(build_problem(account, market, settings, locks=()))

    certificate = certify(
        table, np.ones(len(table.col), dtype=bool), factor_price=np.zeros(0), row_price=np.array([0.24])
    )

    # B stays at 40 % against 50 %: 0.4 x 0.01 = 0.004 more.
    assert certificate.bound == pytest.approx(0.0336 + 0.004, abs=1e-12)
