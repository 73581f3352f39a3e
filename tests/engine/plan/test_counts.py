"""Bounds within a number of trades or names are true at any charge, and best at the one that is chosen."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from engine.domain.settings import LotMethod
from engine.plan.certificate import certify
from engine.plan.counts import allowed_within, best_charges, bound_within, counts_of, relaxed_shares, uncharged
from engine.plan.problem import BP, build_problem
from engine.plan.relaxation import first_relaxation
from tests.engine.plan.brute_force import best_plan

CLOSE_BP = 0.01
LIMITS = ({"max_trades": 2}, {"max_names": 3}, {"max_trades": 3, "max_names": 3})
NAMES = ["trades", "names", "both"]


def limited(case, limits):
    snapshot, market, settings, locks = case
    return build_problem(snapshot, market, replace(settings, lot_method=LotMethod.OPTIMAL, **limits), locks=locks)


@pytest.mark.parametrize("seed", range(3300, 3308))
@pytest.mark.parametrize("limits", LIMITS, ids=NAMES)
def test_no_plan_within_the_counts_beats_a_bound_at_any_charge_and_any_prices(random_case, seed, limits):
    problem = limited(random_case(seed, most_names=4), limits)
    best = best_plan(problem)
    rng = np.random.default_rng(seed)
    if best is None:
        return

    for charge in (0.0, 1e-4, 1e-2):
        node = first_relaxation(
            problem,
            per_trade=charge if "max_trades" in limits else 0.0,
            per_name=charge / 2 if "max_names" in limits else 0.0,
        )
        table, exact = node.table, node.solution
        certificates = [node.certificate]
        for size in (1e-3, 0.1):
            factor = exact.factor_price + size * rng.normal(size=len(exact.factor_price))
            row = exact.row_price + size * rng.normal(size=len(exact.row_price))
            certificates.append(certify(table, node.allowed, factor_price=factor, row_price=row))
        for certificate in certificates:
            assert bound_within(problem, node, certificate) * BP <= best.objective * BP + CLOSE_BP


@pytest.mark.parametrize("seed", range(3300, 3308))
def test_no_charge_makes_a_better_bound_than_the_best_one(random_case, seed):
    problem = limited(random_case(seed), {"max_trades": 3})
    node = first_relaxation(problem)
    counts = counts_of(problem, node.table)

    best = best_charges(node.table, node.allowed, uncharged(node.table, node.certificate.lowest), counts)

    least = bound_within(problem, node, node.certificate, best)
    for charge in (0.0, *np.geomspace(1e-8, 1.0, 60)):
        assert bound_within(problem, node, node.certificate, (charge,)) <= least + 1e-12


@pytest.mark.parametrize("seed", range(3300, 3308))
@pytest.mark.parametrize("limits", LIMITS, ids=NAMES)
def test_pieces_that_stay_allowed_cannot_break_a_count_and_leave_each_name_something_to_do(random_case, seed, limits):
    problem = limited(random_case(seed), limits)
    node = first_relaxation(problem, per_trade=1e-4, per_name=1e-4)

    allowed = allowed_within(problem, node)

    if allowed is None:
        return
    table = node.table
    assert set(table.col[allowed]) == set(range(table.columns))
    for count in counts_of(problem, table):
        assert len(set(table.col[allowed & (count.counted > 0)])) <= count.limit


def test_a_name_that_rests_has_no_share_in_the_trades_and_the_number_falls_as_the_charge_rises(random_case):
    problem = limited(random_case(3301), {"max_trades": 3})
    numbers = []
    for charge in (1e-6, 1e-4, 1e-3, 1e-2, 1e-1):
        node = first_relaxation(problem, per_trade=charge)
        share = relaxed_shares(node, counts_of(problem, node.table)[0].counted)
        must = np.array([bool(name.rules.must_exit) for name in problem.names])
        at_rest = (np.abs(node.solution.trade[: len(must)]) < 1e-12) & ~must
        assert ((share >= 0) & (share <= 1)).all()
        assert share[: len(must)][at_rest] == pytest.approx(0.0, abs=1e-6)
        numbers.append(share.sum())

    assert all(later <= earlier + 1e-6 for earlier, later in pairwise(numbers))
