"""A plan within all limits is found just where there is one, and it keeps them: against every choice there is."""

from dataclasses import replace

import numpy as np
import pytest

from engine.domain.settings import LotMethod
from engine.plan.any_plan import any_plan
from engine.plan.problem import build_problem
from engine.plan.relaxation import first_relaxation
from tests.engine.plan.brute_force import best_plan
from tests.engine.plan.test_coupled import faults


@pytest.mark.parametrize("seed", range(3520, 3544))
@pytest.mark.parametrize("has_cap", [False, True], ids=["counts alone", "tracking error too"])
def test_a_plan_within_the_limits_is_found_just_where_there_is_one(random_case, seed, has_cap):
    rng = np.random.default_rng(seed)
    snapshot, market, settings, locks = random_case(seed, most_names=4)
    limits = {"max_trades": int(rng.integers(1, 4)), "max_names": int(rng.integers(2, 4))}
    if has_cap:
        limits["max_tracking_error"] = float(rng.choice([0.02, 0.05, 0.1]))
    settings = replace(settings, lot_method=LotMethod.OPTIMAL, **limits)
    problem = build_problem(snapshot, market, settings, locks=locks)

    node = first_relaxation(problem)
    found = None if node is None else any_plan(problem, node)

    best = best_plan(problem)
    assert (found is None) == (best is None)
    if found is not None and best is not None:
        assert faults(problem, found.trade) == []
        assert found.objective >= best.objective - 1e-6
