"""Which whole shares come nearest to the fractional plan? Rounding, repair of the rules, then improvement by one share.

Every name stays on the piece that the plan chose for it, so no rounding can turn a loss sale into a purchase or fall
below the minimum trade. A full exit sells a fraction of a share too; all else is a multiple of the lot size.
"""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import accumulate
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.lots import SaleLot
from engine.plan.problem import CASH, Name, Problem
from engine.plan.sale_order import FRACTION
from engine.plan.share_book import TOUCH, Book
from engine.plan.share_program import nearest_steps
from engine.plan.sides import Found

_STEPS_PER_NAME: Final = 6
_FIRST_OF_PAIR: Final = 24
_WORTH_A_STEP: Final = 1e-10  # 1e-6 bp
_SLACK: Final = 1e-10  # how far a row may stand beyond its limit


def tradable_shares(problem: Problem, found: Found, orders: Sequence[Sequence[SaleLot]]) -> tuple[Decimal, ...]:
    """Return signed shares for each name: whole shares, or to six decimals where fractions are traded."""
    if not problem.settings.whole_shares:
        cash = next(r for r, row in enumerate(problem.rows) if row.rule == CASH)
        modes = (ROUND_FLOOR, ROUND_CEILING) if found.solution.row_price[cash] >= 0 else (ROUND_CEILING, ROUND_FLOOR)
        return tuple(
            _fractional(name, float(u), order, modes, (float(found.table.lo[piece]), float(found.table.hi[piece])))
            for name, u, order, piece in zip(problem.names, found.trade, orders, found.pieces, strict=False)
        )
    book = Book(problem, found, orders)
    _repair(book)
    _obey(book)
    _improve(book)
    return book.shares()


def _fractional(
    name: Name, u: float, lots: Sequence[SaleLot], modes: tuple[str, str], piece: tuple[float, float]
) -> Decimal:
    """Return the trade to a millionth of a share; one that ends a lot, to solver accuracy, ends it exactly.

    modes: of rounding, first the one that keeps off the cash band's limit; the other is for a trade that would leave
    its piece, and so fall below the minimum trade.
    """
    ends = [-quantity for quantity in accumulate((entry.quantity for entry in lots), initial=Decimal(0))]
    nearest = min(ends, key=lambda end: abs(float(end) * name.unit - u))
    if abs(float(nearest) * name.unit - u) < TOUCH or name.unit == 0:
        return nearest
    exact = Decimal(u) / Decimal(name.unit)
    tries = [max(exact.quantize(FRACTION, rounding=mode), ends[-1]) for mode in modes]
    return next((shares for shares in tries if piece[0] <= float(shares) * name.unit <= piece[1]), tries[0])


def _repair(book: Book) -> None:
    """Take the cheapest share per unit of violation removed, or pair of shares, until every rule is obeyed."""
    for _ in range(_STEPS_PER_NAME * len(book.at)):
        violation, change, cost = book.candidates()
        if violation <= _SLACK:
            return
        taken = _cheapest_repair(change, cost) or _repairing_pair(book, change)
        if not taken:
            return
        for candidate in taken:
            book.take(candidate)


def _obey(book: Book) -> None:
    """Where a rule is still broken, move to the nearest shares that obey all, if need be with one share's cash more."""
    violation, _, _ = book.candidates()
    if violation <= _SLACK:
        return
    for spare in (0.0, max(name.unit for name in book.problem.names)):
        book.spare_cash(spare)
        steps = book.steps()
        counts = nearest_steps(steps)
        if counts is not None:
            book.settle(steps, counts)
            return


def _improve(book: Book) -> None:
    """Take the share that lowers the objective most, or pair of shares, while one does without breaking a rule."""
    for _ in range(_STEPS_PER_NAME * len(book.at)):
        _, change, cost = book.candidates()
        taken = _cheapest(change, cost) or _improving_pair(book, cost)
        if not taken:
            return
        for candidate in taken:
            book.take(candidate)


def _repairing_pair(book: Book, change: Array) -> tuple[int, ...]:
    """Return the pair that removes most violation, its first share among those that add least to it."""
    found: tuple[int, ...] = ()
    most = -_SLACK
    for first in _lowest(change):
        _, added, _ = book.candidates(first)
        second = int(np.argmin(added))
        if change[first] + added[second] < most:
            most, found = float(change[first] + added[second]), (int(first), second)
    return found


def _improving_pair(book: Book, cost: Array) -> tuple[int, ...]:
    """Return the pair that lowers the objective most, its first share among those that lower it most alone."""
    found: tuple[int, ...] = ()
    most = -_WORTH_A_STEP
    violation, _, _ = book.candidates()
    for first in _lowest(cost):
        broken, added, extra = book.candidates(first)
        second = int(np.argmin(np.where(broken + added <= violation + _SLACK / 100, extra, np.inf)))
        both = cost[first] + extra[second]
        if broken + added[second] <= violation + _SLACK / 100 and both < most:
            most, found = float(both), (int(first), second)
    return found


def _cheapest_repair(change: Array, cost: Array) -> tuple[int, ...]:
    helps = change < -_SLACK
    if not helps.any():
        return ()
    return (int(np.argmin(np.where(helps, cost / np.where(helps, -change, 1.0), np.inf))),)


def _cheapest(change: Array, cost: Array) -> tuple[int, ...]:
    best = int(np.argmin(np.where(change <= _SLACK / 100, cost, np.inf)))
    return (best,) if cost[best] < -_WORTH_A_STEP and change[best] <= _SLACK / 100 else ()


def _lowest(values: Array) -> Array:
    """Return the candidates of the lowest finite values, a few of them."""
    order = np.argsort(values, kind="stable")[:_FIRST_OF_PAIR]
    return np.asarray(order[np.isfinite(values[order])])
