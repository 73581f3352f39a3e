"""Which factors move daily returns, and how much is each name's own? Market, sectors, what stands out of the rest."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.linalg import block_diag

from engine.domain.market import Array, RiskModel
from engine.risk.components import components
from engine.risk.returns import DailyReturns
from engine.risk.share_classes import ShareClasses, share_classes

HALF_LIFE_YEARS: Final = 1.0  # yesterday counts twice as much as a day one year back
REGIME_HALF_LIFE_YEARS: Final = 0.25  # for how wild the market as a whole is
SHORT_HISTORY_DAYS: Final = 60  # a name with fewer keeps market and sector only
MIN_SECTOR_NAMES: Final = 4  # the mean of fewer names is mostly their own noise
MIN_SPECIFIC_SHARE: Final = 0.05  # of a name's total variance: no name is all factor
CAUTIOUS_QUANTILE: Final = 0.8  # where the specific variance of a short history is placed among all others
PRIOR_DAYS: Final = 40.0  # the weight, in days, of the typical name in each specific variance
SECTOR_PREFIX: Final = "sector:"
STATISTICAL_PREFIX: Final = "statistical:"
COMPANY_PREFIX: Final = "company:"


def fit_factors(returns: DailyReturns) -> RiskModel:
    """Return the factor model of daily returns, annual variances, without a word on its quality.

    Market is the equal-weighted mean return and sectors are means of what it leaves; betas to both are shrunk towards
    their mean by their own sampling error (Vasicek 1973). Statistical factors are principal components of the rest
    that stand above pure noise. Share classes of one company share a factor. Recent days weigh more, and all variances
    are scaled by how wild the last quarter was against the years (Menchero, Orr & Wang 2011). See docs/risk-model.md.
    """
    seen = ~np.isnan(returns.matrix)
    values = np.where(seen, returns.matrix, 0.0)
    weights = _recency(len(values), HALF_LIFE_YEARS * returns.per_year)
    mass = np.maximum(weights @ seen, 1e-300)
    effective = seen.T @ weights / np.maximum(seen.T @ weights**2, 1e-300)  # (n,) days' worth of evidence

    market = _mean_of(values, seen)
    beta, left = _explain(values, seen, weights, market[:, None], np.ones((values.shape[1], 1), bool), effective)
    sectors, member = _sector_members(returns)
    sector_returns = np.column_stack(
        [_mean_of(left[:, member[:, s]], seen[:, member[:, s]]) for s in range(len(sectors))]
        or [np.zeros((len(values), 0))]
    )
    sector_beta, left = _explain(left, seen, weights, sector_returns, member, effective)

    residual_variance = weights @ (left * left) / mass
    noise = _averaging_noise(residual_variance, member)
    observable = _covariance(np.column_stack([market, sector_returns]), weights, noise)
    long_enough = seen.sum(axis=0) >= SHORT_HISTORY_DAYS
    loadings, variances = components(left, seen, weights, long_enough)

    exposures = np.column_stack([beta, sector_beta, loadings])
    covariance = block_diag(observable, np.diag(variances))
    total = weights @ (values * values) / mass
    common = np.einsum("ik,kl,il->i", exposures, covariance, exposures)
    specific = _specific(total, common, effective, long_enough)
    classes = share_classes(returns, weights, exposures @ covariance, exposures, np.maximum(total - common, 0.0))
    scale = _regime(values, seen, total, weights, REGIME_HALF_LIFE_YEARS * returns.per_year) * returns.per_year
    return RiskModel(
        security_ids=returns.security_ids,
        factors=_names(sectors, len(variances), classes),
        exposures=np.column_stack([exposures, classes.loadings]),
        factor_covariance=block_diag(covariance, np.eye(len(classes.groups))) * scale,
        specific_variance=np.where(np.isnan(classes.specific), specific, classes.specific) * scale,
    )


def _recency(days: int, half_life: float) -> Array:
    """Return the weight of each day, the newest last; they sum to 1."""
    weights: Array = 0.5 ** (np.arange(days)[::-1] / half_life)
    return np.asarray(weights / max(weights.sum(), 1e-300))


def _regime(values: Array, seen: np.ndarray, total: Array, weights: Array, half_life: float) -> float:
    """Return how many times the usual variance the recent past had, over all names with a variance."""
    moving = total > 0
    if not moving.any():
        return 1.0
    known = seen[:, moving]
    wildness = (values[:, moving] ** 2 / total[moving]).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    recent = _recency(len(values), half_life)
    return float(recent @ wildness) / max(float(weights @ wildness), 1e-300)


def _names(sectors: Sequence[str], statistical: int, classes: ShareClasses) -> tuple[str, ...]:
    return (
        "market",
        *(SECTOR_PREFIX + sector for sector in sectors),
        *(f"{STATISTICAL_PREFIX}{k + 1}" for k in range(statistical)),
        *(COMPANY_PREFIX + group for group in classes.groups),
    )


def _mean_of(values: Array, seen: np.ndarray) -> Array:
    """Return each day's mean over the names that have a return on it."""
    mean: Array = (values * seen).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return mean


