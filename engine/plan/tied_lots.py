"""How much of which lot is sold where two orders of lots tie? The exact problem on chosen sides, with swaps of lots.

Where a rule counts gains, its price orders the lots; at the price at which two lots of a name tie, one saving more tax
and the other realising less gain, the plan may sell some of both. The trade is then what it is in either order, and the
part of one lot that the other stands in for is a column of its own: without risk, with the difference of the lots'
taxes as its cost and the difference of their gains in the rows. Pairs of lots are added while a lot that is sold costs
more than one of the same name that is not.
"""

from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from engine.domain.market import Array
from engine.plan.convex import Solution, exact_optimum
from engine.plan.envelope import Chains, chosen_chains
from engine.plan.frame import Frame
from engine.plan.lot_mix import lots_are_free, sold_in_order
from engine.plan.pieces import PieceTable
from engine.plan.prepared import Indices
from engine.plan.problem import Problem
from engine.plan.relaxation import reordered

_ROUNDS: Final = 8
_DEARER: Final = 1e-9  # a lot that costs so much more than another, per unit of weight, should not be sold before it
_LOOSE: Final = 1e-6  # the same in a solution of the interior-point method
_SOME: Final = 1e-11  # weights closer than this are the same
_OPEN: Final = 1e-7  # an interior point leaves so much of a segment open


class _Swap(NamedTuple):
    """A unit of lot `out`, first in the order, that stays while one of `into` goes; now, and at most."""

    out: int
    into: int
    now: float
    room: float


def tied_lots(
    problem: Problem, table: PieceTable, pieces: Indices, near: Solution
) -> tuple[PieceTable, Solution, Array] | None:
    """Return the optimum on one piece for each column with the lots of sales free, or None where it is not reached.

    It comes with the table in the order of its own prices and the weight sold of each lot (lots,). near: an optimum on
    these pieces with lots in the table's order, of which it may leave some out.
    """
    exact, sold, pairs = near, _filled(problem, table, pieces, near), set[tuple[int, int]]()
    for done in range(_ROUNDS):
        table = reordered(problem, table, exact.row_price)
        base = sold_in_order(problem, table, pieces, exact.trade)
        is_there = (sold >= -_SOME).all() and (sold <= problem.prepared.lot_weight + _SOME).all()
        least, dearer = (_SOME, _DEARER) if done else (_OPEN, _LOOSE)
        found = _wrong(problem, table, pieces, sold, exact.row_price, least, dearer)
        if not found and is_there and (done or (np.abs(sold - base) <= _SOME).all()):
            return table, exact, sold
        pairs |= found if done else found | _apart(problem, base, sold)
        swaps = [_swap(problem, table, pair, base, sold, is_new=pair in found) for pair in sorted(pairs)]
        wide, chains = _with_swaps(problem, table, chosen_chains(table, pieces), swaps)
        trade = np.append(exact.trade, [swap.now for swap in swaps])
        solved = exact_optimum(wide, chains, near=replace(exact, trade=trade))
        if solved is None:
            return None
        exact = replace(solved, trade=solved.trade[: table.columns])
        sold = sold_in_order(problem, table, pieces, exact.trade)
        for swap, amount in zip(swaps, solved.trade[table.columns :], strict=True):
            sold[swap.out] -= amount
            sold[swap.into] += amount
    return None


def _filled(problem: Problem, table: PieceTable, pieces: Indices, near: Solution) -> Array:
    """Return the weight sold of each lot: (lots,), in order but where the filling of segments skips some."""
    p, sold = problem.prepared, sold_in_order(problem, table, pieces, near.trade)
    chains = chosen_chains(table, pieces)
    if len(near.fill) != len(chains.col):
        return sold
    skips = (chains.length - near.fill)[:-1] > _OPEN
    skips &= (near.fill[1:] > _OPEN) & (np.diff(chains.col) == 0)
    for i in np.unique(chains.col[1:][skips]):
        own = np.flatnonzero(chains.col == i)
        lots = np.arange(p.lot_first[i], p.lot_first[i + 1])
        sold[lots] = 0.0
        for j in own[table.lot[chains.segment[own]] >= 0]:
            sold[lots[p.lot_number[lots] == table.lot[chains.segment[j]]]] += chains.length[j] - near.fill[j]
    return sold


def _apart(problem: Problem, base: Array, sold: Array) -> set[tuple[int, int]]:
    """Return for each name not sold in order the lot that is skipped most and the one that goes instead."""
    first, pairs = problem.prepared.lot_first, set()
    more = sold - base
    for i in np.unique(np.searchsorted(first, np.flatnonzero(np.abs(more) > _OPEN), side="right") - 1):
        own = more[first[i] : first[i + 1]]
        pairs.add(_pair(first[i] + np.argmin(own), first[i] + np.argmax(own)))
    return pairs


