"""How far is the account from its model? Weight less target of every name and sector, and the risk of it.

Weights are floats, of all names at once: what no rule can object to is seen there. Where a figure may break a limit the
rule asks for the exact one, so that no verdict and no sentence hangs on a float's last digits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.domain.identifiers import SecurityId
from engine.domain.market import Array, MarketSnapshot

Places = NDArray[np.intp]

_ZERO: Final = Decimal(0)


@dataclass(frozen=True, eq=False)
class Listed:
    """The N securities of a market. Arrays are (N,): all accounts of a night are weighed with the same."""

    market: MarketSnapshot

    @cached_property
    def place(self) -> Mapping[SecurityId, int]:
        return {name: at for at, name in enumerate(self.market.securities)}

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


@lru_cache(maxsize=1)
def _listed(same: _Same) -> Listed:
    return Listed(same.market)


@dataclass(frozen=True, kw_only=True)
class Names:
    """The n names that are held, traded or in the model, those of the model first. Arrays are (n,)."""

    ids: tuple[SecurityId, ...]
    targets: Mapping[SecurityId, Decimal]
    market: MarketSnapshot

    @cached_property
    def place(self) -> Mapping[SecurityId, int]:
        return dict(zip(self.ids, range(len(self.ids)), strict=True))

    @cached_property
    def target(self) -> Array:
        return np.array([float(self.targets.get(name, _ZERO)) for name in self.ids])

    @cached_property
    def price(self) -> Array:
        """USD a share."""
        return self._listed.price[self._places]

    @cached_property
    def exposures(self) -> Array:
        """To each factor of the risk model, (n, k)."""
        return self.market.risk.exposures[self._rows]

    @cached_property
    def specific_variance(self) -> Array:
        return self.market.risk.specific_variance[self._rows]

    @cached_property
    def of_sector(self) -> Mapping[str, tuple[SecurityId, ...]]:
        found: dict[str, list[SecurityId]] = {}
        for name, sector in zip(self.ids, self.sector.tolist(), strict=True):
            found.setdefault(self._listed.sectors[sector], []).append(name)
        return {sector: tuple(names) for sector, names in found.items()}

    @cached_property
    def sector(self) -> Places:
        """The place of each name's sector among those of the market."""
        return self._listed.sector[self._places]

    def by_sector(self, values: Array) -> dict[str, float]:
        """Return the sum of some values, (n,), over the names of each sector that has any."""
        sectors = self._listed.sectors
        sums = np.bincount(self.sector, weights=values, minlength=len(sectors)).tolist()
        return {sectors[at]: sums[at] for at in dict.fromkeys(self.sector.tolist())}

    @cached_property
    def _rows(self) -> Places:
        rows = self._listed.risk_row[self._places]
        if len(rows) and rows.min() < 0:
            raise KeyError(self.ids[int(rows.argmin())])
        return rows

    @cached_property
    def _places(self) -> Places:
        place = self._listed.place
        return np.array([place[name] for name in self.ids], dtype=np.intp)

    @cached_property
    def _listed(self) -> Listed:
        return _listed(_Same(self.market))


@dataclass(frozen=True, kw_only=True)
class ActiveWeights:
    """Weight less target of every name, fractions of a value in USD. An account worth nothing has no weights.

    rough_shares: the shares of every name as floats, (n,).
    """

    names: Names
    shares: Mapping[SecurityId, Decimal]
    rough_shares: Array
    value: Decimal

    @cached_property
    def rough(self) -> Array:
        """Of all names, (n,), as floats."""
        if self.value <= 0:
            return -self.names.target
        return self.rough_shares * self.names.price / float(self.value) - self.names.target

    def exact(self, name: SecurityId) -> Decimal:
        """Return that of one name."""
        held, active = self.shares.get(name, _ZERO), -self.names.targets.get(name, _ZERO)
        if held and self.value > 0:
            active += held * self.names.market.marks[name].price / self.value
        return active

    @cached_property
    def rough_of_sectors(self) -> Mapping[str, float]:
        return self.names.by_sector(self.rough)

    def exact_of_sector(self, sector: str) -> Decimal:
        return sum(map(self.exact, self.names.of_sector.get(sector, ())), _ZERO)

    @cached_property
    def exposures(self) -> Array:
        """The active exposure to each factor, (k,)."""
        return self.rough @ self.names.exposures

    @cached_property
    def volatility(self) -> float:
        """The annual tracking error of these active weights d: the root of d'(F Omega F' + diag D) d."""
        of_names = float(np.square(self.rough) @ self.names.specific_variance)
        of_factors = float(self.exposures @ self.names.market.risk.factor_covariance @ self.exposures)
        return sqrt(max(of_names + of_factors, 0.0))
