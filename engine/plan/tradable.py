"""What becomes of a plan when its shares are whole? Its outcome; a firm's convex terms hold, or the checks say not.

Whole shares are searched with the terms as prices on weights, and their convex rules as planes: what is linear around
the fractional plan. A convex rule lies above its plane, so whole shares can still break it. They are then searched
again, the plane drawn back by what was missed; where that does not help, or a constraint has no plane, the plan itself
is found once more with the constraint harder to obey.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.limit_price import with_limit_priced
from engine.plan.outcome import Outcome, outcome, row_values
from engine.plan.prices import Prices
from engine.plan.problem import CASH, Problem, Row
from engine.plan.rounding import tradable_shares
from engine.plan.search import search
from engine.plan.sides import Found
from engine.plan.stated_search import explained, with_margins
from engine.plan.term_checks import OBEYED
from engine.plan.worth import without_trade

_ATTEMPTS: Final = 4
_WIDENING: Final = 1.5
_MISSED: Final = 1e-8  # weight by which a row is missed, beyond rounding
_LEAST_SLOPE: Final = 1e-9
_NEAR: Final = 0.02  # weights: rounding does not reach a rule that is further away


def tradable(problem: Problem, found: Found) -> Outcome:
    """Return what the plan's tradable shares do."""
    written = problem.written
    if written is None or found.term_price is None:
        return _within_rows(problem, found)
    held, margins = problem.prepared.held, np.zeros(len(written.rules))
    first = done = _done(problem, found, _with_planes(problem, found, margins))
    plan: Found | None = found
    for attempt in range(2 * _ATTEMPTS):
        missed = written.excesses(held + done.trade)
        if float(missed.max(initial=0.0)) <= OBEYED:
            return done
        margins += _WIDENING * np.where(missed > OBEYED, missed, 0.0)
        if attempt >= _ATTEMPTS:
            plan = with_margins(problem, found, margins)
        if plan is None:
            break
        done = _done(problem, plan, _with_planes(problem, plan, margins))
    return first


def _within_rows(problem: Problem, found: Found) -> Outcome:
    """Return what whole shares do; where they miss a rule, of a plan that keeps so much further from it."""
    first = done = _done(problem, found, problem)
    tighter = problem
    for _ in range(_ATTEMPTS):
        if _is_met(problem, done):
            return done
        over, under = _missed(problem, done)
        rows = tuple(
            replace(row, lo=row.lo + _WIDENING * low, hi=row.hi - _WIDENING * high)
            for row, low, high in zip(tighter.rows, under.tolist(), over.tolist(), strict=True)
        )
        tighter = replace(problem, rows=rows)
        plan = search(tighter)
        if plan is None:
            break
        done = _done(problem, plan, tighter)
    return _with_one_trade_less(problem, first)


def _with_one_trade_less(problem: Problem, missing: Outcome) -> Outcome:
    """Return what a plan does that forgoes one of these trades, the smallest first; in the end perhaps all of them.

    Two trades just above the minimum can differ by less than a share of either: then no whole numbers of both keep the
    cash band, though each alone, or none, does. Returns the outcome given where nothing helps.
    """
    must_exit = problem.prepared.must_exit
    may_stay = [i for i, quantity in enumerate(missing.shares) if quantity and not must_exit[i]]
    for i in sorted(may_stay, key=lambda i: abs(float(missing.trade[i])))[:_ATTEMPTS]:
        other = without_trade(problem, i)
        plan = search(other)
        if plan is not None:
            done = _done(problem, plan, other)
            if _is_met(problem, done):
                return done
    if len(may_stay) == sum(map(bool, missing.shares)):
        idle = outcome(problem, [Decimal(0)] * len(problem.names), [()] * len(problem.names))
        if _is_met(problem, idle):
            return idle
    return missing


def _is_met(problem: Problem, done: Outcome) -> bool:
    return not any(float(part.max(initial=0.0)) > 0.0 for part in _missed(problem, done))


def _missed(problem: Problem, done: Outcome) -> tuple[Array, Array]:
    """Return by how much each row is over and under its limits (m,); what is priced, or one share of cash, may be."""
    p, values = problem.prepared, row_values(problem, done.trade, done.year)
    above = np.array([row.slack_above for row in problem.rows])
    below = np.array([row.slack_below for row in problem.rows])
    share = float(problem.unit.max(initial=0.0)) if problem.settings.whole_shares else 0.0
    spare = np.array([share if row.rule == CASH else 0.0 for row in problem.rows])
    over, under = values - p.row_hi - above, p.row_lo - below - spare - values
    return np.where(over > _MISSED, over, 0.0), np.where(under > _MISSED, under, 0.0)


def prices_of(problem: Problem, found: Found) -> Prices:
    """Return the plan's prices; convex terms are what they cost at the margin."""
    priced, plan = explained(problem, found)
    return Prices(problem=priced, found=with_limit_priced(priced, plan))


def _done(problem: Problem, found: Found, searched: Problem) -> Outcome:
    """Return what the plan's shares do, searched in a problem of the same names."""
    orders = found.orders(problem)
    return outcome(problem, tradable_shares(searched, found, orders), orders)


def _with_planes(problem: Problem, found: Found, margins: Array) -> Problem:
    """Return the problem with the terms as prices, and their inequalities as planes drawn back by these margins."""
    assert problem.written is not None
    priced, _ = explained(problem, found)
    trade = found.trade[: len(problem.names)]
    planes = []
    for rule, margin in zip(problem.written.rules, margins.tolist(), strict=True):
        for value, slope in problem.written.planes(rule, problem.prepared.held + trade):
            size = float(np.abs(slope).max(initial=0.0))
            if size > _LEAST_SLOPE and -value < _NEAR * size:
                slope, room = slope / size, (max(-value, 0.0) - margin) / size
                at = float(slope @ trade)
                planes.append(Row(rule="plane", up=slope, down=-slope, lo=-np.inf, hi=at + room))
    return replace(priced, rows=(*priced.rows, *planes))
