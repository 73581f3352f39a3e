"""What does the account hold that can be measured? Its priced positions, and what stands in the way of the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

import numpy as np

from engine.domain.accounts import AccountSnapshot
from engine.domain.exact import Whole, decimal_of, product, quotients, sums_by, total, units
from engine.domain.identifiers import SecurityId
from engine.domain.market import Array, MarketSnapshot
from engine.monitor.market_columns import Flags, MarketColumns, codes_of, columns_of


@dataclass(frozen=True, kw_only=True)
class Measured:
    """An account as far as it can be measured: by code of the market's columns, (m,).

    share: in whole numbers of 10^-share_decimals; value: of every holding with a mark, USD in whole numbers of
    10^-value_decimals, else 0; nav USD: cash plus values. weight: of nav, 0 where that is not positive; target: the
    model's weights. held, targeted: which names are; no name is targeted where the model is unknown. strangers: names
    held that the market knows nothing of. active: weight less target in the order of the risk model, of the names it
    covers; a name without mark or risk is left out of it.
    """

    market: MarketColumns
    share: Whole
    share_decimals: int
    value: Whole
    value_decimals: int
    nav: Decimal
    held: Flags
    targeted: Flags
    weight: Array
    target: Array
    active: Array
    strangers: tuple[SecurityId, ...]

    @property
    def priced(self) -> Flags:
        """Which holdings have a mark: (m,)."""
        return self.held & self.market.marked

    @property
    def shares(self) -> Mapping[SecurityId, Decimal]:
        """The shares of every holding that the market knows of."""
        return self._amounts(self.share, self.share_decimals, self.held)

    @property
    def values(self) -> Mapping[SecurityId, Decimal]:
        """USD of every holding with a mark."""
        return self._amounts(self.value, self.value_decimals, self.priced)

    @cached_property
    def unpriced(self) -> tuple[SecurityId, ...]:
        """Names held that have no mark."""
        return self._lacking(self.held & ~self.market.marked)

    @cached_property
    def unknown(self) -> tuple[SecurityId, ...]:
        """Names held or in the model that are in no list of securities."""
        return self._lacking((self.held | self.targeted) & ~self.market.listed)

    @cached_property
    def uncovered(self) -> tuple[SecurityId, ...]:
        """Names held or in the model that are not in the risk model."""
        return self._lacking((self.held | self.targeted) & (self.market.risk_row < 0))

    def _lacking(self, these: Flags) -> tuple[SecurityId, ...]:
        return tuple(sorted([*self.market.names(these), *self.strangers]))

    def _amounts(self, whole: Whole, decimals: int, these: Flags) -> Mapping[SecurityId, Decimal]:
        found = whole[these].tolist()
        return {n: decimal_of(each, decimals) for n, each in zip(self.market.names(these), found, strict=True)}


def measure(snapshot: AccountSnapshot, market: MarketSnapshot) -> Measured:
    """Return what can be measured of an account; never raises for a gap in the data."""
    columns, lots = columns_of(market), snapshot.book.lot_rows
    names, quantity = lots.texts("security_id"), units(lots.decimals("quantity"))
    size = len(columns.ids)
    code = codes_of(columns, names)
    known = code >= 0
    share = sums_by(quantity.whole[known], code[known], size)
    held = np.bincount(code[known], minlength=size) > 0
    value = np.where(columns.marked, product(share, columns.price), 0)
    value_decimals = quantity.decimals + columns.price_decimals
    nav = snapshot.account.cash + decimal_of(total(value), value_decimals)
    weight = quotients(value, Fraction(nav) * 10**value_decimals) if nav > 0 else np.zeros(size)
    target, targeted = np.zeros(size), np.zeros(size, dtype=bool)
    if snapshot.account.model_id in columns.targets:
        codes, weights = columns.targets[snapshot.account.model_id]
        target[codes], targeted[codes] = weights, True
    active = np.zeros(len(market.risk.security_ids))
    if nav > 0:
        covered = columns.risk_row >= 0
        active[columns.risk_row[covered]] = (weight - target)[covered]
    return Measured(
        market=columns,
        share=share,
        share_decimals=quantity.decimals,
        value=value,
        value_decimals=value_decimals,
        nav=nav,
        held=held,
        targeted=targeted,
        weight=weight,
        target=target,
        active=active,
        strangers=tuple({SecurityId(names.values[k]) for k in names.codes[~known].tolist()}),
    )
