"""Which whole shares come nearest to the fractional plan? Rounding, repair of the rules, then improvement by one share.

Every name stays on the piece that the plan chose for it, so no rounding can turn a loss sale into a purchase, open a
trade that was not there, or fall below the minimum trade. A full exit sells a fraction of a share too; all else is a
multiple of the lot size.
"""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import accumulate

from engine.plan.lots import SaleLot
from engine.plan.names import Name
from engine.plan.problem import CASH, Problem
from engine.plan.sale_order import FRACTION
from engine.plan.share_book import TOUCH, open_book, settle, shares, spare_cash, steps_around
from engine.plan.share_moves import SLACK, Shares, improve, repair
from engine.plan.share_program import nearest_steps
from engine.plan.sides import Found


def tradable_shares(problem: Problem, found: Found, orders: Sequence[Sequence[SaleLot]]) -> tuple[Decimal, ...]:
    """Return signed shares for each name: whole shares, or to six decimals where fractions are traded."""
    if not problem.settings.whole_shares:
        cash = next(r for r, row in enumerate(problem.rows) if row.rule == CASH)
        modes = (ROUND_FLOOR, ROUND_CEILING) if found.solution.row_price[cash] >= 0 else (ROUND_CEILING, ROUND_FLOOR)
        return tuple(
            _fractional(name, float(u), order, modes, (float(found.table.lo[piece]), float(found.table.hi[piece])))
            for name, u, order, piece in zip(problem.names, found.trade, orders, found.pieces, strict=False)
        )
    book = open_book(problem, found, orders)
    if repair(book) > SLACK:
        _obey(problem, found, book)
    improve(book)
    return shares(problem, book)


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


def _obey(problem: Problem, found: Found, book: Shares) -> None:
    """Where a rule is still broken, move to the nearest shares that obey all, if need be with one share's cash more."""
    for spare in (0.0, float(problem.unit.max())):
        spare_cash(problem, book, spare)
        steps = steps_around(book, found.trade[: len(problem.names)])
        counts = nearest_steps(steps)
        if counts is not None:
            settle(book, steps, counts)
            return
