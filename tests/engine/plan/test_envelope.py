"""The envelope is the greatest convex function below the pieces: checked against its conjugate on a grid."""

from dataclasses import dataclass

import numpy as np
import pytest

from engine.plan.envelope import relaxed_chains
from engine.plan.frame import Frame
from engine.plan.pieces import PieceTable


@dataclass(frozen=True)
class Curve:
    """A convex piece: values at the start of each segment, gradients there, one curvature."""

    lo: float
    hi: float
    at: tuple
    length: tuple
    value: tuple
    gradient: tuple
    curvature: float


def piece(lo, slopes, lengths, value, curvature):
    """A convex piece from lo: on each length the gradient starts at its slope, or where the last one ended."""
    at, gradient, values, total = [], [], [], value
    u, slope = lo, -np.inf
    for own, length in zip(slopes, lengths, strict=True):
        slope = max(own, slope)
        at.append(u)
        gradient.append(slope)
        values.append(total)
        total += (slope + curvature * length / 2) * length
        u, slope = u + length, slope + curvature * length
    return Curve(lo, u, tuple(at), tuple(lengths), tuple(values) or (value,), tuple(gradient), curvature)


def cost(curve, u):
    """The piece's value at u, summed segment by segment."""
    total = curve.value[0]
    for start, length, slope in zip(curve.at, curve.length, curve.gradient, strict=True):
        step = min(max(u - start, 0.0), length)
        total += (slope + curve.curvature * step / 2) * step
    return total


def envelope(curves):
    """The envelope of one column's pieces, as the product makes it: its start, and (length, gradient, curvature)."""
    p, j = len(curves), sum(len(c.at) for c in curves)
    frame = Frame(
        columns=1, aversion=1.0, up=np.zeros((0, 1)), down=np.zeros((0, 1)), st=np.zeros(0), lt=np.zeros(0),
        lo_rows=np.zeros(0), hi_rows=np.zeros(0), is_gain_row=np.zeros(0, bool), bent=np.zeros(0, np.intp),
        straight=np.zeros(0, np.intp), order=np.zeros(0, np.intp), exposures=np.zeros((2, 0)), y0=np.zeros(0),
        bend=np.array([curves[0].curvature]), map=np.zeros((2, 0)),
        dense=np.zeros((0, 2)), member=np.full(2, -1), share=np.zeros(2), extra_lo=np.zeros(0), extra_hi=np.zeros(0),
        extra_price=np.zeros(0), branch=None,
    )  # fmt: skip
    no = np.zeros(p, bool)
    table = PieceTable(
        frame=frame, col=np.zeros(p, np.intp), lo=np.array([c.lo for c in curves]), hi=np.array([c.hi for c in curves]),
        value=np.array([c.value[0] for c in curves]), buys=no, sells_loss=no, gains_only=no, trades=np.zeros(p),
        holds=np.zeros(p), st_at=np.zeros(p), lt_at=np.zeros(p),
        piece=np.repeat(np.arange(p), [len(c.at) for c in curves]), start=np.array([u for c in curves for u in c.at]),
        length=np.array([x for c in curves for x in c.length]),
        gradient=np.array([g for c in curves for g in c.gradient]),
        st_gain=np.zeros(j), lt_gain=np.zeros(j), lot=np.full(j, -1), bent_rates=np.zeros((0, j)),
        bent_at=np.zeros((0, p)), first_piece=np.array([0, p]),
        first_segment=np.concatenate([[0], np.cumsum([len(c.at) for c in curves])]), groups=(),
        order=np.zeros(0, np.intp), gain_price=None, per_trade=0.0, per_name=0.0, lo_rows=np.zeros(0),
        hi_rows=np.zeros(0),
    )  # fmt: skip
    chains = relaxed_chains(table, np.ones(p, bool), np.zeros(0))
    first = curves[int(chains.arc_piece[0])]
    segments = list(zip(chains.length, chains.gradient, chains.curvature, chains.segment, strict=True))
    return float(chains.start[0]), cost(first, float(chains.start[0])), segments


def envelope_at(found, u):
    """The envelope at u: its value at the start, and what each segment adds up to u."""
    at, total, segments = found
    left = u - at
    for length, gradient, curvature, _ in segments:
        step = min(max(left, 0.0), length)
        total += (gradient + curvature * step / 2) * step
        left -= length
    return total


