"""Which segments can matter? Those whose slope may come to nothing at the optimum; the others stay full or empty.

Most lots are far from worth selling, and a program without them has the same optimum and a third of the size. What was
left out is checked against the prices found, so a guess that was wrong costs time and nothing else.
Source: Tibshirani et al., Strong rules for discarding predictors in lasso-type problems, J. R. Statist. Soc. B 74
(2012), for leaving out by a guessed range of slopes and checking afterwards.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.compiled import compiled, compiled_in_any_order
from engine.plan.envelope import Chains
from engine.plan.prepared import Flags, Indices

_SLOPE_NOISE: Final = 1e-7  # of a segment left out: as near as an interior point comes
_FAR: Final = 0.01  # of V
_FIRST_PRICE, _DEAREST, _HALVINGS = 4e-3, 10.0, 2
_FLAT: Final = 1e-9  # curvature of segments that have none
_MOST_KEPT: Final = 0.7  # of the segments: with more of them there is nothing to be saved


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """kept (k,): the segments left in the program; full (j,): those left out that are filled.

    columns (c,): those in the program; col (k,): where each kept segment's column is among them. start (columns,),
    bent_start (bent,): u and the bent rows where the kept segments begin. lowest, highest (m,): what rows can come to,
    straight ones before bent ones.
    """

    kept: Indices
    full: Flags
    columns: Indices
    col: Indices
    start: Array
    bent_start: Array
    lowest: Array
    highest: Array


def slopes(chains: Chains, factor_price: Array, row_price: Array) -> Array:
    """Return each segment's slope at its start, prices (k,) and (m,) included: (j,)."""
    frame = chains.table.frame
    prices = np.concatenate([factor_price, row_price[frame.straight]])
    return _slopes(chains.col, chains.gradient, chains.bent_rates, frame.map, prices, row_price[frame.bent])


def whole(chains: Chains) -> Screened:
    """Return the program of all segments."""
    everything = np.ones(len(chains.col), dtype=bool)
    return _screened(chains, everything, ~everything)


def screened(chains: Chains, slope: Array, margin: float, *, also: Flags | None = None) -> Screened | None:
    """Return the program of the segments whose slopes reach within the margin of zero, and of others asked for.

    None where these can clearly not move every row to where it must be, or are nearly all there are.
    """
    keep, full = _near_zero(slope, chains.length, chains.curvature, margin)
    if also is not None:
        keep |= also
        full &= ~also
    if np.count_nonzero(keep) > _MOST_KEPT * len(keep):
        return None
    part, table = _screened(chains, keep, full), chains.table
    order = table.frame.order
    if (part.lowest > table.hi_rows[order]).any() or (part.highest < table.lo_rows[order]).any():
        return None
    return part


def _screened(chains: Chains, keep: Flags, full: Flags) -> Screened:
    frame = chains.table.frame
    kept, columns, col, start, bent_start, lowest, highest = _program(
        keep, full, chains.col, chains.length, chains.start, chains.bent_start, chains.bent_rates, frame.dense,
        frame.member, frame.share, len(chains.table.y0), len(frame.straight),
    )  # fmt: skip
    return Screened(
        kept=kept, full=full, columns=columns, col=col, start=start, bent_start=bent_start, lowest=lowest,
        highest=highest,
    )  # fmt: skip


def wrongly_left_out(chains: Chains, part: Screened, slope: Array) -> Flags | None:
    """Return the segments left out that these slopes would fill otherwise, None where there is none: (j,)."""
    wrong = np.zeros(len(slope), dtype=bool)
    return wrong if _left_out(part.kept, part.full, slope, chains.length, chains.curvature, wrong) else None


def guessed_prices(chains: Chains) -> Array:
    """Return prices of the bent rows that bring those back which would be missed by far without a price: (bent,)."""
    table, frame = chains.table, chains.table.frame
    return _guessed(
        chains.length, chains.gradient, chains.curvature, chains.bent_rates, chains.bent_start,
        table.lo_rows[frame.bent], table.hi_rows[frame.bent],
    )  # fmt: skip


@compiled
def _slopes(col: Indices, gradient: Array, rates: Array, matrix: Array, prices: Array, bent_prices: Array) -> Array:
    pull = np.dot(matrix, prices)
    slope = np.empty(len(col))
    for j in range(len(col)):
        slope[j] = gradient[j] + pull[col[j]]
        for r in range(len(bent_prices)):
            slope[j] += bent_prices[r] * rates[r, j]
    return slope


