"""Which lots does each name sell? In an order that its piece gives, but for two that a cap on gains has sold in part.

Where gains have a price, lots go by tax and that price. At the price at which two lots tie, one saving more tax and the
other realising less gain, any mix of them is as cheap, and one mix just keeps the cap.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import permutations
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.lots import SaleLot, part_of
from engine.plan.pieces import PieceTable
from engine.plan.prepared import Indices
from engine.plan.problem import Name, Problem

FRACTION: Final = Decimal("0.000001")  # the smallest part of a share where fractions are traded
_SOME: Final = 1e-8  # weights closer than this are the same
_TIE: Final = 1e-5  # costs a dollar closer than this tie: the price of gains is no more exact

Orders = tuple[tuple[SaleLot, ...], ...]
Weights = list[list[float]]


def lots_in_order(problem: Problem, table: PieceTable, pieces: Indices) -> Orders:
    """Return each name's lots that its piece may sell, in the order in which it sells them."""
    first, number = problem.prepared.lot_first, problem.prepared.lot_number
    orders = []
    for i, (name, piece) in enumerate(zip(problem.names, pieces, strict=False)):
        lots = tuple(name.lots[k] for k in number[table.order[first[i] : first[i + 1]]])
        if table.gains_only[piece]:
            cut = next((k for k, lot in enumerate(lots) if lot.is_loss), len(lots))
            in_order = problem.prepared.in_order[i]
            lots = lots[:cut] if in_order else tuple(lot for lot in lots if not lot.is_loss)
        orders.append(lots)
    return tuple(orders)


def lots_sold(problem: Problem, table: PieceTable, pieces: Indices, filled: Array, orders: Orders) -> Weights:
    """Return the weight that is sold of each lot: what its piece covers of it, less what is filled and so kept."""
    sold = []
    for name, piece, lots in zip(problem.names, pieces, orders, strict=False):
        own = slice(table.first_segment[piece], table.first_segment[piece + 1])
        kept = np.bincount(table.lot[own] + 1, weights=filled[own], minlength=len(name.lots) + 1)[1:]
        number = {entry.lot.lot_id: k for k, entry in enumerate(name.lots)}
        covered = _in_order(lots, -float(table.lo[piece]))
        sold.append([max(w - float(kept[number[e.lot.lot_id]]), 0.0) for e, w in zip(lots, covered, strict=True)])
    return sold


def use_room(problem: Problem, table: PieceTable, orders: Orders, sold: Weights, room: float) -> None:
    """Sell more of lots that save tax, in place of others that tie with them at the price of gains.

    room: gain that their cap leaves, a fraction of V.
    """
    gain_price = 0.0 if table.gain_price is None else float(table.gain_price.max(initial=0.0))
    for lots, weights in zip(orders, sold, strict=True):
        costs = [problem.settings.tax_weight * entry.tax + gain_price * entry.gain for entry in lots]
        for more, less in permutations(range(len(lots)), 2):
            extra = lots[more].gain - lots[less].gain
            if room > 0 and extra > 0 and abs(costs[more] - costs[less]) < _TIE:
                moved = min(lots[more].weight - weights[more], weights[less], room / extra)
                weights[more] += moved
                weights[less] -= moved
                room -= moved * extra


def extra_tax(problem: Problem, orders: Orders, sold: Weights, trade: Array) -> float:
    """Return by how much the tax on these sales differs from that on each lot sold out before the next."""
    total = 0.0
    for lots, weights, u in zip(orders, sold, trade, strict=False):
        in_order = _in_order(lots, -float(u))
        total += sum(entry.tax * (w - o) for entry, w, o in zip(lots, weights, in_order, strict=True))
    return problem.settings.tax_weight * total


def sale_orders(problem: Problem, table: PieceTable, pieces: Indices, sold: Weights | None) -> Orders:
    """Return each name's lots in their order of sale; of those sold in part, first what is sold, last what is left."""
    orders = lots_in_order(problem, table, pieces)
    if sold is None:
        return orders
    return tuple(
        _as_sold(problem, name, lots, weights) for name, lots, weights in zip(problem.names, orders, sold, strict=True)
    )


def _in_order(lots: Sequence[SaleLot], weight: float) -> list[float]:
    parts, left = [], max(weight, 0.0)
    for entry in lots:
        parts.append(min(entry.weight, left))
        left -= parts[-1]
    return parts


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
