"""Which names trade, or stay, when only so many may? Those worth most at the relaxation's prices.

What a trade, or a holding, is worth is what a name's cost falls by when it may have one, at given prices of factors and
rows. At these prices the best plan within a limit has the worthiest; the charge that leaves just so many is the price
of the limit, and the relaxation less charge times limit bounds all plans within it (Lagrangian duality).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.certificate import Certificate, least_total
from engine.plan.compiled import compiled
from engine.plan.envelope import Chains
from engine.plan.pieces import PieceTable
from engine.plan.prepared import Flags, Indices
from engine.plan.problem import Problem
from engine.plan.relaxation import Relaxation

PER_TRADE, PER_NAME = "per_trade", "per_name"
NEVER: Final = 1e6  # more than any trade costs
_MOVES: Final = 1e-9
_SURE: Final = 2  # decimals of a relaxed share


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """counted (p,): 1 for pieces that are a trade, or a holding; at most `limit` names may be on one.

    field: of Charges, the price on it; charge: what the table charges for each already.
    """

    field: str
    counted: Array
    limit: int
    charge: float


def counts_of(problem: Problem, table: PieceTable) -> tuple[Count, ...]:
    """Return what is counted, and may not be more than so many: names before trades, which they cause."""
    settings = problem.settings
    names = None if settings.liquidate else settings.max_names
    entries = (
        (PER_NAME, table.holds, names, table.per_name),
        (PER_TRADE, table.trades, settings.max_trades, table.per_trade),
    )
    return tuple(
        Count(field=field, counted=counted, limit=limit, charge=charge)
        for field, counted, limit, charge in entries
        if limit is not None
    )


def numbers(problem: Problem, trade: Array) -> dict[str, int]:
    """Return how many names a plan of these trades (columns,) trades, and holds afterwards."""
    u = trade[: len(problem.names)]
    return {
        PER_TRADE: int((np.abs(u) > _MOVES).sum()),
        PER_NAME: int((problem.prepared.held + u > _MOVES).sum()),
    }


def uncharged(table: PieceTable, lowest: Array) -> Array:
    """Return the least cost of each piece (p,) without what is charged for trades and names."""
    return lowest - table.per_trade * table.trades - table.per_name * table.holds


def worths(table: PieceTable, allowed: Flags, lowest: Array, counted: Array) -> Array:
    """Return how much cheaper each column is on a counted piece than on another, at these costs of pieces: (columns,).

    NEVER where it must be on a counted one, less than nothing where it cannot be.
    """
    return _worths(table.first_piece, allowed, lowest, counted > 0)


@compiled
def _worths(first_piece: Indices, allowed: Flags, lowest: Array, counted: Flags) -> Array:
    worth = np.empty(len(first_piece) - 1)
    for c in range(len(worth)):
        without, with_it = NEVER, NEVER
        for p in range(first_piece[c], first_piece[c + 1]):
            if allowed[p] and counted[p]:
                with_it = min(with_it, lowest[p])
            elif allowed[p]:
                without = min(without, lowest[p])
        worth[c] = without - with_it
    return worth


def best_charges(table: PieceTable, allowed: Flags, lowest: Array, counts: Sequence[Count]) -> tuple[float, ...]:
    """Return the charge of each count that makes the best bound at these costs of pieces (p,), without charges.

    For one count: what the first trade that does not fit in is worth.
    """
    charges = [count.charge for count in counts]
    for k in [*range(len(counts))] * (2 if len(counts) > 1 else 1):
        others = sum((charges[j] * counts[j].counted for j in range(len(counts)) if j != k), start=lowest)
        worth = np.sort(worths(table, allowed, others, counts[k].counted))[::-1]
        charges[k] = max(float(worth[counts[k].limit]), 0.0) if counts[k].limit < len(worth) else 0.0
    return tuple(charges)


def bound_within(
    problem: Problem, node: Relaxation, certificate: Certificate, charges: Sequence[float] | None = None
) -> float:
    """Return the bound on a node's plans within the counts, at a certificate's prices and the best charges there."""
    table, counts = node.table, counts_of(problem, node.table)
    if not counts:
        return certificate.bound
    lowest = uncharged(table, certificate.lowest)
    if charges is None:
        charges = best_charges(table, node.allowed, lowest, counts)
    spent = 0.0
    for count, charge in zip(counts, charges, strict=True):
        lowest = lowest + charge * count.counted
        spent += charge * count.limit
    at_best = certificate.constant + least_total(table, node.allowed, lowest) - spent
    return max(at_best, certificate.bound - sum(count.charge * count.limit for count in counts))


def relaxed_shares(node: Relaxation, counted: Array) -> Array:
    """Return how much of each column the relaxation has on counted pieces, from 0 to 1: (columns,)."""
    return _shares(*_arcs(node.chains), node.solution.trade, counted)


def _arcs(chains: Chains) -> tuple[Indices, Indices, Array, Array]:
    return chains.arc_col, chains.arc_piece, chains.arc_lo, chains.arc_hi


@compiled
def _shares(arc_col: Indices, arc_piece: Indices, arc_lo: Array, arc_hi: Array, trade: Array, counted: Array) -> Array:
    share = np.zeros(len(trade))
    for a in range(len(arc_col)):
        c, p = arc_col[a], arc_piece[a]
        u, is_last = trade[c], a + 1 == len(arc_col) or arc_col[a + 1] != c
        if u <= arc_hi[a] or is_last:
            if u >= arc_lo[a] or a == 0 or arc_col[a - 1] != c:
                share[c] = counted[p]
            continue
        if u >= arc_lo[a + 1]:
            continue
        part = (u - arc_hi[a]) / (arc_lo[a + 1] - arc_hi[a])
        share[c] = (1.0 - part) * counted[p] + part * counted[arc_piece[a + 1]]
    return share


def allowed_within(problem: Problem, node: Relaxation) -> Flags | None:
    """Return the pieces (p,) on which the counts are kept: of the names that need not, the relaxation's worthiest.

    None where more must be on counted pieces than may.
    """
    table, allowed = node.table, node.allowed.copy()
    for count in counts_of(problem, table):
        worth = worths(table, allowed, node.certificate.lowest, count.counted)
        if (worth > NEVER / 2).sum() > count.limit:
            return None
        share = np.where(worth > NEVER / 2, 2.0, np.round(relaxed_shares(node, count.counted), _SURE))
        barred = np.ones(table.columns, dtype=bool)
        barred[np.lexsort((-worth, -share))[: count.limit]] = False
        allowed &= ~(barred[table.col] & (count.counted > 0))
    return allowed


def cheapest(table: PieceTable, allowed: Flags, lowest: Array) -> Indices:
    """Return the allowed piece of each column that costs least (p,), the first of equals."""
    return _cheapest(table.first_piece, allowed, lowest)


@compiled
def _cheapest(first_piece: Indices, allowed: Flags, lowest: Array) -> Indices:
    chosen = np.full(len(first_piece) - 1, -1, np.intp)
    for c in range(len(chosen)):
        for p in range(first_piece[c], first_piece[c + 1]):
            if allowed[p] and (chosen[c] < 0 or lowest[p] < lowest[chosen[c]]):
                chosen[c] = p
    return chosen