def random_pieces(rng):
    """Two to four pieces, some a single point; neighbours are parted by a hole or meet at one value."""
    curves, u, count = [], -rng.uniform(0, 0.3), int(rng.integers(2, 5))
    curvature, value = float(rng.choice([0.5, 20.0, 300.0])), float(rng.normal(0, 0.1))
    for _ in range(count):
        segments = int(rng.integers(0, 4))
        lengths = rng.uniform(0.01, 0.1, segments).tolist()
        slopes = np.sort(rng.normal(0, 1, segments)).tolist()
        curves.append(piece(u, slopes, lengths, value, curvature))
        u, value = curves[-1].hi, cost(curves[-1], curves[-1].hi)
        if rng.random() < 0.5:
            u, value = u + float(rng.uniform(0.001, 0.1)), float(rng.normal(0, 0.1))
    return curves


def lower_hull(at, values):
    """The lower convex hull of points by ascending u (Andrew's monotone chain)."""
    hull = []
    for u, value in zip(at, values, strict=True):
        while len(hull) > 1:
            (u0, v0), (u1, v1) = hull[-2:]
            if (v1 - v0) * (u - u0) < (value - v0) * (u1 - u0):
                break
            hull.pop()
        hull.append((u, value))
    return np.array(hull).T


@pytest.mark.parametrize("seed", range(40))
def test_the_envelope_is_the_lower_convex_hull_of_the_pieces(seed):
    curves = random_pieces(np.random.default_rng(seed))
    points = [(c, u) for c in curves for u in (*np.linspace(c.lo, c.hi, 500 if c.hi > c.lo else 1), *c.at)]
    hull = lower_hull(*zip(*sorted((u, cost(c, u)) for c, u in points), strict=True))
    # A hull of points spaced h lies above a curve by at most curvature x h^2 / 8.
    slack = max(c.curvature * ((c.hi - c.lo) / 499) ** 2 / 8 for c in curves) + 1e-9

    found = envelope(curves)

    for u in np.linspace(curves[0].lo, curves[-1].hi, 300):
        assert envelope_at(found, u) == pytest.approx(np.interp(u, *hull), abs=slack)


@pytest.mark.parametrize("seed", range(40))
def test_the_envelope_is_nowhere_above_a_piece(seed):
    curves = random_pieces(np.random.default_rng(seed))

    found = envelope(curves)

    for curve in curves:
        for u in np.linspace(curve.lo, curve.hi, 100):
            assert envelope_at(found, u) <= cost(curve, u) + 1e-9


@pytest.mark.parametrize("seed", range(40))
def test_the_envelope_is_convex(seed):
    curves = random_pieces(np.random.default_rng(seed))
    points = np.linspace(curves[0].lo, curves[-1].hi, 300)

    found = envelope(curves)
    values = np.array([envelope_at(found, u) for u in points])

    assert np.diff(values, 2).min() >= -1e-9 * (1 + np.abs(values).max())


def test_a_bridge_over_a_loss_by_hand():
    # u <= 0: 2 u^2 + 0.2 u (a loss worth 20 cents a dollar is harvested on the way down, u = -0.05 is best: -0.005).
    # u >= 0: 2 u^2 - 0.2 u, least at u = 0.05, the mirror image. Their common tangent is flat at -0.005.
    sell = piece(-0.5, [-1.8], [0.5], 0.4, 4.0)
    buy = piece(0.0, [-0.2], [0.5], 0.0, 4.0)

    start, value, ((left, _, _, _), (width, slope, bend, segment), (right, _, _, _)) = envelope([sell, buy])

    assert (start, value) == (-0.5, 0.4)
    assert (slope, bend, segment) == (pytest.approx(0.0, abs=1e-12), 0.0, -1)
    assert (start + left, start + left + width) == pytest.approx((-0.05, 0.05), abs=1e-9)
    assert right == pytest.approx(0.45, abs=1e-9)
    assert envelope_at((start, value, [(left, sell.gradient[0], 4.0, 0)]), -0.05) == pytest.approx(-0.005)


def test_pieces_that_meet_in_a_convex_corner_need_no_bridge():
    sell, buy = piece(-0.5, [-1.0], [0.5], 0.5, 0.0), piece(0.0, [1.0], [0.5], 0.0, 0.0)

    _, _, segments = envelope([sell, buy])

    assert [(length, slope, segment) for length, slope, _, segment in segments] == [(0.5, -1.0, 0), (0.5, 1.0, 1)]
