"""What would it save to lift a rule on one name? Locks, restrictions and exclusions, priced by the plan's Lagrangian.

At the plan's prices a name's cost without the rule has its own minimum; what this lies below the minimum with the rule
is the most that lifting it can save, the rest of the account planned again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.holding import Flags, Indices
from engine.plan.lot_table import LOCKED, RESTRICTED_LOT
from engine.plan.prepared import limits
from engine.plan.prices import Prices
from engine.plan.rules import NOT_TRADABLE, WASH_SALES, NameRules

_WORTH_TELLING: Final = 1e-8  # 1e-4 bp


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """name: its number; rule; saved: a fraction of V, the most that lifting it saves; buys: what it would do then."""

    name: int
    rule: str
    saved: float
    buys: bool


def lifted_rules(prices: Prices) -> Iterator[Lifted]:
    """Yield every rule on one name that keeps it from a trade that would pay at the plan's prices."""
    if prices.problem.settings.liquidate:  # which leaves no trade to choose
        return
    names, may_pay = prices.problem.names, _may_pay(prices)
    for i in names.rulings.ruled:
        if not may_pay[i]:
            continue
        rules = names.rules[i]
        if not (rules.no_buy or rules.no_sell or rules.no_loss_sale or rules.must_exit):
            continue
        if NOT_TRADABLE in rules.no_buy:  # no one can lift that
            continue
        found = max(lifts_of(prices, i, rules), key=lambda lifted: lifted.saved, default=None)
        if found is not None and found.saved > _WORTH_TELLING:
            yield found


def _may_pay(prices: Prices) -> Flags:
    """Return the names that lifting a rule could save anything on, were no part of a trade bent by another: (n,).

    That is a bound on what they are then found to save: it leaves out names, and changes no figure.
    """
    table, problem, n = prices.found.table, prices.problem, len(prices.problem.names)
    p, lots, frame = problem.prepared, problem.names.lots, prices.found.table.frame
    if (np.diff(table.first_piece[: n + 1]) == 0).any():
        return np.ones(n, dtype=bool)
    present = np.minimum.reduceat(prices.lowest[: table.first_piece[n]], table.first_piece[:n])
    broken = np.bincount(np.repeat(np.arange(n), np.diff(p.hinge_first)), np.abs(p.hinge_at), minlength=n)
    gained = present - prices.aversion * p.specific * p.shortfall**2 - problem.penalty * broken
    bent = 2.0 * prices.aversion * p.specific * p.shortfall
    mending = np.where(np.diff(p.hinge_first) > 0, problem.penalty, 0.0)
    buying = p.cost - p.alpha + prices.linear + prices.all_rows @ frame.up[:, :n] - bent - mending
    selling = p.cost + p.alpha - prices.linear + prices.all_rows @ frame.down[:, :n] + bent - mending
    _, most = limits(problem)
    room = np.maximum(np.minimum(1.0 - p.held, most), 0.0)
    slope = selling[lots.owner] + _tax(prices, np.arange(len(lots.row)))
    sold = np.bincount(lots.owner, np.maximum(-slope, 0.0) * lots.weight, minlength=n)
    return np.asarray(gained + np.maximum(np.maximum(-buying, 0.0) * room, sold) > _WORTH_TELLING / 2.0)


def lifts_of(prices: Prices, i: int, rules: NameRules) -> Iterator[Lifted]:
    """Yield what buying, and what selling, would save that a rule forbids now."""
    table, p, lots = prices.found.table, prices.problem.prepared, prices.problem.names.lots
    own = slice(table.first_piece[i], table.first_piece[i + 1])
    present = float(prices.lowest[own].min(initial=np.inf))
    if not np.isfinite(present):
        return
    idle = prices.aversion * p.specific[i] * p.shortfall[i] ** 2 + _broken(prices, i)
    lo, hi = _limits(prices, i)
    if rules.no_buy and hi > 0:
        cost = idle + _least_buying(prices, i, hi)
        yield Lifted(name=i, rule=rules.no_buy[0], saved=present - cost, buys=True)
    first = int(lots.first[i])
    blocked = lots.blocked[first : lots.first[i + 1]]
    if rules.must_exit:
        cost = idle + min(_least_selling(prices, i, first + np.flatnonzero(blocked == 0), lo), 0.0)
        yield Lifted(name=i, rule=rules.must_exit[0], saved=present - cost, buys=False)
    for block, why in ((RESTRICTED_LOT, rules.no_sell), (LOCKED, rules.no_loss_sale or (WASH_SALES,))):
        if (blocked == block).any():
            free = first + np.flatnonzero((blocked == 0) | (blocked == block))
            yield Lifted(name=i, rule=why[0], saved=present - idle - _least_selling(prices, i, free, lo), buys=False)


