"""Which plan obeys a limit that is not linear: on trades, on names, on tracking error? Prices on them, found by search.

A price folds into each name's own cost: a trade or a holding costs so much, variance weighs so much more. At every
price the relaxation less price times limit is a bound on all plans within the limits (Lagrangian duality), and the plan
found there keeps the limits once prices are high enough. The best plan seen is then mended: names are added in order of
their worth while there is room, or the variance is brought to its limit exactly.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.branch_and_bound import best_of, tightened
from engine.plan.feasibility import feasible_pieces
from engine.plan.frame import Frame, frame_of
from engine.plan.problem import Problem
from engine.plan.relaxation import Relaxation, first_relaxation, narrowed
from engine.plan.sides import Found, on_pieces

_EVALUATIONS: Final = 9  # of one price, in one round
_ROUNDS: Final = 3
_DEAREST: Final = 1e7  # a price above this proves nothing more
_CLOSE: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """per_trade, per_name: of V; variance: adds to risk_aversion."""

    per_trade: float = 0.0
    per_name: float = 0.0
    variance: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A plan at some prices: its relaxation, its bound on all plans within the limits, and by how much it misses each.

    excess: of trades, names and variance, each against its limit; minus infinity where there is none.
    """

    prices: Prices
    node: Relaxation
    found: Found
    bound: float
    excess: tuple[float, float, float]

    @property
    def keeps(self) -> bool:
        return max(self.excess) <= _CLOSE


FIELDS: Final = ("per_trade", "per_name", "variance")


def has_limits(problem: Problem) -> bool:
    """Return whether a rule limits trades, names or tracking error."""
    settings = problem.settings
    return any(limit is not None for limit in (settings.max_trades, settings.max_names, settings.max_tracking_error))


def best_within_limits(problem: Problem, frame: Frame, row_prices: Array | None) -> Found | None:
    """Return the best plan found that keeps the limits, with its bound; None where none was found that does."""
    free = best_of(problem, frame=frame, prices=row_prices)
    if free is None:
        return None
    if max(_excess(problem, free)) <= _CLOSE:
        return free
    at = _Evaluator(problem, frame, free.solution.row_price)
    points = [point for point in [at(Prices())] if point is not None]
    if not points:
        return None
    for _ in range(_ROUNDS):
        if len([k for k in range(3) if np.isfinite(points[0].excess[k])]) < 2 and len(points) > 1:
            break
        for k in range(3):
            points += _searched(at, points[-1], k)
        if points[-1].keeps:
            break
    bound = max(free.bound, max(point.bound for point in points))
    plans = [point.found for point in points if point.keeps]
    plans += [plan for plan in _mended(problem, points) if max(_excess(problem, plan)) <= _CLOSE]
    if not plans:
        return None
    best = min(plans, key=lambda plan: plan.objective)
    return replace(best, bound=min(bound, best.objective), nodes=len(points))


class _Evaluator:
    """Plans at prices. Row prices of the last plan are where the next one's envelopes start."""

    def __init__(self, problem: Problem, frame: Frame, row_prices: Array) -> None:
        self.problem, self.frame, self.row_prices = problem, frame, row_prices

    def __call__(self, prices: Prices) -> Point | None:
        problem, settings = self.problem, self.problem.settings
        frame = self.frame
        if prices.variance:
            frame = frame_of(problem, variance=prices.variance, branch=self.frame.branch)
        node, found = tightened(
            problem,
            first_relaxation(
                problem, frame=frame, prices=self.row_prices, per_trade=prices.per_trade, per_name=prices.per_name
            ),
        )
        if node is None or found is None:
            return None
        self.row_prices = node.solution.row_price
        spent = (
            prices.per_trade * (settings.max_trades or 0)
            + prices.per_name * (settings.max_names or 0)
            + prices.variance * (settings.max_tracking_error or 0.0) ** 2
        )
        bound = found.bound - spent
        true = found.objective - prices.variance * variance(problem, found.trade)
        found = replace(found, objective=true, bound=bound)
        return Point(prices=prices, node=node, found=found, bound=bound, excess=_excess(problem, found))


def variance(problem: Problem, trade: Array) -> float:
    """Return the tracking-error variance after these trades (columns,)."""
    active = trade[: len(problem.names)] - problem.shortfall
    factor = active @ problem.loadings
    return float(factor @ factor + problem.specific @ (active * active))


def _excess(problem: Problem, found: Found) -> tuple[float, float, float]:
    settings = problem.settings
    n = len(problem.names)
    moves = np.abs(found.trade[:n]) > _CLOSE
    left = problem.prepared.held + found.trade[:n] > _CLOSE
    cap = settings.max_tracking_error
    return (
        -np.inf if settings.max_trades is None else float(moves.sum() - settings.max_trades),
        -np.inf if settings.max_names is None else float(left.sum() - settings.max_names),
        -np.inf if cap is None else (variance(problem, found.trade) - cap**2) / max(cap**2, 1e-12),
    )


