"""What is the optimum of a convex problem of chains? An interior-point method that uses their structure.

    minimise 1/2 |y|^2 + sum_j (gradient_j t_j + curvature_j t_j^2 / 2),   y = offset + map' u on the factors,
    subject to lo <= rows <= hi,   rows = offset + map' u, or offset + rates t on the bent rows,   0 <= t <= length,
    u_c = sum of the t of column c.

Segments are eliminated to one number for each column, which leaves a dense system of one row for each factor and
rule. With a slack price, each row may be broken at that price, so that there is always an optimum.
Source: Mehrotra, On the implementation of a primal-dual interior point method, SIAM J. Optim. 2 (1992).
"""

import numpy as np

from engine.domain.market import Array
from engine.plan.compiled import compiled_in_any_order
from engine.plan.prepared import Indices

_BLOCK = 512  # columns at a time, so that they stay in the cache
_INSIDE = 1e-12  # of a segment: so far from its end at least


@compiled_in_any_order
def _factorise(a: Array) -> bool:
    """Overwrite the lower triangle with its Cholesky factor, row by row; return whether the matrix is positive."""
    for i in range(a.shape[0]):
        for j in range(i):
            left = a[i, j]
            for k in range(j):
                left -= a[i, k] * a[j, k]
            a[i, j] = left / a[j, j]
        left = a[i, i]
        for k in range(i):
            left -= a[i, k] * a[i, k]
        if not left > 0.0:
            return False
        a[i, i] = np.sqrt(left)
    return True


@compiled_in_any_order
def _solve(a: Array, b: Array) -> None:
    """Solve in place with the factor that _factorise left."""
    for i in range(a.shape[0]):
        left = b[i]
        for j in range(i):
            left -= a[i, j] * b[j]
        b[i] = left / a[i, i]
    for i in range(a.shape[0] - 1, -1, -1):
        b[i] /= a[i, i]
        for j in range(i):
            b[j] -= a[i, j] * b[i]


@compiled_in_any_order
def _largest(values: Array) -> float:
    """Return the largest of values >= 0, overwriting them: halves are compared side by side."""
    n = len(values)
    while n > 1:
        half = (n + 1) // 2
        for j in range(n - half):
            values[j] = max(values[j], values[half + j])
        n = half
    return values[0] if len(values) else 0.0


@compiled_in_any_order
def gather(dense: Array, member: Indices, share: Array, moved: Array, into: Array) -> None:
    """Set what columns' moves come to on each factor and straight row; the rest of `into` is set to zero."""
    columns, filled = dense.shape
    into[:] = 0.0  # a row may have no column in this program
    for c in range(columns):
        move = moved[c]
        for k in range(filled):
            into[k] += move * dense[c, k]
    for c in range(columns):
        if member[c] >= 0:
            into[filled + member[c]] += share[c] * moved[c]


@compiled_in_any_order
def _spread(dense: Array, member: Indices, share: Array, prices: Array, pull: Array) -> None:
    """Set what prices of factors and straight rows come to in each column."""
    columns, filled = dense.shape
    for c in range(columns):
        total = share[c] * prices[filled + member[c]] if member[c] >= 0 else 0.0
        for k in range(filled):
            total += prices[k] * dense[c, k]
        pull[c] = total


