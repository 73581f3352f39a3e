"""Which portfolios try a risk model? Some without pattern, and some that the model itself takes for safe."""

from typing import Final

import numpy as np

from engine.domain.market import Array, RiskModel

OF_EACH_KIND: Final = 20
LEFT_OUT: Final = 6  # a following portfolio lacks every sixth name


def patternless(count: int) -> list[Array]:
    """Return active portfolios that sum to zero, spread evenly by irrational steps: fixed, and patternless enough."""
    if count < 2:
        return []
    order = np.arange(1, count + 1)
    waves = [np.sin(order * np.sqrt(2.0 + 7.0 * p) * 10.0) for p in range(1, OF_EACH_KIND + 1)]
    level = [wave - wave.mean() for wave in waves]
    return [wave / np.abs(wave).sum() for wave in level]


def following(model: RiskModel, usable: np.ndarray) -> list[Array]:
    """Return active portfolios that follow the mean of all names without some, with the least predicted tracking error.

    They lean on whatever the model takes for safe, as an optimised portfolio does, so its optimism shows in them
    (Shepard 2009). Solved by the Woodbury identity in time linear in names.
    """
    count = len(usable)
    if count < LEFT_OUT:
        return []
    found = []
    for p in range(OF_EACH_KIND):
        out = np.sin(np.arange(1, count + 1) * np.sqrt(3.0 + 5.0 * p) * 7.0)
        gone = np.zeros(count, bool)
        gone[np.argsort(out)[: count // LEFT_OUT]] = True
        loadings = model.exposures[usable]
        pull = loadings[~gone] @ (model.factor_covariance @ (loadings[gone].sum(axis=0) / -count))
        solved = _inverse_times(
            loadings[~gone],
            model.factor_covariance,
            model.specific_variance[usable][~gone],
            np.column_stack([-pull, np.ones(len(pull))]),
        )
        active = np.where(gone, -1.0 / count, 0.0)
        active[~gone] = solved[:, 0] - solved[:, 1] * (active.sum() + solved[:, 0].sum()) / solved[:, 1].sum()
        found.append(active)
    return found


def _inverse_times(loadings: Array, factor_covariance: Array, specific: Array, right: Array) -> Array:
    """Return (F Omega F' + D)^-1 times some columns."""
    scaled = loadings / specific[:, None]
    inner = np.eye(len(factor_covariance)) + factor_covariance @ (loadings.T @ scaled)
    plain = right / specific[:, None]
    correction: Array = plain - scaled @ np.linalg.solve(inner, factor_covariance @ (loadings.T @ plain))
    return correction