def _searched(at: Callable[[Prices], Point | None], start: Point, k: int) -> Iterator[Point]:
    """Yield points along one price, closing in on the least at which its limit is kept; the last of them keeps it."""
    if start.excess[k] <= 0 and getattr(start.prices, FIELDS[k]) == 0:
        return
    price, low, high = _guess(start, k), 0.0, np.inf
    kept = None
    for _ in range(_EVALUATIONS):
        point = at(replace(start.prices, **{FIELDS[k]: price}))
        if point is None or price > _DEAREST:
            break
        yield point
        if point.excess[k] <= 0:
            high, kept = price, point
            if abs(point.excess[k]) < 1e-6 and k == 2:  # the variance is at its limit
                break
        else:
            low = price
        if np.isinf(high):
            price *= 4.0
        elif low == 0.0:
            price /= 4.0
        elif high / low < 1.0 + 1e-4:
            break
        else:
            price = float(np.sqrt(low * high))
    if kept is not None:
        yield kept


def _guess(start: Point, k: int) -> float:
    """Return a first price: what the last trade, or name, that fits in is worth; for variance, as much again."""
    present = float(getattr(start.prices, FIELDS[k]))
    if present > 0:
        return present
    table = start.node.table
    if k == 2:
        return max(table.frame.aversion, 1.0)
    worth = np.sort(worths(start, k))[::-1]
    room = int(len(worth[worth > 0]) - start.excess[k])
    return max(float(worth[min(max(room, 0), len(worth) - 1)]), 1e-9)


def worths(point: Point, k: int) -> Array:
    """Return what a trade in each name (k = 0), or holding it (k = 1), is worth at the point's prices: (n,).

    Names that must trade, or cannot leave, are worth infinitely much.
    """
    table = point.node.table
    charge = point.prices.per_trade * table.trades + point.prices.per_name * table.holds
    lowest = point.node.certificate.lowest - charge
    counted = (table.trades if k == 0 else table.holds) > 0
    n = table.columns - len(table.frame.extra_lo)
    without, with_it = np.full(table.columns, np.inf), np.full(table.columns, np.inf)
    np.minimum.at(without, table.col[~counted], lowest[~counted])
    np.minimum.at(with_it, table.col[counted], lowest[counted])
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(with_it), -np.inf, without - with_it)[:n]


def _mended(problem: Problem, points: list[Point]) -> Iterator[Found]:
    """Yield plans that use what the limits leave: the worthiest trades and names only, then no charge on them."""
    ranked = sorted(points, key=lambda point: max(point.excess[0], point.excess[1], 0.0))
    tried = [*ranked[:2], max(points, key=lambda point: point.bound)]
    for point in tried:
        for plan in _worthiest(problem, point):
            yield plan
            if problem.settings.max_tracking_error is not None:
                yield from _at_limit(problem, plan)
    if all(problem.settings.max_tracking_error is None or not point.keeps for point in points):
        pieces = feasible_pieces(points[0].node.table, points[0].node.allowed)
        found = None if pieces is None else on_pieces(problem, points[0].node, pieces)
        if found is not None:
            yield found


def _worthiest(problem: Problem, point: Point) -> Iterator[Found]:
    settings, table = problem.settings, point.node.table
    allowed = point.node.allowed.copy()
    for k, limit, counted in ((0, settings.max_trades, table.trades), (1, settings.max_names, table.holds)):
        if limit is None:
            continue
        worth = worths(point, k)
        chosen = np.argsort(-worth, kind="stable")[:limit]
        barred = np.ones(table.columns, dtype=bool)
        barred[chosen] = False
        barred[len(worth) :] = False
        allowed &= ~(barred[table.col] & (counted > 0))
    free = first_relaxation(problem, frame=problem.frame if table.frame.branch is None else table.frame,
                            prices=point.node.solution.row_price)  # fmt: skip
    if free is None or len(free.table.col) != len(table.col):
        return
    node = narrowed(free, allowed)
    _, found = tightened(problem, node)
    if found is not None:
        yield found


def _at_limit(problem: Problem, plan: Found) -> Iterator[Found]:
    """Yield the plan's sides with variance priced so that it is at its limit."""
    low, high, price = 0.0, np.inf, max(problem.settings.risk_aversion, 1.0)
    for _ in range(_EVALUATIONS + 5):
        frame = frame_of(problem, variance=price, branch=plan.table.frame.branch)
        node = first_relaxation(problem, frame=frame, prices=plan.solution.row_price)
        if node is None or len(node.table.col) != len(plan.table.col):
            return
        found = on_pieces(problem, node, plan.pieces)
        if found is None:
            return
        found = replace(found, objective=found.objective - price * variance(problem, found.trade))
        excess = _excess(problem, found)[2]
        if excess <= 0:
            high = price
            yield found
            if excess > -1e-7:
                return
        else:
            low = price
        if np.isinf(high):
            price *= 4.0
        elif low == 0.0:
            price /= 4.0
        else:
            price = float(np.sqrt(low * high))