@compiled_in_any_order
def _missing(
    col: Indices,
    x: Array,
    rates: Array,
    dense: Array,
    member: Indices,
    share: Array,
    offset: Array,
    factors: int,
    s: Array,
    w: Array,
    moved: Array,
    residual: Array,
) -> None:
    """Set by how much factors and rows w differ from what the filling x and the slack s come to."""
    wide, bent = len(offset) - rates.shape[0], rates.shape[0]
    moved[:] = 0.0
    for j in range(len(x)):
        moved[col[j]] += x[j]
    gather(dense, member, share, moved, residual)
    for k in range(wide):
        residual[k] = w[k] - offset[k] - residual[k]
    for r in range(bent):
        done = 0.0
        for j in range(len(x)):
            done += rates[r, j] * x[j]
        residual[wide + r] = w[wide + r] - offset[wide + r] - done
    for k in range(len(s)):
        residual[factors + k // 2] -= s[k] if k % 2 == 0 else -s[k]


@compiled_in_any_order
def _steepest(
    col: Indices,
    x: Array,
    zl: Array,
    zu: Array,
    gradient: Array,
    curvature: Array,
    rates: Array,
    pull: Array,
    bent_price: Array,
    base: Array,
    through: Array,
) -> float:
    """Set each segment's slope where it is filled to, and return the most by which one differs from its duals."""
    for j in range(len(x)):
        base[j] = curvature[j] * x[j] + gradient[j] + pull[col[j]]
    for r in range(len(bent_price)):
        if bent_price[r] != 0.0:
            for j in range(len(x)):
                base[j] += rates[r, j] * bent_price[r]
    for j in range(len(x)):
        through[j] = abs(base[j] - zl[j] + zu[j])
    return _largest(through)


@compiled_in_any_order
def interior_point(  # noqa: C901  one Newton loop, unrolled over flat arrays
    col: Indices,
    length: Array,
    gradient: Array,
    curvature: Array,
    rates: Array,
    dense: Array,
    member: Indices,
    share: Array,
    offset: Array,
    factors: int,
    lo: Array,
    hi: Array,
    near: Array,
    push: float,
    slack_price: float,
    iterations: int,
    tolerance: float,
) -> tuple[int, Array, Array, Array]:
    """Return (steps taken or -1 for no convergence, t (j,), prices (factors + rows,), slack of each row (m,)).

    Where there is no optimum, it may also end with fillings and prices that are not numbers.

    dense, member, share: see Frame, for the columns in this program; rates (bent, j); offset (factors + m,) with the
    straight rows before the bent ones, as in lo and hi (m,), all finite. slack_price: 0 for none.
    """
    segments, columns, filled = len(length), dense.shape[0], dense.shape[1]
    bent, rows = rates.shape[0], len(lo)
    wide = factors + rows - bent
    size = factors + rows
    # Start where every segment would rest at zero prices if its ends pushed back a little: near no trade at all.
    x, zl, zu, total = np.empty(segments), np.empty(segments), np.empty(segments), 0.0
    price, pull, slope = near.copy(), np.empty(columns), np.empty(segments)
    _spread(dense, member, share, price, pull)
    for j in range(segments):
        slope[j] = gradient[j] + pull[col[j]]
    for r in range(bent):
        for j in range(segments):
            slope[j] += price[wide + r] * rates[r, j]
    for j in range(segments):
        total += (abs(slope[j]) + curvature[j] * length[j]) * length[j]
    push_back = max(push * total / max(segments, 1), 1e-12)
    for j in range(segments):
        half, c, g = length[j] / 2.0, curvature[j], slope[j]
        e = -g - c * length[j]
        root = np.sqrt(g * g + 4.0 * c * push_back)
        low = 2.0 * push_back / (g + root) if g > 0.0 else ((root - g) / (2.0 * c) if c > 0.0 else half)
        root = np.sqrt(e * e + 4.0 * c * push_back)
        high = 2.0 * push_back / (e + root) if e > 0.0 else ((root - e) / (2.0 * c) if c > 0.0 else half)
        high = max(high, _INSIDE * length[j])  # or it would be lost in rounding
        x[j] = low if low < half else (length[j] - high if high < half else half)
        zl[j], zu[j] = push_back / x[j], push_back / (length[j] - x[j])
    dual = max(0.1 * total / max(segments, 1), 1e-4)
    slacks = 2 * rows if slack_price > 0 else 0
    s, zs = np.full(slacks, 1e-2), np.full(slacks, max(dual, slack_price / 2.0))
    moved = np.zeros(columns)
    w = np.empty(size)
    for j in range(segments):
        moved[col[j]] += x[j]
    gather(dense, member, share, moved, w)
    for k in range(wide):
        w[k] += offset[k]
    for r in range(bent):
        w[wide + r] = offset[wide + r]
        for j in range(segments):
            w[wide + r] += rates[r, j] * x[j]
    for r in range(rows):
        room = 0.1 * (hi[r] - lo[r])
        w[factors + r] = min(max(w[factors + r], lo[r] + room), hi[r] - room)
    sl, su = np.empty(rows), np.empty(rows)
    for r in range(rows):
        sl[r], su[r] = push_back / (w[factors + r] - lo[r]), push_back / (hi[r] - w[factors + r])
        sl[r], su[r] = sl[r] - min(price[factors + r], 0.0), su[r] + max(price[factors + r], 0.0)

    dx, dzl, dzu, weight, base = (np.empty(segments), np.empty(segments), np.empty(segments), np.empty(segments),
                                  np.empty(segments))  # fmt: skip
    below, above, through = np.empty(segments), np.empty(segments), np.empty(segments)
    ds, dzs = np.empty(slacks), np.empty(slacks)
    dw, dp, free = np.empty(size), np.empty(size), np.empty(size)
    dsl, dsu, row_weight = np.empty(rows), np.empty(rows), np.empty(rows)
    h, b, residual = np.empty(columns), np.empty((bent, columns)), np.empty(size)
    scaled, system = np.empty((min(columns, _BLOCK), filled)), np.empty((size, size))
    across = np.empty((wide - filled, filled))
    count = 2 * segments + 2 * rows + slacks
    pushed = np.empty(columns)
    _missing(col, x, rates, dense, member, share, offset, factors, s, w, moved, residual)
    _spread(dense, member, share, price, pull)
    for iteration in range(iterations):
        # The products of complementary pairs, and the test for the end.
        gap, value = 0.0, 0.0
        for j in range(segments):
            gap += x[j] * zl[j] + (length[j] - x[j]) * zu[j]
            value += gradient[j] * x[j]
        worst = _steepest(col, x, zl, zu, gradient, curvature, rates, pull, price[wide:], base, through)
        for k in range(slacks):
            gap += s[k] * zs[k]
            sign = 1.0 if k % 2 == 0 else -1.0
            worst = max(worst, abs(slack_price + sign * price[factors + k // 2] - zs[k]))
        off = 0.0
        for k in range(size):
            off = max(off, abs(residual[k]))
        risk = 0.0
        for k in range(factors):
            worst = max(worst, abs(price[k] - w[k]))
            risk += w[k] * w[k]
        for r in range(rows):
            at = w[factors + r]
            gap += (at - lo[r]) * sl[r] + (hi[r] - at) * su[r]
            worst = max(worst, abs(price[factors + r] + sl[r] - su[r]))
        if not np.isfinite(worst) or not np.isfinite(gap) or not np.isfinite(off):
            break
        scale = 1.0 + 0.5 * risk + abs(value)
        is_near = gap <= tolerance * scale and worst <= tolerance * scale and off <= 1e-9 * scale
        if is_near:  # believed only when worked out anew: ill-conditioned steps may have left more of the residuals
            _missing(col, x, rates, dense, member, share, offset, factors, s, w, moved, residual)
            for k in range(size):
                off = max(off, abs(residual[k]))
            _spread(dense, member, share, price, pull)
            worst = max(worst, _steepest(col, x, zl, zu, gradient, curvature, rates, pull, price[wide:], base, through))
        if is_near and worst <= tolerance * scale and off <= 1e-9 * scale:
            left = np.zeros(rows)
            for k in range(slacks):
                left[k // 2] = max(left[k // 2], s[k])
            return iteration, x, price, left
        mean = gap / count
        # The dense system: what one column's segments, taken together, give way by.
        h[:] = 0.0
        b[:, :] = 0.0
        for j in range(segments):
            below[j], above[j] = 1.0 / x[j], 1.0 / (length[j] - x[j])
        for j in range(segments):
            weight[j] = 1.0 / (curvature[j] + zl[j] * below[j] + zu[j] * above[j])
        for j in range(segments):
            h[col[j]] += weight[j]
        for r in range(bent):
            for j in range(segments):
                b[r, col[j]] += weight[j] * rates[r, j]
        system[:wide, :wide] = 0.0
        across[:, :] = 0.0
        for first in range(0, columns, _BLOCK):
            last = min(first + _BLOCK, columns)
            for c in range(first, last):
                for k in range(filled):
                    scaled[c - first, k] = h[c] * dense[c, k]
                r = member[c]
                if r >= 0:
                    system[filled + r, filled + r] += h[c] * share[c] * share[c]
                    for k in range(filled):
                        across[r, k] += share[c] * scaled[c - first, k]
            system[:filled, :filled] += np.dot(dense[first:last].T, scaled[: last - first])
        system[filled:wide, :filled] = across
        for r in range(bent):
            gather(dense, member, share, b[r], system[wide + r])
        for r in range(bent):
            for q in range(r + 1):
                both = 0.0
                for j in range(segments):
                    both += weight[j] * rates[r, j] * rates[q, j]
                system[wide + r, wide + q] = both
        for k in range(factors):
            system[k, k] += 1.0
        for r in range(rows):
            at = w[factors + r]
            row_weight[r] = sl[r] / (at - lo[r]) + su[r] / (hi[r] - at)
            system[factors + r, factors + r] += 1.0 / row_weight[r]
        for k in range(slacks):
            system[factors + k // 2, factors + k // 2] += s[k] / zs[k]
        if not _factorise(system):
            break
        # Predictor, then corrector towards the centre that the predictor suggests.
        centre = 0.0
        for attempt in range(2):
            corrects = attempt == 1
            moved[:] = 0.0
            if corrects:
                for j in range(segments):
                    dzl[j] = (centre - dx[j] * dzl[j]) * below[j]
                    dzu[j] = (centre + dx[j] * dzu[j]) * above[j]
                    dx[j] = (dzl[j] - dzu[j] - base[j]) * weight[j]
            else:
                for j in range(segments):
                    dzl[j], dzu[j] = 0.0, 0.0
                    dx[j] = -base[j] * weight[j]
            for j in range(segments):
                moved[col[j]] += dx[j]
            gather(dense, member, share, moved, dp)
            for r in range(bent):
                done = 0.0
                for j in range(segments):
                    done += rates[r, j] * dx[j]
                dp[wide + r] = done
            for k in range(factors):
                free[k] = price[k] - w[k]
            for r in range(rows):
                k = factors + r
                low, high = centre, centre
                if corrects:
                    low -= dw[k] * dsl[r]
                    high += dw[k] * dsu[r]
                dsl[r], dsu[r] = low / (w[k] - lo[r]), high / (hi[r] - w[k])
                free[k] = (price[k] + dsl[r] - dsu[r]) / row_weight[r]
            for k in range(size):
                dp[k] -= free[k] + residual[k]
            for k in range(slacks):
                sign = 1.0 if k % 2 == 0 else -1.0
                target = centre - (ds[k] * dzs[k] if corrects else 0.0)
                dzs[k] = target / s[k]
                pressing = dzs[k] - slack_price - sign * price[factors + k // 2]
                ds[k] = pressing * s[k] / zs[k]
                dp[factors + k // 2] += sign * ds[k]
            _solve(system, dp)
            _spread(dense, member, share, dp, pushed)
            for j in range(segments):
                through[j] = pushed[col[j]]
            for r in range(bent):
                for j in range(segments):
                    through[j] += rates[r, j] * dp[wide + r]
            for j in range(segments):
                dx[j] -= through[j] * weight[j]
                dzl[j] -= zl[j] + zl[j] * below[j] * dx[j]
                dzu[j] -= zu[j] - zu[j] * above[j] * dx[j]
            for k in range(factors):
                dw[k] = free[k] + dp[k]
            for r in range(rows):
                k = factors + r
                dw[k] = free[k] + dp[k] / row_weight[r]
                dsl[r] -= sl[r] + sl[r] / (w[k] - lo[r]) * dw[k]
                dsu[r] -= su[r] - su[r] / (hi[r] - w[k]) * dw[k]
            for k in range(slacks):
                sign = 1.0 if k % 2 == 0 else -1.0
                ds[k] -= sign * dp[factors + k // 2] * s[k] / zs[k]
                dzs[k] -= zs[k] + zs[k] / s[k] * ds[k]
            fastest = 1.0 if not corrects else 0.0
            if corrects:
                for j in range(segments):
                    through[j] = max(max(-dx[j] * below[j], dx[j] * above[j]), max(-dzl[j] / zl[j], -dzu[j] / zu[j]))
            else:  # without a target, dz / z = -1 - dx / x
                for j in range(segments):
                    lower, upper = dx[j] * below[j], dx[j] * above[j]
                    through[j] = max(max(-lower, upper), 1.0 + max(lower, -upper))
            fastest = max(fastest, _largest(through))
            for r in range(rows):
                k = factors + r
                fastest = max(fastest, -dw[k] / (w[k] - lo[r]), dw[k] / (hi[r] - w[k]), -dsl[r] / sl[r],
                              -dsu[r] / su[r])  # fmt: skip
            for k in range(slacks):
                fastest = max(fastest, -ds[k] / s[k], -dzs[k] / zs[k])
            if not corrects:
                reach = 1.0 / fastest
                predicted = 0.0
                for j in range(segments):
                    predicted += (x[j] + reach * dx[j]) * (zl[j] + reach * dzl[j])
                    predicted += (length[j] - x[j] - reach * dx[j]) * (zu[j] + reach * dzu[j])
                for r in range(rows):
                    k = factors + r
                    at = w[k] + reach * dw[k]
                    predicted += (at - lo[r]) * (sl[r] + reach * dsl[r]) + (hi[r] - at) * (su[r] + reach * dsu[r])
                for k in range(slacks):
                    predicted += (s[k] + reach * ds[k]) * (zs[k] + reach * dzs[k])
                centre = mean * min(max(predicted / count / mean, 0.0), 1.0) ** 3
        reach = min(1.0, 0.995 / max(fastest, 1e-300))
        for j in range(segments):
            x[j] += reach * dx[j]
            zl[j] += reach * dzl[j]
            zu[j] += reach * dzu[j]
        for k in range(size):
            w[k] += reach * dw[k]
            price[k] += reach * dp[k]
            residual[k] *= 1.0 - reach  # a step leaves the rest of it
        for c in range(columns):
            pull[c] += reach * pushed[c]
        for r in range(rows):
            sl[r] += reach * dsl[r]
            su[r] += reach * dsu[r]
        for k in range(slacks):
            s[k] += reach * ds[k]
            zs[k] += reach * dzs[k]
    return -1, x, price, np.zeros(rows)
