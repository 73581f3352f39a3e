"""Segments left out of a program are those that its optimum leaves full or empty anyway."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.families import FAMILIES, instances
from engine.plan.convex import relaxed_optimum
from engine.plan.envelope import relaxed_chains
from engine.plan.pieces import piece_table
from engine.plan.screening import guessed_prices, screened, slopes, whole, wrongly_left_out
from engine.plan.statement import stated

NAMES = [family.name for family in FAMILIES]


@pytest.fixture(scope="module", params=NAMES)
def chains(request):
    family = next(family for family in FAMILIES if family.name == request.param)
    [instance] = instances(family, names=120, factors=10, count=1)
    table = piece_table(instance.problem())
    return relaxed_chains(table, np.ones(len(table.col), dtype=bool), np.zeros(len(table.lo_rows)))


def at(chains, fill):
    table = chains.table
    trade = chains.start + np.bincount(chains.col, weights=fill, minlength=table.columns)
    y = table.y0 + table.exposures[: table.columns].T @ trade
    return float(y @ y / 2 + chains.gradient @ fill + chains.curvature @ (fill * fill) / 2)


def test_the_optimum_is_the_one_that_clarabel_finds_with_every_segment(chains):
    fill, _, _ = stated(chains.table, chains)

    found = relaxed_optimum(chains.table, chains)

    assert at(chains, found.fill) == pytest.approx(at(chains, fill), abs=1e-6)


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.9, 1.0, 1.5])
def test_wherever_prices_start_the_optimum_is_the_one_that_clarabel_finds(chains, factor):
    fill, _, _ = stated(chains.table, chains)
    right = relaxed_optimum(chains.table, chains)
    near = replace(right, factor_price=factor * right.factor_price, row_price=factor * right.row_price)

    found = relaxed_optimum(chains.table, chains, near=near)

    assert at(chains, found.fill) == pytest.approx(at(chains, fill), abs=1e-6)


def test_at_the_right_prices_nothing_is_left_out_wrongly(chains):
    found = relaxed_optimum(chains.table, chains)
    slope = slopes(chains, found.factor_price, found.row_price)

    part = screened(chains, slope, 1e-3)

    assert part is not None
    assert len(part.kept) < len(slope) / 2
    assert wrongly_left_out(chains, part, slope) is None


def test_a_segment_left_empty_that_would_be_filled_is_named(chains):
    found = relaxed_optimum(chains.table, chains)
    slope = slopes(chains, found.factor_price, found.row_price)
    part = screened(chains, slope, 1e-3)
    empty = np.flatnonzero(~part.full & ~np.isin(np.arange(len(slope)), part.kept))[0]
    full = np.flatnonzero(part.full)[0]
    slope[empty], slope[full] = -1e-3, 1e-3

    assert set(np.flatnonzero(wrongly_left_out(chains, part, slope))) == {empty, full}


def test_rows_reach_from_the_least_to_the_most_that_segments_can_add(chains):
    frame, everything = chains.table.frame, whole(chains)
    rates = np.where(chains.length > 0, chains.rates * chains.length, 0.0)

    assert everything.lowest == pytest.approx((chains.rows + np.minimum(rates, 0).sum(axis=1))[frame.order], abs=1e-9)
    assert everything.highest == pytest.approx((chains.rows + np.maximum(rates, 0).sum(axis=1))[frame.order], abs=1e-9)


def test_guessed_prices_bring_rows_missed_by_far_into_reach(chains):
    """With each segment filled as its own slope asks, a guess is on the side of the limit that a price has to be."""
    frame, table = chains.table.frame, chains.table
    prices = guessed_prices(chains)

    for r, row in enumerate(frame.bent):
        alone = chains.gradient + prices[:r] @ chains.bent_rates[:r]
        with np.errstate(divide="ignore", invalid="ignore"):
            inner = np.where(chains.curvature > 0, -alone / chains.curvature, np.where(alone < 0, np.inf, 0.0))
        free = chains.bent_start[r] + chains.bent_rates[r] @ np.clip(inner, 0.0, chains.length)
        if free > table.hi_rows[row] + 0.01:
            assert prices[r] > 0
        elif free < table.lo_rows[row] - 0.01:
            assert prices[r] < 0
        else:
            assert prices[r] == 0
