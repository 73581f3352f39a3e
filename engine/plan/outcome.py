"""What would exactly these trades do? Lots closed, tax, cost, risk: every part of the objective, from shares."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np

from engine.domain.market import Array
from engine.domain.plans import LotSale, Term
from engine.plan.lots import SaleLot, gain, sales
from engine.plan.problem import Bound, Name, Problem
from engine.tax.netting import YearToDate, netted_liability, plan_liability

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What sales come to for tax, USD. st, lt: net gains that the year counts, disallowed losses left out.

    losses: of the lots sold at a loss, a positive amount without what is disallowed. disallowed: taken away by a wash
    sale; later: the tax that this may save one day, in the basis of its replacement; gone: the part with no such day.
    """

    st: Decimal = _ZERO
    lt: Decimal = _ZERO
    losses: Decimal = _ZERO
    disallowed: Decimal = _ZERO
    later: Decimal = _ZERO
    gone: Decimal = _ZERO

    def __add__(self, other: "Counted") -> "Counted":
        return Counted(
            st=self.st + other.st,
            lt=self.lt + other.lt,
            losses=self.losses + other.losses,
            disallowed=self.disallowed + other.disallowed,
            later=self.later + other.later,
            gone=self.gone + other.gone,
        )


NOTHING = Counted()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """shares: signed, buy > 0; sold: the lots each name's sale closes, and counted: what these come to for tax.

    trade (n,): weights; factor = L'd (k,). Parts: fractions of V. variance: of the tracking error, annual.
    """

    shares: tuple[Decimal, ...]
    sold: tuple[tuple[LotSale, ...], ...]
    counted: tuple[Counted, ...]
    trade: Array
    factor: Array
    variance: float
    risk: float
    tax: float
    cost: float
    tilt: float
    breach: float

    @property
    def total(self) -> float:
        return self.risk + self.tax + self.cost + self.tilt + self.breach

    @cached_property
    def year(self) -> Counted:
        """What all sales come to for tax together."""
        return total_of(self.counted)


def outcome(problem: Problem, shares: Sequence[Decimal], orders: Sequence[Sequence[SaleLot]]) -> Outcome:
    """Return what these signed shares do. orders: each name's lots in the order in which they are to be sold."""
    p = problem.prepared
    sold = tuple(
        sales(order, -quantity, name.price) if quantity < 0 else ()
        for quantity, order, name in zip(shares, orders, problem.names, strict=True)
    )
    counted = tuple(
        _counted(problem, name, order, -quantity, part) if part else NOTHING
        for part, quantity, order, name in zip(sold, shares, orders, problem.names, strict=True)
    )
    year = total_of(counted)
    unit = np.array([name.unit for name in problem.names])
    trade = np.array([float(quantity) for quantity in shares]) * unit
    active = trade - p.shortfall
    factor = problem.loadings.T @ active
    variance = float(factor @ factor + p.specific @ (active * active))
    return Outcome(
        shares=tuple(shares),
        sold=sold,
        counted=counted,
        trade=trade,
        factor=factor,
        variance=variance,
        risk=problem.settings.risk_aversion * variance,
        tax=problem.settings.tax_weight * float((liability_usd(problem, year) - year.later) / problem.value),
        cost=float(p.cost @ np.abs(trade) + p.impact @ (trade * trade)),
        tilt=-float(p.alpha @ trade),
        breach=_breach(problem, trade, year),
    )


def total_of(parts: Iterable[Counted]) -> Counted:
    """Return what several sales come to together."""
    return sum((part for part in parts if part is not NOTHING), NOTHING)


def risk_term(problem: Problem, trade: Array) -> float:
    """Return risk_aversion times the tracking-error variance after these trades."""
    active = trade - problem.shortfall
    factor = problem.loadings.T @ active
    return problem.settings.risk_aversion * float(factor @ factor + problem.specific @ (active * active))


