"""What would exactly these trades do? Lots closed, tax, cost, risk: every part of the objective, from shares."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.domain.plans import LotSale, Term
from engine.plan.lot_table import LotTable
from engine.plan.lots import SaleLot, gain, sales
from engine.plan.problem import Problem
from engine.plan.sale_order import Orders
from engine.tax.netting import YearToDate, netted_liability, plan_liability

_ZERO: Final = Decimal(0)


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


NOTHING: Final = Counted()
_NO_SALE: Final[tuple[tuple[LotSale, ...], Counted]] = ((), NOTHING)
_BP_USD: Final = Decimal(10_000)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """shares: signed, buy > 0; sold: the lots each name's sale closes, and counted: what these come to for tax.

    cash: after the external flow, the trades and their cost, USD; market impact is not in it, for prices have it in.
    trade (n,): weights; factor = L'd (k,). Parts: fractions of V. variance: of the tracking error, annual.
    """

    shares: tuple[Decimal, ...]
    sold: tuple[tuple[LotSale, ...], ...]
    counted: tuple[Counted, ...]
    cash: Decimal
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
    parts = [_NO_SALE] * len(shares)
    for i, quantity in enumerate(shares):
        if quantity < 0:
            places = orders.places(i) if isinstance(orders, Orders) else None
            parts[i] = (
                _sale(problem, problem.names.price(i), orders[i], -quantity)
                if places is None
                else _sale_of_lots(problem.names.lots, problem.names.price(i), places, -quantity)
            )
    counted = tuple(part[1] for part in parts)
    year = total_of(counted)
    unit = problem.unit
    trade = np.array([float(quantity) for quantity in shares]) * unit
    active = trade - p.shortfall
    factor = problem.loadings.T @ active
    variance = float(factor @ factor + p.specific @ (active * active))
    return Outcome(
        shares=tuple(shares),
        sold=tuple(part[0] for part in parts),
        counted=counted,
        cash=_cash_after(problem, shares),
        trade=trade,
        factor=factor,
        variance=variance,
        risk=problem.settings.risk_aversion * variance,
        tax=problem.settings.tax_weight * float((liability_usd(problem, year) - year.later) / problem.value),
        cost=float(p.cost @ np.abs(trade) + p.impact @ (trade * trade)),
        tilt=_tilt(problem, trade),
        breach=_breach(problem, trade, year),
    )


def _tilt(problem: Problem, trade: Array) -> float:
    """Return what the firm's tilts and its own convex terms cost."""
    tilt = -float(problem.prepared.alpha @ trade)
    return tilt if problem.written is None else tilt + problem.written.cost_at(problem.prepared.held + trade)


def total_of(parts: Iterable[Counted]) -> Counted:
    """Return what several sales come to together."""
    real = [part for part in parts if part is not NOTHING]
    return Counted(
        st=sum((part.st for part in real), _ZERO),
        lt=sum((part.lt for part in real), _ZERO),
        losses=sum((part.losses for part in real), _ZERO),
        disallowed=sum((part.disallowed for part in real), _ZERO),
        later=sum((part.later for part in real), _ZERO),
        gone=sum((part.gone for part in real), _ZERO),
    )


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
    held = np.asarray(problem.names.whole != 0, dtype=bool)
    for i, quantity in enumerate(done.shares):
        if quantity:
            held[i] = problem.names.holds(i) + quantity != 0
    return int(held.sum())


def rates(problem: Problem) -> tuple[Decimal, Decimal]:
    """Return the short-term and long-term rates that count in this account."""
    account = problem.snapshot.account
    return (account.st_rate, account.lt_rate) if account.registration.is_taxable else (_ZERO, _ZERO)


def row_values(problem: Problem, trade: Array, year: Counted) -> Array:
    """Return what each row adds up to (m,)."""
    p = problem.prepared
    linear = p.up @ np.maximum(trade, 0.0) + p.down @ np.maximum(-trade, 0.0)
    value = problem.value
    return np.asarray(linear + p.st * float(year.st / value) + p.lt * float(year.lt / value))


def _cash_after(problem: Problem, shares: Sequence[Decimal]) -> Decimal:
    default = Decimal(str(problem.settings.cost_bp))
    cash = problem.snapshot.account.cash + problem.settings.deposit - problem.settings.withdrawal
    names = problem.names
    for i, quantity in enumerate(shares):
        if quantity:
            own, amount = names.security(i).cost_bp, quantity * names.price(i)
            cash -= amount + abs(amount) * (default if own is None else own) / _BP_USD
    return cash


def _sale(
    problem: Problem, price: Decimal, order: Sequence[SaleLot], quantity: Decimal
) -> tuple[tuple[LotSale, ...], Counted]:
    """Return the lots that a sale of so many shares closes, in this order, and what they come to for tax."""
    closed, missing = [], quantity
    for entry in order:
        if missing <= 0:
            break
        part = min(entry.quantity, missing)
        closed.append((entry, part))
        missing -= part
    if any(entry.disallowed or entry.quantity != entry.lot.quantity for entry, _ in closed):
        return sales(order, quantity, price), total_of(_each(problem, price, closed))
    sold = []
    for entry, part in closed:
        made = entry.gain_usd if part == entry.quantity else gain(entry.lot, part, price)
        sold.append(LotSale(lot_id=entry.lot.lot_id, quantity=part, term=entry.term, gain=made))
    return tuple(sold), _counted(sold)


def _sale_of_lots(
    table: LotTable, price: Decimal, places: Iterable[int], quantity: Decimal
) -> tuple[tuple[LotSale, ...], Counted]:
    """Return the same of whole lots by their places in the table."""
    sold, missing = [], quantity
    for j in places:
        if missing <= 0:
            break
        part, made = table.sold(j, missing, price)
        sold.append(LotSale(lot_id=table.holding.lot_id(table.row[j]), quantity=part, term=table.term(j), gain=made))
        missing -= part
    return tuple(sold), _counted(sold)


def _counted(sold: Iterable[LotSale]) -> Counted:
    """Return what sales come to of which nothing is disallowed."""
    st, lt, losses = _ZERO, _ZERO, _ZERO
    for sale in sold:
        if sale.term is Term.SHORT:
            st += sale.gain
        else:
            lt += sale.gain
        if sale.gain < 0:
            losses -= sale.gain
    return Counted(st=st, lt=lt, losses=losses)


def _each(problem: Problem, price: Decimal, closed: Iterable[tuple[SaleLot, Decimal]]) -> Iterator[Counted]:
    """Yield what each part of a lot comes to for tax, shares whose loss is disallowed being parts of their own."""
    for entry, part in closed:
        made = gain(entry.lot, part, price)
        if entry.disallowed:
            later = _saved_later(problem, entry, -made)
            yield Counted(disallowed=-made, later=later, gone=_ZERO if entry.deferred else -made)
        else:
            loss = max(-made, _ZERO)
            yield Counted(st=made, losses=loss) if entry.term is Term.SHORT else Counted(lt=made, losses=loss)


def _saved_later(problem: Problem, entry: SaleLot, loss: Decimal) -> Decimal:
    """Return what a disallowed loss may save when its replacement is sold; nothing where an IRA holds that."""
    if not entry.deferred:
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
