"""In which order does each name sell its lots?"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from engine.plan.lots import SaleLot, by_price, is_ordered, part_of
from engine.plan.problem import Name, Problem
from engine.plan.sides import Found

FRACTION: Final = Decimal("0.000001")  # the smallest part of a share where fractions are traded
_SOME: Final = 1e-8  # weights closer than this are the same


def sale_orders(problem: Problem, found: Found) -> tuple[tuple[SaleLot, ...], ...]:
    """Return each name's sellable lots in the order in which its chosen piece sells them.

    A cap on gains can have a name sell two lots in part, where one saves more tax and the other realises less gain;
    such lots appear in two parts, first what is sold of them.
    """
    free = not is_ordered(problem.settings.lot_method)
    orders = []
    for i, (name, piece) in enumerate(zip(problem.names, found.pieces, strict=False)):
        lots = name.sellable
        if free:
            price = found.table.gain_price or 0.0
            lots = by_price(lots, tax_weight=problem.settings.tax_weight, gain_price=price)
        if found.table.gains_only[piece]:
            cut = next((k for k, lot in enumerate(lots) if lot.is_loss), len(lots))
            lots = tuple(lot for lot in lots if not lot.is_loss) if free else lots[:cut]
        if found.table.gain_price is not None:
            lots = _as_sold(problem, name, lots, _sold(found, i, name, lots))
        orders.append(lots)
    return tuple(orders)


def _sold(found: Found, i: int, name: Name, lots: Sequence[SaleLot]) -> list[float]:
    """Return the weight that the solution sells of each lot: what the piece covers of it, less what is kept."""
    table, piece = found.table, found.pieces[i]
    own = slice(table.first_segment[piece], table.first_segment[piece + 1])
    kept = np.bincount(table.lot[own] + 1, weights=found.solution.filled[own], minlength=len(name.lots) + 1)[1:]
    number = {entry.lot.lot_id: k for k, entry in enumerate(name.lots)}
    deepest, before, sold = -float(table.lo[piece]), 0.0, []
    for entry in lots:
        covered = min(max(deepest - before, 0.0), entry.weight)
        sold.append(max(covered - float(kept[number[entry.lot.lot_id]]), 0.0))
        before += entry.weight
    return sold


def _as_sold(problem: Problem, name: Name, lots: Sequence[SaleLot], sold: Sequence[float]) -> tuple[SaleLot, ...]:
    """Return the lots as they are where each is sold out before the next, else what is sold and then what is left."""
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
