"""The edge of noise in closed form and against noise itself; components of more names than days."""

import numpy as np
import pytest

from engine.risk.components import components, noise_edge


@pytest.mark.parametrize(("days", "names"), [(756, 60), (756, 500), (250, 3000), (100, 100)])
def test_with_days_of_equal_weight_the_edge_is_that_of_marchenko_and_pastur(days, names):
    edge = noise_edge(np.full(days, 1 / days), names)

    assert edge == pytest.approx((1 + np.sqrt(names / days)) ** 2, rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_with_days_of_unequal_weight_the_largest_eigenvalue_of_noise_lies_at_the_edge(seed):
    """2,000 days, half-life 250, 1,000 names: fluctuations are of the order of 1,000 to the power of -2/3, 1 %."""
    weights = 0.5 ** (np.arange(2000) / 250)
    weights /= weights.sum()
    noise = np.random.default_rng(seed).normal(size=(2000, 1000)) * np.sqrt(weights)[:, None]
    largest = np.linalg.norm(noise, 2) ** 2

    assert largest == pytest.approx(noise_edge(weights, 1000), rel=0.02)


def test_a_factor_among_more_names_than_days_is_found_with_its_loadings_and_its_variance():
    """400 names, 250 days, a factor of half the variance of each: far above the edge."""
    dice = np.random.default_rng(1)
    true = dice.choice([-1.0, 1.0], 400) * 0.01
    factor = dice.normal(size=250)
    returns = np.outer(factor, true) + dice.normal(0, 0.01, (250, 400))

    loadings, variances = components(returns, np.ones((250, 400), bool), np.full(250, 1 / 250), np.ones(400, bool))

    assert variances.shape == (1,)
    assert abs(np.corrcoef(loadings[:, 0], true)[0, 1]) > 0.95
    assert np.mean(loadings[:, 0] ** 2) * variances[0] == pytest.approx(0.01**2 * np.mean(factor**2), rel=0.1)


def test_of_three_names_nothing_is_said_to_move_together():
    returns = np.outer(np.random.default_rng(2).normal(size=250), [1.0, 1.0, 1.0])

    loadings, variances = components(returns, np.ones((250, 3), bool), np.full(250, 1 / 250), np.ones(3, bool))

    assert (loadings.shape, variances.shape) == ((3, 0), (0,))
