"""Which plan obeys a limit that is not linear: on trades, on names, on tracking error? Prices on them, found by search.

A price folds into each name's own cost: a trade or a holding costs so much, variance weighs so much more. At every
price the relaxation less price times limit is a bound on all plans within the limits (Lagrangian duality). At the best
prices a plan is made that keeps them: the worthiest trades and names on the sides that the relaxation takes, exchanged
while that helps; the variance brought to its limit exactly. What is left of the gap is branched on.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.any_plan import any_plan
from engine.plan.branch_and_bound import best_of, branched, tightened, tolerance_of
from engine.plan.certificate import Certificate
from engine.plan.counts import allowed_within, cheapest, counts_of, numbers, uncharged
from engine.plan.exchange import exchanged, without_charges
from engine.plan.frame import Frame
from engine.plan.price_search import Charges, Point, Relaxations, bound_at, counted, over_variance, point_of
from engine.plan.problem import BP, Problem
from engine.plan.relaxation import Relaxation, narrowed
from engine.plan.sides import Found, on_pieces, rounded, with_lots_mixed
from engine.plan.tracking_error import at_limit, bound_on_sides, variance

_CLOSE: Final = 1e-9
_WORK: Final = 8000  # of branching at the best prices, nodes times columns
_NODES: Final = 400
_GAIN_NODES: Final = 200  # those that count gains are dear
_SMALL: Final = 100  # columns: up to so many the best plan is looked for to the end
_TOLERANCE: Final = 0.5 / BP  # a gap that is good enough with such limits in a larger account


def has_limits(problem: Problem) -> bool:
    """Return whether a rule limits trades, names or tracking error."""
    settings = problem.settings
    if settings.liquidate:
        return settings.max_trades is not None
    limits = (settings.max_trades, settings.max_names, settings.max_tracking_error)
    return any(limit is not None for limit in limits)


def best_within_limits(problem: Problem, frame: Frame, row_prices: Array | None) -> Found | None:
    """Return the best plan found that keeps the limits, with its bound; None where there is none."""
    at = Relaxations(problem, frame, row_prices)
    start = at(Charges())
    if start is None:
        return None
    first = rounded(problem, start.node)
    if first is not None and _keeps(problem, first):
        free = best_of(problem, frame=frame, prices=at.row_prices)
        if free is None or _keeps(problem, free):
            return free
    points = [start, *counted(at, start)]
    if _cap(problem) is not None:
        points += over_variance(at, points[-1], lambda point: _missed(problem, _plan_at(problem, point.node), point))
    at_best = max(points, key=lambda point: point.bound)
    if at_best.bound > _dearest(problem):
        return None
    plans = list(_plans(problem, points, at_best.bound + tolerance_of(problem)))
    if at_best.node.table.gain_price is not None:
        at_best = _nearer(problem, at_best)
        plans += _plans(problem, [at_best], at_best.bound + tolerance_of(problem))
    best = min(_kept(problem, plans), key=lambda plan: plan.objective, default=None)
    if best is None:
        best = any_plan(problem, start.node)
        if best is None:
            return None
    columns = start.node.table.columns
    tolerance = tolerance_of(problem) if columns <= _SMALL else max(tolerance_of(problem), _TOLERANCE)
    if best.objective - at_best.bound > tolerance:
        best = _branched(problem, at_best, best, tolerance)
    return replace(best, bound=min(max(at_best.bound, best.bound), best.objective))


def _cap(problem: Problem) -> float | None:
    return None if problem.settings.liquidate else problem.settings.max_tracking_error


def _missed(problem: Problem, plan: Found | None, point: Point) -> float:
    """Return by how much of the variance's limit a plan is above it; the relaxation where there is no plan."""
    cap = _cap(problem)
    if cap is None:
        return -np.inf
    trade = point.node.solution.trade if plan is None else plan.trade
    return (variance(problem, trade) - cap**2) / max(cap**2, 1e-12)


def _keeps(problem: Problem, plan: Found) -> bool:
    cap = _cap(problem)
    is_near = cap is None or (variance(problem, plan.trade) - cap**2) / max(cap**2, 1e-12) <= _CLOSE
    return is_near and _keeps_counts(problem, plan)


def _keeps_counts(problem: Problem, plan: Found) -> bool:
    made = numbers(problem, plan.trade)
    return all(made[count.field] <= count.limit for count in counts_of(problem, plan.table))


def _kept(problem: Problem, plans: Iterable[Found]) -> list[Found]:
    return [plan for plan in plans if _keeps(problem, plan)]


def _plan_at(problem: Problem, node: Relaxation, *, below: float = np.inf) -> Found | None:
    """Return a node's plan within the counts, its objective without charges for them; None where none is found.

    below: what a plan with its lots mixed must be able to cost less than, to be looked for.
    """
    table = node.table
    allowed = allowed_within(problem, node)
    if allowed is None:
        return None
    found = None if counts_of(problem, table) else rounded(problem, node)
    if found is None and not table.groups:
        found = on_pieces(problem, node, cheapest(table, allowed, uncharged(table, node.certificate.lowest)))
    if found is None:
        within = narrowed(node, allowed)
        found = None if within is None else rounded(problem, within)
    return None if found is None else _mixed(problem, node, found, below)


