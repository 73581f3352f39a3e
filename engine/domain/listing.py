"""What do all accounts of a day see of the market? Its securities as columns, ordered by security_id, made once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from engine.domain.exact import Whole, units
from engine.domain.identifiers import ModelId, SecurityId
from engine.domain.market import Array, Mark, MarketSnapshot, Security
from engine.domain.policy import words_for
from engine.domain.rows import Decimals

Codes = NDArray[np.intp]
_NO_PRICE: Final = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A market's securities; a security's code is its place here.

    code: of each security_id. price: USD, 0 where there is none; price_whole: the same, exactly, in units of
    10^-price_decimals. day: of its price, an ordinal. group, sector: numbers of groups and sectors in the order of
    their names. members: codes by each word of policy.words_for. in_group: codes by group. lot_size: shares. cost_bp:
    NaN where not given; tradable: not barred, and with a price above 0. risk_row: its row in the risk model, -1 for
    none. targets: codes and weights by model; a model that holds an unknown security has none. is_whole: all have a
    price.
    """

    ids: tuple[SecurityId, ...]
    code: Mapping[SecurityId, int]
    securities: tuple[Security, ...]
    price: tuple[Decimal, ...]
    price_whole: Whole
    price_decimals: int
    day: Codes
    group: Codes
    groups: tuple[str, ...]
    sector: Codes
    sectors: tuple[str, ...]
    members: Mapping[str, Codes]
    in_group: Mapping[str, Codes]
    lot_size: Array
    cost_bp: Array
    tradable: NDArray[np.bool_]
    risk_row: Codes
    targets: Mapping[ModelId, tuple[Codes, Array]]
    is_whole: bool

    def meant(self, words: Iterable[str]) -> Codes:
        """Return the codes of all securities that any of these words means."""
        found = [self.members[word] for word in words if word in self.members]
        return np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.intp)


def listing_of(market: MarketSnapshot) -> Listing:
    """Return the securities of a market as columns; they are made once and kept with it."""
    kept = vars(market)
    if "listing" not in kept:
        kept["listing"] = _listing(market)
    return cast(Listing, kept["listing"])


def _listing(market: MarketSnapshot) -> Listing:
    ids = tuple(sorted(market.securities))
    code = {security_id: k for k, security_id in enumerate(ids)}
    securities = tuple(market.securities[security_id] for security_id in ids)
    prices = prices_of(ids, market.marks)
    group, groups = numbered([security.group for security in securities])
    sector, sectors = numbered([security.sector for security in securities])
    row = market.risk.position
    return Listing(
        ids=ids,
        code=code,
        securities=securities,
        price=prices.price,
        price_whole=prices.whole,
        price_decimals=prices.decimals,
        day=prices.day,
        group=group,
        groups=groups,
        sector=sector,
        sectors=sectors,
        members=members_of(securities, code),
        in_group={name: np.flatnonzero(group == k) for k, name in enumerate(groups)},
        lot_size=np.array([float(s.lot_size or 1) for s in securities], dtype=float),
        cost_bp=np.array([np.nan if s.cost_bp is None else float(s.cost_bp) for s in securities], dtype=float),
        tradable=np.array(
            [s.tradable is not False and each > 0 for s, each in zip(securities, prices.price, strict=True)], dtype=bool
        ),
        risk_row=np.array([row.get(security_id, -1) for security_id in ids], dtype=np.intp),
        targets=_targets(market, code),
        is_whole=bool(prices.day.all()),
    )


def _targets(market: MarketSnapshot, code: Mapping[SecurityId, int]) -> Mapping[ModelId, tuple[Codes, Array]]:
    found = {}
    for model_id, model in market.models.items():
        weights = {security_id: float(weight) for security_id, weight in model.weights}
        if code.keys() >= weights.keys():
            codes = np.array([code[security_id] for security_id in weights], dtype=np.intp)
            found[model_id] = (codes, np.array(list(weights.values()), dtype=float))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Marks as columns: (n,). price: USD, 0 where there is none; whole: the same, in units of 10^-decimals.

    day: of the mark, an ordinal, 0 where there is none.
    """

    price: tuple[Decimal, ...]
    whole: Whole
    decimals: int
    day: Codes


def prices_of(ids: Sequence[SecurityId], marks: Mapping[SecurityId, Mark]) -> Prices:
    """Return the marks of these names in their order."""
    found = [marks.get(security_id) for security_id in ids]
    price = tuple(_NO_PRICE if mark is None else mark.price for mark in found)
    exact = units(Decimals.of(price))
    day = np.array([0 if mark is None else mark.on.toordinal() for mark in found], dtype=np.intp)
    return Prices(price=price, whole=exact.whole, decimals=exact.decimals, day=day)


def members_of(
    securities: Iterable[Security], code: Mapping[SecurityId, int] | Mapping[str, int]
) -> Mapping[str, Codes]:
    """Return the codes of the securities that each word of policy.words_for means."""
    words: dict[str, list[int]] = {}
    for security in securities:
        for word in words_for(security):
            words.setdefault(word, []).append(code[security.security_id])
    return {word: np.array(codes, dtype=np.intp) for word, codes in words.items()}


def numbered(names: Iterable[str]) -> tuple[Codes, tuple[str, ...]]:
    """Return each name's number in the order of the names, and every name in that order."""
    names = list(names)
    every = tuple(sorted(set(names)))
    number = {name: k for k, name in enumerate(every)}
    return np.array([number[name] for name in names], dtype=np.intp), every
