"""A limited tracking error is kept at the right price of variance just as by a second-order cone."""

from dataclasses import replace

import numpy as np
import pytest

from engine.domain.settings import LotMethod
from engine.plan.problem import BP, build_problem
from engine.plan.relaxation import first_relaxation
from engine.plan.sides import rounded, within_tracking_error
from engine.plan.tracking_error import at_limit, bound_on_sides, variance

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
