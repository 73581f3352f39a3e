"""Where do the made-up accounts live? A factor-model market with its price paths, the same for the same seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.identifiers import ModelId, SecurityId
from engine.domain.market import Array, Mark, MarketSnapshot, Model, RiskModel, Security

AS_OF: Final = date(2026, 11, 20)
SECTORS: Final = 11
MODEL: Final = ModelId("M")
_DAYS_A_YEAR: Final = 365
_SHOCK_DAYS: Final = 60


@dataclass(frozen=True, kw_only=True)
class World:
    """path (steps, n): prices from dates[0] to AS_OF; weights (n,): of the model, largest first."""

    market: MarketSnapshot
    dates: tuple[date, ...]
    path: Array
    weights: Array

    @property
    def ids(self) -> Sequence[SecurityId]:
        return self.market.risk.security_ids


def made_world(
    rng: np.random.Generator,
    *,
    names: int,
    factors: int,
    days: int,
    step_days: int = 1,
    drift: float = 0.0,
    shock: float = 0.0,
) -> World:
    """Return a market whose prices follow its own risk model: one beta, 11 sectors, and styles for the other factors.

    drift: of the market, a year. shock: what the market gains in the last 60 days on top, as a fraction.
    """
    ids = [SecurityId(f"S{i:04d}") for i in range(names)]
    sector = np.arange(names) % SECTORS
    exposures = np.column_stack([np.clip(rng.normal(1, 0.25, names), 0.3, 2), rng.normal(0, 1, (names, factors - 1))])
    for k in range(min(SECTORS, factors - 1)):
        exposures[:, k + 1] = sector == k
    volatility = np.concatenate([[0.16], np.full(factors - 1, 0.05)])
    volatility[1 + SECTORS :] = 0.015
    specific = np.exp(rng.normal(np.log(0.24), 0.3, names))
    weights = np.sort(rng.lognormal(0, 1.2, names))[::-1]
    weights = np.round(weights / weights.sum(), 8)
    weights[0] = round(1 - weights[1:].sum(), 8)

    steps = days // step_days
    year = step_days / _DAYS_A_YEAR
    moves = rng.normal(0, volatility * np.sqrt(year), (steps, factors)) @ exposures.T
    moves += rng.normal(0, specific * np.sqrt(year), (steps, names)) + drift * year
    shaken = max(min(_SHOCK_DAYS // step_days, steps), 1)
    moves[-shaken:] += np.log1p(shock) / shaken * exposures[:, 0]
    path = rng.uniform(20, 400, names) * np.exp(np.cumsum(moves - np.var(moves, axis=0) / 2, axis=0))
    market = MarketSnapshot(
        as_of=AS_OF,
        securities={
            name: Security(security_id=name, ticker=name, name=name, sector=f"Sector {sector[i]:02d}")
            for i, name in enumerate(ids)
        },
        marks={name: Mark(price=Decimal(f"{path[-1, i]:.2f}"), on=AS_OF) for i, name in enumerate(ids)},
        models={
            MODEL: Model(
                model_id=MODEL, weights=tuple((n, Decimal(f"{w:.8f}")) for n, w in zip(ids, weights, strict=True))
            )
        },
        substitutes=(),
        risk=RiskModel(
            security_ids=tuple(ids),
            factors=tuple(f"f{k}" for k in range(factors)),
            exposures=exposures,
            factor_covariance=np.diag(volatility**2),
            specific_variance=specific**2,
        ),
    )
    dates = tuple(AS_OF - timedelta(days=step_days * (steps - 1 - d)) for d in range(steps))
    return World(market=market, dates=dates, path=path, weights=weights)
