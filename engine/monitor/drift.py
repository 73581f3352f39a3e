"""How far has the account drifted from its model? By name, sector and factor, against the tolerance bands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.domain.accounts import AccountSnapshot, Rule
from engine.domain.identifiers import SecurityId
from engine.domain.market import Array, MarketSnapshot
from engine.domain.policy import restrictions_in_force
from engine.domain.settings import PlanSettings
from engine.monitor.market_columns import Flags, MarketColumns
from engine.monitor.on_demand import OnDemand
from engine.monitor.positions import Measured
from engine.risk.measure import factor_active

# Weights are quotients of rounded prices: a breach smaller than a millionth of the account is none.
_TOLERANCE: Final = 1e-6
_UNDERWEIGHT: Final = frozenset({Rule.DO_NOT_BUY, Rule.DO_NOT_HOLD})


@dataclass(frozen=True, slots=True, kw_only=True)
class NameDrift:
    """One name's weight against its target, fractions of value; active = weight - target.

    restricted: a restriction, an exclusion or a trading halt keeps it where it is, so it is not out of balance.
    outside: beyond the tolerance band and free to come back.
    """

    security_id: SecurityId
    weight: float
    target: float
    active: float
    restricted: bool
    outside: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drifts:
    """The drift of each name by its code, (m,); fields as in NameDrift. present: of which names there is one."""

    measured: Measured
    active: Array
    present: Flags
    restricted: Flags
    outside: Flags

    @property
    def names(self) -> Sequence[NameDrift]:
        """The drifts, largest first, then by name; each is made when it is asked for."""
        codes = np.flatnonzero(self.present)
        order = codes[np.argsort(-np.abs(self.active[codes]), kind="stable")]
        return OnDemand(len(order), lambda wanted: tuple(self._drift(code) for code in order[wanted].tolist()))

    def _drift(self, code: int) -> NameDrift:
        return NameDrift(
            security_id=self.measured.market.ids[code],
            weight=float(self.measured.weight[code]),
            target=float(self.measured.target[code]),
            active=float(self.active[code]),
            restricted=bool(self.restricted[code]),
            outside=bool(self.outside[code]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDrift:
    """A sector's active weight, or the active exposure to a factor, and whether it is beyond its band."""

    name: str
    active: float
    outside: bool


def drift_by_name(snapshot: AccountSnapshot, measured: Measured, settings: PlanSettings) -> Drifts:
    """Return the drift of every name held or targeted; a held name without a mark is left out."""
    market = measured.market
    active = measured.weight - measured.target
    present = (measured.held | measured.targeted) & ~(measured.held & ~market.marked)
    restricted = market.barred | _restricted(snapshot, measured.market, active, settings)
    band = settings.max_active_weight
    beyond = np.abs(active) > (np.inf if band is None else band + _TOLERANCE)
    return Drifts(
        measured=measured,
        active=active,
        present=present,
        restricted=restricted,
        outside=present & beyond & ~restricted,
    )


def drift_by_sector(drifts: Drifts, settings: PlanSettings) -> tuple[GroupDrift, ...]:
    """Return each sector's weight less its target, largest first; securities that nobody lists are left out."""
    market = drifts.measured.market
    counted = drifts.present & market.listed
    sector = market.sector[counted]
    sums = np.bincount(sector, weights=drifts.active[counted], minlength=len(market.sectors)).tolist()
    present = np.unique(sector).tolist()
    return _groups({market.sectors[k]: sums[k] for k in present}, settings.max_sector_active)


def drift_by_factor(market: MarketSnapshot, measured: Measured, settings: PlanSettings) -> tuple[GroupDrift, ...]:
    """Return the active exposure to each factor of the risk model, largest first."""
    exposure = factor_active(market.risk, measured.active)
    return _groups(dict(zip(market.risk.factors, exposure.tolist(), strict=True)), settings.max_factor_active)


def _groups(sums: Mapping[str, float], band: float | None) -> tuple[GroupDrift, ...]:
    drifts = [GroupDrift(name=name, active=active, outside=_beyond(active, band)) for name, active in sums.items()]
    return tuple(sorted(drifts, key=lambda drift: (-abs(drift.active), drift.name)))


def _beyond(active: float, band: float | None) -> bool:
    return band is not None and abs(active) > band + _TOLERANCE


def _restricted(snapshot: AccountSnapshot, market: MarketColumns, active: Array, settings: PlanSettings) -> Flags:
    """Return where a rule forbids the trade that would bring a name back: (m,)."""
    in_force = restrictions_in_force(snapshot.restrictions, snapshot.account, snapshot.as_of)
    no_sale = market.meant(each.target for each in in_force if each.rule is Rule.DO_NOT_SELL)
    no_purchase = market.meant(each.target for each in in_force if each.rule in _UNDERWEIGHT)
    return np.where(active > 0, no_sale, no_purchase | market.meant(settings.exclude))
