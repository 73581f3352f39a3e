"""Which plan obeys a limit that is not linear: on trades, on names, on tracking error? Prices on them, found by search.

A price folds into each name's own cost: a trade or a holding costs so much, variance weighs so much more. At every
price the relaxation less price times limit is a bound on all plans within the limits (Lagrangian duality), and the plan
found there keeps the limits once prices are high enough. The best plan seen is then mended: names are added in order of
their worth while there is room, or the variance is brought to its limit exactly.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.branch_and_bound import best_of, branched, tightened, tolerance_of
from engine.plan.feasibility import feasible_pieces
from engine.plan.frame import Frame, frame_of
from engine.plan.pieces import piece_table
from engine.plan.prepared import Flags, Indices
from engine.plan.problem import BP, Problem
from engine.plan.relaxation import Relaxation, first_relaxation, narrowed
from engine.plan.sides import Found, on_pieces, rounded, within_tracking_error

_EVALUATIONS: Final = 9  # of one price, in one round
_ROUNDS: Final = 3
_DEAREST: Final = 1e7  # a price above this proves nothing more
_CLOSE: Final = 1e-9
_AT_LIMIT: Final = 1e-6  # of the variance's limit: near enough
_WORK: Final = 8000  # of branching at the best prices, nodes times columns
_NODES: Final = 200
_GAIN_NODES: Final = 60  # those that count gains are dear
_LAST_RESORT: Final = 12  # nodes, to look for any plan at all
_TOLERANCE: Final = 0.5 / BP  # a gap that is good enough with such limits
_NEVER: Final = 1e6  # more than any trade costs
_SWAPS: Final = 4  # rounds of exchanging the least worthy trades
_MOST_SWAPPED: Final = 8
_NARROW: Final = 1e-4  # width of a bracket on the logarithm of a price


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """per_trade, per_name: of V; variance: adds to risk_aversion."""

    per_trade: float = 0.0
    per_name: float = 0.0
    variance: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A plan at some prices: its relaxation, its bound on all plans within the limits, and by how much it misses each.

    priced: the plan with the prices in its objective; found: with its true one. spent: prices times limits. excess: of
    trades, names and variance, each against its limit; minus infinity where there is none.
    """

    prices: Prices
    spent: float
    node: Relaxation
    priced: Found
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
    if settings.liquidate:
        return settings.max_trades is not None
    limits = (settings.max_trades, settings.max_names, settings.max_tracking_error)
    return any(limit is not None for limit in limits)


def best_within_limits(problem: Problem, frame: Frame, row_prices: Array | None) -> Found | None:
    """Return the best plan found that keeps the limits, with its bound; None where none was found that does."""
    at = _Evaluator(problem, frame, row_prices)
    first = at(Prices())
    if first is None:
        return None
    points, limits = [first], [k for k in range(3) if np.isfinite(first.excess[k])]
    if first.keeps:
        free = best_of(problem, frame=frame, prices=at.row_prices)
        if free is None or max(_excess(problem, free)) <= _CLOSE:
            return free
        points.append(replace(first, priced=free, found=replace(free, bound=-np.inf), bound=free.bound,
                              excess=_excess(problem, free)))  # fmt: skip
    for _ in range(_ROUNDS if len(limits) > 1 else 1):
        for k in limits:
            points += _searched(at, points[-1], k)
        if points[-1].keeps:
            break
    bound = max(point.bound for point in points)
    if bound > _dearest(problem):
        return None
    plans = [point.found for point in points if point.keeps]
    plans += _kept(problem, _mended(problem, points))
    if not plans:
        anything = list(_anything(problem, points))
        if not anything:
            return None
        plans = _kept(problem, anything)
    closest = max(points, key=lambda point: point.bound)
    if closest.node.table.gain_price is not None:
        closest = _nearer(problem, closest)
        bound, plans = max(bound, closest.bound), plans + _kept(problem, [closest.found])
    best = min(plans, key=lambda plan: plan.objective, default=None)
    tolerance = max(tolerance_of(problem), _TOLERANCE)
    if best is None or best.objective - bound > tolerance:
        best = _branched(problem, closest, best, bound, tolerance)
    return None if best is None else replace(best, bound=min(max(bound, best.bound), best.objective))


