"""Newton's method on the prices ends at the optimum to rounding, or says that it does not."""

from dataclasses import replace

import numpy as np
import pytest

from engine.plan.polish import polish
from tests.engine.plan.test_interior_point import Chain, random_chain

STEPS = 24
EXACT = 1e-10


def polished(chain, price, *, near=None, start=None):
    """What Newton's method makes of these prices: (whether it converged, u, prices, fill). A singular step is a no."""
    columns = len(chain.factors)
    start = np.zeros(columns) if start is None else start
    matrix = np.ascontiguousarray(np.hstack([chain.factors, chain.straight.T]))
    rows = chain.k + len(chain.straight)
    try:
        return polish(
            np.searchsorted(chain.col, np.arange(columns + 1)), start, chain.length, chain.gradient, chain.curvature,
            np.ascontiguousarray(chain.bent), chain.offset[rows:].copy(), matrix, chain.offset[: chain.k].copy(),
            chain.k, chain.lo - np.concatenate([chain.offset[chain.k : rows], np.zeros(len(chain.bent))]),
            chain.hi - np.concatenate([chain.offset[chain.k : rows], np.zeros(len(chain.bent))]),
            price, start if near is None else near, STEPS,
        )  # fmt: skip
    except np.linalg.LinAlgError:
        return False, start, price, np.zeros(len(chain.col))


def curved(seed, **shape):
    """A chain that is convex for any small price: all segments have curvature, each is steeper than the one before."""
    rng = np.random.default_rng(seed)
    chain = random_chain(rng, **shape)
    chain.curvature[:] = rng.uniform(0.05, 3.0, len(chain.factors))[chain.col]
    chain.bent[:] = rng.normal(0, 1, (len(chain.bent), len(chain.factors)))[:, chain.col]
    for j in range(1, len(chain.col)):
        if chain.col[j] == chain.col[j - 1]:
            ends = chain.gradient[j - 1] + chain.curvature[j - 1] * chain.length[j - 1]
            chain.gradient[j] = ends + rng.choice([0.0, 1.0]) * rng.uniform(0.01, 0.1)
            chain.bent[:, j] = chain.bent[:, j - 1] + (0.01 if chain.gradient[j] > ends else 0.0)
    inside = chain.rows(chain.length * 0.5)
    width = chain.hi - chain.lo
    chain.lo, chain.hi = inside - width * 0.3, inside + width * 0.7
    return chain


def conditions(chain, fill, price):
    """By how much a filling and prices miss each condition of optimality (Karush, Kuhn and Tucker)."""
    k = chain.k
    y = chain.offset[:k] + chain.rates[:k] @ fill
    rows, p = chain.rows(fill), price[k:]
    slope = chain.gradient + chain.curvature * fill + chain.rates.T @ price
    empty, full = fill <= 0, fill >= chain.length
    unbalanced = np.where(empty, np.maximum(-slope, 0), np.where(full, np.maximum(slope, 0), np.abs(slope)))
    idle = np.where(p > 0, np.abs(rows - chain.hi), np.where(p < 0, np.abs(rows - chain.lo), 0.0))
    return {
        "factor prices": np.abs(y - price[:k]).max(initial=0),
        "segments in balance": unbalanced.max(initial=0),
        "rows obeyed": max(0.0, (rows - chain.hi).max(initial=0), (chain.lo - rows).max(initial=0)),
        "a price only where a row binds": idle.max(initial=0),
        "within segments": max(0.0, (-fill).max(initial=0), (fill - chain.length).max(initial=0)),
    }


def assert_optimal(chain, fill, price):
    scale = 1.0 + np.abs(price).max(initial=0)
    missed = conditions(chain, fill, price)
    assert {rule: amount for rule, amount in missed.items() if amount > EXACT * scale} == {}


def near_the_optimum(chain):
    steps, t, price, _ = chain.solve()
    assert steps >= 0
    return price, np.bincount(chain.col, weights=t, minlength=len(chain.factors))


@pytest.mark.parametrize("seed", range(60))
def test_from_prices_nearly_right_it_meets_every_condition_of_optimality(seed):
    rng = np.random.default_rng(seed)
    chain = curved(seed, columns=int(rng.integers(8, 30)), k=int(rng.integers(0, 6)), bent=int(rng.integers(0, 2)))
    price, near = near_the_optimum(chain)

    converged, u, price, fill = polished(chain, price, near=near)

    assert converged
    assert_optimal(chain, fill, price)
    assert u == pytest.approx(np.bincount(chain.col, weights=fill, minlength=len(u)), abs=1e-12)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("shape", [{}, {"k": 0}, {"columns": 3, "k": 20}, {"straight": 0, "bent": 0}])