def liability_usd(problem: Problem, counted: Counted) -> Decimal:
    """Return what these gains add to the year's tax: at marginal rates, or netted where the settings ask for it."""
    st_rate, lt_rate = rates(problem)
    account, settings = problem.snapshot.account, problem.settings
    if not (settings.net_taxes and account.registration.is_taxable):
        return plan_liability(counted.st, counted.lt, st_rate=st_rate, lt_rate=lt_rate)
    return netted_liability(
        counted.st,
        counted.lt,
        YearToDate(
            st_gain=account.ytd_st_gain,
            lt_gain=account.ytd_lt_gain,
            st_carryforward=account.st_carryforward,
            lt_carryforward=account.lt_carryforward,
        ),
        st_rate=st_rate,
        lt_rate=lt_rate,
        carryforward_value=Decimal(str(settings.carryforward_value)),
    )


def names_held(problem: Problem, done: Outcome) -> int:
    """Return how many names the account holds after these trades."""
    return sum(name.shares + quantity != 0 for name, quantity in zip(problem.names, done.shares, strict=True))


def rates(problem: Problem) -> tuple[Decimal, Decimal]:
    """Return the short-term and long-term rates that count in this account."""
    account = problem.snapshot.account
    return (account.st_rate, account.lt_rate) if account.registration.is_taxable else (_ZERO, _ZERO)


def priced_bounds(problem: Problem, name: Name) -> tuple[Bound, ...]:
    """Return the name's bounds that are broken before any trade, unless the settings enforce them."""
    return () if problem.settings.enforce else tuple(bound for bound in name.bounds if bound.is_broken)


def row_values(problem: Problem, trade: Array, year: Counted) -> Array:
    """Return what each row adds up to (m,)."""
    p = problem.prepared
    linear = p.up @ np.maximum(trade, 0.0) + p.down @ np.maximum(-trade, 0.0)
    value = problem.value
    return np.asarray(linear + p.st * float(year.st / value) + p.lt * float(year.lt / value))


def _counted(
    problem: Problem, name: Name, order: Sequence[SaleLot], quantity: Decimal, sold: Sequence[LotSale]
) -> Counted:
    """Return what a sale of so many shares, lots in this order, comes to for tax."""
    if not any(entry.disallowed for entry in order):
        return Counted(
            st=sum((sale.gain for sale in sold if sale.term is Term.SHORT), _ZERO),
            lt=sum((sale.gain for sale in sold if sale.term is Term.LONG), _ZERO),
            losses=-sum((sale.gain for sale in sold if sale.gain < 0), _ZERO),
        )
    found, missing = NOTHING, quantity
    for entry in order:
        part = min(entry.quantity, missing)
        if part <= 0:
            break
        missing -= part
        made = gain(entry.lot, part, name.price)
        if entry.disallowed:
            later = _saved_later(problem, entry, -made)
            found += Counted(disallowed=-made, later=later, gone=_ZERO if entry.tax < 0 else -made)
        else:
            loss = max(-made, _ZERO)
            found += Counted(st=made, losses=loss) if entry.term is Term.SHORT else Counted(lt=made, losses=loss)
    return found


def _saved_later(problem: Problem, entry: SaleLot, loss: Decimal) -> Decimal:
    """Return what a disallowed loss may save when its replacement is sold; nothing where an IRA holds that."""
    if entry.tax >= 0:
        return _ZERO
    st_rate, lt_rate = rates(problem)
    rate = st_rate if entry.term is Term.SHORT else lt_rate
    return Decimal(str(problem.settings.carryforward_value)) * rate * loss


def _breach(problem: Problem, trade: Array, year: Counted) -> float:
    """Return the price of every bound that the account already broke and these trades leave broken."""
    p = problem.prepared
    u = np.repeat(trade, np.diff(p.hinge_first))
    beyond = np.maximum(np.where(p.hinge_upper, u - p.hinge_at, p.hinge_at - u), 0.0)
    values = row_values(problem, trade, year)
    above = np.array([row.slack_above > 0 for row in problem.rows], dtype=bool)
    below = np.array([row.slack_below > 0 for row in problem.rows], dtype=bool)
    over = np.maximum(values - p.row_hi, 0.0, where=above, out=np.zeros(len(values)))
    under = np.maximum(p.row_lo - values, 0.0, where=below, out=np.zeros(len(values)))
    return problem.penalty * float(beyond.sum() + over.sum() + under.sum())
