"""Which holdings moved since the last scan by more than their own risk explains?"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.accounts import AccountSnapshot, TransactionType
from engine.domain.identifiers import SecurityId
from engine.domain.market import Mark, MarketSnapshot, PriceHistory, RiskModel
from engine.monitor.positions import Measured

MOVE_FRACTION: Final = 0.05  # a price change that is always worth a look
MOVE_SIGMAS: Final = 4.0  # daily returns have fat tails: at 3 a quiet year of 500 names rings far too often
_DAYS_A_YEAR: Final = 365.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A price move since the last scan. change is a fraction; sigmas: in units of the name's own predicted volatility.

    dollars: what it did to this account, USD, signed. sigmas is None where the risk model does not cover the name.
    """

    security_id: SecurityId
    change: float
    sigmas: float | None
    dollars: Decimal


def moves(
    snapshot: AccountSnapshot,
    market: MarketSnapshot,
    measured: Measured,
    last_marks: Mapping[SecurityId, Mark] | None,
) -> tuple[Move, ...]:
    """Return the held names that moved by more than MOVE_FRACTION, or MOVE_SIGMAS of their volatility; largest first.

    The volatility is the risk model's total one for the calendar days between the marks (at least one). A stock split
    in between is no move. Empty where there was no earlier scan.
    """
    if not last_marks:
        return ()
    held = [name for name in measured.values if name in last_marks and last_marks[name].on < market.marks[name].on]
    volatility = _volatility(market.risk, held)
    found = []
    for name in held:
        before, now = last_marks[name], market.marks[name]
        price = before.price / _splits(snapshot, name, before.on, now.on)
        if price <= 0:
            continue
        change = float(now.price / price - 1)
        sigma = volatility.get(name, 0.0) * math.sqrt((now.on - before.on).days / _DAYS_A_YEAR)
        sigmas = change / sigma if sigma > 0 else None
        if abs(change) > MOVE_FRACTION or (sigmas is not None and abs(sigmas) > MOVE_SIGMAS):
            dollars = measured.shares[name] * (now.price - price)
            found.append(Move(security_id=name, change=change, sigmas=sigmas, dollars=dollars))
    return tuple(sorted(found, key=lambda move: (-abs(move.dollars), move.security_id)))


def marks_before(prices: Iterable[PriceHistory], day: date) -> Mapping[SecurityId, Mark]:
    """Return each security's last close before a day: what a first scan measures the moves of that day from."""
    found = {}
    for history in prices:
        place = bisect_left(history.dates, day)
        if place:
            found[history.security_id] = Mark(price=history.closes[place - 1], on=history.dates[place - 1])
    return found


def _volatility(risk: RiskModel, names: list[SecurityId]) -> dict[SecurityId, float]:
    """Return each covered name's total annual volatility: sqrt(diag(F Omega F') + D)."""
    covered = [name for name in names if name in risk.position]
    rows = [risk.position[name] for name in covered]
    exposures = risk.exposures[rows]
    variance = ((exposures @ risk.factor_covariance) * exposures).sum(axis=1) + risk.specific_variance[rows]
    return dict(zip(covered, np.sqrt(np.maximum(variance, 0.0)).tolist(), strict=True))


def _splits(snapshot: AccountSnapshot, name: SecurityId, after: date, until: date) -> Decimal:
    ratio = Decimal(1)
    for event in snapshot.book.transactions:
        if event.type is TransactionType.SPLIT and event.security_id == name and after < event.trade_date <= until:
            ratio *= event.quantity
    return ratio
