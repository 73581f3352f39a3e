"""Markets whose true risk is known: returns drawn from a planted factor model, written as prices."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal as D

import numpy as np
import pytest

from engine.domain.market import PriceHistory, Security
from engine.risk.estimate import estimate_risk

AS_OF = date(2026, 11, 20)
MARKET, SECTOR = 0.16, 0.08  # annual volatilities
DAY = np.sqrt(1 / 252)


@dataclass
class World:
    """Names in sectors of ten, betas of 0.6 to 1.4 around 1, specific volatilities of 20 to 40 %; style: annual."""

    seed: int
    days: int = 756
    names: int = 60
    in_sector: int = 10
    style: float = 0.0

    def __post_init__(self) -> None:
        dice = np.random.default_rng(self.seed)
        n, sectors = self.names, self.names // self.in_sector
        self.sector = np.arange(n) % sectors
        self.beta = dice.uniform(0.6, 1.4, n)
        self.beta /= self.beta.mean()
        member = np.eye(sectors)[self.sector] * dice.uniform(0.7, 1.3, n)[:, None]
        self.loading = np.where(np.arange(n) // sectors % 2, 1.0, -1.0)  # as many long as short in every sector
        self.specific = dice.uniform(0.2, 0.4, n)
        self.returns = DAY * (
            np.outer(dice.normal(0, MARKET, self.days), self.beta)
            + dice.normal(0, SECTOR, (self.days, sectors)) @ member.T
            + np.outer(dice.normal(0, self.style, self.days), self.loading)
            + dice.normal(0, 1, (self.days, n)) * self.specific
        )
        self.covariance = (
            MARKET**2 * np.outer(self.beta, self.beta)
            + SECTOR**2 * member @ member.T
            + self.style**2 * np.outer(self.loading, self.loading)
            + np.diag(self.specific**2)
        )

    def histories(self, first=None) -> list[PriceHistory]:
        """Return the prices; first: {name: the first day's index on which it has one}."""
        dates = weekdays(self.days + 1)
        prices = 100 * np.vstack([np.ones(self.names), np.cumprod(1 + self.returns, axis=0)])
        return [
            history(name(i), dates[start:], prices[start:, i])
            for i in range(self.names)
            for start in [(first or {}).get(i, 0)]
        ]

    def securities(self) -> list[Security]:
        return [security(name(i), f"sector {self.sector[i]}") for i in range(self.names)]

    def estimate(self, first=None):
        return estimate_risk(self.histories(first), self.securities(), as_of=AS_OF)


def weekdays(count: int) -> list[date]:
    days, day = [], AS_OF
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day -= timedelta(days=1)
    return days[::-1]


def name(number: int) -> str:
    return f"S{number:03d}"


def history(security_id, dates, closes, adjusted=None) -> PriceHistory:
    return PriceHistory(
        security_id=security_id,
        dates=tuple(dates),
        closes=tuple(D(f"{close:.8f}") for close in closes),
        adjusted=tuple(adjusted) if adjusted else (None,) * len(dates),
    )


def security(security_id, sector="Any") -> Security:
    return Security(security_id=security_id, ticker=security_id, name=security_id, sector=sector)


@pytest.fixture(scope="session")
def planted() -> World:
    return World(seed=5, style=0.12)


@pytest.fixture
def world() -> type[World]:
    return World


@pytest.fixture
def make_history():
    return history


@pytest.fixture
def make_security():
    return security
