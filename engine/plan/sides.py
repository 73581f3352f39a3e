"""Which side does each name take? The relaxation's nearer end, the exact problem there, a search while a gap is left.

Branch and bound, best bound first: a branch forbids some pieces of one name, or one mode of a group of substantially
identical securities; every node's bound is a certificate, every node's rounding a plan. It stops at the tolerance or
after a fixed number of nodes, so the same input always takes the same path.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from engine.domain.errors import SolverFailed
from engine.domain.market import Array
from engine.plan.certificate import Certificate, certify, group_modes
from engine.plan.convex import NO_SLACK, Solution, exact_optimum, relaxed_optimum
from engine.plan.envelope import Chains, chosen_chains, relaxed_chains
from engine.plan.feasibility import feasible_pieces
from engine.plan.pieces import Flags, Indices, PieceTable, piece_table
from engine.plan.problem import BP, Problem

REFOLDS: Final = 4  # rounds of folding row prices into the costs
NODE_WORK: Final = 8000  # nodes x columns
MIN_NODES, MAX_NODES = 16, 400
_ON_ARC: Final = 1e-9
_NOISE: Final = 1e-7
_SHARE_OF_TOLERANCE: Final = 0.5  # the rest is left to whole shares


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    """A relaxation solved: its table, the row prices folded into it, the pieces it may use."""

    table: PieceTable
    folded: Array
    allowed: Flags
    chains: Chains
    relaxed: Solution
    certificate: Certificate


def search(problem: Problem) -> Found | None:
    """Return the best plan found with its bound, or None where the rules cannot all be obeyed.

    Raises SolverFailed when a relaxation defeats every solver.
    """
    tolerance = problem.settings.gap_tolerance_bp / BP * _SHARE_OF_TOLERANCE
    root = _relax(piece_table(problem), None, np.zeros(len(problem.rows)))
    if root is None:
        return None
    best, bound = _round(root), root.certificate.bound
    for _ in range(REFOLDS):
        prices = root.relaxed.row_price
        close = best is not None and best.objective - bound <= tolerance
        if close or not _bend(problem, prices - root.folded) > tolerance:
            break
        refolded = _relax(_ordered(problem, root.table, prices), None, prices)
        if refolded is None:
            break
        root, bound = refolded, max(bound, refolded.certificate.bound)
        best = _better(_round(root), best)
    if best is None:
        pieces = feasible_pieces(root.table, root.allowed)
        best = None if pieces is None else _on_pieces(root, pieces)
        if best is None:
            return None
    return _branch(problem, root, best, bound, tolerance)


def relaxation_bound(problem: Problem) -> float:
    """Return a lower bound on every plan of the problem without searching for one; -inf where there is none."""
    table = piece_table(problem)
    node = _relax(table, None, np.zeros(len(problem.rows)))
    return -np.inf if node is None else node.certificate.bound


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


def _bend(problem: Problem, change: Array) -> float:
    """Return how much a change of prices can matter to the envelopes: only rows that are not linear in u bend them."""
    bends = [1.0 if row.by_lot_gain else float(np.abs(row.up + row.down).max()) for row in problem.rows]
    return max((bend * abs(c) for bend, c in zip(bends, change, strict=True)), default=0.0)


def _ordered(problem: Problem, table: PieceTable, prices: Array) -> PieceTable:
    """Order lots anew where a gains cap has a price; the pieces stay as they are without one."""
    gains = [price for row, price in zip(problem.rows, prices, strict=True) if row.by_lot_gain]
    return piece_table(problem, gain_price=max(gains[0], 0.0)) if gains else table


def _relax(table: PieceTable, allowed: Flags | None, prices: Array) -> _Node | None:
    """Return the relaxation over the allowed pieces (None: all); None where it is proven infeasible."""
    allowed = np.ones(len(table.col), dtype=bool) if allowed is None else allowed
    if len(set(table.col[allowed].tolist())) < table.columns:
        return None
    chains = relaxed_chains(table, allowed, prices)
    relaxed = relaxed_optimum(table, chains)
    certificate = certify(table, allowed, factor_price=relaxed.factor_price, row_price=relaxed.row_price)
    return _Node(table=table, folded=prices, allowed=allowed, chains=chains, relaxed=relaxed, certificate=certificate)


def _round(node: _Node) -> Found | None:
    """Solve the exact problem on the pieces nearest to the relaxed trade; None where those pieces cannot do."""
    table = node.table
    pieces = _nearest_pieces(node.chains, node.relaxed.trade)
    for group in _clashes(table, pieces, None):
        picks = _group_pieces(node, group)
        if picks is None:
            return None
        pieces[group] = picks
    return _on_pieces(node, pieces)


def _on_pieces(node: _Node, pieces: Indices) -> Found | None:
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
        fallback=node.relaxed.fallback or exact.fallback,
    )


def _nearest_pieces(chains: Chains, trade: Array) -> Indices:
    order = np.lexsort((np.arange(len(chains.arc_col)), _distance(chains, trade), chains.arc_col))
    first = np.searchsorted(chains.arc_col[order], np.arange(len(trade)))
    chosen: Indices = chains.arc_piece[order[first]].copy()
    return chosen


def _distance(chains: Chains, trade: Array) -> Array:
    u = trade[chains.arc_col]
    return np.asarray(np.maximum(np.maximum(chains.arc_lo - u, u - chains.arc_hi), 0.0))


def _clashes(table: PieceTable, pieces: Indices, trade: Array | None) -> Iterator[Indices]:
    """Return the groups that these pieces let both buy and sell at a loss; with trades, those that really do both."""
    for group in table.groups:
        chosen = pieces[group]
        moves = np.full(len(group), True) if trade is None else np.abs(trade[group]) > _ON_ARC
        buys = table.buys[chosen] & moves & (trade is None or trade[group] > 0)
        if buys.any() and (table.sells_loss[chosen] & moves).any():
            yield group


def _group_pieces(node: _Node, group: Indices) -> Indices | None:
    """Return the group's pieces in the mode that is cheaper at the present prices; None where neither can do."""
    table, lowest = node.table, node.certificate.lowest
    ranked = []
    for mode in group_modes(table):
        usable = [[int(p) for p in table.pieces_of[c] if node.allowed[p] and mode[p]] for c in group]
        if all(usable):
            picks = [min(own, key=lambda p: (lowest[p], p)) for own in usable]
            ranked.append((float(lowest[picks].sum()), picks))
    return np.array(min(ranked)[1]) if ranked else None


