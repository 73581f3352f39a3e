"""Exchanging trades makes a plan better, keeps its numbers, and ends at the best plan from most beginnings."""

from dataclasses import replace

import numpy as np
import pytest

from engine.domain.settings import LotMethod
from engine.plan.counts import cheapest, counts_of, numbers, uncharged
from engine.plan.exchange import exchanged, without_charges
from engine.plan.problem import build_problem
from engine.plan.relaxation import first_relaxation
from engine.plan.sides import on_pieces
from tests.engine.plan.brute_force import best_plan

TRADES = 3
SEEDS = range(3400, 3424)


def any_start(case, seed):
    """A problem with at most three trades, and a plan on sides of which three are drawn by lot; None if none obeys."""
    snapshot, market, settings, locks = case
    settings = replace(settings, lot_method=LotMethod.OPTIMAL, max_trades=TRADES)
    problem = build_problem(snapshot, market, settings, locks=locks)
    node = first_relaxation(problem)
    if node is None:
        return problem, node, None
    table, counted = node.table, node.table.trades > 0
    must = {int(c) for c in table.col} - {int(c) for c in table.col[~counted]}
    if problem.prepared.groups or len(must) > TRADES:
        return problem, node, None
    drawn = np.random.default_rng(seed).permutation(len(problem.names))
    trading = set([*must, *(int(c) for c in drawn if int(c) not in must)][:TRADES])
    allowed = ~counted | np.isin(table.col, list(trading))
    return problem, node, on_pieces(problem, node, cheapest(table, allowed, uncharged(table, node.certificate.lowest)))


@pytest.mark.parametrize("seed", SEEDS)
def test_an_exchange_never_makes_a_plan_worse_and_keeps_the_number_of_trades(random_case, seed):
    problem, node, start = any_start(random_case(seed, pairs=False), seed)
    if start is None:
        return

    better = exchanged(problem, without_charges(start), node.allowed, target=-np.inf)

    assert better.objective <= start.objective
    assert numbers(problem, better.trade)[counts_of(problem, better.table)[0].field] <= TRADES


def test_from_three_trades_drawn_by_lot_most_plans_end_at_the_best_and_none_below_it(random_case):
    reached = []
    for seed in SEEDS:
        problem, node, start = any_start(random_case(seed, most_names=5, pairs=False), seed)
        if start is not None:
            found = exchanged(problem, without_charges(start), node.allowed, target=-np.inf)
            best = best_plan(problem)
            assert found.objective >= best.objective - 1e-6
            reached.append(found.objective <= best.objective + 1e-6)

    assert len(reached) >= 5
    assert np.mean(reached) > 0.5
