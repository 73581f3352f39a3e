"""The envelope is the greatest convex function below the pieces: checked against its conjugate on a grid."""

import numpy as np
import pytest

from engine.plan.envelope import Curve, envelope


def piece(number, lo, slopes, lengths, value, curvature):
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
    return Curve(
        piece=number, lo=lo, hi=u, at=tuple(at), length=tuple(lengths), value=tuple(values) or (value,),
        gradient=tuple(gradient), curvature=curvature,
    )  # fmt: skip


def cost(curve, u):
    """The piece's value at u, summed segment by segment."""
    total = curve.value[0]
    for start, length, slope in zip(curve.at, curve.length, curve.gradient, strict=True):
        step = min(max(u - start, 0.0), length)
        total += (slope + curve.curvature * step / 2) * step
    return total


def envelope_at(arcs, u):
    """The envelope at u: the piece on an arc, the straight line between two arcs."""
    for arc in arcs:
        if arc.lo - 1e-12 <= u <= arc.hi + 1e-12:
            return cost(arc.curve, u)
    left = max((arc for arc in arcs if arc.hi < u), key=lambda arc: arc.hi)
    right = min((arc for arc in arcs if arc.lo > u), key=lambda arc: arc.lo)
    share = (u - left.hi) / (right.lo - left.hi)
    return (1 - share) * cost(left.curve, left.hi) + share * cost(right.curve, right.lo)


def random_pieces(rng):
    """Two to four pieces, some a single point; neighbours are parted by a hole or meet at one value."""
    curves, u, count = [], -rng.uniform(0, 0.3), int(rng.integers(2, 5))
    curvature, value = float(rng.choice([0.5, 20.0, 300.0])), float(rng.normal(0, 0.1))
    for number in range(count):
        segments = int(rng.integers(0, 4))
        lengths = rng.uniform(0.01, 0.1, segments).tolist()
        slopes = np.sort(rng.normal(0, 1, segments)).tolist()
        curves.append(piece(number, u, slopes, lengths, value, curvature))
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

    arcs = envelope(curves)

    for u in np.linspace(curves[0].lo, curves[-1].hi, 300):
        assert envelope_at(arcs, u) == pytest.approx(np.interp(u, *hull), abs=slack)


@pytest.mark.parametrize("seed", range(40))
def test_the_envelope_is_nowhere_above_a_piece(seed):
    curves = random_pieces(np.random.default_rng(seed))

    arcs = envelope(curves)

    for curve in curves:
        for u in np.linspace(curve.lo, curve.hi, 100):
            assert envelope_at(arcs, u) <= cost(curve, u) + 1e-9


@pytest.mark.parametrize("seed", range(40))
def test_the_envelope_is_convex(seed):
    curves = random_pieces(np.random.default_rng(seed))
    points = np.linspace(curves[0].lo, curves[-1].hi, 300)

    arcs = envelope(curves)
    found = np.array([envelope_at(arcs, u) for u in points])

    assert np.diff(found, 2).min() >= -1e-9 * (1 + np.abs(found).max())


def test_a_bridge_over_a_loss_by_hand():
    # u <= 0: 2 u^2 + 0.2 u (a loss worth 20 cents a dollar is harvested on the way down, u = -0.05 is best: -0.005).
    # u >= 0: 2 u^2 - 0.2 u, least at u = 0.05, the mirror image. Their common tangent is flat at -0.005.
    sell = piece(0, -0.5, [-1.8], [0.5], 0.4, 4.0)
    buy = piece(1, 0.0, [-0.2], [0.5], 0.0, 4.0)

    left, right = envelope([sell, buy])

    assert right.bridge == pytest.approx(0.0, abs=1e-12)
    assert (left.hi, right.lo) == pytest.approx((-0.05, 0.05), abs=1e-9)
    assert cost(sell, left.hi) == pytest.approx(-0.005)


def test_pieces_that_meet_in_a_convex_corner_need_no_bridge():
    sell, buy = piece(0, -0.5, [-1.0], [0.5], 0.5, 0.0), piece(1, 0.0, [1.0], [0.5], 0.0, 0.0)

    left, right = envelope([sell, buy])

    assert (left.hi, right.lo) == pytest.approx((0.0, 0.0), abs=1e-12)