def test_from_any_prices_it_ends_at_the_optimum_or_says_that_it_does_not(seed, shape):
    chain = curved(seed, **shape)
    rng = np.random.default_rng(seed)

    converged, _, price, fill = polished(chain, rng.normal(0, rng.choice([0.0, 0.01, 1.0]), chain.k + len(chain.lo)))

    if converged:
        assert_optimal(chain, fill, price)


def test_from_prices_well_off_it_gets_there_more_often_than_not():
    """Full steps alone, which may make less of what the prices prove, get there from 1 of 25 of these starts."""
    starts, reached = 0, 0
    for seed in range(100):
        chain = curved(seed, columns=20, straight=3, bent=1)
        steps, _, price, _ = chain.solve()
        if steps < 0:
            continue
        off = np.random.default_rng(seed).normal(0, 0.1, len(price))

        converged, _, price, fill = polished(chain, price + off)

        starts, reached = starts + 1, reached + converged
        if converged:
            assert max(conditions(chain, fill, price).values()) <= 1e-9
    assert reached > starts / 2 > 30


@pytest.mark.parametrize("seed", range(20))
def test_it_never_says_that_rows_out_of_reach_are_met(seed):
    chain = curved(seed, bent=0)
    reach = np.abs(chain.straight[:, chain.col]) @ chain.length
    beyond = replace(chain, lo=chain.lo + 2 * reach, hi=chain.hi + 2 * reach)

    converged, _, _, _ = polished(beyond, np.random.default_rng(seed).normal(0, 1, chain.k + len(chain.lo)))

    assert not converged


@pytest.mark.parametrize("seed", range(20))
def test_a_row_held_to_one_value_has_that_value(seed):
    chain = curved(seed, bent=0)
    price, near = near_the_optimum(chain)
    middle = chain.rows(chain.length / 2)[0]
    chain.lo[0] = chain.hi[0] = middle
    loose = replace(chain, lo=chain.lo - np.array([5e-9, 0]), hi=chain.hi + np.array([5e-9, 0]))
    steps, _, price, _ = loose.solve()
    if steps < 0 or not np.isfinite(price).all():
        pytest.skip("the other row leaves no room for this one")

    converged, _, price, fill = polished(chain, price, near=near)

    if converged:
        assert chain.rows(fill)[0] == pytest.approx(middle, abs=1e-10)
        assert_optimal(chain, fill, price)


@pytest.mark.parametrize("seed", range(30))
def test_columns_without_curvature_move_freely_between_their_ends(seed):
    """Such as slack that is for sale: one segment, at a price."""
    rng = np.random.default_rng(seed)
    chain = curved(seed, columns=10, bent=0, straight=3)
    straight = chain.straight
    columns, m = len(chain.factors), len(chain.lo)
    chain = Chain(
        col=np.append(chain.col, columns + np.arange(m)),
        length=np.append(chain.length, np.full(m, 5.0)),
        gradient=np.append(chain.gradient, rng.uniform(0.1, 2.0, m)),
        curvature=np.append(chain.curvature, np.zeros(m)),
        factors=np.vstack([chain.factors, np.zeros((m, chain.k))]),
        straight=np.hstack([straight, np.eye(m)]),
        offset=chain.offset,
        lo=chain.lo + 0.3,
        hi=chain.hi + 0.3,
    )
    price, near = near_the_optimum(chain)

    converged, _, price, fill = polished(chain, price, near=near)

    if converged:
        assert_optimal(chain, fill, price)


def test_the_optimum_by_hand():
    # (u - 1)^2 / 2 + u^2 / 2 is least at 1/2, and 3/4 where it has to be that at least; see test_interior_point.
    one = {"col": np.zeros(1, int), "length": np.array([2.0]), "gradient": np.zeros(1), "curvature": np.ones(1)}
    free = Chain(**one, factors=np.ones((1, 1)), offset=np.array([-1.0]))
    held = Chain(
        **one, factors=np.ones((1, 1)), straight=np.ones((1, 1)), offset=np.array([-1.0, 0.0]), lo=np.array([0.75]),
        hi=np.array([np.inf]),
    )  # fmt: skip

    converged, u, price, _ = polished(free, np.array([-0.4]))
    met, kept, prices, _ = polished(held, np.array([-0.3, -0.4]))

    assert (converged, met) == (True, True)
    assert (*u, *price) == pytest.approx((0.5, -0.5), abs=1e-14)
    assert (*kept, *prices) == pytest.approx((0.75, -0.25, -0.5), abs=1e-14)
