"""At which prices of the limits is the bound best? One price after the other, by what the relaxation misses each by.

The bound is concave in the prices; how far the relaxation is from a limit is its slope. A price on trades or names is
looked for by secants on its logarithm, until what a better one could add is next to nothing; a price on variance
likewise, by what the plans there miss.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.certificate import Certificate
from engine.plan.convex import NO_SLACK, Solution
from engine.plan.counts import best_charges, bound_within, counts_of, relaxed_shares, uncharged
from engine.plan.frame import Frame, reweighed
from engine.plan.problem import Problem
from engine.plan.relaxation import Relaxation, first_relaxation, refolded
from engine.plan.root import Root

_EVALUATIONS: Final = 7  # of one price, in one round
_ROUNDS: Final = 3
_REFOLDS: Final = 3
_LEAST: Final = 1e-10  # a price: a millionth of a bp
_DEAREST: Final = 1e7  # a price above this proves nothing more
_ENOUGH: Final = 1e-6  # of V, a hundredth of a bp: what a better price may still add
_STEEPNESS: Final = 0.3  # by how many of them, of those allowed, the number falls for a price e times as high
_FARTHEST: Final = 1.5  # step of a price's logarithm
_WIDENING: Final = float(np.log(4.0))  # the same for that of variance
_SLOW: Final = 1e-9  # as if nothing changed: the first step is the farthest
_AT_LIMIT: Final = 1e-6  # of the variance's limit: near enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Charges:
    """per_trade, per_name: of V; variance: adds to risk_aversion."""

    per_trade: float = 0.0
    per_name: float = 0.0
    variance: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A relaxation at some prices, and its bound on all plans within the limits.

    excess: of each count's field, by how much the relaxation exceeds its limit. better: the charges that make the best
    bound at this relaxation's prices.
    """

    charges: Charges
    node: Relaxation
    bound: float
    excess: dict[str, float] = field(default_factory=dict)
    better: dict[str, float] = field(default_factory=dict)


class Relaxations:
    """Relaxations at prices of limits. The prices of the last one are where the next one starts."""

    def __init__(self, problem: Problem, frame: Frame, row_prices: Array | None) -> None:
        self.problem, self.frame, self.row_prices = problem, frame, row_prices
        self.last: Solution | None = None

    def __call__(self, charges: Charges) -> Point | None:
        """Return the relaxation at these prices; None where a name may do nothing at all."""
        node = first_relaxation(
            self.problem,
            frame=reweighed(self.frame, self.problem, variance=charges.variance),
            prices=self.row_prices,
            per_trade=charges.per_trade,
            per_name=charges.per_name,
            near=self.last,
        )
        for _ in range(_REFOLDS):  # sides joined at wrong prices may have no room in rows that count them otherwise
            if node is None or node.solution.slack <= NO_SLACK:
                break
            node = refolded(self.problem, node)
        if node is None:
            return None
        self.row_prices, self.last = node.solution.row_price, node.solution
        return point_of(self.problem, node, charges)


def point_of(problem: Problem, node: Relaxation, charges: Charges) -> Point:
    """Return a relaxation as a point."""
    counts = counts_of(problem, node.table)
    best = best_charges(node.table, node.allowed, uncharged(node.table, node.certificate.lowest), counts)
    return Point(
        charges=charges,
        node=node,
        bound=bound_at(problem, charges, node, node.certificate),
        excess={c.field: float(relaxed_shares(node, c.counted).sum()) - c.limit for c in counts},
        better={count.field: charge for count, charge in zip(counts, best, strict=True)},
    )


def bound_at(problem: Problem, charges: Charges, node: Relaxation, certificate: Certificate) -> float:
    """Return the bound on a node's plans within all limits, at the prices of a certificate."""
    cap = problem.settings.max_tracking_error or 0.0
    return bound_within(problem, node, certificate) - charges.variance * cap**2


def counted(at: Relaxations, start: Point) -> Iterator[Point]:
    """Yield points along the prices of trades and names from a first one, as long as they add to the bound."""
    rounds = _ROUNDS if len(start.excess) > 1 else 1
    point = start
    for _ in range(rounds):
        before = point
        for name in start.excess:
            for tried in _along(at, point, name):
                yield tried
                point = tried
        if point is before:
            return


def _along(at: Relaxations, point: Point, name: str) -> Iterator[Point]:
    """Yield points along one price, closing in on that at which the relaxation just keeps the limit."""
    price, excess = getattr(point.charges, name), point.excess[name]
    if price == 0.0 and excess <= 0.0:
        return
    root = Root(
        max(price or point.better[name], _LEAST),
        widening=_FARTHEST,
        steepness=max(_STEEPNESS * (excess + _limit(at.problem, name)), 1.0),
    )
    if price > 0.0 and (root.could_add(excess) < _ENOUGH or root.is_found(excess)):
        return
    for _ in range(_EVALUATIONS):
        tried = at(replace(point.charges, **{name: max(root.price, _LEAST)}))
        if tried is None or root.price > _DEAREST:
            return
        yield tried
        excess = tried.excess[name]
        if root.could_add(excess) < _ENOUGH or (excess < 0 and root.price <= _LEAST) or root.is_found(excess):
            return


def _limit(problem: Problem, name: str) -> int:
    settings = problem.settings
    return (settings.max_trades if name == "per_trade" else settings.max_names) or 0


def over_variance(at: Relaxations, start: Point, missed: Callable[[Point], float]) -> Iterator[Point]:
    """Yield points along the price of variance, each after those along the prices of counts that belong to it.

    missed: by how much of the limit a plan at the point misses it. The last point's plan keeps it, where any does.
    """
    excess = missed(start)
    if excess <= 0:
        return
    root, kept, point = (
        Root(max(start.node.table.frame.aversion, 1.0), widening=_WIDENING, steepness=_SLOW),
        None,
        start,
    )
    for _ in range(_EVALUATIONS + 2):
        tried = at(replace(point.charges, variance=root.price))
        if tried is None or root.price > _DEAREST:
            break
        yield tried
        point = tried
        for closer in counted(at, tried):
            yield closer
            point = closer
        excess = missed(point)
        if excess <= 0:
            kept = point
        if root.is_found(float(np.log1p(excess)), near=_AT_LIMIT):
            break
    if kept is not None:
        yield kept
