"""What can no plan beat? A lower bound from any prices, over the exact costs, holes and kinks included.

For any factor price v and row prices p, weak duality gives

    v'y0 - |v|^2 / 2 - sum_r max(p_r lo_r, p_r hi_r)
        + sum_c min over allowed u of [ g_c(u) + v'exposures_c u + p'rows_c(u) ]

as a bound on the objective. It uses no convexity, so it holds whatever solver made the prices and however badly.
"""

from dataclasses import dataclass

import numpy as np

from engine.domain.market import Array
from engine.plan.compiled import compiled
from engine.plan.pieces import PieceTable
from engine.plan.prepared import Flags, Indices


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """bound: in fractions of V; all of it but constant is the least total of the pieces. lowest (p,): of each piece."""

    bound: float
    lowest: Array
    constant: float


def certify(table: PieceTable, allowed: Flags, *, factor_price: Array, row_price: Array) -> Certificate:
    """Return the bound over all plans that take an allowed piece in each column.

    A group of substantially identical securities either buys in none or sells a loss in none; both are tried. A price
    on a side that has no limit counts as zero. Realised gains are priced as the table's order of lots assumes.
    """
    if table.gain_price is not None:
        row_price = np.where(table.is_gain_row, table.gain_price, row_price)
    row_price = np.where(np.isfinite(np.where(row_price > 0, table.hi_rows, table.lo_rows)), row_price, 0.0)
    lowest = piece_minima(table, factor_price=factor_price, row_price=row_price)
    constant = float(factor_price @ table.y0 - factor_price @ factor_price / 2.0)
    limits = np.where(row_price > 0, table.hi_rows, table.lo_rows)[row_price != 0]
    constant -= float(limits @ row_price[row_price != 0])
    return Certificate(bound=constant + least_total(table, allowed, lowest), lowest=lowest, constant=constant)


def least_total(table: PieceTable, allowed: Flags, lowest: Array) -> float:
    """Return the least sum of one allowed piece in each column, groups in the cheaper of their modes."""
    best = _best(table.first_piece, lowest, allowed)
    total = float(best.sum())
    for group in table.groups:
        modes = [_best(table.first_piece, lowest, allowed & mode)[group].sum() for mode in group_modes(table)]
        total += float(min(modes) - best[group].sum())
    return total


def piece_minima(table: PieceTable, *, factor_price: Array, row_price: Array) -> Array:
    """Return min of each piece's cost with the prices' linear terms: (p,).

    Each segment is taken to its own minimum; where a price disturbs a piece's convexity this is below the true
    minimum, which keeps the bound true.
    """
    frame = table.frame
    pull = frame.map @ np.concatenate([factor_price, row_price[frame.straight]])
    return _minima(
        table.col, table.lo, table.value, table.first_segment, table.length, table.gradient, frame.bend,
        table.bent_rates, table.bent_at, pull, row_price[frame.bent],
    )  # fmt: skip


@compiled
def _minima(
    col: Indices,
    lo: Array,
    value: Array,
    first_segment: Indices,
    length: Array,
    gradient: Array,
    bend: Array,
    rates: Array,
    rows: Array,
    pull: Array,
    prices: Array,
) -> Array:
    found = np.empty(len(col))
    for p in range(len(col)):
        c = col[p]
        total = value[p] + pull[c] * lo[p]
        for r in range(len(prices)):
            total += prices[r] * rows[r, p]
        curvature = bend[c]
        for j in range(first_segment[p], first_segment[p + 1]):
            slope = gradient[j] + pull[c]
            for r in range(len(prices)):
                slope += prices[r] * rates[r, j]
            if slope < 0.0:
                step = length[j] if slope + curvature * length[j] <= 0.0 else -slope / curvature
                total += (slope + curvature * step / 2.0) * step
        found[p] = total
    return found


def group_modes(table: PieceTable) -> tuple[Flags, Flags]:
    """Return the pieces allowed when nothing of a group is bought, and when none of it is sold at a loss."""
    return ~table.buys, ~table.sells_loss


@compiled
def _best(first_piece: Indices, lowest: Array, allowed: Flags) -> Array:
    best = np.full(len(first_piece) - 1, np.inf)
    for c in range(len(best)):
        for p in range(first_piece[c], first_piece[c + 1]):
            if allowed[p] and lowest[p] < best[c]:
                best[c] = lowest[p]
    return best
