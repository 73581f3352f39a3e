"""Which names stand on a side that costs more than another one at the plan's own prices? They change it.

The prices of the exact problem on a plan's sides make a bound on all plans. What it falls short of the plan is what the
names on dearer sides would save, each by itself, so these are the ones to move.
"""

from dataclasses import replace
from typing import Final

from engine.domain.market import Array
from engine.plan.certificate import certify
from engine.plan.compiled import compiled
from engine.plan.prepared import Flags, Indices
from engine.plan.problem import Problem
from engine.plan.relaxation import Relaxation
from engine.plan.sides import Found, clashes, on_table

_ROUNDS: Final = 3
_SAVES: Final = 1e-9  # less than this, as a fraction of V, is noise


def on_cheaper_sides(problem: Problem, node: Relaxation, best: Found, bound: float, tolerance: float) -> Found:
    """Return the best plan met on the way, with the best of this bound and those that the plans' prices prove."""
    found: Found | None = best
    for attempt in range(_ROUNDS):
        if found is None:
            break
        prices = found.solution
        proof = certify(found.table, node.allowed, factor_price=prices.factor_price, row_price=prices.row_price)
        bound = max(bound, proof.bound)
        if found.objective <= best.objective:
            best = found
        elif attempt:
            break
        if best.objective - bound <= tolerance:
            break
        pieces = _cheapest(found.table.first_piece, proof.lowest, node.allowed, found.pieces, _SAVES)
        for group in clashes(found.table, pieces, None):
            pieces[group] = found.pieces[group]
        if (pieces == found.pieces).all():
            break
        found = on_table(problem, found.table, pieces, near=found.solution)
    return replace(best, bound=bound)


@compiled
def _cheapest(first_piece: Indices, lowest: Array, allowed: Flags, pieces: Indices, saves: float) -> Indices:
    """Return each column's cheapest allowed piece: its own where no other saves so much."""
    chosen = pieces.copy()
    for c in range(len(pieces)):
        for p in range(first_piece[c], first_piece[c + 1]):
            if allowed[p] and lowest[p] < lowest[chosen[c]] - saves:
                chosen[c] = p
    return chosen
