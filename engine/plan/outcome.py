"""What would exactly these trades do? Lots closed, tax, cost, risk: every part of the objective, from shares."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from engine.domain.market import Array
from engine.domain.plans import LotSale
from engine.plan.lots import SaleLot, sales
from engine.plan.problem import Bound, Name, Problem, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """shares: signed, buy > 0; sold: the lots each name's sale closes; trade (n,): weights. Parts: fractions of V."""

    shares: tuple[Decimal, ...]
    sold: tuple[tuple[LotSale, ...], ...]
    trade: Array
    risk: float
    tax: float
    cost: float
    tilt: float
    breach: float

    @property
    def total(self) -> float:
        return self.risk + self.tax + self.cost + self.tilt + self.breach


def outcome(problem: Problem, shares: Sequence[Decimal], orders: Sequence[Sequence[SaleLot]]) -> Outcome:
    """Return what these signed shares do. orders: each name's lots in the order in which they are to be sold."""
    sold = tuple(
        sales(order, -quantity, name.price) if quantity < 0 else ()
        for quantity, order, name in zip(shares, orders, problem.names, strict=True)
    )
    trade = np.array(
        [float(quantity * name.price / problem.value) for quantity, name in zip(shares, problem.names, strict=True)]
    )
    gains = np.array([float(sum((sale.gain for sale in part), Decimal(0)) / problem.value) for part in sold])
    return Outcome(
        shares=tuple(shares),
        sold=sold,
        trade=trade,
        risk=risk_term(problem, trade),
        tax=problem.settings.tax_weight * sum(float(tax_usd(problem, part) / problem.value) for part in sold),
        cost=float(np.abs(trade) @ np.array([name.cost for name in problem.names])),
        tilt=-float(trade @ np.array([name.alpha for name in problem.names])),
        breach=sum(breaches(problem, trade, gains)),
    )


def risk_term(problem: Problem, trade: Array) -> float:
    """Return risk_aversion times the tracking-error variance after these trades."""
    active = trade - problem.shortfall
    factor = problem.loadings.T @ active
    return problem.settings.risk_aversion * float(factor @ factor + problem.specific @ (active * active))


def tax_usd(problem: Problem, sold: Sequence[LotSale]) -> Decimal:
    """Return the tax on these sales at the account's marginal rates; zero in a registration that pays none."""
    st_rate, lt_rate = rates(problem)
    return sum((sale.gain * (lt_rate if sale.term.value == "LT" else st_rate) for sale in sold), Decimal(0))


def rates(problem: Problem) -> tuple[Decimal, Decimal]:
    """Return the short-term and long-term rates that count in this account."""
    account = problem.snapshot.account
    return (account.st_rate, account.lt_rate) if account.registration.is_taxable else (Decimal(0), Decimal(0))


def breaches(problem: Problem, trade: Array, gains: Array) -> Iterator[float]:
    """Return the price of every bound that the account already broke and these trades leave broken."""
    for name, u in zip(problem.names, trade, strict=True):
        for bound in priced_bounds(problem, name):
            yield problem.penalty * max(float(u - bound.at) if bound.upper else float(bound.at - u), 0.0)
    for row in problem.rows:
        value = row_value(row, trade, gains)
        if row.slack_above > 0:
            yield problem.penalty * max(value - row.hi, 0.0)
        if row.slack_below > 0:
            yield problem.penalty * max(row.lo - value, 0.0)


def priced_bounds(problem: Problem, name: Name) -> tuple[Bound, ...]:
    """Return the name's bounds that are broken before any trade, unless the settings enforce them."""
    return () if problem.settings.enforce else tuple(bound for bound in name.bounds if bound.is_broken)


def row_value(row: Row, trade: Array, gains: Array) -> float:
    """Return what a row adds up to. gains (n,): realised by each name's trade, fractions of V."""
    if row.by_lot_gain:
        return float(gains.sum())
    return float(row.up @ np.maximum(trade, 0.0) + row.down @ np.maximum(-trade, 0.0))
