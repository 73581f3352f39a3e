"""What is the best plan with a firm's own convex terms? Stated in cvxpy, bounded by dividing it in two.

The relaxation on the names' envelopes is stated with the terms. The dual of its copy of the weights prices a unit of
weight in each name: at these prices the fast search knows the terms only as a linear cost, and its bound, with the
least that the terms can come to at the same prices, is a bound on every plan (see written.py). The exact problem is
then stated with the terms on the sides that its plan takes. Branch and bound over stated relaxations goes on where a
gap is left.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from engine.domain.errors import SolverFailed
from engine.domain.market import Array
from engine.plan.branch_and_bound import tolerance_of
from engine.plan.certificate import certify, group_modes
from engine.plan.convex import Solution
from engine.plan.envelope import Chains, chosen_chains, relaxed_chains
from engine.plan.frame import Frame, frame_of
from engine.plan.pieces import PieceTable, piece_table
from engine.plan.prepared import Flags, Indices
from engine.plan.problem import Problem
from engine.plan.relaxation import reordered
from engine.plan.sides import ON_ARC, Found, clashes, nearest_pieces, objective
from engine.plan.statement import Stated, stated_with
from engine.plan.terms import ConvexTerm
from engine.plan.written import Written

Search = Callable[[Problem], Found | None]

_ROUNDS: Final = 3  # of prices: the relaxation's, then those of the plans found
_FOLDS: Final = 2  # of the root's row prices
_NODES: Final = 24
_FEW_NODES: Final = 4
_ORDERS: Final = 4  # of lots, where rules count gains
_SLACK_PRICE: Final = 10.0  # times the steepest cost
_SNAP: Final = 1e-8  # weights: a filling this near to an end of its segment is there


@dataclass(frozen=True, kw_only=True)
class _Node:
    """A relaxation stated with the terms. folded (m,): row prices in its envelopes."""

    table: PieceTable
    allowed: Flags
    folded: Array
    chains: Chains
    stated: Stated
    trade: Array
    bound: float


def best_with_terms(problem: Problem, frames: tuple[Frame, ...], search: Search) -> Found | None:
    """Return the best plan found with its bound; None where the rules and terms cannot all be obeyed.

    frames: one, or one for each branch of the year's netted tax. search: of a problem without convex terms. Raises
    SolverFailed when Clarabel fails on a statement.
    """
    written = problem.written
    assert written is not None
    roots = [root for frame in frames if (root := _root(problem, written, frame)) is not None]
    if not roots:
        return None
    first = min(roots, key=lambda root: root.bound)
    best, bound, price = None, first.bound, first.stated.term_price
    for _ in range(_ROUNDS):
        priced = search(at_prices(problem, price))
        least = written.least(price)
        if priced is None or least is None:
            return None
        bound = max(bound, priced.bound + float(price @ problem.prepared.held) + least)
        found = _on_pieces_of(problem, written, priced)
        if found is None or found.term_price is None:
            break
        best = _better(found, best)
        if best is None or best.objective - bound <= tolerance_of(problem):
            break
        price = found.term_price
    if best is None or best.objective - bound > tolerance_of(problem):
        best, bound = _branched(problem, written, roots, best, bound)
    return None if best is None else replace(best, bound=min(bound, best.objective))


def has_plan(problem: Problem, frames: tuple[Frame, ...]) -> bool:
    """Return whether a few nodes of branch and bound come upon a plan that obeys the rules and terms."""
    written = problem.written
    assert written is not None
    for frame in frames:
        root = _root(problem, written, frame)
        if root is not None and _branched(problem, written, [root], None, -np.inf, nodes=_FEW_NODES)[0] is not None:
            return True
    return False


def at_prices(problem: Problem, price: Array) -> Problem:
    """Return the problem with a price on each unit of weight (n,) in place of its convex terms."""
    names = replace(problem.names, alpha=problem.names.alpha - price)
    plain = tuple(term for term in problem.terms if not isinstance(term, ConvexTerm))
    return replace(problem, names=names, terms=plain)


def explained(problem: Problem, found: Found) -> tuple[Problem, Found]:
    """Return the problem and plan in which the terms, where there are any, are the prices that they put on weights."""
    if found.term_price is None or problem.written is None:
        return problem, found
    price, n = found.term_price, len(problem.names)
    cost = problem.written.cost_at(problem.prepared.held + found.trade[:n])
    change = float(price @ found.trade[:n]) - cost
    priced = replace(
        found,
        table=_with_price(found.table, price),
        objective=found.objective + change,
        bound=found.bound + change,
        term_price=None,
    )
    return at_prices(problem, price), priced


def with_margins(problem: Problem, found: Found, margins: Array) -> Found | None:
    """Return the plan on the same sides that obeys each of the terms' constraints by a margin; None if none can."""
    written = problem.written
    assert written is not None
    again = _on_pieces(problem, written, found.table, found.pieces, written.tightened(margins))
    return None if again is None else replace(again, bound=found.bound, nodes=found.nodes)


