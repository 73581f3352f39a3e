"""A limited tracking error: kept exactly at the right price, as by a cone; and an impossible one is told for sure."""

from dataclasses import replace

import numpy as np
import pytest

from engine.domain.settings import LotMethod
from engine.plan.pieces import piece_table
from engine.plan.problem import BP, build_problem
from engine.plan.relaxation import first_relaxation
from engine.plan.sides import rounded, within_tracking_error
from engine.plan.tracking_error import at_limit, bound_on_sides, pieces_within, variance
from tests.engine.plan.brute_force import best_plan

CLOSE_BP = 0.01


def limited(case, **limits):
    snapshot, market, settings, locks = case
    return build_problem(snapshot, market, replace(settings, lot_method=LotMethod.OPTIMAL, **limits), locks=locks)


@pytest.mark.parametrize("seed", range(3500, 3516))
def test_the_plan_at_the_limit_is_that_of_a_second_order_cone_and_its_bound_meets_it(random_case, seed):
    loose = limited(random_case(seed))
    node = first_relaxation(loose)
    plan = rounded(loose, node)
    if plan is None:
        return
    cap = 0.9 * float(np.sqrt(variance(loose, plan.trade)))
    problem = limited(random_case(seed), max_tracking_error=cap)

    kept = next(iter(at_limit(problem, plan)), None)

    by_cone = within_tracking_error(problem, plan.table, plan.pieces, cap)
    assert (kept is None) == (by_cone is None)
    if kept is not None and by_cone is not None:
        assert variance(problem, kept.trade) <= cap**2 * (1 + 1e-9)
        assert kept.objective * BP == pytest.approx(by_cone.objective * BP, abs=CLOSE_BP)
        assert bound_on_sides(problem, plan) * BP <= by_cone.objective * BP + CLOSE_BP


@pytest.mark.parametrize("seed", range(3520, 3536))
def test_pieces_within_all_limits_are_found_just_where_some_plan_keeps_them(random_case, seed):
    rng = np.random.default_rng(seed)
    problem = limited(
        random_case(seed, most_names=4),
        max_trades=int(rng.integers(1, 4)),
        max_names=int(rng.integers(2, 4)),
        max_tracking_error=float(rng.choice([0.02, 0.05, 0.1])),
    )

    table = piece_table(problem)

    pieces = None if table.empty else pieces_within(problem, table)

    assert (pieces is None) == (best_plan(problem) is None)
