"""What can no plan beat? A lower bound from any prices, over the exact costs, holes and kinks included.

For any factor price v and row prices p, weak duality gives

    v'y0 - |v|^2 / 2 - sum_r max(p_r lo_r, p_r hi_r)
        + sum_c min over allowed u of [ g_c(u) + v'exposures_c u + p'rows_c(u) ]

as a bound on the objective. It uses no convexity, so it holds whatever solver made the prices and however badly.
"""

from dataclasses import dataclass

import numpy as np

from engine.domain.market import Array
from engine.plan.pieces import Flags, PieceTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """bound: in fractions of V. lowest (p,): of each piece."""

    bound: float
    lowest: Array


def certify(table: PieceTable, allowed: Flags, *, factor_price: Array, row_price: Array) -> Certificate:
    """Return the bound over all plans that take an allowed piece in each column.

    A group of substantially identical securities either buys in none or sells a loss in none; both are tried. A price
    on a side that has no limit counts as zero. Realised gains are priced as the table's order of lots assumes.
    """
    row_price = _usable(table, row_price)
    lowest = piece_minima(table, factor_price=factor_price, row_price=row_price)
    best = _best_by_column(table, lowest, allowed)
    grouped = np.zeros(table.columns, dtype=bool)
    total = 0.0
    for group in table.groups:
        grouped[group] = True
        total += min(float(_best_by_column(table, lowest, allowed & mode)[group].sum()) for mode in group_modes(table))
    total += float(best[~grouped].sum())
    constant = float(factor_price @ table.y0 - factor_price @ factor_price / 2.0)
    limits = np.where(row_price > 0, table.hi_rows, table.lo_rows)[row_price != 0]
    return Certificate(bound=constant - float(limits @ row_price[row_price != 0]) + total, lowest=lowest)


def piece_minima(table: PieceTable, *, factor_price: Array, row_price: Array) -> Array:
    """Return min of each piece's cost with the prices' linear terms: (p,).

    Each segment is taken to its own minimum; where a price disturbs a piece's convexity this is below the true
    minimum, which keeps the bound true.
    """
    linear = table.exposures @ factor_price
    slope = table.gradient + row_price @ table.rates + linear[table.col[table.piece]]
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(table.curvature > 0, -slope / table.curvature, np.where(slope < 0, np.inf, 0.0))
    step = np.clip(step, 0.0, table.length)
    dips = (slope + table.curvature * step / 2.0) * step
    start = table.value + row_price @ table.rows + linear[table.col] * table.lo
    minima: Array = start + np.bincount(table.piece, weights=dips, minlength=len(table.col))
    return minima


def _usable(table: PieceTable, row_price: Array) -> Array:
    price = row_price if table.gain_price is None else np.where(table.is_gain_row, table.gain_price, row_price)
    return np.where(np.isfinite(np.where(price > 0, table.hi_rows, table.lo_rows)), price, 0.0)


def group_modes(table: PieceTable) -> tuple[Flags, Flags]:
    """Return the pieces allowed when nothing of a group is bought, and when none of it is sold at a loss."""
    return ~table.buys, ~table.sells_loss


def _best_by_column(table: PieceTable, lowest: Array, allowed: Flags) -> Array:
    best = np.full(table.columns, np.inf)
    np.minimum.at(best, table.col[allowed], lowest[allowed])
    return best