def _root(problem: Problem, written: Written, frame: Frame) -> _Node | None:
    """Return the relaxation over all pieces, its own row prices folded in."""
    table = piece_table(problem, frame=frame)
    if table.empty:
        return None
    allowed = np.ones(len(table.col), dtype=bool)
    node = _node(problem, written, table, allowed, np.zeros(len(table.lo_rows)))
    for _ in range(_FOLDS):
        if node is None or not (frame.bends * np.abs(node.stated.row_price - node.folded)).any():
            break
        prices = node.stated.row_price
        again = _node(problem, written, reordered(problem, node.table, prices), allowed, prices)
        if again is None or again.bound <= node.bound:
            break
        node = again
    return node


def _node(problem: Problem, written: Written, table: PieceTable, allowed: Flags, folded: Array) -> _Node | None:
    if (np.bincount(table.col, weights=allowed, minlength=table.columns) == 0).any():
        return None
    chains, held = relaxed_chains(table, allowed, folded), problem.prepared.held
    steepest = max(1.0, float((np.abs(chains.gradient) + chains.curvature * chains.length).max(initial=0.0)))
    stated = stated_with(written, table, chains, held, written.rules, slack_price=_SLACK_PRICE * steepest)
    least = None if stated is None else written.least(stated.term_price)
    if stated is None or least is None:
        return None
    certificate = certify(
        _with_price(table, stated.term_price),
        allowed,
        factor_price=stated.factor_price,
        row_price=stated.row_price,
    )
    return _Node(
        table=table,
        allowed=allowed,
        folded=folded,
        chains=chains,
        stated=stated,
        trade=chains.start + np.bincount(chains.col, weights=stated.filled, minlength=table.columns),
        bound=certificate.bound + float(stated.term_price @ held) + least,
    )


def _with_price(table: PieceTable, price: Array) -> PieceTable:
    """Return the table with a price on each unit traded of each name (n,) in its costs."""
    every = np.concatenate([price, np.zeros(table.columns - len(price))])
    return replace(
        table, value=table.value + every[table.col] * table.lo, gradient=table.gradient + every[table.col[table.piece]]
    )


def _on_pieces_of(problem: Problem, written: Written, priced: Found) -> Found | None:
    """Return the exact problem's optimum with the terms on the pieces of a plan that knows them as prices only."""
    frame = frame_of(problem, branch=priced.table.frame.branch)
    table = piece_table(problem, frame=frame, prices=priced.solution.row_price)
    same = len(table.col) == len(priced.table.col) and bool((table.col == priced.table.col).all())
    pieces = priced.pieces if same else nearest_pieces(_everything(table), priced.trade)
    return _on_pieces(problem, written, table, pieces, written.rules)


def _everything(table: PieceTable) -> Chains:
    return relaxed_chains(table, np.ones(len(table.col), dtype=bool), np.zeros(len(table.lo_rows)))


def _on_pieces(
    problem: Problem, written: Written, table: PieceTable, pieces: Indices, rules: tuple[Any, ...]
) -> Found | None:
    """Return the exact problem's optimum with the terms; lots in the order that the prices of gains ask for."""
    best, held = None, problem.prepared.held
    for _ in range(_ORDERS):
        chains = chosen_chains(table, pieces)
        stated = stated_with(written, table, chains, held, rules)
        if stated is None:
            break
        found = _found(problem, written, table, pieces, chains, stated)
        best = _better(found, best)
        price = table.gain_price
        if price is None or np.allclose(stated.row_price[table.is_gain_row], price[table.is_gain_row]):
            break
        table = reordered(problem, table, stated.row_price)
    return best


