"""What moved since the last scan by more than its own risk explains? Names, sectors and the account as a whole."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

import numpy as np

from engine.domain.accounts import AccountSnapshot, TransactionType
from engine.domain.exact import Whole, decimal_of, finer, product, total
from engine.domain.identifiers import SecurityId
from engine.domain.listing import Codes
from engine.domain.market import ActionKind, Array, CorporateAction, Mark, MarketSnapshot, PriceHistory, RiskModel
from engine.monitor.market_columns import Flags, LastColumns, MarketColumns, last_columns
from engine.monitor.positions import Measured

_QUOTIENT_DECIMALS: Final = 8
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
class _Held:
    """The holdings by code, (m,), 0 where a name is not held. before, now: USD of the position in whole numbers of
    10^-decimals; days: between its marks, 0 where it has no newer one.
    """

    market: MarketColumns
    before: Whole
    now: Whole
    decimals: int
    days: Codes

    def floats(self) -> tuple[Array, Array]:
        """Return before and now as floats, USD."""
        unit = 10.0**self.decimals
        return self.before.astype(float) / unit, self.now.astype(float) / unit

    def usd(self, whole: int) -> Decimal:
        return decimal_of(whole, self.decimals)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Names looked at together. members: by code, (m,). value: USD that they were part of. volatility: annual, of that
    value. most: the change from where on it is told.
    """

    of: MoveOf
    key: str
    members: Flags
    value: Decimal
    volatility: float
    most: float


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
    held = _held(snapshot, measured, last_marks, actions)
    whole = snapshot.account.cash + held.usd(total(held.before))
    groups = [
        *_unusual_parts(held, market.risk, whole, snapshot.account.account_id, bounds),
        *_unusual_names(held, bounds),
    ]
    found = [
        move
        for group in groups
        if (move := _move(group, held)) is not None
        and (abs(move.change) > group.most or (move.sigmas is not None and abs(move.sigmas) > bounds.sigmas))
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


def _held(
    snapshot: AccountSnapshot,
    measured: Measured,
    last_marks: Mapping[SecurityId, Mark],
    actions: Iterable[CorporateAction],
) -> _Held:
    columns = measured.market
    last = last_columns(columns, last_marks)
    moved = measured.priced & last.newer
    ratios = _ratios(snapshot, columns, moved, last, actions)
    # Shares before a split are a quotient, which seldom ends: it is kept to a part of a cent that nobody sees.
    more = _QUOTIENT_DECIMALS if ratios else 0
    decimals = measured.share_decimals + max(columns.price_decimals, last.price_decimals) + more
    now = finer(measured.value, decimals - measured.value_decimals)
    then = finer(product(measured.share, last.price), decimals - measured.share_decimals - last.price_decimals)
    before = np.where(moved, then, now)
    before = before.astype(object) if ratios else before
    for code, ratio in ratios.items():
        before[code] = round(int(before[code]) / Fraction(ratio))
    return _Held(
        market=columns, before=before, now=now, decimals=decimals, days=np.where(moved, columns.day - last.day, 0)
    )


def _ratios(
    snapshot: AccountSnapshot,
    market: MarketColumns,
    moved: Flags,
    last: LastColumns,
    actions: Iterable[CorporateAction],
) -> dict[int, Decimal]:
    """Return new shares for each old one, by code, of what split between its two marks.

    What the firm's actions tell goes before the account's own rows, which may tell of the same split.
    """
    told = _Splits(
        (action.security_id, action.ex_date, action.value) for action in actions if action.kind is ActionKind.SPLIT
    )
    rows = snapshot.book.history
    recent = rows.texts("type").among({TransactionType.SPLIT}) & (rows.days("trade_date") > last.oldest)
    booked = _Splits(
        (event.security_id, event.trade_date, event.quantity) for event in (rows.where(recent) if recent.any() else ())
    )
    found = {}
    for name in {*told.names, *booked.names}:
        code = market.code.get(name)
        if code is not None and moved[code]:
            between = name, int(last.day[code]), int(market.day[code])
            ratio = told.between(*between) or booked.between(*between)
            if ratio is not None:
                found[code] = ratio
    return found


class _Splits:
    """Splits by name: (security, first day on the new shares, new shares for each old one)."""

    def __init__(self, splits: Iterable[tuple[SecurityId, date, Decimal]]) -> None:
        self._by_name: dict[SecurityId, list[tuple[int, Decimal]]] = {}
        for name, on, ratio in splits:
            self._by_name.setdefault(name, []).append((on.toordinal(), ratio))

    @property
    def names(self) -> Iterable[SecurityId]:
        return self._by_name

    def between(self, name: SecurityId, after: int, until: int) -> Decimal | None:
        """Return new shares for each old one over (after, until], ordinals; None where there was no split."""
        ratios = [ratio for on, ratio in self._by_name.get(name, ()) if after < on <= until]
        return math.prod(ratios, start=Decimal(1)) if ratios else None


def _unusual_parts(
    held: _Held, risk: RiskModel, whole: Decimal, account_id: str, bounds: MoveLimits
) -> Iterator[_Group]:
    """Return the account and its sectors as far as they may be beyond a limit: in floats, all at once."""
    market = held.market
    before, now = held.floats()
    most = np.array([bounds.account, *[bounds.sector] * len(market.sectors)])
    value = market.parts @ before
    value[0] = float(whole)
    weighted = market.parts * before
    factors = weighted @ market.exposures
    variance = ((factors @ risk.factor_covariance) * factors).sum(axis=1) + weighted**2 @ market.specific
    there = value > 0
    size = np.where(there, value, 1.0)
    volatility = np.sqrt(np.maximum(variance, 0.0)) / size
    change = market.parts @ (now - before) / size
    far = there & _far(change, volatility, (market.parts * held.days).max(axis=1), most, bounds)
    for part in np.flatnonzero(far).tolist():
        members = market.parts[part] > 0
        is_whole = part == 0
        yield _Group(
            of=MoveOf.ACCOUNT if is_whole else MoveOf.SECTOR,
            key=account_id if is_whole else market.sectors[part - 1],
            members=members,
            value=whole if is_whole else held.usd(total(held.before[members])),
            volatility=float(volatility[part]),
            most=float(most[part]),
        )


def _unusual_names(held: _Held, bounds: MoveLimits) -> Iterator[_Group]:
    """Return the names whose price may be beyond a limit."""
    before, now = held.floats()
    volatility = np.sqrt(np.maximum(held.market.variance, 0.0))
    there = before > 0
    change = np.divide(now, before, out=np.ones(len(now)), where=there) - 1
    for code in np.flatnonzero(there & _far(change, volatility, held.days, bounds.name, bounds)).tolist():
        yield _Group(
            of=MoveOf.NAME,
            key=held.market.ids[code],
            members=np.arange(len(before)) == code,
            value=held.usd(int(held.before[code])),
            volatility=float(volatility[code]),
            most=bounds.name,
        )


def _far(change: Array, volatility: Array, days: Array | Codes, most: Array | float, bounds: MoveLimits) -> Flags:
    """Return what may be beyond a limit, and a little that is not: the exact look has the last word."""
    usual = volatility * np.sqrt(days / _DAYS_A_YEAR)
    size = np.abs(change)
    return np.asarray((size >= _SAFE * most) | ((usual > 0) & (size >= _SAFE * bounds.sigmas * usual)), dtype=bool)


def _move(group: _Group, held: _Held) -> Move | None:
    """Return what holdings did to a value that they were part of, None where that was nothing."""
    dollars = held.usd(total((held.now - held.before)[group.members]))
    if not dollars or not group.value > 0:
        return None
    change = float(dollars / group.value)
    usual = group.volatility * math.sqrt(int(held.days[group.members].max()) / _DAYS_A_YEAR)
    return Move(of=group.of, key=group.key, change=change, sigmas=change / usual if usual else None, dollars=dollars)
