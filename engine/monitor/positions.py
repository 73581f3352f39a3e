"""What does the account hold that can be measured? Its priced positions, and what stands in the way of the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from engine.domain.accounts import AccountSnapshot
from engine.domain.identifiers import SecurityId
from engine.domain.market import Array, MarketSnapshot
from engine.domain.valuation import positions


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """An account as far as it can be measured.

    values: USD of every holding with a mark; nav USD: cash plus values. targets: the model's weights, empty where the
    model is unknown. active: weight less target in the order of the risk model, of the names it covers; a name without
    mark or risk is left out of it. unpriced, unknown, uncovered: names that have no mark, are in no security list, or
    are held or targeted and not in the risk model.
    """

    shares: Mapping[SecurityId, Decimal]
    values: Mapping[SecurityId, Decimal]
    nav: Decimal
    targets: Mapping[SecurityId, Decimal]
    active: Array
    unpriced: tuple[SecurityId, ...]
    unknown: tuple[SecurityId, ...]
    uncovered: tuple[SecurityId, ...]

    def weight(self, security_id: SecurityId) -> float:
        """Return a name's weight as a fraction of nav; 0 where nav is not positive."""
        return float(self.values.get(security_id, Decimal(0)) / self.nav) if self.nav > 0 else 0.0

    def target(self, security_id: SecurityId) -> float:
        """Return a name's weight in the model."""
        return float(self.targets.get(security_id, Decimal(0)))


def measure(snapshot: AccountSnapshot, market: MarketSnapshot) -> Measured:
    """Return what can be measured of an account; never raises for a gap in the data."""
    shares = positions(snapshot.lots)
    values = {name: held * market.marks[name].price for name, held in shares.items() if name in market.marks}
    nav = snapshot.account.cash + sum(values.values(), Decimal(0))
    model = market.models.get(snapshot.account.model_id)
    targets = dict(model.weights) if model else {}
    names = sorted(shares.keys() | targets.keys())
    active = np.zeros(len(market.risk.security_ids))
    for name in names:
        row = market.risk.position.get(name)
        if row is not None and nav > 0:
            active[row] = float(values.get(name, Decimal(0)) / nav - targets.get(name, Decimal(0)))
    return Measured(
        shares=shares,
        values=values,
        nav=nav,
        targets=targets,
        active=active,
        unpriced=tuple(name for name in shares if name not in market.marks),
        unknown=tuple(name for name in names if name not in market.securities),
        uncovered=tuple(name for name in names if name not in market.risk.position),
    )
