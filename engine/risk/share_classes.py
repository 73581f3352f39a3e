"""How nearly are share classes of one company the same? A factor for each company, in what other factors leave."""

from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.risk.returns import DailyReturns

MIN_COMMON_DAYS: Final = 60
MIN_CORRELATION: Final = 0.5  # of what other factors leave: below it the names are no twins, whatever their group says
MAX_CORRELATION: Final = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareClasses:
    """loadings: (n, g) on a factor of daily variance 1 for each group; specific: (n,) daily, nan outside the groups."""

    groups: tuple[str, ...]
    loadings: Array
    specific: Array


def share_classes(returns: DailyReturns, weights: Array, risky: Array, exposures: Array, own: Array) -> ShareClasses:
    """Return a factor for each group whose names move together beyond all other factors.

    risky: exposures @ covariance, (n, k) daily; own: (n,) the variance that factors leave of each name. Without it, a
    switch from one share class into another would look as risky as one between strangers.
    """
    members: dict[str, list[int]] = {}
    for row, group in enumerate(returns.groups):
        if group and own[row] > 0:
            members.setdefault(group, []).append(row)
    found: dict[str, float] = {}
    for group, rows in sorted(members.items()):
        pairs = [_correlation(returns.matrix, weights, (i, j), float(risky[i] @ exposures[j]), own)
                 for i, j in combinations(rows, 2)]  # fmt: skip
        if pairs and min(pairs) >= MIN_CORRELATION:
            found[group] = min(float(np.mean(pairs)), MAX_CORRELATION)
    loadings, specific = np.zeros((len(own), len(found))), np.full(len(own), np.nan)
    for column, (group, shared) in enumerate(found.items()):
        rows = members[group]
        loadings[rows, column] = np.sqrt(shared * own[rows])
        specific[rows] = (1.0 - shared) * own[rows]
    return ShareClasses(groups=tuple(found), loadings=loadings, specific=specific)


def _correlation(matrix: Array, weights: Array, pair: tuple[int, int], common: float, own: Array) -> float:
    """Return the correlation of what the factors leave of two names, 0 where they share too few days."""
    i, j = pair
    both = ~np.isnan(matrix[:, i]) & ~np.isnan(matrix[:, j])
    if both.sum() < MIN_COMMON_DAYS:
        return 0.0
    covariance = float(weights[both] @ (matrix[both, i] * matrix[both, j])) / float(weights[both].sum())
    return (covariance - common) / float(np.sqrt(own[i] * own[j]))
