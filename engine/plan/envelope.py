"""What is the best convex stand-in for a name's cost? The exact convex envelope over its pieces.

The envelope borrows the specific risk's curvature: where two pieces meet in a concave kink, or a hole parts them, it
runs along their common tangent. Relaxing every name so makes one convex problem whose optimum no plan can beat.
Source: Moehle, Kochenderfer, Boyd & Ang, Tax-aware portfolio construction via convex optimization (2021).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from engine.domain.market import Array
from engine.plan.compiled import compiled
from engine.plan.pieces import PieceTable
from engine.plan.prepared import Flags, Indices

_SAME: Final = 1e-14  # of two costs, but for rounding


@dataclass(frozen=True, kw_only=True)
class Chains:
    """One convex chain of segments for each column: what the convex solver takes.

    start (columns,): u where each chain begins. bent_start (bent,): the bent rows there. Segments (j,), by column and
    ascending: col, segment (its number in the table, -1 for a bridge), length, gradient at its start, curvature,
    bent_rates (bent, j). Arcs (a,): stretches [arc_lo, arc_hi] of u on which a column follows piece arc_piece; what
    lies between two arcs of a column is a bridge.
    """

    table: PieceTable
    start: Array
    bent_start: Array
    col: Indices
    segment: Indices
    length: Array
    gradient: Array
    curvature: Array
    bent_rates: Array
    arc_col: Indices
    arc_piece: Indices
    arc_lo: Array
    arc_hi: Array

    @cached_property
    def rows(self) -> Array:
        """What each row comes to at the start: (m,)."""
        frame, rows = self.table.frame, np.zeros(len(self.table.frame.st))
        rows[frame.bent] = self.bent_start
        rows[frame.straight] = frame.up[frame.straight] @ self.start
        return rows

    @cached_property
    def rates(self) -> Array:
        """What a unit of each segment adds to each row: (m, j)."""
        frame, rates = self.table.frame, np.zeros((len(self.table.frame.st), len(self.col)))
        rates[frame.bent] = self.bent_rates
        rates[frame.straight] = frame.up[frame.straight][:, self.col]
        return rates


def relaxed_chains(table: PieceTable, allowed: Flags, prices: Array) -> Chains:
    """Return the chains of the convex envelopes over the allowed pieces.

    prices (m,): of the rows, folded into the costs before the envelope is taken; they change where bridges land only
    through rows that are not linear in u (turnover, costs in cash, gains). Every column needs an allowed piece.
    """
    return _chains(table, allowed, prices[table.frame.bent])


def chosen_chains(table: PieceTable, pieces: Indices) -> Chains:
    """Return the chains of one chosen piece for each column: the exact problem on these sides."""
    allowed = np.zeros(len(table.col), dtype=bool)
    allowed[pieces] = True
    return _chains(table, allowed, np.zeros(len(table.frame.bent)))


def _chains(table: PieceTable, allowed: Flags, prices: Array) -> Chains:
    made = _envelopes(
        table.first_piece, table.first_segment, allowed, table.lo, table.hi, table.value, table.sells_loss,
        table.gains_only, table.start, table.length, table.gradient, table.frame.bend, table.bent_rates, table.bent_at,
        prices,
    )  # fmt: skip
    start, bent_start, col, segment, length, gradient, curvature, rates, arc_col, arc_piece, arc_lo, arc_hi = made
    return Chains(
        table=table,
        start=start,
        bent_start=bent_start,
        col=col,
        segment=segment,
        length=length,
        gradient=gradient,
        curvature=curvature,
        bent_rates=rates,
        arc_col=arc_col,
        arc_piece=arc_piece,
        arc_lo=arc_lo,
        arc_hi=arc_hi,
    )


@compiled
def _lowest(
    first: int,
    last: int,
    lo: float,
    value: float,
    starts: Array,
    lengths: Array,
    values: Array,
    gradients: Array,
    curvature: float,
    slope: float,
) -> tuple[float, float]:
    """Return min over one convex piece of g(u) - slope u, and the u where it is reached."""
    a, b = first, last
    while a < b:
        middle = (a + b) // 2
        if gradients[middle] <= slope:
            a = middle + 1
        else:
            b = middle
    k = a - 1
    if k < first:
        return value - slope * lo, lo
    beyond = slope - gradients[k]
    step = lengths[k] if beyond >= curvature * lengths[k] else beyond / curvature
    u = starts[k] + step
    return values[k] + (gradients[k] + curvature * step / 2.0) * step - slope * u, u


@compiled
def _tangent(
    p: int,
    q: int,
    first_segment: Indices,
    lo: Array,
    hi: Array,
    value: Array,
    starts: Array,
    lengths: Array,
    values: Array,
    gradients: Array,
    curvature: float,
) -> tuple[float, float, float]:
    """Return the slope of the line that supports pieces p and q from below, and where it touches each.

    The two intercepts differ by an increasing function of the slope; its root is found by Newton steps inside a bracket
    that is widened from the pieces' own chord.
    """
    p0, p1, q0, q1 = first_segment[p], first_segment[p + 1], first_segment[q], first_segment[q + 1]
    if p1 > p0 and q1 > q0 and hi[p] == lo[q]:  # where they meet in a convex kink there is nothing to look for
        last = p1 - 1
        ends = gradients[last] + curvature * lengths[last]
        reached = values[last] + (gradients[last] + curvature * lengths[last] / 2.0) * lengths[last]
        if ends <= gradients[q0] and abs(reached - value[q]) <= _SAME * (1.0 + abs(reached)):
            return (ends + gradients[q0]) / 2.0, hi[p], lo[q]

    def lowest(first: int, last: int, piece: int, slope: float) -> tuple[float, float]:
        return _lowest(first, last, lo[piece], value[piece], starts, lengths, values, gradients, curvature, slope)

    low_p, at_p = lowest(p0, p1, p, 0.0)
    low_q, at_q = lowest(q0, q1, q, 0.0)
    slope = (low_q - low_p) / max(hi[q] - lo[p], 1e-13)
    width = 1.0 + abs(slope)
    below, above = slope - width, slope + width
    while lowest(p0, p1, p, below)[0] - lowest(q0, q1, q, below)[0] > 0:
        width *= 2.0
        below -= width
    while lowest(p0, p1, p, above)[0] - lowest(q0, q1, q, above)[0] < 0:
        width *= 2.0
        above += width
    for _ in range(80):
        low_p, at_p = lowest(p0, p1, p, slope)
        low_q, at_q = lowest(q0, q1, q, slope)
        gap = low_p - low_q
        if gap == 0 or above - below <= 1e-15 * max(1.0, abs(slope)):
            break
        if gap < 0:
            below = slope
        else:
            above = slope
        step = at_q - at_p
        tried = slope - gap / step if step > 0 else below - 1.0
        if not below < tried < above:
            tried = (below + above) / 2.0
        if tried == slope:
            break
        slope = tried
    return slope, at_p, at_q


@compiled
def _at(
    piece: int,
    u: float,
    first_segment: Indices,
    value: Array,
    starts: Array,
    lengths: Array,
    gradients: Array,
    curvature: float,
) -> float:
    """Return a piece's own cost at u."""
    total: float = value[piece]
    for k in range(first_segment[piece], first_segment[piece + 1]):
        step = min(max(u - starts[k], 0.0), lengths[k])
        total += (gradients[k] + curvature * step / 2.0) * step
    return total


