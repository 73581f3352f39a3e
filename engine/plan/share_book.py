"""Where does each name stand in shares? From the fractional plan to positions in whole shares, and back to decimals."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.domain.plans import Term
from engine.plan.lots import SaleLot
from engine.plan.names import Names
from engine.plan.prepared import Flags, Indices
from engine.plan.problem import CASH, Problem
from engine.plan.sale_order import Orders
from engine.plan.share_moves import Shares, start
from engine.plan.share_program import Steps
from engine.plan.sides import Found

_ZERO: Final = Decimal(0)
TOUCH: Final = 1e-9  # weights closer than this are the same
TRACKING_SLACK: Final = 5e-7  # of the tracking error that whole shares may add to its limit
_FEW: Final = 1e-6  # of one step: what division leaves over
_AT_MOST: Final = 10**9  # steps; stands for no limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Each name's piece in weights (n,): lo, hi, and leaves, whether all of it may be sold there."""

    lo: Array
    hi: Array
    leaves: Flags


def open_book(problem: Problem, found: Found, orders: Sequence[Sequence[SaleLot]]) -> Shares:
    """Return every name at the tradable number of shares nearest to the plan, on the piece that the plan chose."""
    p, n, m = problem.prepared, len(problem.names), len(problem.rows)
    sides = _sides(problem, found)
    whole_steps, is_odd = _steps_held(problem.names)
    step = problem.names.lot_size * problem.unit
    low, high = _reach(sides, step, _most_sold(problem, sides, orders, whole_steps))
    leaving = np.where(sides.leaves & is_odd, p.held, 0.0)
    must_leave = (leaving > 0) & (sides.hi - sides.lo < TOUCH)
    low[must_leave], high[must_leave] = 1, 0
    at, has_left = _nearest(found.trade[:n], step, low, high, leaving)
    lots, first = _lots(problem, found, sides, orders)
    rows = problem.rows
    factors = problem.loadings.shape[1]
    limit = problem.settings.max_tracking_error
    book = Shares(
        aversion=problem.settings.risk_aversion,
        penalty=problem.penalty,
        limit=np.inf if limit is None else limit + TRACKING_SLACK,
        netting=_netting(problem),
        step=step,
        leaving=leaving,
        whole_steps=whole_steps,
        low=low,
        high=high,
        shortfall=p.shortfall,
        specific=p.specific,
        cost=p.cost,
        alpha=p.alpha,
        impact=p.impact,
        bend=np.einsum("ik,ik->i", problem.loadings, problem.loadings),
        hinge_first=p.hinge_first,
        hinge_at=p.hinge_at,
        hinge_upper=p.hinge_upper,
        lot_first=first,
        lot_weight=lots[0],
        lot_tax=lots[1],
        lot_st=lots[2],
        lot_lt=lots[3],
        up=np.ascontiguousarray(p.up.T),
        down=np.ascontiguousarray(p.down.T),
        row_st=p.st,
        row_lt=p.lt,
        lo=np.array([row.lo for row in rows]),
        hi=np.array([row.hi for row in rows]),
        below=np.array([row.slack_below for row in rows]),
        above=np.array([row.slack_above for row in rows]),
        loadings=np.ascontiguousarray(problem.loadings),
        at=at,
        has_left=has_left,
        weight=np.zeros(n),
        own=np.zeros(n),
        st=np.zeros(n),
        lt=np.zeros(n),
        next_at=np.zeros(2 * n, dtype=np.intp),
        next_left=np.zeros(2 * n, dtype=bool),
        next_open=np.zeros(2 * n, dtype=bool),
        next_weight=np.zeros(2 * n),
        next_own=np.zeros(2 * n),
        next_st=np.zeros(2 * n),
        next_lt=np.zeros(2 * n),
        rows=np.zeros(m),
        totals=np.zeros(3),
        factor=np.zeros(factors),
        pull=np.zeros(n),
    )
    start(book)
    return book


def shares(problem: Problem, book: Shares) -> tuple[Decimal, ...]:
    """Return the signed shares at which the names stand, exactly."""
    found, names = [_ZERO] * len(problem.names), problem.names
    for i in np.flatnonzero(book.has_left | (book.at != 0)).tolist():
        found[i] = -names.shares(i) if book.has_left[i] else Decimal(int(book.at[i])) * names.lot_size_of(i)
    return tuple(found)


