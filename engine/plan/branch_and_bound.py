"""What is the best plan? Relax, round, and branch while a gap is left.

Branch and bound, best bound first: a branch forbids some pieces of one name, or one mode of a group of substantially
identical securities; every node's bound is a certificate, every node's rounding a plan. It stops at the tolerance or
after a fixed number of nodes, so the same input always takes the same path.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from engine.domain.errors import SolverFailed
from engine.domain.market import Array
from engine.plan.certificate import Certificate, certify, group_modes
from engine.plan.convex import NO_SLACK, Solution
from engine.plan.envelope import Chains
from engine.plan.feasibility import feasible_pieces
from engine.plan.frame import Frame
from engine.plan.other_sides import on_cheaper_sides
from engine.plan.prepared import Flags, Indices
from engine.plan.problem import BP, Problem
from engine.plan.relaxation import (
    Relaxation,
    at_prices_of_gains,
    bend,
    closer_prices_of_gains,
    first_relaxation,
    narrowed,
    refolded,
    reordered,
    with_gains_counted,
)
from engine.plan.sides import (
    ON_ARC,
    Found,
    agrees,
    clashes,
    nearest_pieces,
    on_pieces,
    rounded,
    rounded_in_order,
    with_lots_mixed,
)

REFOLDS: Final = 4  # rounds of folding row prices into the costs
NODE_WORK: Final = 20000  # nodes x columns
MIN_NODES, MAX_NODES = 16, 400
_NOISE: Final = 1e-7
_DEAREST_GAIN: Final = 1e3  # a price at which nothing but the gain decides which lot is sold first
_PRICES_OF_GAINS: Final = (0.1, 0.4, 1.6)  # of a dollar, to try where none leads to no plan
_SHARE_OF_TOLERANCE: Final = 0.5  # the rest is left to whole shares


def tolerance_of(problem: Problem) -> float:
    """Return the gap at which a fractional plan is good enough, a fraction of V."""
    return problem.settings.gap_tolerance_bp / BP * _SHARE_OF_TOLERANCE


def best_of(
    problem: Problem,
    *,
    frame: Frame | None = None,
    prices: Array | None = None,
    near: Solution | None = None,
    root: Relaxation | None = None,
) -> Found | None:
    """Return the best plan found with its bound, or None where the rules cannot all be obeyed.

    frame: where it is not the problem's own. prices (m,): of rows, where they are roughly known. near: a solution of
    much the same problem. root: the relaxation with these, where it is solved. Raises SolverFailed when a relaxation
    defeats every solver.
    """
    if root is None:
        root = first_relaxation(problem, frame=frame, prices=prices, near=near, gain_is_fixed=True)
    root, best = tightened(problem, root)
    if root is None:
        return None
    if best is None:
        pieces = feasible_pieces(root.table, root.allowed)
        best = None if pieces is None else on_pieces(problem, root, pieces)
        if best is None:
            return None
    return branched(problem, root, best)


def tightened(problem: Problem, root: Relaxation | None) -> tuple[Relaxation | None, Found | None]:
    """Return a relaxation whose row prices are folded into its envelopes, and the best plan met on the way.

    The plan's bound is the best of all these relaxations'. Where a rule counts gains, the last ones are solved at the
    prices that the plans themselves put on gains.
    """
    if root is None:
        return None, None
    tolerance = tolerance_of(problem)
    root, best = _first_rounded(problem, root)
    bound, by_gains = root.certificate.bound, root.table.gain_price is not None
    if by_gains and best is not None:
        best = on_cheaper_sides(problem, root, best, bound, tolerance)
        bound = best.bound
    elif best is not None and best.objective - bound > tolerance:
        bound = max(bound, at_exact_prices(root, best).bound)
    for attempt in range(2 * REFOLDS):
        if best is not None and best.objective - bound > tolerance and not agrees(best):
            best = with_lots_mixed(problem, root, best)
            bound = max(bound, at_exact_prices(root, best).bound)
        if best is not None and best.objective - bound <= tolerance:
            break
        if best is not None and by_gains:
            closer = closer_prices_of_gains(problem, root, best.solution.row_price)
        elif attempt < REFOLDS and bend(root) > tolerance:
            closer = refolded(problem, root)
        else:
            break
        if closer is None:
            break
        found, before = rounded(problem, closer), best
        best = _better(found, best)
        improves = closer.certificate.bound > bound + tolerance / 10 or best is not before
        root, bound = closer, max(bound, closer.certificate.bound)
        if found is not None and best is not None and best.objective - bound > tolerance:
            bound = max(bound, at_exact_prices(root, found).bound)
        if by_gains and not improves:
            break
    return root, None if best is None else replace(best, bound=bound)


def _first_rounded(problem: Problem, root: Relaxation) -> tuple[Relaxation, Found | None]:
    """Return the relaxation and its rounding; where its price of gains is far off, from others that are nearer."""
    if not root.gain_is_fixed:
        return root, rounded(problem, root)
    best = rounded_in_order(problem, root)
    for price in _PRICES_OF_GAINS:
        if best is not None:
            return root, best
        higher = at_prices_of_gains(problem, root, np.where(root.table.is_gain_row, price, root.folded))
        root = higher or root
        best = rounded_in_order(problem, root)
    best = best or rounded(problem, root)
    if best is None:  # these sides cannot keep the rules on gains
        root = with_gains_counted(root)
        best = rounded(problem, root)
    return root, best


def _better(found: Found | None, best: Found | None) -> Found | None:
    if found is None or (best is not None and best.objective <= found.objective):
        return best
    return found


def at_exact_prices(node: Relaxation, found: Found) -> Certificate:
    """Return the node's certificate at the prices of a plan, which are exact where no side was chosen against them."""
    has_other_pieces = found.table is not node.table and found.table.gain_price is None
    if has_other_pieces or len(found.table.col) != len(node.allowed):
        return node.certificate
    prices = found.solution
    return certify(found.table, node.allowed, factor_price=prices.factor_price, row_price=prices.row_price)


