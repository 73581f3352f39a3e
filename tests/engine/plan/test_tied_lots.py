"""Lots that tie are sold in part: held against a convex program written from scratch, with every lot free."""

import numpy as np
import pytest

from engine.plan.convex import NO_SLACK, relaxed_optimum
from engine.plan.envelope import chosen_chains
from engine.plan.pieces import piece_table
from engine.plan.sides import agrees, on_table, on_tied_lots
from tests.engine.plan.brute_force import on_sides
from tests.engine.plan.test_lot_mix import capped, one_sided, sides_of

SEEDS = range(3400, 3460)
CLOSE = 1e-6  # 0.01 bp


def sided(random_case, seed):
    """Problems with a cap on gains, with pieces, the program from scratch, and an optimum in the order of tax."""
    problem = capped(random_case(seed), seed)
    if not problem.snapshot.account.registration.is_taxable or piece_table(problem).empty:
        return
    table, rng = piece_table(problem), np.random.default_rng(seed)
    for _ in range(4):
        pieces = one_sided(table, rng, problem)
        if pieces is not None:
            near = relaxed_optimum(table, chosen_chains(table, pieces))
            best = on_sides(problem, sides_of(problem, table, pieces))
            if best is not None and near.slack <= NO_SLACK:
                yield problem, table, pieces, near, best


@pytest.mark.parametrize("seed", SEEDS)
def test_lots_that_tie_cost_what_a_program_from_scratch_costs(random_case, seed):
    for problem, table, pieces, near, best in sided(random_case, seed):
        found = on_tied_lots(problem, table, pieces, near)

        assert found is not None
        assert found.objective == pytest.approx(best.objective, abs=CLOSE)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_sold_of_lots_that_tie_is_what_is_sold_of_names_and_keeps_the_cap(random_case, seed):
    for problem, table, pieces, near, _ in sided(random_case, seed):
        p, found = problem.prepared, on_tied_lots(problem, table, pieces, near)

        assert found is not None
        assert (found.sold >= 0).all()
        assert (found.sold <= p.lot_weight).all()
        for i in range(len(problem.names)):
            own = found.sold[p.lot_first[i] : p.lot_first[i + 1]]
            assert own.sum() == pytest.approx(max(-found.trade[i], 0.0), abs=1e-9)
        cap = next(row for row in problem.rows if row.by_lot_gain)
        assert float((p.lot_st_gain + p.lot_lt_gain) @ found.sold) <= cap.hi + 1e-8


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plan_whose_price_of_gains_orders_its_lots_is_the_best_on_its_sides(random_case, seed):
    for problem, table, pieces, near, best in sided(random_case, seed):
        found = on_table(problem, table, pieces, near=near)

        assert found is not None
        if agrees(found):
            assert found.objective == pytest.approx(best.objective, abs=CLOSE)