def spare_cash(problem: Problem, book: Shares, weight: float) -> None:
    """Let the cash row, which counts what is spent, fall below its limit by so much from now on."""
    book.lo[[row.rule == CASH for row in problem.rows]] -= weight


def steps_around(book: Shares, wanted: Array) -> Steps:
    """Return the names as whole steps around where they stand, each on its side of zero.

    A name stays where it is, with a step of no weight, if it leaves the account with a fraction of a share or finds
    no whole step on its piece. Where gains are capped a name stays in the lot that it ends in, so that its gain is
    linear. A limit on the tracking error is one more row, linear around where the names stand.
    """
    n, m = len(book.at), len(book.lo)
    low, high, step = np.zeros(n), np.zeros(n), np.zeros(n)
    rates, base = np.zeros((m, n)), book.rows.copy()
    by_gain = bool(((book.row_st != 0) | (book.row_lt != 0)).any())
    for i in np.flatnonzero(~book.has_left & (book.step > 0) & (book.low <= book.high)).tolist():
        side, st, lt, lo, hi = _linear(book, i, by_gain=by_gain)
        fewest, most = np.ceil(lo / book.step[i] - _FEW), np.floor(hi / book.step[i] + _FEW)
        if fewest <= most:
            step[i], low[i], high[i] = book.step[i], fewest, most
            linear = book.up[i] if side > 0 else -book.down[i]
            rates[:, i] = linear - book.row_st * st - book.row_lt * lt
            base -= rates[:, i] * book.weight[i]
    lo_rows, hi_rows = book.lo - book.below, book.hi + book.above
    if np.isfinite(book.limit):
        slope = 2.0 * (book.pull + book.specific * (book.weight - book.shortfall)) * (step > 0)
        room = book.limit**2 - _curved(book, wanted, step)
        rates, base = np.vstack([rates, slope]), np.append(base, book.totals[2] - slope @ book.weight)
        lo_rows, hi_rows = np.append(lo_rows, -np.inf), np.append(hi_rows, room)
    return Steps(
        step=step,
        low=low,
        high=high,
        wanted=np.where(step > 0, wanted, 0.0),
        base=base,
        rates=rates,
        lo=lo_rows,
        hi=hi_rows,
    )


def settle(book: Shares, steps: Steps, counts: Array) -> None:
    """Move every name that has a step to so many of them."""
    moving = steps.step > 0
    book.at[moving] = counts[moving].astype(np.intp)
    start(book)


def _sides(problem: Problem, found: Found) -> Sides:
    """Return the pieces; a name that must go but cannot leave whole keeps back what is less than one lot size."""
    p, pieces = problem.prepared, found.pieces[: len(problem.names)]
    lo, hi = found.table.lo[pieces].copy(), found.table.hi[pieces].copy()
    leaves = (p.whole > 0) & (lo <= -p.held + TOUCH)
    for i in np.flatnonzero(p.must_exit & ~leaves).tolist():
        name = problem.names[i]
        size = problem.names.lot_size_of(i)
        most = sum((entry.lot.quantity for entry in name.sellable), Decimal(0)) // size * size
        lo[i] = hi[i] = -float(most) * name.unit
    return Sides(lo=lo, hi=hi, leaves=leaves)


