"""The nearest whole steps that keep every row, against trying all of them."""

from itertools import product

import numpy as np
import pytest

from engine.plan.share_program import Steps, nearest_steps


def steps(**changes):
    given = {
        "step": np.array([0.01, 0.02]),
        "low": np.array([0.0, -5.0]),
        "high": np.array([10.0, 0.0]),
        "wanted": np.array([0.034, -0.05]),
        "base": np.zeros(1),
        "rates": np.ones((1, 2)),
        "lo": np.array([-0.001]),
        "hi": np.array([0.001]),
    }
    return Steps(**{**given, **changes})


def test_by_hand():
    # u1 + u2 must be 0 within 0.001, in steps of 0.01 and 0.02: (4, -2) is 0.006 + 0.01 away from what is wanted, the
    # others more.
    assert nearest_steps(steps()).tolist() == [4.0, -2.0]


def test_nothing_is_found_where_no_steps_will_do():
    assert nearest_steps(steps(lo=np.array([0.003]), hi=np.array([0.007]))) is None


@pytest.mark.parametrize("seed", range(20))
def test_against_every_combination(seed):
    rng = np.random.default_rng(seed)
    n, m = 4, 3
    step = rng.uniform(0.005, 0.02, n)
    low, high = -rng.integers(0, 4, n).astype(float), rng.integers(0, 4, n).astype(float)
    wanted = step * rng.uniform(low, high)
    rates, base = rng.normal(0, 1, (m, n)), rng.normal(0, 0.01, m)
    middle = base + rates @ wanted
    problem = Steps(
        step=step, low=low, high=high, wanted=wanted, base=base, rates=rates, lo=middle - 0.01, hi=middle + 0.01
    )

    found = nearest_steps(problem)

    options = [np.array(c) for c in product(*(np.arange(a, b + 1) for a, b in zip(low, high, strict=True)))]
    obeying = [c for c in options if (np.abs(base + rates @ (step * c) - middle) <= 0.01).all()]
    away = [np.abs(step * c - wanted).sum() for c in obeying]
    if not obeying:
        assert found is None
        return
    assert (np.abs(base + rates @ (step * found) - middle) <= 0.01).all()
    assert np.abs(step * found - wanted).sum() <= 1.01 * min(away) + 1e-9
