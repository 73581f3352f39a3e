"""Which securities exist in the demo world? A large-cap index, a few mid-caps beside it, and one that is gone."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from data.demo.names import company
from data.demo.streams import Part, stream
from engine.domain.market import Array

INDEX_NAMES: Final = 500
MID_CAPS: Final = 14
STYLES: Final = 3
_MARKET_CAP_USD: Final = 55e12
_PAIRS: Final = ((5, 6), (120, 121))  # ranks of the two share classes of one company
_SPLIT_RANK: Final = 18
_LARGEST: Final = (0, 0, 4, 5, 0, 5, 5, 1, 0, 2, 1, 6)  # sectors of the first ranks: chance alone would skew the index


@dataclass(frozen=True, slots=True, kw_only=True)
class Sector:
    """How many of the index's names, how large they run, and how they behave (beta, dividend yield, annual vol)."""

    name: str
    count: int
    size: float
    beta: float
    dividend: float
    residual: float


SECTORS: Final = (
    Sector(name="Information Technology", count=69, size=0.9, beta=1.25, dividend=0.006, residual=0.27),
    Sector(name="Financials", count=72, size=0.2, beta=1.05, dividend=0.020, residual=0.20),
    Sector(name="Health Care", count=60, size=0.2, beta=0.75, dividend=0.014, residual=0.24),
    Sector(name="Industrials", count=78, size=-0.1, beta=1.00, dividend=0.014, residual=0.20),
    Sector(name="Consumer Discretionary", count=51, size=0.3, beta=1.20, dividend=0.010, residual=0.27),
    Sector(name="Communication Services", count=23, size=0.7, beta=1.05, dividend=0.010, residual=0.25),
    Sector(name="Consumer Staples", count=38, size=0.1, beta=0.55, dividend=0.026, residual=0.18),
    Sector(name="Energy", count=22, size=0.1, beta=0.90, dividend=0.034, residual=0.24),
    Sector(name="Utilities", count=31, size=-0.3, beta=0.50, dividend=0.031, residual=0.16),
    Sector(name="Real Estate", count=31, size=-0.4, beta=0.85, dividend=0.034, residual=0.19),
    Sector(name="Materials", count=25, size=-0.4, beta=1.00, dividend=0.018, residual=0.22),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """n securities: the index by rank of size, then mid-caps, then the delisted one (last).

    caps: USD at the end. sector: position in SECTORS. twin: for the second share class its first, else itself.
    """

    tickers: tuple[str, ...]
    names: tuple[str, ...]
    tags: tuple[tuple[str, ...], ...]
    sector: NDArray[np.int64]
    caps: Array
    last_price: Array
    beta: Array
    styles: Array
    residual: Array
    dividend: Array
    twin: NDArray[np.int64]

    @property
    def size(self) -> int:
        return len(self.tickers)

    @property
    def delisted(self) -> int:
        """Position of the security whose prices stop."""
        return len(self.tickers) - 1

    @property
    def split(self) -> int:
        """Position of the security that splits 4 for 1."""
        return _SPLIT_RANK


def universe(seed: int) -> Universe:
    """Return the demo world's securities, the same for the same seed."""
    chance = stream(seed, Part.SECURITIES)
    sector = _sectors(chance)
    n = len(sector)
    twin = np.arange(n)
    for first, second in _PAIRS:
        twin[second] = first
        sector[second] = sector[first]
    pays = chance.random(n) < np.where(sector == 0, 0.5, 0.85)
    columns = {
        "caps": _caps(n),
        "last_price": np.clip(np.exp(chance.normal(np.log(110), 0.65, n)), 9, 950),
        "beta": np.clip(_of_sector(sector, "beta") + chance.normal(0, 0.2, n), 0.3, 2.0),
        "styles": chance.normal(0, 1, (n, STYLES)),
        "residual": _of_sector(sector, "residual") * np.exp(chance.normal(0, 0.2, n)),
        "dividend": np.where(pays, _of_sector(sector, "dividend") * chance.uniform(0.6, 1.6, n), 0.0),
    }
    for values in columns.values():
        values[:] = np.where((twin == np.arange(n)).reshape(-1, *[1] * (values.ndim - 1)), values, values[twin])
    columns["caps"][[second for _, second in _PAIRS]] *= 0.85
    tickers, names = _labels(chance, sector, twin)
    return Universe(
        tickers=tickers, names=names, tags=_tags(chance, sector, names, twin), sector=sector, twin=twin, **columns
    )


def _sectors(chance: Generator) -> NDArray[np.int64]:
    index = np.repeat(np.arange(len(SECTORS)), [sector.count for sector in SECTORS])
    rank = np.argsort(-(_of_sector(index, "size") + chance.normal(0, 1, len(index))))
    ranked = index[rank]
    for place, wanted in enumerate(_LARGEST):
        found = place + int(np.argmax(ranked[place:] == wanted))
        ranked[[place, found]] = ranked[[found, place]]
    return np.concatenate([ranked, chance.integers(0, len(SECTORS), MID_CAPS + 1)])


def _of_sector(sector: NDArray[np.int64], name: str) -> Array:
    return np.array([float(getattr(s, name)) for s in SECTORS])[sector]


def _caps(n: int) -> Array:
    """A power law as large-cap indices have it: the largest near 6 %, the ten largest near 30 %."""
    rank = np.arange(1, n + 1)
    sizes = (rank + 2.0) ** -1.03
    return np.asarray(_MARKET_CAP_USD * sizes / sizes[:INDEX_NAMES].sum(), dtype=np.float64)


def _labels(
    chance: Generator, sector: NDArray[np.int64], twin: NDArray[np.int64]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    taken: set[str] = set()
    labels = [company(chance, SECTORS[kind].name, taken) for kind in sector]
    for second in np.flatnonzero(twin != np.arange(len(twin))):
        ticker, name = labels[twin[second]]
        labels[twin[second]] = (f"{ticker[:3]}.A", f"{name} Class A")
        labels[second] = (f"{ticker[:3]}.C", f"{name} Class C")
    return tuple(ticker for ticker, _ in labels), tuple(name for _, name in labels)


def _tags(
    chance: Generator, sector: NDArray[np.int64], names: tuple[str, ...], twin: NDArray[np.int64]
) -> tuple[tuple[str, ...], ...]:
    tagged: list[tuple[str, ...]] = []
    for kind, name in zip(sector, names, strict=True):
        where, draw = SECTORS[kind].name, chance.random(5)
        tags = (
            ("fossil", where == "Energy" or (where == "Utilities" and draw[0] < 0.25)),
            ("tobacco", where == "Consumer Staples" and draw[1] < 0.1),
            ("weapons", "Aerospace" in name and draw[2] < 0.6),
            ("gambling", "Resorts" in name and draw[3] < 0.5),
            ("esg_laggard", draw[4] < 0.07),
        )
        tagged.append(tuple(tag for tag, given in tags if given))
    return tuple(tagged[first] for first in twin)
