"""How far has the account drifted from its model? By name, sector and factor, against the tolerance bands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engine.domain.accounts import AccountSnapshot, Restriction, Rule
from engine.domain.identifiers import SecurityId
from engine.domain.market import MarketSnapshot, Security
from engine.domain.policy import means, restrictions_in_force
from engine.domain.settings import PlanSettings
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
class GroupDrift:
    """A sector's active weight, or the active exposure to a factor, and whether it is beyond its band."""

    name: str
    active: float
    outside: bool


def drift_by_name(
    snapshot: AccountSnapshot, market: MarketSnapshot, measured: Measured, settings: PlanSettings
) -> tuple[NameDrift, ...]:
    """Return the drift of every name held or targeted, largest first; a held name without a mark is left out."""
    in_force = restrictions_in_force(snapshot.restrictions, snapshot.account, snapshot.as_of)
    drifts = []
    for name in measured.values.keys() | measured.targets.keys():
        if name in measured.unpriced:
            continue
        active = measured.weight(name) - measured.target(name)
        restricted = _restricted(market.securities.get(name), active, in_force, settings)
        drifts.append(
            NameDrift(
                security_id=name,
                weight=measured.weight(name),
                target=measured.target(name),
                active=active,
                restricted=restricted,
                outside=not restricted and _beyond(active, settings.max_active_weight),
            )
        )
    return tuple(sorted(drifts, key=lambda drift: (-abs(drift.active), drift.security_id)))


def drift_by_sector(
    drifts: Sequence[NameDrift], securities: Mapping[SecurityId, Security], settings: PlanSettings
) -> tuple[GroupDrift, ...]:
    """Return each sector's weight less its target, largest first; securities that nobody lists are left out."""
    sums: dict[str, float] = {}
    for drift in sorted(drifts, key=lambda drift: drift.security_id):
        security = securities.get(drift.security_id)
        if security is not None:
            sums[security.sector] = sums.get(security.sector, 0.0) + drift.active
    return _groups(sums, settings.max_sector_active)


def drift_by_factor(market: MarketSnapshot, measured: Measured, settings: PlanSettings) -> tuple[GroupDrift, ...]:
    """Return the active exposure to each factor of the risk model, largest first."""
    exposure = factor_active(market.risk, measured.active)
    return _groups(dict(zip(market.risk.factors, exposure.tolist(), strict=True)), settings.max_factor_active)


def _groups(sums: Mapping[str, float], band: float | None) -> tuple[GroupDrift, ...]:
    drifts = [GroupDrift(name=name, active=active, outside=_beyond(active, band)) for name, active in sums.items()]
    return tuple(sorted(drifts, key=lambda drift: (-abs(drift.active), drift.name)))


def _beyond(active: float, band: float | None) -> bool:
    return band is not None and abs(active) > band + _TOLERANCE


def _restricted(
    security: Security | None, active: float, in_force: Sequence[Restriction], settings: PlanSettings
) -> bool:
    """Return whether something forbids the trade that would bring a name back."""
    if security is None:
        return False
    if security.tradable is False:
        return True
    rules = {restriction.rule for restriction in in_force if means(restriction.target, security)}
    if active > 0:
        return Rule.DO_NOT_SELL in rules
    return bool(rules & _UNDERWEIGHT) or any(means(target, security) for target in settings.exclude)