def _limits(prices: Prices, i: int) -> tuple[float, float]:
    """Return the range that the limits on a name's weight leave its trade; one that is broken allows no worse."""
    held = float(prices.problem.names.held[i])
    lo, hi = -held, max(1.0 - held, 0.0)
    for bound in prices.problem.names.bounds.of(i):
        at = 0.0 if bound.is_broken and not prices.problem.settings.enforce else bound.at
        lo, hi = (lo, min(hi, at)) if bound.upper else (max(lo, at), hi)
    return min(lo, 0.0), max(hi, 0.0)


def _broken(prices: Prices, i: int) -> float:
    p = prices.problem.prepared
    own = slice(p.hinge_first[i], p.hinge_first[i + 1])
    return prices.problem.penalty * float(np.abs(p.hinge_at[own]).sum()) if own.start < own.stop else 0.0


def _relief(prices: Prices, i: int, *, upper: bool) -> tuple[float, float]:
    """Return how far a trade would mend a broken limit, and what each unit of that saves."""
    p = prices.problem.prepared
    own = slice(p.hinge_first[i], p.hinge_first[i + 1])
    if own.start == own.stop:
        return 0.0, 0.0
    reach = float(np.abs(p.hinge_at[own][p.hinge_upper[own] == upper]).sum())
    return reach, prices.problem.penalty if reach > 0 else 0.0


def _least_buying(prices: Prices, i: int, hi: float) -> float:
    """Return the least that buying up to hi changes the name's cost by, at the plan's prices."""
    frame, p = prices.found.table.frame, prices.problem.prepared
    slope = float(p.cost[i] - p.alpha[i] + prices.linear[i] + prices.all_rows @ frame.up[:, i])
    slope -= 2.0 * prices.aversion * float(p.specific[i] * p.shortfall[i])
    reach, price = _relief(prices, i, upper=False)
    return _filled([(min(reach, hi), slope - price), (max(hi - reach, 0.0), slope)], float(frame.bend[i]))


def _least_selling(prices: Prices, i: int, lots: Indices, lo: float) -> float:
    """Return the least that selling these lots, down to lo, changes the name's cost by, at the plan's prices."""
    frame, p = prices.found.table.frame, prices.problem.prepared
    slope = float(p.cost[i] + p.alpha[i] - prices.linear[i] + prices.all_rows @ frame.down[:, i])
    slope += 2.0 * prices.aversion * float(p.specific[i] * p.shortfall[i])
    reach, price = _relief(prices, i, upper=True)
    parts, room = [], -lo
    weights = prices.problem.names.lots.weight[lots].tolist()
    for tax, weight in sorted(zip(_tax(prices, lots).tolist(), weights, strict=True)):
        taken = min(weight, room)
        mending = min(taken, reach)
        parts += [(mending, slope + tax - price), (taken - mending, slope + tax)]
        room, reach = room - taken, reach - mending
    return _filled(parts, float(frame.bend[i]))


def _tax(prices: Prices, lots: Indices) -> Array:
    """Return what a dollar sold of each lot costs in tax, gains at their price."""
    problem, table = prices.problem, prices.problem.names.lots
    marginal, disallowed = problem.settings.tax_weight * table.tax[lots], table.disallowed[lots]
    if problem.netting is not None:
        marginal = np.where(disallowed, marginal, 0.0)
    st_price, lt_price = prices.gains
    counted = np.where(disallowed, 0.0, table.gain[lots])
    return np.asarray(marginal + np.where(table.is_long[lots], lt_price, st_price) * counted)


def _filled(parts: Sequence[tuple[float, float]], curvature: float) -> float:
    """Return the least value of a curve whose slope starts at each part's own and rises with all that is filled."""
    total, at, least = 0.0, 0.0, 0.0
    for length, slope in parts:
        begin = slope + curvature * at
        ends = begin + curvature * length <= 0 or curvature == 0
        step = length if ends else min(max(-begin / curvature, 0.0), length)
        least = min(least, total + (begin + curvature * step / 2.0) * step)
        total += (begin + curvature * length / 2.0) * length
        at += length
    return least