def _nearer(problem: Problem, point: Point) -> Point:
    """Return the point with its relaxation at the prices that its own plan puts on gains."""
    node, priced = tightened(problem, point.node)
    if node is None or priced is None:
        return point
    plan = _without_prices(problem, point.prices, priced)
    bound = max(point.bound, priced.bound - point.spent)
    return replace(point, node=node, priced=priced, found=plan, bound=bound, excess=_excess(problem, plan))


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


def _kept(problem: Problem, plans: Iterable[Found]) -> list[Found]:
    return [plan for plan in plans if max(_excess(problem, plan)) <= _CLOSE]


def _branched(problem: Problem, at: Point, best: Found | None, bound: float, tolerance: float) -> Found | None:
    """Return the best plan that branching at the best prices finds; they stay, so that every node's bound holds."""

    least = np.inf if best is None else best.objective

    def judge(found: Found) -> Found | None:
        nonlocal least
        plan = _without_prices(problem, at.prices, found)
        over = _excess(problem, plan)[2]
        plans = [plan]
        if (
            over > _CLOSE
        ):  # on these sides, nothing within the limit is cheaper than this plan with what it is over priced
            cap = problem.settings.max_tracking_error or 0.0
            if plan.objective + at.prices.variance * over * cap**2 >= least:
                return None
            plans = list(_at_limit(problem, plan))
        judged = min(_kept(problem, plans), key=lambda kept: kept.objective, default=None)
        least = least if judged is None else min(least, judged.objective)
        return judged

    none = replace(at.found, objective=np.inf)
    start = replace(none if best is None else best, bound=bound)
    nodes = _LAST_RESORT if best is None else _GAIN_NODES if at.node.table.gain_price is not None else _NODES
    work = min(_WORK, nodes * at.node.table.columns)
    found = branched(problem, at.node, start, judge=judge, spent=at.spent, tolerance=tolerance, work=work)
    return found if np.isfinite(found.objective) else None


def _anything(problem: Problem, points: list[Point]) -> Iterator[Found]:
    """Yield plans on any pieces that keep the counts, where prices led to none; then with variance at its limit."""
    settings, first = problem.settings, points[0]
    pieces = feasible_pieces(
        first.node.table,
        first.node.allowed,
        max_trades=settings.max_trades,
        max_names=None if settings.liquidate else settings.max_names,
    )
    found = None if pieces is None else on_pieces(problem, first.node, pieces)
    if found is not None:
        plan = _without_prices(problem, first.prices, found)
        yield plan
        if settings.max_tracking_error is not None:
            yield from _at_limit(problem, plan)


class _Evaluator:
    """Plans at prices. Row prices of the last plan are where the next one's envelopes start."""

    def __init__(self, problem: Problem, frame: Frame, row_prices: Array | None) -> None:
        self.problem, self.frame, self.row_prices = problem, frame, row_prices

    def __call__(self, prices: Prices) -> Point | None:
        problem, settings, frame = self.problem, self.problem.settings, self.frame
        if prices.variance:
            frame = frame_of(problem, variance=prices.variance, branch=frame.branch)
        node = first_relaxation(
            problem, frame=frame, prices=self.row_prices, per_trade=prices.per_trade, per_name=prices.per_name
        )
        if node is None:
            return None
        found = rounded(problem, node)
        if found is None:
            pieces = feasible_pieces(node.table, node.allowed)
            found = None if pieces is None else on_pieces(problem, node, pieces)
        if found is None:
            return None
        self.row_prices = node.solution.row_price
        spent = (
            prices.per_trade * (settings.max_trades or 0)
            + prices.per_name * (settings.max_names or 0)
            + prices.variance * (settings.max_tracking_error or 0.0) ** 2
        )
        bound = found.bound - spent
        plan = _without_prices(problem, prices, found)
        return Point(
            prices=prices, spent=spent, node=node, priced=found, found=plan, bound=bound, excess=_excess(problem, plan)
        )


