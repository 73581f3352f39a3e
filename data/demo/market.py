"""What did everything cost on every day? Closes with a split, dividends and a delisting; adjusted closes without."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data.demo.returns import log_returns
from data.demo.sessions import sessions
from data.demo.universe import INDEX_NAMES, Universe, universe
from engine.domain.market import Array

SPLIT_RATIO: Final = 4
SPLIT_SESSION: Final = -290  # about fourteen months before the end
DELISTING_SESSION: Final = -30  # the last day with a price, about six weeks before the end
QUARTERS_A_YEAR: Final = 4
PRICE_UNIT: Final = 10_000  # adjusted closes are whole numbers of 1/10,000 USD, closes of 1/100 USD
CENTS: Final = 100
_EX_DAYS: Final = 63  # sessions between two dividends of a name


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoMarket:
    """Prices of a universe on T sessions.

    closes: (T, n) cents as printed on the day. adjusted: (T, n) 1/10,000 USD, without splits and dividends.
    comparable: (T, n) USD, closes without the split. priced: (n,) number of sessions with a price.
    """

    world: Universe
    closes: NDArray[np.int64]
    adjusted: NDArray[np.int64]
    comparable: Array
    priced: NDArray[np.int64]

    @property
    def split_session(self) -> int:
        return len(self.closes) + SPLIT_SESSION

    def index_weights(self, session: int) -> Array:
        """Return the cap weights of the index on a session, (n,), 0 beyond the index; share counts never change."""
        caps = self.world.caps * self.comparable[session] / self.comparable[-1]
        caps[INDEX_NAMES:] = 0.0
        return np.asarray(caps / caps.sum(), dtype=np.float64)


@lru_cache(maxsize=1)
def demo_market(seed: int) -> DemoMarket:
    """Return the demo world's prices, the same for the same seed."""
    world = universe(seed)
    days = len(sessions())
    total = log_returns(seed, world, days)
    price = total + np.log1p(-_dividends(world, days))
    comparable = _path(world.last_price, price)
    adjusted = _path(world.last_price, total)
    factor = np.ones((days, world.size))
    factor[: days + SPLIT_SESSION, world.split] = SPLIT_RATIO
    priced = np.full(world.size, days)
    priced[world.delisted] = days + DELISTING_SESSION
    return DemoMarket(
        world=world,
        closes=_whole(comparable * factor * CENTS),
        adjusted=_whole(adjusted * PRICE_UNIT),
        comparable=comparable,
        priced=priced,
    )


def _dividends(world: Universe, days: int) -> Array:
    """Return what each name pays on each day as a fraction of its price, (days, n): each in its own month."""
    day = np.arange(days)[:, None]
    pays = (day % _EX_DAYS == (np.arange(world.size) * 7) % _EX_DAYS) & (day > 0)
    return np.where(pays, world.dividend / QUARTERS_A_YEAR, 0.0)


def _path(last: Array, returns: Array) -> Array:
    total = np.cumsum(returns, axis=0)
    return np.asarray(last * np.exp(total - total[-1]), dtype=np.float64)


def _whole(values: Array) -> NDArray[np.int64]:
    return np.maximum(np.rint(values), 1).astype(np.int64)