def _as_stated(_node: Relaxation, certificate: Certificate) -> float:
    return certificate.bound


def _as_bounded(_node: Relaxation) -> float:
    return -np.inf


def branched(
    problem: Problem,
    root: Relaxation,
    best: Found,
    *,
    judge: Callable[[Relaxation, Found], Found | None] | None = None,
    bounded: Callable[[Relaxation, Certificate], float] = _as_stated,
    decided: Callable[[Relaxation], float] = _as_bounded,
    tolerance: float | None = None,
    work: int = NODE_WORK,
) -> Found:
    """Return the best plan that branch and bound finds from a relaxation and a plan, with the bound that it proves.

    judge: makes of a node's plan, priced as the root is, one with its true objective, None where it breaks a limit that
    the prices stand for, or cannot be the best; bounded: what a certificate says of a node's plans within these limits;
    decided: the same of a node that cannot be divided, at prices of its own. work: nodes times columns, at the most.
    """
    tolerance = tolerance_of(problem) if tolerance is None else tolerance
    bound = best.bound
    limit = min(work // max(root.table.columns, 1), MAX_NODES)
    limit = max(limit, MIN_NODES) if work == NODE_WORK else limit
    heap = [(bounded(root, root.certificate), 0, root, True)]
    nodes, settled = 1, np.inf  # settled: the lowest bound among nodes that cannot be branched any more
    while heap and nodes < limit and max(bound, heap[0][0]) < best.objective - tolerance:
        lower, _, node, has_plan = heapq.heappop(heap)
        children = list(_children(problem, node, tolerance))
        if not children and ((has_plan and node.solution.slack <= NO_SLACK) or _has_room(problem, node)):
            settled = min(settled, max(lower, decided(node)))
        for child in children:
            nodes += 1
            if child is not None:
                found = rounded(problem, child)
                closest = _at_its_own_prices(problem, child, found)
                own = bounded(closest, closest.certificate)
                if found is not None:
                    own = max(own, bounded(closest, at_exact_prices(closest, found)))
                    if own < best.objective - tolerance:
                        plan = with_lots_mixed(problem, child, found) if judge is None else judge(child, found)
                        best = _better(plan, best) or best
                heapq.heappush(heap, (max(own, lower), nodes, closest, found is not None))
    proven = min([settled, *(entry[0] for entry in heap)])
    if proven < np.inf and bound > best.objective + _noise(root, best):
        raise SolverFailed(f"the bound {bound} lies above a plan of {best.objective}: one of them is wrong")
    return replace(best, bound=min(best.objective, max(bound, proven)), nodes=nodes)


def _noise(root: Relaxation, best: Found) -> float:
    """Return how far below the bound a plan may lie: a rounding error, and what it gains by a solver's tolerance.

    Where rules leave next to no room, a row that is broken by a millionth of a basis point is worth a price of its own.
    """
    dearest = max(float(np.abs(found.row_price).max(initial=0.0)) for found in (root.solution, best.solution))
    return _NOISE * (1.0 + abs(best.objective)) + best.solution.slack * dearest


def _has_room(problem: Problem, node: Relaxation) -> bool:
    """Return whether a trade on the node's pieces obeys every row, lots sold in the order that realises least gain."""
    dearest = np.where(node.table.is_gain_row, _DEAREST_GAIN, 0.0)
    table = reordered(problem, node.table, dearest)
    return len(table.col) != len(node.allowed) or feasible_pieces(table, node.allowed) is not None


def _at_its_own_prices(problem: Problem, node: Relaxation, found: Found | None) -> Relaxation:
    """Return the node at the prices that its own plan puts on gains, where that makes a better bound."""
    for _ in range(REFOLDS):
        if node.table.gain_price is None or found is None:
            return node
        closer = at_prices_of_gains(problem, node, found.solution.row_price)
        if closer is None or closer.certificate.bound <= node.certificate.bound:
            return node
        node, found = closer, rounded(problem, closer)
    return node


def _children(problem: Problem, node: Relaxation, tolerance: float) -> Iterator[Relaxation | None]:
    """Return the nodes that a node divides into, None for one without a plan: halves of a bridge or a group.

    Without either, its row prices folded in make a closer relaxation; where that changes nothing any more, the name
    whose pieces are nearest to each other in cost is divided.
    """
    parts = list(_divided(node))
    if not parts and node.refolds < REFOLDS and bend(node) > tolerance:
        closer = refolded(problem, node)
        if closer is not None:
            yield closer
            return
    for allowed in parts or _undecided(node):
        yield narrowed(node, allowed)


def _divided(node: Relaxation) -> Iterator[Flags]:
    """Split a group that both buys and sells at a loss, else the node's worst bridge; nothing if it has neither.

    What a group may not do at once costs basis points, a bridge between two arcs hundredths of one.
    """
    table, chains, u = node.table, node.chains, node.solution.trade
    for group in clashes(table, nearest_pieces(chains, u), u):
        outside = ~np.isin(table.col, group)
        for mode in group_modes(table):
            yield node.allowed & (mode | outside)
        return
    columns, left, right = _bridges(chains)
    inside = np.minimum(u[columns] - left, right - u[columns]) > ON_ARC
    error = np.where(inside, (u[columns] - left) * (right - u[columns]) / np.maximum(right - left, ON_ARC), 0.0)
    if error.max(initial=0.0) > ON_ARC:
        worst = int(error.argmax())
        at, cut = columns[worst], left[worst]
        own = table.col == at
        below = own & (table.hi <= cut + ON_ARC)
        below[chains.arc_piece[(chains.arc_col == at) & (chains.arc_hi <= cut + ON_ARC)]] = True
        yield node.allowed & (~own | below)
        yield node.allowed & (~own | ~below)


def _undecided(node: Relaxation) -> Iterator[Flags]:
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


def _bridges(chains: Chains) -> tuple[Indices, Array, Array]:
    """Return each gap between neighbouring arcs of one column: columns, left ends, right ends."""
    same = np.flatnonzero(chains.arc_col[1:] == chains.arc_col[:-1])
    return chains.arc_col[same], chains.arc_hi[same], chains.arc_lo[same + 1]