def _pair(a: np.intp, b: np.intp) -> tuple[int, int]:
    return min(int(a), int(b)), max(int(a), int(b))


def _wrong(
    problem: Problem, table: PieceTable, pieces: Indices, sold: Array, prices: Array, least: float, dearer: float
) -> set[tuple[int, int]]:
    """Return for each name the dearest lot sold and the cheapest one left, where that is cheaper."""
    p, frame = problem.prepared, table.frame
    price = np.maximum(np.where(frame.is_gain_row, prices, 0.0), 0.0)
    cost = problem.settings.tax_weight * p.lot_tax
    cost = cost + (price @ frame.st) * p.lot_st_gain + (price @ frame.lt) * p.lot_lt_gain
    usable = lots_are_free(problem, table, pieces)
    goes, stays = usable & (sold > least), usable & (sold < p.lot_weight - least)
    owner = np.repeat(np.arange(len(p.held)), np.diff(p.lot_first))
    dearest, cheapest = np.full(len(p.held), -np.inf), np.full(len(p.held), np.inf)
    np.maximum.at(dearest, owner[goes], cost[goes])
    np.minimum.at(cheapest, owner[stays], cost[stays])
    pairs = set()
    for i in np.flatnonzero(dearest > cheapest + dearer):
        own = np.arange(p.lot_first[i], p.lot_first[i + 1])
        sells, keeps = np.where(goes[own], cost[own], -np.inf), np.where(stays[own], cost[own], np.inf)
        pairs.add(_pair(own[np.argmax(sells)], own[np.argmin(keeps)]))
    return pairs


def _swap(
    problem: Problem, table: PieceTable, pair: tuple[int, int], base: Array, sold: Array, *, is_new: bool
) -> _Swap:
    """Return the swap of a pair in the table's order. base: what that order sells; sold: what is sold now.

    A new pair is taken to be sold in part: if it is, Newton's method needs to be told so.
    """
    out, into = sorted(pair, key=lambda lot: int(np.flatnonzero(table.order == lot)[0]))
    room = max(min(base[out], problem.prepared.lot_weight[into] - base[into]), 0.0)
    now = room / 2.0 if is_new else min(max(base[out] - sold[out], 0.0), room)
    return _Swap(out=out, into=into, now=now, room=room)


def _with_swaps(problem: Problem, table: PieceTable, chains: Chains, swaps: list[_Swap]) -> tuple[PieceTable, Chains]:
    """Return the table and the chains with a column for each swap that has room, one segment each."""
    p, frame, more = problem.prepared, table.frame, len(swaps)
    out, into = (np.array([swap[k] for swap in swaps], dtype=np.intp) for k in (0, 1))
    st, lt = p.lot_st_gain[into] - p.lot_st_gain[out], p.lot_lt_gain[into] - p.lot_lt_gain[out]
    rates = np.outer(frame.st[frame.bent], st) + np.outer(frame.lt[frame.bent], lt)
    wider = replace(table, frame=_wider(frame, more))
    return wider, replace(
        chains,
        table=wider,
        start=np.append(chains.start, np.zeros(more)),
        col=np.append(chains.col, np.arange(frame.columns, frame.columns + more)),
        segment=np.append(chains.segment, np.full(more, -1)),
        length=np.append(chains.length, [max(swap.room, _SOME) for swap in swaps]),
        gradient=np.append(chains.gradient, problem.settings.tax_weight * (p.lot_tax[into] - p.lot_tax[out])),
        curvature=np.append(chains.curvature, np.zeros(more)),
        bent_rates=np.hstack([chains.bent_rates, rates]),
    )


def _wider(frame: Frame, more: int) -> Frame:
    """Return the frame with columns that are in no factor and no straight row."""

    def below(matrix: Array) -> Array:
        return np.vstack([matrix, np.zeros((more, matrix.shape[1]))])

    def beside(matrix: Array) -> Array:
        return np.hstack([matrix, np.zeros((matrix.shape[0], more))])

    return replace(
        frame,
        columns=frame.columns + more,
        up=beside(frame.up),
        down=beside(frame.down),
        exposures=below(frame.exposures),
        bend=np.append(frame.bend, np.zeros(more)),
        map=below(frame.map),
        dense=below(frame.dense),
        member=np.append(frame.member, np.full(more, -1)),
        share=np.append(frame.share, np.zeros(more)),
    )