def _without_prices(problem: Problem, prices: Prices, found: Found) -> Found:
    """Return the plan with its true objective; its bound is none on plans without these prices."""
    table, charged = found.table, prices.variance * variance(problem, found.trade)
    charged += table.per_trade * table.trades[found.pieces].sum() + table.per_name * table.holds[found.pieces].sum()
    return replace(found, objective=float(found.objective - charged), bound=-np.inf)


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
    cap = None if settings.liquidate else settings.max_tracking_error
    names = None if settings.liquidate else settings.max_names
    return (
        -np.inf if settings.max_trades is None else float(moves.sum() - settings.max_trades),
        -np.inf if names is None else float(left.sum() - names),
        -np.inf if cap is None else (variance(problem, found.trade) - cap**2) / max(cap**2, 1e-12),
    )


def _searched(at: Callable[[Prices], Point | None], start: Point, k: int) -> Iterator[Point]:
    """Yield points along one price, closing in on the least at which its limit is kept; the last of them keeps it."""
    if start.excess[k] <= 0 and getattr(start.prices, FIELDS[k]) == 0:
        return
    root, kept = _Root(_guess(start, k), widening=1.1 if k < 2 else 4.0), None
    for _ in range(_EVALUATIONS):
        point = at(replace(start.prices, **{FIELDS[k]: root.price}))
        if point is None or root.price > _DEAREST:
            break
        yield point
        if point.excess[k] <= 0:
            kept = point
        excess = point.excess[k] if k < 2 else float(np.log1p(point.excess[k]))
        if root.is_found(excess, near=0.0 if k < 2 else _AT_LIMIT):
            break
    if kept is not None:
        yield kept


class _Root:
    """The price at which a limit is just kept, on a logarithmic scale: by secants until it is bracketed, then between.

    Source: Dowell & Jarratt, A modified regula falsi method, BIT 11 (1971), for halving the end that stays.
    """

    def __init__(self, price: float, *, widening: float = 4.0) -> None:
        self.price, self.widening = price, float(np.log(widening))
        self.low: tuple[float, float] | None = None
        self.high: tuple[float, float] | None = None
        self.last: tuple[float, float] | None = None

    def is_found(self, excess: float, *, near: float) -> bool:
        """Take what the limit is missed by at the present price, and set the next; True where it is kept nearly."""
        if -near <= excess <= 0:
            return True
        place, last = (float(np.log(self.price)), excess), self.last
        same_side = last is not None and (last[1] > 0) == (excess > 0)
        if excess > 0:
            self.low = place
            if same_side and self.high is not None:
                self.high = (self.high[0], self.high[1] / 2.0)
        else:
            self.high = place
            if same_side and self.low is not None:
                self.low = (self.low[0], self.low[1] / 2.0)
        self.last = place
        if self.low is not None and self.high is not None:
            (a, f), (b, g) = self.low, self.high
            share = f / (f - g) if f > g else 0.5
            self.price = float(np.exp(a + min(max(share, 0.02), 0.98) * (b - a)))
            return b - a < _NARROW
        step = self.widening
        if last is not None and (last[1] - excess) * (place[0] - last[0]) > 0:
            step = abs(1.1 * excess * (place[0] - last[0]) / (last[1] - excess))
        self.price = float(np.exp(place[0] + np.copysign(min(step, self.widening), excess)))
        return False


def _guess(point: Point, k: int) -> float:
    """Return a price at which the limit may be kept: what the last trade, or name, that fits in is worth at the point.

    For variance: as much again as there is.
    """
    if k == 2:
        return max(point.node.table.frame.aversion, 1.0)
    worth = np.sort(worths(point, k))[::-1]
    table, n = point.found.table, len(worth)
    counted = int(((table.trades, table.holds)[k][point.found.pieces[:n]] > 0).sum())
    limit = min(max(counted - int(point.excess[k]), 1), n)
    return max(float(worth[limit - 1] + worth[min(limit, n - 1)]) / 2.0, 1e-9)


