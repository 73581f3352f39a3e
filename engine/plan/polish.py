"""What exactly is the optimum on chosen sides? Newton's method on the prices, from prices that are nearly right.

On one convex piece for each column the trade that prices ask for is known in closed form, so the optimality conditions
are equations in the prices of factors and of the rows that bind. They are linear but for the segment that each column
ends in: a few Newton steps solve them to rounding, where an interior-point method stops at its tolerance.
Source: Qi & Sun, A nonsmooth version of Newton's method, Mathematical Programming 58 (1993).
"""

import numpy as np

from engine.domain.market import Array
from engine.plan.compiled import compiled
from engine.plan.prepared import Indices

_SHORTEST = 0.01  # of a step
_RELEASES = 5


@compiled
def polish(  # noqa: C901  one Newton loop over flat arrays
    first: Indices,
    start: Array,
    length: Array,
    gradient: Array,
    curvature: Array,
    rates: Array,
    bent_start: Array,
    matrix: Array,
    y0: Array,
    factors: int,
    lo: Array,
    hi: Array,
    price: Array,
    near: Array,
    steps: int,
) -> tuple[bool, Array, Array, Array]:
    """Return (whether it converged, u (columns,), prices, fill of each segment (j,)).

    Segments of column c: first[c] to first[c + 1]. price (factors + m,): where to start, straight rows before bent ones
    as in lo and hi, which may be infinite. near (columns,): trades to tell which columns without curvature move freely.
    """
    columns, wide, bent, rows = len(start), matrix.shape[1], rates.shape[0], len(lo)
    size = factors + rows
    price = price.copy()
    active = np.zeros(rows, np.int8)  # 1 where a row is held at its upper limit, -1 at its lower one
    for r in range(rows):
        limit = hi[r] if price[factors + r] > 0.0 else lo[r]
        if abs(price[factors + r]) <= 1e-8 or not np.isfinite(limit):
            price[factors + r] = 0.0
    free = np.zeros(columns, np.bool_)
    u, fill = start.copy(), np.zeros(len(length))
    for c in range(columns):
        if first[c + 1] - first[c] == 1 and curvature[first[c]] == 0.0:
            j = first[c]
            step = near[c] - start[c]
            free[c] = 1e-7 < step < length[j] - 1e-7
            if free[c]:
                u[c] = near[c]
    inner, inner_h = np.empty(columns, np.intp), np.empty(columns)
    inner_segment = np.empty(columns, np.intp)
    before, toward, least, part_of_it = price.copy(), np.zeros(size), -np.inf, 1.0
    for _ in range(steps):
        pull = np.dot(matrix, price[:wide])
        count, merit = 0, 0.0
        for c in range(columns):
            a, z = first[c], first[c + 1]
            if free[c]:
                fill[a] = u[c] - start[c]
                merit = np.inf  # unknown where trades of no curvature are free
                continue
            at = start[c]
            stopped = False
            for j in range(a, z):
                if stopped:
                    fill[j] = 0.0
                    continue
                slope = gradient[j] + pull[c]
                for r in range(bent):
                    slope += rates[r, j] * price[wide + r]
                if slope >= 0.0:
                    fill[j] = 0.0
                    stopped = True
                    continue
                if slope + curvature[j] * length[j] <= 0.0:
                    fill[j] = length[j]
                    at += length[j]
                else:
                    fill[j] = -slope / curvature[j]
                    at += fill[j]
                    stopped = True
                    inner[count], inner_h[count], inner_segment[count] = c, 1.0 / curvature[j], j
                    count += 1
                merit += (slope + curvature[j] * fill[j] / 2.0) * fill[j]
            merit += pull[c] * start[c]
            u[c] = at
        value = np.dot(u, matrix)
        value[:factors] += y0
        bent_value = bent_start.copy()
        for r in range(bent):
            for j in range(len(length)):
                bent_value[r] += rates[r, j] * fill[j]
        # What these prices prove, which a step must not make less of: if it does, go half as far.
        for k in range(factors):
            merit += price[k] * (y0[k] - price[k] / 2.0)
        for r in range(rows):
            own = price[factors + r]
            if own != 0.0:
                offset = bent_start[factors + r - wide] if factors + r >= wide else 0.0
                merit += own * (offset - (hi[r] if own > 0.0 else lo[r]))
        if merit < least - 1e-14 * (1.0 + abs(least)):
            part_of_it /= 2.0
            if part_of_it < _SHORTEST:
                return False, u, price, fill
            for k in range(size):
                price[k] = before[k] + part_of_it * toward[k]
            continue
        least = merit if np.isfinite(merit) else -np.inf
        # Which rows bind: those with a price, and those missed without one.
        for r in range(rows):
            own = price[factors + r]
            reached = value[factors + r] if factors + r < wide else bent_value[factors + r - wide]
            active[r] = 0
            if own > 0.0 or (own == 0.0 and reached > hi[r] + 1e-11):
                active[r] = 1
            elif own < 0.0 or reached < lo[r] - 1e-11:
                active[r] = -1
        held = np.empty(size, np.intp)
        unknown = 0
        for k in range(factors):
            held[unknown] = k
            unknown += 1
        for r in range(rows):
            if active[r] != 0:
                held[unknown] = factors + r
                unknown += 1
        moving = 0
        movers = np.empty(columns, np.intp)
        for c in range(columns):
            if free[c]:
                movers[moving] = c
                moving += 1
        wanted = np.zeros(unknown + moving)
        worst = 0.0
        for i in range(unknown):
            k = held[i]
            if k < factors:
                wanted[i] = value[k] - price[k]
            else:
                r = k - factors
                reached = value[k] if k < wide else bent_value[k - wide]
                wanted[i] = reached - (hi[r] if active[r] > 0 else lo[r])
            worst = max(worst, abs(wanted[i]))
        for i in range(moving):
            c = movers[i]
            j = first[c]
            slope = gradient[j] + pull[c]
            for r in range(bent):
                slope += rates[r, j] * price[wide + r]
            wanted[unknown + i] = slope
            worst = max(worst, abs(slope))
        dearest = np.max(np.abs(price)) if size else 0.0
        if not np.isfinite(worst) or dearest > 1e4:  # no price is worth that: the rows cannot be met on these sides
            return False, u, price, fill
        if worst <= 1e-12 * (1.0 + min(dearest, 1.0)):
            for i in range(moving):
                c = movers[i]
                if u[c] < start[c] - 1e-12 or u[c] > start[c] + length[first[c]] + 1e-12:
                    return False, u, price, fill
            return True, u, price, fill
        # The Jacobian: how rows and factors answer to prices through the columns that end inside a segment.
        part = np.empty((count, size))
        for i in range(count):
            c, j = inner[i], inner_segment[i]
            for k in range(wide):
                part[i, k] = matrix[c, k]
            for r in range(bent):
                part[i, wide + r] = rates[r, j]
        scaled = np.empty((count, size))
        for i in range(count):
            for k in range(size):
                scaled[i, k] = inner_h[i] * part[i, k]
        whole = np.dot(part.T, scaled)
        system = np.zeros((unknown + moving, unknown + moving))
        for i in range(unknown):
            for q in range(unknown):
                system[i, q] = whole[held[i], held[q]]
            if held[i] < factors:
                system[i, i] += 1.0
        for i in range(moving):
            c = movers[i]
            for q in range(unknown):
                k = held[q]
                rate = matrix[c, k] if k < wide else rates[k - wide, first[c]]
                system[unknown + i, q] = -rate
                system[q, unknown + i] = -rate
        step = np.linalg.solve(system, wanted)
        for _ in range(_RELEASES):  # a price that would change its side goes to zero, and the others with it
            crossed = False
            for i in range(factors, unknown):
                r = held[i] - factors
                if hi[r] > lo[r] and active[r] * (price[held[i]] + step[i]) < -1e-14:
                    crossed = True
                    system[i, :] = 0.0
                    system[i, i] = 1.0
                    wanted[i] = -price[held[i]]
            if not crossed:
                break
            step = np.linalg.solve(system, wanted)
        before[:], toward[:], part_of_it = price, 0.0, 1.0
        for i in range(unknown):
            toward[held[i]] = step[i]
        for k in range(size):
            price[k] += toward[k]
        for i in range(moving):
            u[movers[i]] += step[unknown + i]
    return False, u, price, fill
