"""What do all scans of a day see of the market? Its names as columns, made once a market.

A scan measures what it can, so these are all names that a list of securities, a price, a model or the risk model knows:
an account may hold one that is missing from any of them.
"""

from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from itertools import repeat
from typing import Any, Final, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.domain.exact import Whole
from engine.domain.identifiers import ModelId, SecurityId
from engine.domain.listing import Codes, members_of, numbered, prices_of
from engine.domain.market import Array, Mark, MarketSnapshot
from engine.domain.rows import Texts

P = ParamSpec("P")
T = TypeVar("T")
Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class MarketColumns:
    """The names of a market in their order; a name's code is its place here: (m,).

    price: USD in whole numbers of 10^-price_decimals, 0 where not marked; day: of the price, an ordinal. listed: in
    the list of securities; barred: not tradable. sector: number of its sector, -1 where not listed; group: number of
    its wash-sale group, by name in group_number. parts: 1 for all names in row 0 and for those of sector s in row
    s + 1, else 0. risk_row: -1 where the risk model does not cover it, and then exposures (m, k), specific and whole
    variance are 0; annual. members: codes by each word of policy.words_for. targets: by model, codes and weights.
    """

    ids: tuple[SecurityId, ...]
    code: Mapping[str, int]
    price: Whole
    price_decimals: int
    day: Codes
    marked: Flags
    listed: Flags
    barred: Flags
    sector: Codes
    sectors: tuple[str, ...]
    group: Codes
    group_number: Mapping[str, int]
    risk_row: Codes
    parts: Array
    exposures: Array
    specific: Array
    variance: Array
    members: Mapping[str, Codes]
    targets: Mapping[ModelId, tuple[Codes, Array]]

    def names(self, these: Flags) -> list[SecurityId]:
        """Return the names of a mask (m,), in their order."""
        return [self.ids[code] for code in np.flatnonzero(these).tolist()]

    def meant(self, words: Iterable[str]) -> Flags:
        """Return which securities any of these words means: (m,)."""
        found = np.zeros(len(self.ids), dtype=bool)
        for word in words:
            found[self.members.get(word, _NOBODY)] = True
        return found


@dataclass(frozen=True, kw_only=True)
class LastColumns:
    """The marks of an earlier scan by code: price in whole numbers of 10^-price_decimals, day an ordinal.

    newer: where the market has a newer mark than a price above 0 of then. oldest: the first day of any.
    """

    price: Whole
    price_decimals: int
    day: Codes
    newer: Flags
    oldest: int


def remembered(make: Callable[P, T]) -> Callable[P, T]:
    """Return a function that remembers its last answer for the very same arguments: all accounts share one market."""
    last: ContextVar[tuple[tuple[Any, ...], T] | None] = ContextVar(make.__name__, default=None)

    def find(*args: P.args, **kwargs: P.kwargs) -> T:
        known, asked = last.get(), (*args, *kwargs.values())
        if known is None or any(old is not new for old, new in zip(known[0], asked, strict=True)):
            known = (asked, make(*args, **kwargs))
            last.set(known)
        return known[1]

    return find


@remembered
def columns_of(market: MarketSnapshot) -> MarketColumns:
    """Return a market as columns."""
    models = {name: dict(model.weights) for name, model in market.models.items()}
    row = market.risk.position
    ids = tuple(
        sorted({*market.securities, *market.marks, *row, *(name for model in models.values() for name in model)})
    )
    code: dict[str, int] = {name: k for k, name in enumerate(ids)}
    securities = [market.securities.get(name) for name in ids]
    prices = prices_of(ids, market.marks)
    group, groups = numbered(market.groups.get(name, name) for name in ids)
    sector, sectors = numbered(security.sector for security in securities if security is not None)
    listed = np.array([security is not None for security in securities], dtype=bool)
    risk_row = np.array([row.get(name, -1) for name in ids], dtype=np.intp)
    covered = risk_row >= 0
    exposures, specific = np.zeros((len(ids), len(market.risk.factors))), np.zeros(len(ids))
    exposures[covered] = market.risk.exposures[risk_row[covered]]
    specific[covered] = market.risk.specific_variance[risk_row[covered]]
    every_sector = np.full(len(ids), -1, dtype=np.intp)
    every_sector[listed] = sector
    return MarketColumns(
        ids=ids,
        code=code,
        price=prices.whole,
        price_decimals=prices.decimals,
        day=prices.day,
        marked=prices.day > 0,
        listed=listed,
        barred=np.array([security is not None and security.tradable is False for security in securities], dtype=bool),
        sector=every_sector,
        sectors=sectors,
        group=group,
        group_number={name: k for k, name in enumerate(groups)},
        parts=np.vstack([np.ones(len(ids)), every_sector == np.arange(len(sectors))[:, None]]).astype(float),
        risk_row=risk_row,
        exposures=exposures,
        specific=specific,
        variance=((exposures @ market.risk.factor_covariance) * exposures).sum(axis=1) + specific,
        members=members_of(market.securities.values(), code),
        targets={
            name: (
                np.array([code[each] for each in weights], dtype=np.intp),
                np.array([float(weight) for weight in weights.values()], dtype=float),
            )
            for name, weights in models.items()
        },
    )


@remembered
def codes_of(market: MarketColumns, names: Texts) -> Codes:
    """Return the code of each of these names, -1 of one that the market does not know: (n,)."""
    known = [*map(market.code.get, names.values, repeat(-1)), -1]  # place -1 is None
    return np.array(known, dtype=np.intp)[names.codes]


@remembered
def last_columns(market: MarketColumns, last_marks: Mapping[SecurityId, Mark]) -> LastColumns:
    """Return the marks of an earlier scan in the order of a market's names."""
    prices = prices_of(market.ids, last_marks)
    price, day = prices.whole, prices.day
    newer = (day > 0) & (price > 0) & (day < market.day)
    return LastColumns(
        price=price,
        price_decimals=prices.decimals,
        day=day,
        newer=np.asarray(newer, dtype=bool),
        oldest=int(day[day > 0].min(initial=date.max.toordinal())),
    )


_NOBODY: Final = np.empty(0, dtype=np.intp)
