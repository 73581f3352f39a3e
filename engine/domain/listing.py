"""What do all accounts of a day see of the market? Its securities as columns, ordered by security_id, made once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from engine.domain.exact import Whole, units
from engine.domain.identifiers import ModelId, SecurityId
from engine.domain.market import Array, MarketSnapshot, Security
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
    marks = [market.marks.get(security_id) for security_id in ids]
    price = tuple(_NO_PRICE if mark is None else mark.price for mark in marks)
    exact = units(Decimals.of(price))
    group, groups, in_group = _numbered([security.group for security in securities])
    sector, sectors, _ = _numbered([security.sector for security in securities])
    words: dict[str, list[int]] = {}
    for k, security in enumerate(securities):
        for word in words_for(security):
            words.setdefault(word, []).append(k)
    row = market.risk.position
    return Listing(
        ids=ids,
        code=code,
        securities=securities,
        price=price,
        price_whole=exact.whole,
        price_decimals=exact.decimals,
        day=np.array([0 if mark is None else mark.on.toordinal() for mark in marks], dtype=np.intp),
        group=group,
        groups=groups,
        sector=sector,
        sectors=sectors,
        members={word: np.array(codes, dtype=np.intp) for word, codes in words.items()},
        in_group=in_group,
        lot_size=np.array([float(s.lot_size or 1) for s in securities], dtype=float),
        cost_bp=np.array([np.nan if s.cost_bp is None else float(s.cost_bp) for s in securities], dtype=float),
        tradable=np.array(
            [s.tradable is not False and each > 0 for s, each in zip(securities, price, strict=True)], dtype=bool
        ),
        risk_row=np.array([row.get(security_id, -1) for security_id in ids], dtype=np.intp),
        targets=_targets(market, code),
        is_whole=None not in marks,
    )


def _targets(market: MarketSnapshot, code: Mapping[SecurityId, int]) -> Mapping[ModelId, tuple[Codes, Array]]:
    found = {}
    for model_id, model in market.models.items():
        weights = {security_id: float(weight) for security_id, weight in model.weights}
        if code.keys() >= weights.keys():
            codes = np.array([code[security_id] for security_id in weights], dtype=np.intp)
            found[model_id] = (codes, np.array(list(weights.values()), dtype=float))
    return found


def _numbered(names: list[str]) -> tuple[Codes, tuple[str, ...], Mapping[str, Codes]]:
    """Return each name's number in their order, the names in that order, and where each is."""
    every = tuple(sorted(set(names)))
    number = {name: k for k, name in enumerate(every)}
    codes = np.array([number[name] for name in names], dtype=np.intp)
    places: dict[str, list[int]] = {name: [] for name in every}
    for k, name in enumerate(names):
        places[name].append(k)
    return codes, every, {name: np.array(where, dtype=np.intp) for name, where in places.items()}
