"""What is the best convex stand-in for a name's cost? The exact convex envelope over its pieces.

The envelope borrows the specific risk's curvature: where two pieces meet in a concave kink, or a hole parts them, it
runs along their common tangent. Relaxing every name so makes one convex problem whose optimum no plan can beat.
Source: Moehle, Kochenderfer, Boyd & Ang, Tax-aware portfolio construction via convex optimization (2021).
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.pieces import Flags, Indices, PieceTable

_TANGENT_STEPS: Final = 80
_TOUCHING: Final = 1e-13  # pieces closer than this need no bridge between them


@dataclass(frozen=True, slots=True, kw_only=True)
class Chains:
    """One convex chain of segments for each column: what the convex solver takes.

    start (columns,): u where each chain begins; rows (m,): the rows there. Segments (j,), by column and ascending:
    col, segment (its number in the table, -1 for a bridge), length, gradient at its start, curvature, rates (m, j).
    Arcs (a,): stretches [arc_lo, arc_hi] of u on which a column follows piece arc_piece; what lies between two arcs of
    a column is a bridge.
    """

    start: Array
    rows: Array
    col: Indices
    segment: Indices
    length: Array
    gradient: Array
    curvature: Array
    rates: Array
    arc_col: Indices
    arc_piece: Indices
    arc_lo: Array
    arc_hi: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One convex piece, prices of rows folded in: segment starts, lengths, values, gradients; one curvature."""

    piece: int
    lo: float
    hi: float
    at: tuple[float, ...]
    length: tuple[float, ...]
    value: tuple[float, ...]
    gradient: tuple[float, ...]
    curvature: float

    def lowest(self, slope: float) -> tuple[float, float]:
        """Return min over the piece of g(u) - slope u, and the u where it is reached."""
        k = bisect_right(self.gradient, slope) - 1
        if k < 0:
            return self.value[0] - slope * self.lo, self.lo
        beyond = slope - self.gradient[k]
        step = self.length[k] if beyond >= self.curvature * self.length[k] else beyond / self.curvature
        u = self.at[k] + step
        return self.value[k] + (self.gradient[k] + self.curvature * step / 2.0) * step - slope * u, u


@dataclass(frozen=True, slots=True, kw_only=True)
class Arc:
    """The stretch [lo, hi] on which the envelope is the piece itself; slope of the bridge that leads to it."""

    curve: Curve
    lo: float
    hi: float
    bridge: float


def relaxed_chains(table: PieceTable, allowed: Flags, prices: Array) -> Chains:
    """Return the chains of the convex envelopes over the allowed pieces.

    prices (m,): of the rows, folded into the costs before the envelope is taken; they change where bridges land only
    through rows that are not linear in u (turnover, costs in cash, gains). Every column needs an allowed piece.
    """
    folded = table.gradient + prices @ table.rates
    values = table.value + prices @ table.rows
    arcs: list[list[Arc]] = []
    for pieces in table.pieces_of:
        usable = _undominated(table, [int(p) for p in pieces if allowed[p]])
        curves = [_curve(table, p, folded, values) for p in usable]
        arcs.append(envelope(curves) if len(curves) > 1 else [_whole(curves[0])])
    return _flatten(table, arcs)


def chosen_chains(table: PieceTable, pieces: Indices) -> Chains:
    """Return the chains of one chosen piece for each column: the exact problem on these sides."""
    return _flatten(table, [[_whole(_curve(table, int(p), table.gradient, table.value))] for p in pieces])


def envelope(curves: Sequence[Curve]) -> list[Arc]:
    """Return the arcs of the convex envelope of convex pieces, which are given by ascending u and do not overlap."""
    hull = [_whole(curves[0])]
    for curve in curves[1:]:
        while True:
            slope, left, right = _common_tangent(hull[-1].curve, curve)
            if len(hull) == 1 or slope > hull[-1].bridge:
                break
            hull.pop()
        last = hull[-1]
        hull[-1] = Arc(curve=last.curve, lo=last.lo, hi=max(left, last.lo), bridge=last.bridge)
        hull.append(Arc(curve=curve, lo=right, hi=curve.hi, bridge=slope))
    return hull


def _common_tangent(left: Curve, right: Curve) -> tuple[float, float, float]:
    """Return the slope of the line that supports both pieces from below, and where it touches each.

    The two intercepts differ by an increasing function of the slope; its root is found by Newton steps inside a bracket
    that is widened from the pieces' own chord.
    """

    def difference(slope: float) -> tuple[float, float, float]:
        (low_left, at_left), (low_right, at_right) = left.lowest(slope), right.lowest(slope)
        return low_left - low_right, at_left, at_right

    slope = (right.lowest(0.0)[0] - left.lowest(0.0)[0]) / max(right.hi - left.lo, _TOUCHING)
    width = 1.0 + abs(slope)
    below, above = slope - width, slope + width
    while difference(below)[0] > 0:
        width *= 2.0
        below -= width
    while difference(above)[0] < 0:
        width *= 2.0
        above += width
    for _ in range(_TANGENT_STEPS):
        gap, at_left, at_right = difference(slope)
        if gap == 0 or above - below <= 1e-15 * max(1.0, abs(slope)):
            break
        below, above = (slope, above) if gap < 0 else (below, slope)
        step = at_right - at_left
        slope = slope - gap / step if step > 0 else below - 1.0
        if not below < slope < above:
            slope = (below + above) / 2.0
    return slope, at_left, at_right


