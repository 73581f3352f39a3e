"""What does a market say of its securities? Prices, sectors, wash-sale groups, rows of the risk model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.domain.identifiers import SecurityId
from engine.domain.market import Array, MarketSnapshot

Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Listed:
    """The N securities of a market. Arrays are (N,): all accounts of a night are weighed with the same."""

    market: MarketSnapshot

    @cached_property
    def place(self) -> Mapping[SecurityId, int]:
        return {name: at for at, name in enumerate(self.market.securities)}

    @cached_property
    def group_of(self) -> Mapping[SecurityId, str]:
        """The wash-sale group of each security."""
        return {name: security.identical_group or name for name, security in self.market.securities.items()}

    @cached_property
    def members(self) -> Mapping[str, Sequence[SecurityId]]:
        """The securities of each wash-sale group."""
        found: dict[str, list[SecurityId]] = {}
        for name, group in self.group_of.items():
            found.setdefault(group, []).append(name)
        return found

    @cached_property
    def price(self) -> Array:
        """USD a share; NaN where there is none."""
        marks = self.market.marks
        return np.array([float(marks[name].price) if name in marks else np.nan for name in self.place])

    @cached_property
    def sectors(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(security.sector for security in self.market.securities.values()))

    @cached_property
    def sector(self) -> Places:
        """The place of each security's sector in sectors."""
        place = {sector: at for at, sector in enumerate(self.sectors)}
        return np.array([place[security.sector] for security in self.market.securities.values()], dtype=np.intp)

    @cached_property
    def risk_row(self) -> Places:
        """The row of each security in the risk model, -1 where it has none."""
        position = self.market.risk.position
        return np.array([position.get(name, -1) for name in self.place], dtype=np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class _Same:
    """A market that is the same as itself alone: to compare two by value takes longer than to list one."""

    market: MarketSnapshot

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.market is other.market

    def __hash__(self) -> int:
        return id(self.market)


def listed(market: MarketSnapshot) -> Listed:
    """Return a market as arrays; that of the market asked for last is kept."""
    return _listed(_Same(market))


@lru_cache(maxsize=1)
def _listed(same: _Same) -> Listed:
    return Listed(same.market)
