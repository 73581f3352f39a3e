"""The interior-point method finds what Clarabel finds, and says when rows cannot be obeyed."""

import numpy as np
import pytest

from engine.plan.convex import NO_SLACK, exact_optimum, relaxed_optimum
from engine.plan.envelope import chosen_chains, relaxed_chains
from engine.plan.feasibility import feasible_pieces
from engine.plan.pieces import piece_table
from engine.plan.problem import build_problem
from engine.plan.search import search
from engine.plan.sides import objective
from engine.plan.statement import stated

SEEDS = [*range(400, 425)]


def cost(table, chains, trade):
    """The chains' objective at a trade: segments of a convex chain fill in order."""
    y = table.y0 + table.exposures[: table.columns].T @ trade
    left = trade - chains.start
    total = 0.0
    for column, length, gradient, curvature in zip(
        chains.col, chains.length, chains.gradient, chains.curvature, strict=True
    ):
        step = min(max(left[column], 0.0), length)
        left[column] -= length
        total += (gradient + curvature * step / 2) * step
    return y @ y / 2 + total


@pytest.mark.parametrize("seed", SEEDS)
def test_a_relaxation_has_the_optimum_that_clarabel_finds(random_case, seed):
    snapshot, market, settings, locks = random_case(seed)
    table = piece_table(build_problem(snapshot, market, settings, locks=locks))
    if table.empty:
        return
    chains = relaxed_chains(table, np.ones(len(table.col), dtype=bool), np.zeros(len(table.lo_rows)))

    found = relaxed_optimum(table, chains)

    if found.slack > NO_SLACK:
        return
    fill, factor_price, _ = stated(table, chains)
    trade = chains.start + np.bincount(chains.col, weights=fill, minlength=table.columns)
    best = cost(table, chains, trade)
    assert not found.fallback
    assert cost(table, chains, found.trade) == pytest.approx(best, abs=1e-6 * (1 + abs(best)))
    assert found.factor_price == pytest.approx(factor_price, abs=1e-3 * (1 + np.abs(factor_price).max(initial=0)))


@pytest.mark.parametrize("seed", SEEDS)
def test_pieces_are_called_impossible_exactly_when_no_filling_obeys_the_rows(random_case, seed):
    snapshot, market, settings, locks = random_case(seed)
    table = piece_table(build_problem(snapshot, market, settings, locks=locks))
    if table.empty:
        return
    rng = np.random.default_rng(seed)

    for _ in range(6):
        pieces = np.array([int(rng.choice(own)) for own in table.pieces_of])
        only = np.isin(np.arange(len(table.col)), pieces)
        found = exact_optimum(table, chosen_chains(table, pieces))
        if not washes(table, pieces):
            assert (found is not None) == (feasible_pieces(table, only) is not None)


def washes(table, pieces):
    """Whether a group both buys and sells at a loss, which the convex problem leaves to its caller to avoid."""
    return any(table.buys[pieces[g]].any() and table.sells_loss[pieces[g]].any() for g in table.groups)


def test_the_trade_obeys_its_rows_and_its_pieces(random_case):
    for seed in SEEDS:
        snapshot, market, settings, locks = random_case(seed)
        problem = build_problem(snapshot, market, settings, locks=locks)
        found = search(problem)
        if found is None:
            continue
        table, u = found.table, found.trade
        assert (u >= table.lo[found.pieces] - 1e-12).all()
        assert (u <= table.hi[found.pieces] + 1e-12).all()
        chains = chosen_chains(table, found.pieces)
        fill, left = np.zeros(len(chains.col)), u - chains.start
        for k, (column, length) in enumerate(zip(chains.col, chains.length, strict=True)):
            fill[k] = min(max(left[column], 0.0), length)
            left[column] -= length
        rows = chains.rows + chains.rates @ fill
        assert (rows <= table.hi_rows + NO_SLACK).all()
        assert (rows >= table.lo_rows - NO_SLACK).all()
        if found.sold is None:
            assert found.objective == pytest.approx(objective(table, found.pieces, u))