def _sector_members(returns: DailyReturns) -> tuple[tuple[str, ...], np.ndarray]:
    names = sorted({sector for sector in returns.sectors if sector})
    large = tuple(name for name in names if returns.sectors.count(name) >= MIN_SECTOR_NAMES)
    member = np.array([[sector == name for name in large] for sector in returns.sectors], dtype=bool)
    return large, member.reshape(len(returns.sectors), len(large))


def _explain(
    values: Array, seen: np.ndarray, weights: Array, factors: Array, member: np.ndarray, effective: Array
) -> tuple[Array, Array]:
    """Return shrunk betas (n, f) of each member to each factor, and what the factors leave of the returns.

    Each beta is drawn towards 1, the mean of its factor's members by construction, by the share of its sampling
    variance in the spread of all betas: a name with a short history gets a beta near 1.
    """
    betas = np.zeros((values.shape[1], factors.shape[1]))
    left = values.copy()
    for k in range(factors.shape[1]):
        names = np.flatnonzero(member[:, k])
        factor = factors[:, k]
        power = (weights * factor**2) @ seen[:, names]
        raw = (weights * factor) @ values[:, names] / np.maximum(power, 1e-300)
        rest = values[:, names] - np.outer(factor, raw) * seen[:, names]
        mass = np.maximum(weights @ seen[:, names], 1e-300)
        error = (weights @ rest**2 / mass) / np.maximum(power / mass * effective[names], 1e-300)
        error = np.where(power > 0, error, np.inf)
        solid = power > 0
        spread = max(float(np.mean((raw[solid] - 1.0) ** 2 - error[solid])), 0.01) if solid.any() else 0.01
        trust = spread / (spread + error)
        betas[names, k] = 1.0 + trust * (raw - 1.0)
        left[:, names] -= np.outer(factor, betas[names, k]) * seen[:, names]
    return betas, left


def _averaging_noise(residual_variance: Array, member: np.ndarray) -> Array:
    """Return how much of the variance of the market and of each sector is their own names' specific risk averaged.

    Left in, it would count that risk as common, and understate the tracking error of a small universe. What a mean of k
    names leaves of each of them has (1 - 1/k) of its specific variance.
    """
    counts = member.sum(axis=0)
    smallest_group = np.where(member.any(axis=1), member @ counts, len(member))
    own = residual_variance / (1.0 - 1.0 / np.maximum(smallest_group, 2))
    market = own.mean() / len(own)
    sectors = [max(own[member[:, s]].mean() / count - market, 0.0) for s, count in enumerate(counts)]
    return np.array([market, *sectors])


def _covariance(factors: Array, weights: Array, noise: Array) -> Array:
    """Return the covariance of observable factors, correlations shrunk to 0 and diagonals freed of averaging noise."""
    sample = (factors * weights[:, None]).T @ factors
    effective = 1.0 / float(weights @ weights)
    shrink = min(1.0, len(sample) / effective)
    variance = np.diag(sample)
    scale = np.sqrt(np.clip((variance - noise) / np.maximum(variance, 1e-300), 0.05, 1.0))
    mixed = (1.0 - shrink) * sample + shrink * np.diag(variance)
    shrunk: Array = mixed * np.outer(scale, scale)
    return shrunk


def _specific(total: Array, common: Array, effective: Array, long_enough: np.ndarray) -> Array:
    """Return specific variances: what factors leave, drawn to the typical name; a cautious one for short histories."""
    raw = np.maximum(total - common, MIN_SPECIFIC_SHARE * np.maximum(total, common))
    known = raw[long_enough & (raw > 0)]
    if not known.size:
        return np.asarray(np.maximum(raw, raw.max(initial=0.0)))
    pull = PRIOR_DAYS / (PRIOR_DAYS + effective)
    drawn = np.exp((1.0 - pull) * np.log(np.maximum(raw, 1e-12)) + pull * np.log(np.median(known)))
    cautious = np.maximum(np.quantile(known, CAUTIOUS_QUANTILE), drawn)
    specific: Array = np.where(long_enough, drawn, cautious)
    return specific