def _undominated(table: PieceTable, pieces: list[int]) -> list[int]:
    """Leave out the gains-only side where selling losses too is allowed: it is nowhere cheaper."""
    if any(table.sells_loss[p] for p in pieces):
        pieces = [p for p in pieces if not table.gains_only[p]]
    return sorted(pieces, key=lambda p: (table.lo[p], table.hi[p]))


def _curve(table: PieceTable, piece: int, gradient: Array, value: Array) -> Curve:
    first, last = table.first_segment[piece], table.first_segment[piece + 1]
    lengths, gradients = table.length[first:last].tolist(), gradient[first:last].tolist()
    curvature = float(table.curvature[first]) if last > first else 0.0
    values, total = [], float(value[piece])
    for length, slope in zip(lengths, gradients, strict=True):
        values.append(total)
        total += (slope + curvature * length / 2.0) * length
    return Curve(
        piece=piece,
        lo=float(table.lo[piece]),
        hi=float(table.hi[piece]),
        at=tuple(table.start[first:last].tolist()),
        length=tuple(lengths),
        value=tuple(values) or (total,),
        gradient=tuple(gradients),
        curvature=curvature,
    )


def _whole(curve: Curve) -> Arc:
    return Arc(curve=curve, lo=curve.lo, hi=curve.hi, bridge=-np.inf)


def _flatten(table: PieceTable, arcs: Sequence[Sequence[Arc]]) -> Chains:
    """Lay the arcs and bridges of all columns end to end as segments."""
    source: list[int] = []
    offset: list[float] = []
    length: list[float] = []
    col: list[int] = []
    bridges: list[tuple[int, float, Array]] = []
    for column, hull in enumerate(arcs):
        for k, arc in enumerate(hull):
            if k and arc.lo - hull[k - 1].hi > _TOUCHING:
                bridges.append((len(source), *_bridge(table, hull[k - 1], arc)))
                source.append(-1)
                offset.append(0.0)
                length.append(arc.lo - hull[k - 1].hi)
                col.append(column)
            for segment, skipped, span in _spans(table, arc):
                source.append(segment)
                offset.append(skipped)
                length.append(span)
                col.append(column)
    index = np.array(source, dtype=np.intp)
    curvature = np.where(index >= 0, table.curvature[index], 0.0) if len(index) else np.zeros(0)
    gradient = table.gradient[index] + curvature * np.array(offset) if len(index) else np.zeros(0)
    rates = table.rates[:, index] if len(index) else np.zeros((len(table.lo_rows), 0))
    for position, slope, rate in bridges:
        gradient[position] = slope
        rates[:, position] = rate
    first = [hull[0] for hull in arcs]
    flat = [(column, arc) for column, hull in enumerate(arcs) for arc in hull]
    return Chains(
        start=np.array([arc.lo for arc in first]),
        rows=np.sum([_rows_at(table, arc.curve, arc.lo) for arc in first], axis=0),
        col=np.array(col, dtype=np.intp),
        segment=index,
        length=np.array(length),
        gradient=gradient,
        curvature=curvature,
        rates=rates,
        arc_col=np.array([column for column, _ in flat], dtype=np.intp),
        arc_piece=np.array([arc.curve.piece for _, arc in flat], dtype=np.intp),
        arc_lo=np.array([arc.lo for _, arc in flat]),
        arc_hi=np.array([arc.hi for _, arc in flat]),
    )


def _spans(table: PieceTable, arc: Arc) -> Iterator[tuple[int, float, float]]:
    """Return the arc's segments as (segment, length skipped at its start, length used)."""
    first = int(table.first_segment[arc.curve.piece])
    for k, (at, length) in enumerate(zip(arc.curve.at, arc.curve.length, strict=True)):
        lo, hi = max(at, arc.lo), min(at + length, arc.hi)
        if hi - lo > _TOUCHING:
            yield first + k, lo - at, hi - lo


def _bridge(table: PieceTable, left: Arc, right: Arc) -> tuple[float, Array]:
    """Return a bridge's slope without prices, and the rates of the rows along it."""
    width = right.lo - left.hi
    rise = _value_at(table, right.curve, right.lo) - _value_at(table, left.curve, left.hi)
    return rise / width, (_rows_at(table, right.curve, right.lo) - _rows_at(table, left.curve, left.hi)) / width


def _value_at(table: PieceTable, curve: Curve, u: float) -> float:
    """Return the piece's own cost at u, without the prices folded into the curve."""
    first = int(table.first_segment[curve.piece])
    total = float(table.value[curve.piece])
    for k, (at, length) in enumerate(zip(curve.at, curve.length, strict=True)):
        step = min(max(u - at, 0.0), length)
        total += (float(table.gradient[first + k]) + curve.curvature * step / 2.0) * step
    return total


def _rows_at(table: PieceTable, curve: Curve, u: float) -> Array:
    first = int(table.first_segment[curve.piece])
    steps = np.clip(u - np.array(curve.at), 0.0, np.array(curve.length))
    rows: Array = table.rows[:, curve.piece] + table.rates[:, first : first + len(curve.at)] @ steps
    return rows