def _better(found: Found | None, best: Found | None) -> Found | None:
    if found is None or (best is not None and best.objective <= found.objective):
        return best
    return found


def _branch(problem: Problem, root: _Node, best: Found, bound: float, tolerance: float) -> Found:
    limit = min(max(NODE_WORK // max(root.table.columns, 1), MIN_NODES), MAX_NODES)
    heap = [(bound, 0, root)]
    nodes, settled = 1, np.inf  # settled: the lowest bound among nodes that cannot be branched any more
    while heap and nodes < limit and heap[0][0] < best.objective - tolerance:
        lower, _, node = heapq.heappop(heap)
        children = list(_children(problem, node, tolerance))
        if not children and (node.relaxed.slack <= NO_SLACK or feasible_pieces(node.table, node.allowed) is not None):
            settled = min(settled, lower)
        for child in children:
            nodes += 1
            if child is not None:
                best = _better(_round(child), best) or best
                heapq.heappush(heap, (max(child.certificate.bound, lower), nodes, child))
    proven = min([settled, *(entry[0] for entry in heap)])
    if proven < np.inf and bound > best.objective + _NOISE * (1.0 + abs(best.objective)):
        raise SolverFailed(f"the bound {bound} lies above a plan of {best.objective}: one of them is wrong")
    return replace(best, bound=min(best.objective, max(bound, proven)), nodes=nodes)


def _children(problem: Problem, node: _Node, tolerance: float) -> Iterator[_Node | None]:
    """Return the nodes that a node divides into, None for one without a plan: halves of a bridge or a group.

    Without either, its row prices folded in make a closer relaxation; where that changes nothing any more, the name
    whose pieces are nearest to each other in cost is divided.
    """
    prices = node.relaxed.row_price
    parts = list(_divided(node))
    if not parts and _bend(problem, prices - node.folded) > tolerance:
        yield _relax(_ordered(problem, node.table, prices), node.allowed, prices)
        return
    for allowed in parts or _undecided(node):
        yield _relax(node.table, allowed, node.folded)


def _divided(node: _Node) -> Iterator[Flags]:
    """Split a node on its worst bridge, or on a group that both buys and sells at a loss; nothing if it has neither."""
    table, chains, u = node.table, node.chains, node.relaxed.trade
    worst, at, cut = _ON_ARC, -1, 0.0
    for column, left, right in _bridges(chains):
        if min(u[column] - left, right - u[column]) > _ON_ARC:
            error = (u[column] - left) * (right - u[column]) / (right - left)
            if error > worst:
                worst, at, cut = error, column, left
    if at >= 0:
        own = table.col == at
        below = own & (table.hi <= cut + _ON_ARC)
        below[chains.arc_piece[(chains.arc_col == at) & (chains.arc_hi <= cut + _ON_ARC)]] = True
        yield node.allowed & (~own | below)
        yield node.allowed & (~own | ~below)
        return
    for group in _clashes(table, _nearest_pieces(chains, u), u):
        outside = ~np.isin(table.col, group)
        for mode in group_modes(table):
            yield node.allowed & (mode | outside)
        return


def _undecided(node: _Node) -> Iterator[Flags]:
    """Split off the cheapest piece of the column whose next piece costs least more; nothing if each has one piece."""
    table, lowest = node.table, node.certificate.lowest
    least, nearest = np.inf, -1
    for pieces in table.pieces_of:
        usable = pieces[node.allowed[pieces]]
        if len(usable) > 1:
            order = usable[np.argsort(lowest[usable], kind="stable")]
            if lowest[order[1]] - lowest[order[0]] < least:
                least, nearest = float(lowest[order[1]] - lowest[order[0]]), int(order[0])
    if nearest >= 0:
        is_nearest = np.arange(len(table.col)) == nearest
        yield node.allowed & ((table.col != table.col[nearest]) | is_nearest)
        yield node.allowed & ~is_nearest


def _bridges(chains: Chains) -> Iterator[tuple[int, float, float]]:
    """Return each gap between neighbouring arcs of one column as (column, left end, right end)."""
    same = np.flatnonzero(chains.arc_col[1:] == chains.arc_col[:-1])
    for k in same:
        yield int(chains.arc_col[k]), float(chains.arc_hi[k]), float(chains.arc_lo[k + 1])
