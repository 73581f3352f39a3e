"""How do the demo prices move? Market, sector, style and residual parts, all with fat tails, and a story at the end.

Whatever the seed, the market rises for most of the four years, slides in the last weeks and drops on the last day,
and two names that few accounts hold move hard on it, so that the firm always shows gains, harvestable losses, drift
and market moves.
"""

from typing import Final

import numpy as np
from numpy.random import Generator

from data.demo.streams import Part, stream
from data.demo.universe import INDEX_NAMES, SECTORS, STYLES, Universe
from engine.domain.market import Array

TRADING_DAYS: Final = 252
_RISE: Final = 0.62  # log return of the market until the slide
_SLIDE_DAYS: Final = 45
_SLIDE: Final = -0.08
_LAST_DAY: Final = -0.018
_LAST_DAY_OF_SECTOR: Final = {"Information Technology": -0.006, "Energy": 0.012}
_LAST_DAY_AT_MOST: Final = 0.04  # of any other name: a day on which every account has its own alarm tells nothing
_NEWS: Final = {INDEX_NAMES + 1: -0.17, INDEX_NAMES + 2: 0.14}  # by position: a profit warning and a bid
_MARKET_VOL: Final = 0.15
_SECTOR_VOL: Final = 0.09
_STYLE_VOL: Final = 0.03
_DEGREES: Final = 4  # of freedom of Student's t
_WIDEST: Final = 9.0  # standard deviations: a single wild draw must not make a price absurd


def log_returns(seed: int, world: Universe, days: int) -> Array:
    """Return the total log returns of every day and security, (days, n); the first day's are 0."""
    chance = stream(seed, Part.RETURNS)
    market = _told(_fat(chance, (days,)) * _daily(_MARKET_VOL))
    sectors = _fat(chance, (days, len(SECTORS))) * _daily(_SECTOR_VOL)
    for position, sector in enumerate(SECTORS):
        sectors[-1, position] = _LAST_DAY_OF_SECTOR.get(sector.name, 0.0)
    styles = _fat(chance, (days, STYLES)) * _daily(_STYLE_VOL)
    residuals = _fat(chance, (days, world.size)) * world.residual * _daily(1.0)
    residuals += chance.normal(0, 0.05, world.size) / TRADING_DAYS
    noise = chance.normal(0, _daily(0.01), (days, world.size))
    twins = world.twin != np.arange(world.size)
    residuals = np.where(twins, residuals[:, world.twin] + noise, residuals)
    returns = market[:, None] * world.beta + sectors[:, world.sector] + residuals
    for style in range(STYLES):  # not a matrix product: its rounding would depend on the processor's threads
        returns = returns + styles[:, style, None] * world.styles[:, style]
    returns[-1] = np.clip(returns[-1], -_LAST_DAY_AT_MOST, _LAST_DAY_AT_MOST)
    for position, change in _NEWS.items():
        returns[-1, position] = change
    returns[0] = 0.0
    return np.asarray(returns, dtype=np.float64)


def _fat(chance: Generator, shape: tuple[int, ...]) -> Array:
    """Student's t with variance 1, cut at the widest."""
    draws = chance.standard_t(_DEGREES, shape) / np.sqrt(_DEGREES / (_DEGREES - 2))
    return np.asarray(np.clip(draws, -_WIDEST, _WIDEST), dtype=np.float64)


def _told(market: Array) -> Array:
    told = market.copy()
    told[-1] = _LAST_DAY
    told[:-_SLIDE_DAYS] += (_RISE - told[:-_SLIDE_DAYS].sum()) / (len(told) - _SLIDE_DAYS)
    told[-_SLIDE_DAYS:-1] += (_SLIDE - told[-_SLIDE_DAYS:].sum()) / (_SLIDE_DAYS - 1)
    return told


def _daily(annual: float) -> float:
    return float(annual / np.sqrt(TRADING_DAYS))
