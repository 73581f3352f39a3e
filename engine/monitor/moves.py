"""What moved since the last scan by more than its own risk explains? Names, sectors and the account as a whole."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

import numpy as np

from engine.domain.accounts import AccountSnapshot, TransactionType
from engine.domain.identifiers import SecurityId
from engine.domain.market import ActionKind, CorporateAction, Mark, MarketSnapshot, PriceHistory, RiskModel
from engine.monitor.positions import Measured

_DAYS_A_YEAR: Final = 365.0
_SAFE: Final = 1 - 1e-9  # a first look in floats must not lose what the exact one would keep


class MoveOf(StrEnum):
    """What moved, in the order in which a desk asks."""

    ACCOUNT = "account"
    SECTOR = "sector"
    NAME = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveLimits:
    """From where on a move is worth a look: beyond its fraction, or beyond so many of its own predicted volatilities.

    name, sector, account: fractions of what was held. sigmas: daily returns have fat tails; at 3 a quiet year of 500
    names rings far too often. least_effect: fraction of the account; what did less to it is left out.
    """

    name: float = 0.05
    sector: float = 0.04
    account: float = 0.03
    sigmas: float = 4.0
    least_effect: float = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A move since the last scan. key: a security_id, a sector or the account_id; change: a fraction of its value then.

    sigmas: in units of its own predicted volatility, None where the risk model does not cover it. dollars: what it did
    to this account, USD, signed.
    """

    of: MoveOf
    key: str
    change: float
    sigmas: float | None
    dollars: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class _Holding:
    """A name held. before and now: USD of the position; days: between its marks, 0 where it has no newer one."""

    security_id: SecurityId
    before: Decimal
    now: Decimal
    days: int


def moves(
    snapshot: AccountSnapshot,
    market: MarketSnapshot,
    measured: Measured,
    last_marks: Mapping[SecurityId, Mark] | None,
    *,
    limits: MoveLimits | None = None,
    actions: Iterable[CorporateAction] = (),
) -> tuple[Move, ...]:
    """Return what moved by more than the limits; the account first, then sectors, then names, largest in dollars first.

    Measured on today's shares between the two marks of each name. The volatility is the risk model's total one for the
    calendar days between the marks. A name without a newer mark stood still. A stock split in between is no move,
    whether the firm's corporate actions or the account's transactions tell of it. Empty without an earlier scan.
    """
    if not last_marks:
        return ()
    bounds = limits or MoveLimits()
    held = _holdings(snapshot, market, measured, last_marks, actions)
    whole = snapshot.account.cash + _value(held)
    groups: list[tuple[MoveOf, str, Sequence[_Holding], Decimal, float]] = [
        (MoveOf.ACCOUNT, snapshot.account.account_id, held, whole, bounds.account),
        *(
            (MoveOf.SECTOR, sector, members, _value(members), bounds.sector)
            for sector, members in _by_sector(held, market).items()
        ),
        *(
            (MoveOf.NAME, holding.security_id, [holding], holding.before, bounds.name)
            for holding in _unusual(held, market.risk, bounds)
        ),
    ]
    found = [
        move
        for of, key, members, value, most in groups
        if (move := _move(of, key, members, value, market.risk)) is not None
        and (abs(move.change) > most or (move.sigmas is not None and abs(move.sigmas) > bounds.sigmas))
        and abs(move.dollars) >= Decimal(bounds.least_effect) * whole
    ]
    order = list(MoveOf)
    return tuple(sorted(found, key=lambda move: (order.index(move.of), -abs(move.dollars), move.key)))


def marks_before(prices: Iterable[PriceHistory], day: date) -> Mapping[SecurityId, Mark]:
    """Return each security's last close before a day: what a first scan measures the moves of that day from."""
    found = {}
    for history in prices:
        place = bisect_left(history.dates, day)
        if place:
            found[history.security_id] = Mark(price=history.closes[place - 1], on=history.dates[place - 1])
    return found


