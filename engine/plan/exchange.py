"""Which trades are better exchanged for others, where only so many may be made? Pairs by what both change together.

A name that moves to another of its pieces costs its own Lagrangian's difference, and, to second order, what the others
pay to make up for it; two names that move together pay for both, or balance each other. The best pairs that have no
name in common are tried at once, and half as many where that is no better.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.compiled import compiled
from engine.plan.counts import Count, counts_of, uncharged
from engine.plan.prepared import Flags, Indices
from engine.plan.prices import Prices
from engine.plan.problem import Problem
from engine.plan.second_order import response
from engine.plan.sides import Found, on_table

_ROUNDS: Final = 8
_TRIED: Final = 300  # changes of one name that enter pairs
_ALONE: Final = 1e-3  # of what a name's own curvature offers: less than this, and no other name makes up for it
_NOISE: Final = 1e-9  # 1e-5 bp
_WORTHWHILE: Final = 1e-7  # of V: a round that gains less is the last


def exchanged(problem: Problem, found: Found, allowed: Flags, *, target: float) -> Found:
    """Return the plan improved by exchanging what its names do, within the counts and on allowed pieces (p,).

    target: an objective that is good enough. Objectives are without the charges for trades and names.
    """
    counts = counts_of(problem, found.table)
    for _ in range(_ROUNDS):
        if found.objective <= target:
            break
        better = _once(problem, found, allowed, counts)
        if better is None:
            break
        gained, found = found.objective - better.objective, better
        if gained < _WORTHWHILE:
            break
    return found


def without_charges(found: Found) -> Found:
    """Return the plan with what is charged for trades and names taken out of its objective."""
    table, on = found.table, found.pieces
    charged = table.per_trade * table.trades[on].sum() + table.per_name * table.holds[on].sum()
    return replace(found, objective=float(found.objective - charged))


def _once(problem: Problem, found: Found, allowed: Flags, counts: Sequence[Count]) -> Found | None:
    batch = list(_pairs(problem, found, allowed, counts))
    while batch:
        pieces = found.pieces.copy()
        for pair in batch:
            for piece in pair:
                pieces[found.table.col[piece]] = piece
        tried = on_table(problem, found.table, pieces, near=found.solution)
        if tried is not None:
            tried = without_charges(tried)
            if tried.objective < found.objective - _NOISE:
                return tried
        batch = batch[: len(batch) // 2]
    return None


def _pairs(problem: Problem, found: Found, allowed: Flags, counts: Sequence[Count]) -> Iterator[tuple[int, ...]]:
    """Yield changes that together keep the counts, as pieces of one or two names, most gain first."""
    table, n = found.table, len(problem.names)
    prices = Prices(problem=problem, found=found)
    answer = response(prices)
    lowest = uncharged(table, prices.charged)
    use = np.array([count.counted for count in counts], dtype=np.int64).reshape(len(counts), len(table.col))
    room = np.array([count.limit for count in counts], dtype=np.int64) - use[:, found.pieces].sum(axis=1)
    other = allowed & (table.col < n)
    other[found.pieces] = False
    for group in table.groups:  # what one of them does binds the others
        other &= ~np.isin(table.col, group)
    pieces = np.flatnonzero(other)
    names = table.col[pieces]
    dearer = lowest[pieces] - lowest[found.pieces[names]]
    moved = prices.lowest_at[pieces] - found.trade[names]
    used = use[:, pieces] - use[:, found.pieces[names]]
    alone = (
        dearer + 0.5 * answer.own[names] / np.maximum(1.0 - answer.free[names] * answer.own[names], _ALONE) * moved**2
    )
    kept = _promising(alone, dearer, used)
    pieces, names, dearer, moved, used, alone = (
        pieces[kept], names[kept], dearer[kept], moved[kept], used[:, kept], alone[kept])  # fmt: skip
    cross = answer.pull[names] @ answer.onto[names].T
    gain, partner = _best_partners(
        names, answer.free[names], answer.own[names], cross, dearer, moved, alone, used, room
    )
    taken = np.zeros(n, dtype=bool)
    for k in np.argsort(gain, kind="stable").tolist():
        if gain[k] >= -_NOISE:
            return
        mate = int(partner[k])
        pair = (k,) if mate < 0 else (k, mate)
        spent = used[:, list(pair)].sum(axis=1)
        if taken[names[list(pair)]].any() or (spent > np.maximum(room, 0)).any():
            continue
        taken[names[list(pair)]] = True
        room = room - spent
        yield tuple(int(pieces[i]) for i in pair)


def _promising(alone: Array, dearer: Array, used: Indices) -> Indices:
    """Return the changes that may be part of a good pair: the cheapest of each effect on the counts."""
    kept = np.zeros(len(alone), dtype=bool)
    effect = used.T @ (3 ** np.arange(len(used)))  # each is -1, 0 or 1
    effects = np.unique(effect)
    for one in effects:
        same = np.flatnonzero(effect == one)
        for cost in (alone, dearer):
            kept[same[np.argsort(cost[same], kind="stable")[: _TRIED // len(effects)]]] = True
    return np.flatnonzero(kept)


@compiled
def _best_partners(
    names: Indices, free: Array, own: Array, cross: Array, dearer: Array, moved: Array, alone: Array,
    used: Indices, room: Indices,
) -> tuple[Array, Indices]:  # fmt: skip
    """Return for each change what it costs at best, alone (-1) or with another that keeps the counts with it: (t,)."""
    found, partner = np.full(len(names), np.inf), np.full(len(names), -1)
    for i in range(len(names)):
        fits = True
        for r in range(len(room)):
            fits = fits and used[r, i] <= max(room[r], 0)
        if fits:
            found[i] = alone[i]
        for j in range(i):
            if names[i] == names[j]:
                continue
            fits = True
            for r in range(len(room)):
                fits = fits and used[r, i] + used[r, j] <= max(room[r], 0)
            if not fits:
                continue
            u, v, both = moved[i], moved[j], cross[i, j]
            left, right = 1.0 - free[i] * own[i], 1.0 - free[j] * own[j]
            determinant = left * right - free[i] * free[j] * both * both
            if determinant <= 1e-3:
                continue
            bend = (own[i] * right + free[j] * both * both) * u * u + (own[j] * left + free[i] * both * both) * v * v
            cost = dearer[i] + dearer[j] + (0.5 * bend + both * u * v) / determinant
            if cost < found[i]:
                found[i], partner[i] = cost, j
            if cost < found[j]:
                found[j], partner[j] = cost, i
    return found, partner