def _mixed(problem: Problem, node: Relaxation, found: Found, below: float) -> Found:
    """Return a priced plan with its lots mixed where that may be worth it, its objective without charges."""
    charged = found.objective - without_charges(found).objective
    cap = _cap(problem) or 0.0
    spent = (found.table.frame.aversion - problem.settings.risk_aversion) * cap**2
    return without_charges(with_lots_mixed(problem, node, found, below=below + charged + spent))


def _unpriced(problem: Problem, plan: Found) -> Found:
    """Return the plan with its true objective where variance has a price; its bound is none on plans without it."""
    price = plan.table.frame.aversion - problem.settings.risk_aversion
    charged = price * variance(problem, plan.trade) if price else 0.0
    return replace(plan, objective=plan.objective - charged, bound=-np.inf)


def _plans(problem: Problem, points: list[Point], target: float) -> Iterator[Found]:
    """Yield plans made where the bound is best, or where the limit on the tracking error is missed by least."""
    made = ((point, _plan_at(problem, point.node)) for point in sorted(points, key=lambda point: -point.bound))
    found = ((point, plan) for point, plan in made if plan is not None)
    if _cap(problem) is None:
        for point, plan in islice(found, 1):
            yield _unpriced(problem, exchanged(problem, plan, point.node.allowed, target=target))
        return
    ranked = sorted(found, key=lambda entry: abs(_missed(problem, entry[1], entry[0])))
    for _, plan in ranked:
        yield _unpriced(problem, plan)
    for point, plan in ranked[:2]:
        better = exchanged(problem, plan, point.node.allowed, target=-np.inf)
        yield _unpriced(problem, better)
        yield from at_limit(problem, better)


def _nearer(problem: Problem, point: Point) -> Point:
    """Return the point with its relaxation at the prices that its own plan puts on gains."""
    node, priced = tightened(problem, point.node)
    if node is None or priced is None:
        return point
    nearer = point_of(problem, node, point.charges)
    return nearer if nearer.bound > point.bound else point


def _dearest(problem: Problem) -> float:
    """Return what no plan within the limits can cost more than: a bound above it proves that there is none."""
    p, settings = problem.prepared, problem.settings
    cap = np.inf if settings.max_tracking_error is None else settings.max_tracking_error
    tax = settings.tax_weight * float(
        p.lot_weight @ (np.abs(p.lot_tax) + np.abs(p.lot_st_gain) + np.abs(p.lot_lt_gain))
    )
    trading = float((p.cost + np.abs(p.alpha) + p.impact) @ np.maximum(np.abs(p.lo), np.abs(p.hi)))
    breach = problem.penalty * float(np.abs(p.hinge_at).sum() + len(p.hinge_at) + p.extra_hi.sum())
    return settings.risk_aversion * cap**2 + tax + trading + breach + 1.0


def _branched(problem: Problem, at: Point, best: Found, tolerance: float) -> Found:
    """Return the best plan that branching at the best prices finds; the price of variance stays."""
    least = best.objective

    def judge(node: Relaxation, found: Found) -> Found | None:
        nonlocal least
        if at.excess and not _keeps_counts(problem, found):
            plan = _plan_at(problem, node, below=least)
        else:
            plan = _mixed(problem, node, found, least)
        if plan is None:
            return None
        true, over = _unpriced(problem, plan), _missed(problem, plan, at)
        plans = [true]
        if over > _CLOSE:
            # On these sides nothing within the limit is cheaper than this plan with what it is over priced.
            cap = _cap(problem) or 0.0
            if true.objective + at.charges.variance * over * cap**2 >= least:
                return None
            plans = list(at_limit(problem, plan))
        judged = min(_kept(problem, plans), key=lambda kept: kept.objective, default=None)
        least = least if judged is None else min(least, judged.objective)
        return judged

    def bounded(node: Relaxation, certificate: Certificate) -> float:
        return bound_at(problem, at.charges, node, certificate)

    def decided(node: Relaxation) -> float:
        if _cap(problem) is None:
            return -np.inf
        plan = _plan_at(problem, node)
        is_one = plan is not None and int(node.allowed.sum()) == node.table.columns
        return bound_on_sides(problem, plan) if is_one and plan is not None else -np.inf

    nodes = _GAIN_NODES if at.node.table.gain_price is not None else _NODES
    work = min(_WORK, nodes * at.node.table.columns)
    start = replace(best, bound=at.bound)
    return branched(
        problem, at.node, start, judge=judge, bounded=bounded, decided=decided, tolerance=tolerance, work=work
    )