def _holdings(
    snapshot: AccountSnapshot,
    market: MarketSnapshot,
    measured: Measured,
    last_marks: Mapping[SecurityId, Mark],
    actions: Iterable[CorporateAction],
) -> list[_Holding]:
    told = _Splits(
        (action.security_id, action.ex_date, action.value) for action in actions if action.kind is ActionKind.SPLIT
    )
    booked = _Splits(
        (event.security_id, event.trade_date, event.quantity)
        for event in snapshot.book.transactions
        if event.type is TransactionType.SPLIT
    )
    found = []
    for name in measured.values:
        last, mark, now = last_marks.get(name), market.marks[name], measured.values[name]
        if last is None or not (last.price > 0 and last.on < mark.on):
            found.append(_Holding(security_id=name, before=now, now=now, days=0))
            continue
        # What the firm's actions tell goes before the account's own rows, which may tell of the same split.
        ratio = told.between(name, last.on, mark.on) or booked.between(name, last.on, mark.on) or Decimal(1)
        before, days = measured.shares[name] * last.price / ratio, (mark.on - last.on).days
        found.append(_Holding(security_id=name, before=before, now=now, days=days))
    return found


class _Splits:
    """Splits by name: (security, first day on the new shares, new shares for each old one)."""

    def __init__(self, splits: Iterable[tuple[SecurityId, date, Decimal]]) -> None:
        self._by_name: dict[SecurityId, list[tuple[date, Decimal]]] = {}
        for name, on, ratio in splits:
            self._by_name.setdefault(name, []).append((on, ratio))

    def between(self, name: SecurityId, after: date, until: date) -> Decimal | None:
        """Return new shares for each old one over (after, until], None where there was no split."""
        ratios = [ratio for on, ratio in self._by_name.get(name, ()) if after < on <= until]
        return math.prod(ratios, start=Decimal(1)) if ratios else None


def _unusual(held: Sequence[_Holding], risk: RiskModel, bounds: MoveLimits) -> list[_Holding]:
    """Return the holdings whose price may be beyond a limit: in floats, all at once, since hundreds are not."""
    change = np.array([float(holding.now) / float(holding.before) - 1 for holding in held])
    far = np.abs(change) > _SAFE * bounds.name
    places = [place for place, holding in enumerate(held) if holding.security_id in risk.position]
    rows = [risk.position[held[place].security_id] for place in places]
    exposures = risk.exposures[rows]
    variance = ((exposures @ risk.factor_covariance) * exposures).sum(axis=1) + risk.specific_variance[rows]
    years = np.array([held[place].days for place in places]) / _DAYS_A_YEAR
    usual = np.sqrt(np.maximum(variance, 0.0) * years)
    far[places] |= (usual > 0) & (np.abs(change[places]) > _SAFE * bounds.sigmas * usual)
    return [holding for holding, kept in zip(held, far, strict=True) if kept]


def _by_sector(held: Iterable[_Holding], market: MarketSnapshot) -> dict[str, list[_Holding]]:
    sectors: dict[str, list[_Holding]] = {}
    for holding in held:
        security = market.securities.get(holding.security_id)
        if security is not None:
            sectors.setdefault(security.sector, []).append(holding)
    return sectors


def _move(of: MoveOf, key: str, held: Sequence[_Holding], value: Decimal, risk: RiskModel) -> Move | None:
    """Return what holdings did to a value that they were part of, None where that was nothing."""
    if not held or not value > 0:
        return None
    dollars = sum((holding.now - holding.before for holding in held), Decimal(0))
    change = float(dollars / value)
    if not dollars:
        return None
    years = max(holding.days for holding in held) / _DAYS_A_YEAR
    sigma = _volatility(risk, {holding.security_id: float(holding.before / value) for holding in held})
    sigmas = change / (sigma * math.sqrt(years)) if sigma else None
    return Move(of=of, key=key, change=change, sigmas=sigmas, dollars=dollars)


def _value(held: Iterable[_Holding]) -> Decimal:
    return sum((holding.before for holding in held), Decimal(0))


def _volatility(risk: RiskModel, weights: Mapping[SecurityId, float]) -> float:
    """Return the annual volatility of weights, sqrt(w' (F Omega F' + D) w), of the names that the model covers."""
    covered = [name for name in weights if name in risk.position]
    rows = [risk.position[name] for name in covered]
    weight = np.array([weights[name] for name in covered])
    factors = weight @ risk.exposures[rows]
    variance = float(factors @ risk.factor_covariance @ factors + risk.specific_variance[rows] @ weight**2)
    return math.sqrt(max(variance, 0.0))
