"""The plan is the best there is: held against every combination of sides, and against a mixed-integer solver."""

import pickle
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest

from engine.domain.plans import PlanStatus
from engine.domain.settings import LotMethod
from engine.plan.problem import BP, build_problem
from engine.plan.propose import propose_plan
from engine.plan.reference import reference_optimum

TINY_SEEDS = range(1005, 1017)
ORACLE = Path(__file__).with_name("mixed_integer_oracle.py")
CLOSE_BP = 0.01  # solver tolerances, and trades cut to a millionth of a share


def fractional(case):
    snapshot, market, settings, locks = case
    return snapshot, market, replace(settings, whole_shares=False), locks


def best_over_all_sides(case):
    """The least reference optimum in bp over every combination of buying, selling and resting; None if none works."""
    snapshot, market, settings, locks = case
    problem = build_problem(snapshot, market, settings, locks=locks)
    sides = [_sides(problem, name) for name in problem.names]
    optima = [reference_optimum(problem, combination) for combination in product(*sides)]
    return min((optimum[0] * BP for optimum in optima if optimum is not None), default=None)


def _sides(problem, name):
    """Without a minimum trade, buying nothing and selling nothing are both resting."""
    resting = [0] if problem.min_trade > 0 else []
    return [1, *resting, *([-1] if name.sellable else [])]


@pytest.mark.parametrize("seed", TINY_SEEDS)
def test_the_plan_of_a_tiny_account_is_the_best_over_every_combination_of_sides(random_case, seed):
    case = fractional(random_case(seed, most_names=5, pairs=False))
    case = (*case[:2], replace(case[2], lot_method=LotMethod.OPTIMAL), case[3])

    best = best_over_all_sides(case)
    plan, _ = propose_plan(*case[:3], inputs_hash="")

    if best is None:
        assert plan.status is PlanStatus.INFEASIBLE
        return
    assert plan.status is not PlanStatus.INFEASIBLE
    assert plan.objective.lower_bound <= best + CLOSE_BP
    assert best - CLOSE_BP <= plan.objective.total <= best + plan.objective.gap + CLOSE_BP


@pytest.mark.parametrize(("seed", "cap"), [(855, -48_894), (899, -38_120), (914, -109_162)])
def test_a_gains_cap_at_whose_price_two_lots_tie_is_solved_exactly(random_case, tmp_path, seed, cap):
    snapshot, market, settings, locks = random_case(seed)
    settings = replace(settings, max_net_gain=Decimal(cap), lot_method=LotMethod.OPTIMAL, whole_shares=False)
    if seed != 914:  # there the minimum trade matters; elsewhere it only keeps the oracle busy
        settings = replace(settings, min_trade_usd=Decimal(0))
    asked, answered = tmp_path / "case", tmp_path / "answer"
    asked.write_bytes(pickle.dumps([(snapshot, market, settings, locks)]))
    subprocess.run([sys.executable, ORACLE, asked, answered], check=True, capture_output=True, timeout=60)
    ((_, best, proven),) = pickle.loads(answered.read_bytes())

    plan, _ = propose_plan(snapshot, market, settings, inputs_hash="")

    assert plan.objective.gap <= CLOSE_BP
    assert proven - CLOSE_BP <= plan.objective.total <= best + CLOSE_BP
    assert plan.objective.lower_bound <= best + CLOSE_BP
