"""Which side does each name take? The one nearest to its relaxed trade, and the exact problem on these sides."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.certificate import group_modes
from engine.plan.convex import Solution, exact_optimum
from engine.plan.envelope import Chains, chosen_chains
from engine.plan.pieces import Indices, PieceTable
from engine.plan.relaxation import Relaxation

ON_ARC: Final = 1e-9  # weights closer than this are the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The best fractional plan and the bound on all plans, in fractions of V.

    trade u and pieces (columns,); solution: the exact problem's prices on those pieces; table: what they refer to.
    """

    table: PieceTable
    pieces: Indices
    trade: Array
    objective: float
    bound: float
    solution: Solution
    nodes: int
    fallback: bool


def rounded(node: Relaxation) -> Found | None:
    """Solve the exact problem on the pieces nearest to the relaxed trade; None where those pieces cannot do."""
    table = node.table
    pieces = nearest_pieces(node.chains, node.solution.trade)
    for group in clashes(table, pieces, None):
        picks = _group_pieces(node, group)
        if picks is None:
            return None
        pieces[group] = picks
    return on_pieces(node, pieces)


def on_pieces(node: Relaxation, pieces: Indices) -> Found | None:
    table = node.table
    exact = exact_optimum(table, chosen_chains(table, pieces))
    if exact is None:
        return None
    return Found(
        table=table,
        pieces=pieces,
        trade=exact.trade,
        objective=objective(table, pieces, exact),
        bound=node.certificate.bound,
        solution=exact,
        nodes=1,
        fallback=node.solution.fallback or exact.fallback,
    )


def nearest_pieces(chains: Chains, trade: Array) -> Indices:
    order = np.lexsort((np.arange(len(chains.arc_col)), _distance(chains, trade), chains.arc_col))
    first = np.searchsorted(chains.arc_col[order], np.arange(len(trade)))
    chosen: Indices = chains.arc_piece[order[first]].copy()
    return chosen


def _distance(chains: Chains, trade: Array) -> Array:
    u = trade[chains.arc_col]
    return np.asarray(np.maximum(np.maximum(chains.arc_lo - u, u - chains.arc_hi), 0.0))


def clashes(table: PieceTable, pieces: Indices, trade: Array | None) -> Iterator[Indices]:
    """Return the groups that these pieces let both buy and sell at a loss; with trades, those that really do both."""
    for group in table.groups:
        chosen = pieces[group]
        moves = np.full(len(group), True) if trade is None else np.abs(trade[group]) > ON_ARC
        buys = table.buys[chosen] & moves & (trade is None or trade[group] > 0)
        if buys.any() and (table.sells_loss[chosen] & moves).any():
            yield group


def _group_pieces(node: Relaxation, group: Indices) -> Indices | None:
    """Return the group's pieces in the mode that is cheaper at the present prices; None where neither can do."""
    table, lowest = node.table, node.certificate.lowest
    ranked = []
    for mode in group_modes(table):
        usable = [[int(p) for p in table.pieces_of[c] if node.allowed[p] and mode[p]] for c in group]
        if all(usable):
            picks = [min(own, key=lambda p: (lowest[p], p)) for own in usable]
            ranked.append((float(lowest[picks].sum()), picks))
    return np.array(min(ranked)[1]) if ranked else None


def objective(table: PieceTable, pieces: Indices, solution: Solution) -> float:
    """Return the exact objective of a solution on the given pieces, fractions of V.

    Where the price of gains orders the lots two of one name may be sold in part, so that segments are not taken in
    their order; specific risk and priced bounds go by the trade, tax by what is taken of each lot.
    """
    trade = solution.trade
    y = table.y0 + table.exposures[: table.columns].T @ trade
    chosen = np.isin(table.piece, pieces)
    step = np.clip(trade[table.col[table.piece]] - table.start, 0.0, table.length) * chosen
    costs = (table.gradient + table.curvature * step / 2.0) * step
    total = float(y @ y / 2.0 + table.value[pieces].sum() + costs.sum())
    if table.gain_price is None:
        return total
    slope = (table.gradient - table.curvature * table.start) * chosen
    return total + float(slope @ (solution.filled - step))