def worths(point: Point, k: int) -> Array:
    """Return what a trade in each name (k = 0), or holding it (k = 1), is worth at the point's prices: (n,).

    Names that must trade, or cannot leave, are worth more than anything; those that cannot trade, less.
    """
    table = point.node.table
    charge = point.prices.per_trade * table.trades + point.prices.per_name * table.holds
    lowest = point.node.certificate.lowest - charge
    counted = (table.trades if k == 0 else table.holds) > 0
    n = table.columns - len(table.frame.extra_lo)
    without, with_it = np.full(table.columns, _NEVER), np.full(table.columns, _NEVER)
    np.minimum.at(without, table.col[~counted], lowest[~counted])
    np.minimum.at(with_it, table.col[counted], lowest[counted])
    worth: Array = (without - with_it)[:n]
    return worth


def _mended(problem: Problem, points: list[Point]) -> Iterator[Found]:
    """Yield plans that use what the limits leave: trades and names chosen by worth, the variance at its limit."""
    settings = problem.settings
    counts = [k for k, limit in enumerate((settings.max_trades, settings.max_names)) if limit is not None]
    plans: list[Found] = []
    if counts:
        missed = [(max(point.excess[k] for k in counts), order) for order, point in enumerate(points)]
        above = min((entry for entry in missed if entry[0] > 0), default=None)
        below = max((entry for entry in missed if entry[0] <= 0), default=None)
        for entry in (above, below):
            if entry is not None:
                plans += _chosen_by_worth(problem, points[entry[1]])
    else:
        ranked = sorted(points, key=lambda point: abs(point.excess[2]))
        plans = [point.found for point in ranked[:2]]
    for plan in plans:
        yield plan
        if settings.max_tracking_error is not None:
            yield from _at_limit(problem, plan)


def _chosen_by_worth(problem: Problem, point: Point) -> Iterator[Found]:
    """Yield plans that trade, or hold, what the point's plan does, as far as limits go; then with a few swapped."""
    frame = point.node.table.frame
    free = first_relaxation(problem, frame=frame, prices=point.node.solution.row_price)
    if free is None or len(free.table.col) != len(point.node.table.col):
        return
    pieces, worth = point.found.pieces, [worths(point, k) for k in (0, 1)]
    best = None
    for _ in range(_SWAPS):
        node = narrowed(free, _allowed(problem, free, pieces, worth))
        found = None if node is None else rounded(problem, node)
        if node is None or found is None:
            return
        found = _without_prices(problem, Prices(variance=point.prices.variance), found)
        if best is not None and found.objective >= best:
            return
        best = found.objective
        yield found
        at = replace(point, prices=Prices(), node=node, found=found)
        pieces, worth = found.pieces, [worths(at, k) for k in (0, 1)]


def _allowed(problem: Problem, node: Relaxation, pieces: Indices, worth: list[Array]) -> Flags:
    """Return the pieces that keep the limits: of the names that are not counted now, a few of the worthiest may be."""
    settings, table = problem.settings, node.table
    allowed = node.allowed.copy()
    for k, limit, counted in ((0, settings.max_trades, table.trades), (1, settings.max_names, table.holds)):
        if limit is None:
            continue
        present = counted[pieces[: len(worth[k])]] > 0
        spare = np.sort(worth[k][~present])[::-1][:_MOST_SWAPPED]
        least = float(spare[-1]) if len(spare) else np.inf
        stays = present & (worth[k] >= (least if present.sum() <= limit else -np.inf))
        order = np.lexsort((-worth[k], ~stays & ~(worth[k] >= least)))
        barred = np.zeros(table.columns, dtype=bool)
        barred[order[limit:]] = True
        allowed &= ~(barred[table.col] & (counted > 0))
    return allowed


def _at_limit(problem: Problem, plan: Found) -> Iterator[Found]:
    """Yield the best plan on the plan's sides with its tracking error within the limit, if there is one."""
    frame = frame_of(problem, branch=plan.table.frame.branch)
    table = piece_table(problem, frame=frame, prices=plan.solution.row_price)
    limit = problem.settings.max_tracking_error
    if limit is None or len(table.col) != len(plan.table.col):
        return
    found = within_tracking_error(problem, table, plan.pieces, limit)
    if found is not None:
        yield found
