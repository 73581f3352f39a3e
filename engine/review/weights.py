"""How far is the account from its model? Weight less target of every name and sector, and the risk of it.

Weights are floats, of all names at once: what no rule can object to is seen there. Where a figure may break a limit the
rule asks for the exact one, so that no verdict and no sentence hangs on a float's last digits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from math import sqrt

import numpy as np

from engine.domain.identifiers import SecurityId
from engine.domain.market import Array, MarketSnapshot

_ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Names:
    """The n names that are held, traded or in the model, those of the model first. Arrays are (n,)."""

    ids: tuple[SecurityId, ...]
    targets: Mapping[SecurityId, Decimal]
    market: MarketSnapshot

    @cached_property
    def place(self) -> Mapping[SecurityId, int]:
        return {name: at for at, name in enumerate(self.ids)}

    @cached_property
    def target(self) -> Array:
        return np.array([float(self.targets.get(name, _ZERO)) for name in self.ids])

    @cached_property
    def price(self) -> Array:
        """USD a share."""
        marks = self.market.marks
        return np.array([float(marks[name].price) for name in self.ids])

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
        for name in self.ids:
            found.setdefault(self.market.securities[name].sector, []).append(name)
        return {sector: tuple(names) for sector, names in found.items()}

    @cached_property
    def sector(self) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """The place of each name's sector in of_sector."""
        place = {sector: at for at, sector in enumerate(self.of_sector)}
        securities = self.market.securities
        return np.array([place[securities[name].sector] for name in self.ids], dtype=np.intp)

    @cached_property
    def _rows(self) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        position = self.market.risk.position
        return np.array([position[name] for name in self.ids], dtype=np.intp)


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
        sums = np.bincount(self.names.sector, weights=self.rough, minlength=len(self.names.of_sector))
        return dict(zip(self.names.of_sector, sums.tolist(), strict=True))

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