def _found(
    problem: Problem, written: Written, table: PieceTable, pieces: Indices, chains: Chains, stated: Stated
) -> Found | None:
    """Return the plan that fills the segments so; None where it takes lots out of their order, or counts too many."""
    fill = np.where(stated.filled < _SNAP, 0.0, stated.filled)
    fill = np.where(fill > chains.length - _SNAP, chains.length, fill)
    if table.gain_price is not None and not _is_in_order(chains, fill):
        return None
    trade = chains.start + np.bincount(chains.col, weights=fill, minlength=table.columns)
    if not _keeps_counts(problem, trade):
        return None
    solution = Solution(
        trade=trade,
        rows=chains.rows + chains.rates @ fill,
        factor_price=stated.factor_price,
        row_price=stated.row_price,
        slack=0.0,
        fallback=True,
    )
    n = len(problem.names)
    return Found(
        table=table,
        pieces=pieces,
        trade=trade,
        sold=None,
        objective=objective(table, pieces, trade) + written.cost_at(problem.prepared.held + trade[:n]),
        bound=-np.inf,
        solution=solution,
        nodes=1,
        fallback=True,
        term_price=stated.term_price,
        rule_price=stated.rule_price,
    )


def _is_in_order(chains: Chains, fill: Array) -> bool:
    """Whether no segment is filled before the one that comes before it is full."""
    same = chains.col[1:] == chains.col[:-1]
    early = (fill[1:] > 0) & (fill[:-1] < chains.length[:-1])
    return not bool((same & early).any())


def _keeps_counts(problem: Problem, trade: Array) -> bool:
    settings, u = problem.settings, trade[: len(problem.names)]
    trades = int((np.abs(u) > ON_ARC).sum())
    held = int((problem.prepared.held + u > ON_ARC).sum())
    within = settings.max_trades is None or trades <= settings.max_trades
    return within and (settings.max_names is None or held <= settings.max_names)


def _better(found: Found | None, best: Found | None) -> Found | None:
    if found is None or (best is not None and best.objective <= found.objective):
        return best
    return found


def _branched(
    problem: Problem,
    written: Written,
    roots: list[_Node],
    best: Found | None,
    bound: float,
    *,
    nodes: int | None = None,
) -> tuple[Found | None, float]:
    """Return the best plan and bound after branch and bound, best bound first, over a fixed number of nodes.

    nodes: so many at the most, and none after the first plan; None for the usual number, and the best plan.
    """
    tolerance, most = (tolerance_of(problem), _NODES) if nodes is None else (np.inf, nodes)
    heap = [(root.bound, order, root) for order, root in enumerate(roots)]
    heapq.heapify(heap)
    count, settled = len(heap), np.inf
    while heap and count < most and (best is None or heap[0][0] < best.objective - tolerance):
        lower, _, node = heapq.heappop(heap)
        try:
            best = _better(_rounded(problem, written, node), best)
            children = [_node(problem, written, node.table, part, node.folded) for part in _divided(node)]
        except SolverFailed:  # no worse than a node that does not divide: its own bound stands
            settled = min(settled, lower)
            continue
        if not children:
            settled = min(settled, lower)
        for child in children:
            count += 1
            if child is not None:
                heapq.heappush(heap, (max(child.bound, lower), count, child))
    proven = min([settled, *(entry[0] for entry in heap)])
    return None if best is None else replace(best, nodes=count), max(bound, proven)


def _rounded(problem: Problem, written: Written, node: _Node) -> Found | None:
    pieces = nearest_pieces(node.chains, node.trade)
    if any(True for _ in clashes(node.table, pieces, None)):
        return None
    return _on_pieces(problem, written, node.table, pieces, written.rules)


def _divided(node: _Node) -> Iterator[Flags]:
    """Yield the halves of the bridge that the trade lies worst on, or of a group that buys and sells at a loss."""
    table, chains, u = node.table, node.chains, node.trade
    worst, at, cut = ON_ARC, -1, 0.0
    for k in np.flatnonzero(chains.arc_col[1:] == chains.arc_col[:-1]).tolist():
        column, left, right = int(chains.arc_col[k]), float(chains.arc_hi[k]), float(chains.arc_lo[k + 1])
        inside = min(u[column] - left, right - u[column])
        if inside > max(worst, _SNAP):
            worst, at, cut = float(inside), column, left
    if at >= 0:
        own = table.col == at
        below = own & (table.hi <= cut + ON_ARC)
        below[chains.arc_piece[(chains.arc_col == at) & (chains.arc_hi <= cut + ON_ARC)]] = True
        yield node.allowed & (~own | below)
        yield node.allowed & (~own | ~below)
        return
    for group in clashes(table, nearest_pieces(chains, u), u):
        outside = ~np.isin(table.col, group)
        for mode in group_modes(table):
            yield node.allowed & (mode | outside)
        return
