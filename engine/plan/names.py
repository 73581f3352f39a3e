"""What may each security of the account do? Its names as columns, and one name at a time where a person asks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple, overload

import numpy as np

from engine.domain.exact import Whole, decimal_of
from engine.domain.listing import Listing
from engine.domain.market import Array, Security
from engine.plan.holding import Flags, Indices
from engine.plan.lot_table import LotTable
from engine.plan.lots import SaleLot
from engine.plan.rules import NameRules, Rulings


class Bound(NamedTuple):
    """A limit on one name's trade: u <= at (upper) or u >= at. One that u = 0 breaks is priced, not forced."""

    rule: str
    upper: bool
    at: float

    @property
    def is_broken(self) -> bool:
        return self.at < 0 if self.upper else self.at > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """One security of the problem. held, target: weights; unit: weight of one share; lots: its lots, order of sale.

    impact: cost of a unit of squared trade. loses_in_order: the lots are sold as they come, whatever the lot method,
    because which loss a wash sale disallows depends on their order.
    """

    security: Security
    shares: Decimal
    price: Decimal
    unit: float
    held: float
    target: float
    cost: float
    alpha: float
    specific: float
    impact: float
    lots: tuple[SaleLot, ...]
    rules: NameRules
    bounds: tuple[Bound, ...]
    loses_in_order: bool = False

    @property
    def shortfall(self) -> float:
        return self.target - self.held

    @property
    def sellable(self) -> tuple[SaleLot, ...]:
        return tuple(lot for lot in self.lots if lot.blocked is None)


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Limits on single names, flat: owner, the name's number, ascending; rule, a number of rules; upper; at."""

    rules: tuple[str, ...]
    owner: Indices
    rule: Indices
    upper: Flags
    at: Array

    @cached_property
    def is_broken(self) -> Flags:
        return np.where(self.upper, self.at < 0, self.at > 0)

    def of(self, i: int) -> tuple[Bound, ...]:
        """Return the limits of one name."""
        own = range(*np.searchsorted(self.owner, [i, i + 1]).tolist())
        return tuple(Bound(rule=self.rules[self.rule[k]], upper=bool(self.upper[k]), at=float(self.at[k])) for k in own)


@dataclass(frozen=True, kw_only=True, eq=False)
class Names(Sequence[Name]):
    """The names of a problem as columns (n,); indexed, they are names one at a time. See Name for what each is.

    code: in the listing. whole: shares held, exactly, in units of 10^-whole_decimals. loses_in_order: flags.
    """

    listing: Listing
    code: Indices
    whole: Whole
    unit: Array
    held: Array
    target: Array
    cost: Array
    alpha: Array
    specific: Array
    impact: Array
    rulings: Rulings
    bounds: Bounds
    lots: LotTable
    loses_in_order: Flags

    @property
    def whole_decimals(self) -> int:
        return self.lots.holding.quantity_decimals

    @cached_property
    def shortfall(self) -> Array:
        return self.target - self.held

    @property
    def rules(self) -> tuple[NameRules, ...]:
        return self.rulings.of

    def security(self, i: int) -> Security:
        return self.listing.securities[int(self.code[i])]

    def price(self, i: int) -> Decimal:
        """Return the price of one share, USD."""
        return self.lots.price[i]

    @cached_property
    def lot_size(self) -> Array:
        """Shares that are traded at a time: (n,)."""
        return self.listing.lot_size[self.code]

    def lot_size_of(self, i: int) -> Decimal:
        return self.security(i).lot_size or Decimal(1)

    def group(self, i: int) -> str:
        """Return the wash-sale group."""
        return self.listing.groups[int(self.listing.group[self.code[i]])]

    def shares(self, i: int) -> Decimal:
        """Return the shares held of a name, with the digits that its lots state."""
        table = self.lots
        rows = dict.fromkeys(table.row[table.first[i] : table.first[i + 1]].tolist())  # a lot can have two entries
        return sum(map(table.holding.shares, rows), Decimal(0))

    def holds(self, i: int) -> Decimal:
        """Return the shares held of a name, whatever digits its lots state them with."""
        return decimal_of(int(self.whole[i]), self.whole_decimals)

    def __len__(self) -> int:
        return len(self.code)

    def __iter__(self) -> Iterator[Name]:
        return map(self._name, range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Name: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Name, ...]: ...
    def __getitem__(self, index: int | slice) -> Name | tuple[Name, ...]:
        places = range(len(self))[index]
        return tuple(map(self._name, places)) if isinstance(places, range) else self._name(places)

    def _name(self, i: int) -> Name:
        if i not in self._known:
            self._known[i] = Name(
                security=self.security(i),
                shares=self.shares(i),
                price=self.price(i),
                unit=float(self.unit[i]),
                held=float(self.held[i]),
                target=float(self.target[i]),
                cost=float(self.cost[i]),
                alpha=float(self.alpha[i]),
                specific=float(self.specific[i]),
                impact=float(self.impact[i]),
                lots=self.lots.entries(i),
                rules=self.rules[i],
                bounds=self.bounds.of(i),
                loses_in_order=bool(self.loses_in_order[i]),
            )
        return self._known[i]

    @cached_property
    def _known(self) -> dict[int, Name]:
        return {}
