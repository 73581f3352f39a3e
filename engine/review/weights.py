"""How far is the account from its model? Weight less target of every name and sector, and the risk of it.

Weights are floats, of all names at once: what no rule can object to is seen there. Where a figure may break a limit the
rule asks for the exact one, so that no verdict and no sentence hangs on a float's last digits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from math import sqrt
from typing import Final

import numpy as np

from engine.domain.identifiers import SecurityId
from engine.domain.market import Array, MarketSnapshot
from engine.review.listed import Listed, Places

_ZERO: Final = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Names:
    """The n names that are held, traded or in the model, those of the model first. Arrays are (n,)."""

    ids: tuple[SecurityId, ...]
    targets: Mapping[SecurityId, Decimal]
    listed: Listed

    @property
    def market(self) -> MarketSnapshot:
        return self.listed.market

    @cached_property
    def place(self) -> Mapping[SecurityId, int]:
        return dict(zip(self.ids, range(len(self.ids)), strict=True))

    @cached_property
    def target(self) -> Array:
        given = [float(target) for target in map(self.targets.get, self.ids) if target is not None]  # they come first
        return np.array(given + [0.0] * (len(self.ids) - len(given)))

    @cached_property
    def price(self) -> Array:
        """USD a share."""
        return self.listed.price[self._places]

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
            found.setdefault(self.listed.sectors[sector], []).append(name)
        return {sector: tuple(names) for sector, names in found.items()}

    @cached_property
    def sector(self) -> Places:
        """The place of each name's sector among those of the market."""
        return self.listed.sector[self._places]

    def by_sector(self, values: Array) -> dict[str, float]:
        """Return the sum of some values, (n,), over the names of each sector that has any."""
        sectors = self.listed.sectors
        sums = np.bincount(self.sector, weights=values, minlength=len(sectors)).tolist()
        return {sectors[at]: sums[at] for at in dict.fromkeys(self.sector.tolist())}

    @cached_property
    def _rows(self) -> Places:
        rows = self.listed.risk_row[self._places]
        if len(rows) and rows.min() < 0:
            raise KeyError(self.ids[int(rows.argmin())])
        return rows

    @cached_property
    def _places(self) -> Places:
        place = self.listed.place
        return np.array([place[name] for name in self.ids], dtype=np.intp)


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