def _steps_held(names: Names) -> tuple[Indices, Flags]:
    """Return how many lot sizes each name holds, and whether it holds a part of one besides: (n,)."""
    one = 10**names.whole_decimals
    steps, odd = names.whole // one, names.whole % one != 0
    for i in np.flatnonzero(names.lot_size != 1.0).tolist():
        held, size = names.shares(i), names.lot_size_of(i)
        steps[i], odd[i] = int(held // size), bool(held % size)
    return steps.astype(np.intp), np.asarray(odd, dtype=bool)


def _most_sold(problem: Problem, sides: Sides, orders: Sequence[Sequence[SaleLot]], whole_steps: Indices) -> Indices:
    """Return how many whole steps each name's lots allow to be sold (n,)."""
    most, names = np.where(sides.leaves, whole_steps, 0), problem.names
    one = 10**names.whole_decimals
    quantity, row = names.lots.holding.quantity, names.lots.row
    for i in np.flatnonzero((sides.lo < 0) & ~sides.leaves).tolist():
        places = orders.places(i) if isinstance(orders, Orders) and names.lot_size[i] == 1.0 else None
        if places is None:
            most[i] = int(sum((entry.quantity for entry in orders[i]), _ZERO) // names.lot_size_of(i))
        else:
            most[i] = int(quantity[row[places]].sum()) // one
    return most


def _reach(sides: Sides, step: Array, most_sold: Indices) -> tuple[Indices, Indices]:
    """Return the fewest and most steps, signed, that lie on each name's piece; low > high where none does."""
    each = np.where(step > 0, step, 1.0)
    low = np.maximum(np.ceil(np.maximum((sides.lo - TOUCH) / each, -_AT_MOST)).astype(np.intp), -most_sold)
    high = np.floor(np.minimum((sides.hi + TOUCH) / each, _AT_MOST)).astype(np.intp)
    return np.where(step > 0, low, 0), np.where(step > 0, high, 0)


def _nearest(wanted: Array, step: Array, low: Indices, high: Indices, leaving: Array) -> tuple[Indices, Flags]:
    """Return the steps nearest to the wanted weights (n,), and where a whole odd holding is nearer still.

    A name without a step on its piece stands at none.
    """
    each = np.where(step > 0, step, 1.0)
    at = np.clip(np.rint(wanted / each).astype(np.intp), low, np.maximum(low, high))
    at = np.where(low <= high, at, 0)
    off = np.where(low <= high, np.abs(at * each - wanted), np.inf)
    away = np.abs(wanted + leaving)
    return at, np.asarray((leaving > 0) & ((away < TOUCH) | (away <= off)))


def _lots(
    problem: Problem, found: Found, sides: Sides, orders: Sequence[Sequence[SaleLot]]
) -> tuple[tuple[Array, Array, Array, Array], Indices]:
    """Return weight, weighed tax, and gains that count by term, of the lots of names that may sell, in order."""
    p, order = problem.prepared, found.table.order
    if found.sold is None and not found.table.gains_only[found.pieces].any():  # then they are what the search took
        tax = problem.settings.tax_weight * p.lot_tax[order]
        return (p.lot_weight[order], tax, p.lot_st_gain[order], p.lot_lt_gain[order]), p.lot_first
    sells = (sides.lo < 0).tolist()
    listed = [order if may else () for order, may in zip(orders, sells, strict=True)]
    lots = [entry for order in listed for entry in order]
    first = np.concatenate([[0], np.cumsum([len(order) for order in listed])]).astype(np.intp)
    counted = np.array([entry.counted_gain for entry in lots], dtype=float)
    is_short = np.array([entry.term is Term.SHORT for entry in lots], dtype=bool)
    tax = np.array([entry.tax for entry in lots], dtype=float) * problem.settings.tax_weight
    if problem.netting is not None:
        tax *= np.array([entry.disallowed for entry in lots], dtype=bool)
    weight = np.array([entry.weight for entry in lots], dtype=float)
    return (weight, tax, counted * is_short, counted * ~is_short), first


def _netting(problem: Problem) -> Array:
    year = problem.netting
    if year is None:
        return np.zeros(8)
    weight = problem.settings.tax_weight
    return np.array([1.0, year.st, year.lt, year.allowance, year.st_rate, year.lt_rate, year.carried, weight])


def _linear(book: Shares, i: int, *, by_gain: bool) -> tuple[int, float, float, float, float]:
    """Return a name's side, its gains per unit of weight sold by term, and the range around it where all hold."""
    lo, hi, u = float(book.low[i] * book.step[i]), float(book.high[i] * book.step[i]), float(book.weight[i])
    if u > 0 or lo >= 0 or (u == 0 and hi > 0):
        return 1, 0.0, 0.0, max(lo, 0.0), hi
    if not by_gain:
        return -1, 0.0, 0.0, lo, min(hi, 0.0)
    sold = 0.0
    for j in range(int(book.lot_first[i]), int(book.lot_first[i + 1])):
        weight = float(book.lot_weight[j])
        if sold + weight >= -u - TOUCH:
            return -1, float(book.lot_st[j]), float(book.lot_lt[j]), max(lo, -(sold + weight)), min(hi, -sold)
        sold += weight
    return -1, 0.0, 0.0, u, u


def _curved(book: Shares, wanted: Array, step: Array) -> float:
    """Return what variance bends up by from where the names stand to within half a step of what is wanted, or more."""
    moved = np.where(step > 0, wanted - book.weight, 0.0)
    factor = book.loadings.T @ moved
    spread = float(factor @ factor + book.specific @ (moved * moved))
    return 2.0 * spread + float((book.bend + book.specific) @ (step * step)) / 4.0