@compiled
def _guessed(
    length: Array, gradient: Array, curvature: Array, rates: Array, start: Array, lo: Array, hi: Array
) -> Array:
    """Set one price after the other, each segment on its own: doubled until its row is kept, then halved between."""
    prices, slope = np.zeros(len(start)), gradient.copy()
    for r in range(len(start)):
        rate = rates[r]
        free = start[r] + _moved(0.0, rate, length, slope, curvature)
        if lo[r] - _FAR <= free <= hi[r] + _FAR:
            continue
        sign = 1.0 if free > hi[r] else -1.0
        limit = sign * ((hi[r] if sign > 0 else lo[r]) - start[r])
        least, most = 0.0, _FIRST_PRICE
        while most < _DEAREST and sign * _moved(sign * most, rate, length, slope, curvature) > limit:
            least, most = most, 2.0 * most
        for _ in range(_HALVINGS):
            middle = (least + most) / 2.0
            if sign * _moved(sign * middle, rate, length, slope, curvature) > limit:
                least = middle
            else:
                most = middle
        if most < _DEAREST:
            prices[r] = sign * most
            for j in range(len(slope)):
                slope[j] += prices[r] * rate[j]
    return prices


@compiled_in_any_order
def _moved(price: float, rate: Array, length: Array, slope: Array, curvature: Array) -> float:
    """Return what a row moves by where each segment is filled as its own slope asks at this price."""
    moved = 0.0
    for j in range(len(length)):
        steep = min(slope[j] + price * rate[j], 0.0)
        moved += rate[j] * min(length[j], -steep / (curvature[j] + _FLAT))
    return moved


@compiled
def _near_zero(slope: Array, length: Array, curvature: Array, margin: float) -> tuple[Flags, Flags]:
    keep, full = np.empty(len(slope), np.bool_), np.empty(len(slope), np.bool_)
    for j in range(len(slope)):
        full[j] = slope[j] + curvature[j] * length[j] < -margin
        keep[j] = slope[j] <= margin and not full[j]
    return keep, full


@compiled
def _left_out(kept: Indices, full: Flags, slope: Array, length: Array, curvature: Array, wrong: Flags) -> bool:
    for j in range(len(slope)):
        if full[j]:
            wrong[j] = slope[j] + curvature[j] * length[j] > _SLOPE_NOISE
        else:
            wrong[j] = slope[j] < -_SLOPE_NOISE
    for j in kept:
        wrong[j] = False
    return bool(wrong.any())


@compiled
def _program(
    keep: Flags,
    full: Flags,
    col: Indices,
    length: Array,
    start: Array,
    bent_start: Array,
    rates: Array,
    dense: Array,
    member: Indices,
    share: Array,
    factors: int,
    straight: int,
) -> tuple[Indices, Indices, Indices, Array, Array, Array, Array]:
    """Return the kept segments, their columns and places, where they begin, the least and most that rows come to."""
    columns, bent, filled = len(start), rates.shape[0], dense.shape[1]
    kept, place, taken = np.empty(len(col), np.intp), np.empty(len(col), np.intp), np.empty(columns, np.intp)
    at, bent_at, room = start.copy(), bent_start.copy(), np.zeros(columns)
    count, used, last = 0, 0, -1
    for j in range(len(col)):
        if keep[j]:
            if col[j] != last:
                last = col[j]
                taken[used] = last
                used += 1
            kept[count], place[count] = j, used - 1
            count += 1
            room[last] += length[j]
        elif full[j]:
            at[col[j]] += length[j]
            for r in range(bent):
                bent_at[r] += rates[r, j] * length[j]
    low, high = np.zeros(straight + bent), np.zeros(straight + bent)
    for r in range(bent):
        low[straight + r] = high[straight + r] = bent_at[r]
        for i in range(count):
            move = rates[r, kept[i]] * length[kept[i]]
            low[straight + r] += min(move, 0.0)
            high[straight + r] += max(move, 0.0)
    for c in range(columns):
        for k in range(factors, filled):
            low[k - factors] += dense[c, k] * at[c] + min(dense[c, k] * room[c], 0.0)
            high[k - factors] += dense[c, k] * at[c] + max(dense[c, k] * room[c], 0.0)
        if member[c] >= 0:
            r = filled - factors + member[c]
            low[r] += share[c] * at[c] + min(share[c] * room[c], 0.0)
            high[r] += share[c] * at[c] + max(share[c] * room[c], 0.0)
    return kept[:count].copy(), taken[:used].copy(), place[:count].copy(), at, bent_at, low, high
