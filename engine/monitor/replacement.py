"""What could stand in for a name that may not be bought for a month? The securities that follow it most closely."""

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from engine.domain.identifiers import SecurityId
from engine.domain.market import MarketSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """A security in another's place, by the risk model; correlation is that of their returns.

    tracking_error: annual, of one against the other; factor_distance: the part of it that factors make. named_rank: its
    place in the firm's own list of substitutes, None where it is not on it.
    """

    security_id: SecurityId
    tracking_error: float
    correlation: float
    factor_distance: float
    same_sector: bool
    named_rank: int | None


def replacements(
    security_id: SecurityId, market: MarketSnapshot, *, barred: Collection[SecurityId] = (), most: int = 5
) -> tuple[Replacement, ...]:
    """Return the securities that stand in for one best, its own identical group left out; best first.

    First those that the firm itself named, by their rank; then its own sector, and within each the least tracking error
    of one against the other. By tracking error alone a calm company of another trade would pass for alike.

    With exposures F, factor covariance O and specific variances D, holding j for i makes a variance of
    (F_i - F_j) O (F_i - F_j)' + D_i + D_j. barred: securities that may not be bought. Only what is priced, tradable and
    in the risk model is proposed; nothing for a security that the model does not know.
    """
    risk, own = market.risk, market.securities.get(security_id)
    if own is None or security_id not in risk.position:
        return ()
    at = risk.position[security_id]
    named = {one.substitute_id: one.rank for one in market.substitutes if one.security_id == security_id}
    candidates = [
        (other, risk.position[name])
        for name, other in market.securities.items()
        if name in risk.position
        and name in market.marks
        and market.marks[name].price > 0
        and other.group != own.group
        and other.tradable is not False
        and name not in barred
    ]
    if not candidates:
        return ()
    rows = np.array([row for _, row in candidates])
    apart = risk.exposures[rows] - risk.exposures[at]
    by_factors = np.einsum("ik,kl,il->i", apart, risk.factor_covariance, apart)
    variance = by_factors + risk.specific_variance[rows] + risk.specific_variance[at]
    together = risk.exposures[rows] @ risk.factor_covariance @ risk.exposures[at]
    each = np.einsum("ik,kl,il->i", risk.exposures[rows], risk.factor_covariance, risk.exposures[rows])
    alone = float(risk.exposures[at] @ risk.factor_covariance @ risk.exposures[at] + risk.specific_variance[at])
    size = np.sqrt((each + risk.specific_variance[rows]) * alone)
    found = [
        Replacement(
            security_id=other.security_id,
            tracking_error=float(np.sqrt(max(variance[i], 0.0))),
            correlation=float(together[i] / size[i]) if size[i] > 0 else 0.0,
            factor_distance=float(np.sqrt(max(by_factors[i], 0.0))),
            same_sector=bool(own.sector) and other.sector == own.sector,
            named_rank=named.get(other.security_id),
        )
        for i, (other, _) in enumerate(candidates)
    ]
    return tuple(sorted(found, key=_preference)[:most])


def _preference(one: Replacement) -> tuple[float, bool, float, str]:
    rank = math.inf if one.named_rank is None else one.named_rank
    return rank, not one.same_sector, one.tracking_error, one.security_id
