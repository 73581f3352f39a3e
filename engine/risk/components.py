"""What moves together in what market and sectors leave? Principal components that stand above pure noise."""

from typing import Final

import numpy as np
from scipy.optimize import minimize_scalar

from engine.domain.market import Array

MAX_COMPONENTS: Final = 10
MIN_NAMES: Final = 4  # of fewer, nothing can be said to move together
NOISE_MARGIN: Final = 1.02  # over the edge of noise, for the sampling of the largest eigenvalue itself
CALM_DAYS: Final = 21  # over which a day's wildness is averaged


def components(left: Array, seen: np.ndarray, weights: Array, usable: np.ndarray) -> tuple[Array, Array]:
    """Return loadings (n, k) and variances (k,) of the principal components of returns that are not noise.

    left: (days, n), 0 where not seen; weights: of the days, they sum to 1; usable: (n,) names with enough history. Each
    day is first divided by its own wildness: common bursts of volatility would look like factors. Variances are shrunk
    for Frobenius loss (Donoho, Gavish & Johnstone 2018); the loadings of names with gaps are those of a regression on
    the days that they have, shrunk by its error.
    """
    calm, variance, plain = _calmed(left, seen, weights)
    names = np.flatnonzero(usable & (variance > 0))
    empty = np.zeros((left.shape[1], 0)), np.zeros(0)
    if len(names) < MIN_NAMES:
        return empty
    sigma = np.sqrt(variance[names])
    scaled = calm[:, names] / sigma * np.sqrt(weights)[:, None]
    values, vectors = _largest(scaled)
    ratio = len(names) * float(weights @ weights)  # names per day of evidence
    least = NOISE_MARGIN * noise_edge(weights, len(names))
    chosen = [k for k in range(len(values)) if values[k] > least]
    if not chosen:
        return empty
    top, vectors = values[chosen], vectors[:, chosen]
    half = top + 1.0 - ratio
    spike = (half + np.sqrt(np.maximum(half**2 - 4.0 * top, 0.0))) / 2.0  # what the sample eigenvalue stands for
    cosine = np.clip((1.0 - ratio / (spike - 1.0) ** 2) / (1.0 + ratio / (spike - 1.0)), 0.0, 1.0)
    power = seen[:, names].T @ (scaled @ vectors) ** 2 / top  # (m, k) share of each component that a name was there for
    loadings = np.zeros((left.shape[1], len(chosen)))
    loadings[names] = vectors * np.sqrt(plain[names])[:, None] / (1.0 - cosine * (1.0 - power))
    loadings *= np.where(loadings.sum(axis=0) < 0, -1.0, 1.0)  # an eigenvector's sign is arbitrary
    return loadings, (spike - 1.0) * cosine


def noise_edge(weights: Array, names: int) -> float:
    """Return the largest eigenvalue that the weighted covariance of independent unit noise has, with many names.

    It is min over 0 < u < 1 / (n max w) of 1/u + sum w / (1 - n w u); with equal weights (1 + sqrt(n / days))^2.
    Source: Marchenko & Pastur 1967; Silverstein & Choi 1995.
    """
    top = 1.0 / (names * float(weights.max()))
    found = minimize_scalar(
        lambda u: 1.0 / u + float((weights / (1.0 - names * weights * u)).sum()),
        bounds=(1e-9 * top, (1.0 - 1e-9) * top),
        method="bounded",
    )
    return float(found.fun)


def _calmed(left: Array, seen: np.ndarray, weights: Array) -> tuple[Array, Array, Array]:
    """Return the returns with the wildness of their days taken out, and each name's variance then and before."""
    mass = np.maximum(weights @ seen, 1e-300)
    variance = weights @ (left * left) / mass
    moving = variance > 0
    square = (left[:, moving] ** 2 / variance[moving]).sum(axis=1)
    window = np.ones(CALM_DAYS)
    around = len(left) + CALM_DAYS // 2
    square, count = (np.convolve(x, window)[CALM_DAYS // 2 : around] for x in (square, seen[:, moving].sum(axis=1)))
    wild = np.where((square > 0) & (count > 0), square / np.maximum(count, 1), 1.0)
    calm = left / np.sqrt(wild)[:, None]
    return calm, weights @ (calm * calm) / mass, variance


def _largest(scaled: Array) -> tuple[Array, Array]:
    """Return the largest eigenvalues of scaled' scaled, largest first, and their vectors, by the smaller way."""
    days, names = scaled.shape
    values, vectors = np.linalg.eigh(scaled.T @ scaled if names <= days else scaled @ scaled.T)
    values, vectors = values[::-1][:MAX_COMPONENTS], vectors[:, ::-1][:, :MAX_COMPONENTS]
    if names > days:
        vectors = scaled.T @ vectors / np.sqrt(np.maximum(values, 1e-300))
    return values, vectors