@compiled
def _bent_at(
    piece: int, u: float, row: int, first_segment: Indices, starts: Array, lengths: Array, rates: Array, rows: Array
) -> float:
    """Return what a bent row comes to at u on a piece."""
    total: float = rows[row, piece]
    for k in range(first_segment[piece], first_segment[piece + 1]):
        total += rates[row, k] * min(max(u - starts[k], 0.0), lengths[k])
    return total


@compiled
def _envelopes(  # noqa: C901  one pass over flat arrays
    first_piece: Indices,
    first_segment: Indices,
    allowed: Flags,
    lo: Array,
    hi: Array,
    value: Array,
    sells_loss: Flags,
    gains_only: Flags,
    starts: Array,
    lengths: Array,
    gradient: Array,
    bend: Array,
    rates: Array,
    rows: Array,
    prices: Array,
) -> tuple[Any, ...]:
    """Return the arrays of Chains: for each column the arcs of its envelope, with bridges between them.

    The gains-only side is left out where selling losses too is allowed: it is nowhere cheaper.
    """
    columns, pieces, segments, bent = len(first_piece) - 1, len(lo), len(starts), len(prices)
    folded, folded_value, values = gradient.copy(), value.copy(), np.empty(segments)
    for r in range(bent):
        if prices[r] != 0.0:
            for k in range(segments):
                folded[k] += prices[r] * rates[r, k]
            for p in range(pieces):
                folded_value[p] += prices[r] * rows[r, p]
    most = segments + pieces
    col, source, length = np.empty(most, np.intp), np.empty(most, np.intp), np.empty(most)
    slope, curve, bent_rates = np.empty(most), np.empty(most), np.empty((bent, most))
    arc_col, arc_piece = np.empty(pieces, np.intp), np.empty(pieces, np.intp)
    arc_lo, arc_hi = np.empty(pieces), np.empty(pieces)
    start, bent_start = np.empty(columns), np.zeros(bent)
    bridge = np.empty(pieces)
    count, arcs = 0, 0
    for c in range(columns):
        curvature = bend[c]
        any_loss = False
        for p in range(first_piece[c], first_piece[c + 1]):
            any_loss = any_loss or (allowed[p] and sells_loss[p])
        own = arcs  # the column's arcs are kept, as they are found, where they will stay
        usable = 0
        for p in range(first_piece[c], first_piece[c + 1]):
            if allowed[p] and not (any_loss and gains_only[p]):
                usable += 1
        for p in range(first_piece[c], first_piece[c + 1]):
            if not allowed[p] or (any_loss and gains_only[p]):
                continue
            if usable > 1:
                total = folded_value[p]
                for k in range(first_segment[p], first_segment[p + 1]):
                    values[k] = total
                    total += (folded[k] + curvature * lengths[k] / 2.0) * lengths[k]
            at = arcs  # by ascending u: the gains-only side may come late
            while at > own and (lo[arc_piece[at - 1]], hi[arc_piece[at - 1]]) > (lo[p], hi[p]):
                arc_piece[at] = arc_piece[at - 1]
                at -= 1
            arc_piece[at] = p
            arcs += 1
        if arcs == own:
            start[c] = 0.0
            continue
        found = own
        first = arc_piece[own]
        arc_lo[own], arc_hi[own], bridge[own] = lo[first], hi[first], -np.inf
        for k in range(own + 1, arcs):
            p = arc_piece[k]
            while True:
                g, left, right = _tangent(
                    arc_piece[found], p, first_segment, lo, hi, folded_value, starts, lengths, values, folded, curvature
                )
                if found == own or g > bridge[found]:
                    break
                found -= 1
            arc_hi[found] = max(left, arc_lo[found])
            found += 1
            arc_piece[found], arc_lo[found], arc_hi[found], bridge[found] = p, right, hi[p], g
        arcs = found + 1
        start[c] = arc_lo[own]
        for r in range(bent):
            bent_start[r] += _bent_at(arc_piece[own], arc_lo[own], r, first_segment, starts, lengths, rates, rows)
        for a in range(own, arcs):
            arc_col[a] = c
            p = arc_piece[a]
            if a > own and arc_lo[a] - arc_hi[a - 1] > 1e-13:
                before, width = arc_piece[a - 1], arc_lo[a] - arc_hi[a - 1]
                rise = _at(p, arc_lo[a], first_segment, value, starts, lengths, gradient, curvature) - _at(
                    before, arc_hi[a - 1], first_segment, value, starts, lengths, gradient, curvature
                )
                col[count], source[count], length[count] = c, -1, width
                slope[count], curve[count] = rise / width, 0.0
                for r in range(bent):
                    bent_rates[r, count] = (
                        _bent_at(p, arc_lo[a], r, first_segment, starts, lengths, rates, rows)
                        - _bent_at(before, arc_hi[a - 1], r, first_segment, starts, lengths, rates, rows)
                    ) / width
                count += 1
            for k in range(first_segment[p], first_segment[p + 1]):
                low, high = max(starts[k], arc_lo[a]), min(starts[k] + lengths[k], arc_hi[a])
                if high - low > 1e-13:
                    col[count], source[count], length[count] = c, k, high - low
                    slope[count], curve[count] = gradient[k] + curvature * (low - starts[k]), curvature
                    for r in range(bent):
                        bent_rates[r, count] = rates[r, k]
                    count += 1
    return (
        start, bent_start, col[:count].copy(), source[:count].copy(), length[:count].copy(), slope[:count].copy(),
        curve[:count].copy(), bent_rates[:, :count].copy(), arc_col[:arcs].copy(), arc_piece[:arcs].copy(),
        arc_lo[:arcs].copy(), arc_hi[:arcs].copy(),
    )  # fmt: skip
