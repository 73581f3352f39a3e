"""Which lots does each name sell? In an order that its piece gives, but for those sold in part under a rule on gains.

Where gains have a price, lots go by tax and that price. At the price at which two lots tie, one saving more tax and the
other realising less gain, any mix of them is as cheap, and one mix just keeps the rule.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from engine.domain.market import Array
from engine.plan.lots import SaleLot, part_of
from engine.plan.names import Name
from engine.plan.pieces import PieceTable
from engine.plan.prepared import Indices
from engine.plan.problem import Problem

FRACTION: Final = Decimal("0.000001")  # the smallest part of a share where fractions are traded
_SOME: Final = 1e-8  # weights closer than this are the same

Orders = tuple[tuple[SaleLot, ...], ...]


def sale_orders(problem: Problem, table: PieceTable, pieces: Indices, sold: Array | None) -> Orders:
    """Return each name's lots in their order of sale; of those sold in part, first what is sold, last what is left.

    sold (lots,): weight sold of each lot, in the order of problem.prepared; None where each is sold out before the
    next.
    """
    p = problem.prepared
    first, numbers, gains_only = p.lot_first.tolist(), p.lot_number[table.order].tolist(), table.gains_only[pieces]
    orders = []
    for i, name in enumerate(problem.names):
        own = slice(first[i], first[i + 1])
        if gains_only[i]:
            chosen = _before_losses(problem, i, table.order[own])
            lots = tuple(name.lots[k] for k in p.lot_number[chosen])
        else:
            lots = tuple([name.lots[k] for k in numbers[own]])
        if sold is not None:
            weights = sold[chosen if gains_only[i] else table.order[own]]
            lots = _as_sold(problem, name, lots, weights.tolist())
        orders.append(lots)
    return tuple(orders)


def _before_losses(problem: Problem, i: int, chosen: Indices) -> Indices:
    losses = problem.prepared.lot_is_loss[chosen]
    if not problem.prepared.in_order[i]:
        return chosen[~losses]
    return chosen[: int(losses.argmax())] if losses.any() else chosen


def _as_sold(problem: Problem, name: Name, lots: Sequence[SaleLot], sold: Sequence[float]) -> tuple[SaleLot, ...]:
    begun = [k for k, weight in enumerate(sold) if weight > _SOME]
    if all(sold[k] >= lots[k].weight - _SOME for k in range(begun[-1] if begun else 0)):
        return tuple(lots)
    smallest = Decimal(1) if problem.settings.whole_shares else FRACTION
    first, rest = [], []
    for entry, weight in zip(lots, sold, strict=True):
        shares = min((Decimal(weight / name.unit) / smallest).to_integral_value() * smallest, entry.quantity)
        if weight >= entry.weight - _SOME:
            shares = entry.quantity
        first += [part_of(entry, shares)] if shares > 0 else []
        rest += [part_of(entry, entry.quantity - shares)] if shares < entry.quantity else []
    return (*first, *rest)
