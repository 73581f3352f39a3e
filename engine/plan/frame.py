"""What does every piece table of one problem share? Its columns, factors and rows, whatever the order of lots."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.netted import Branch
from engine.plan.prepared import Flags, Indices
from engine.plan.problem import Problem

_MOSTLY: Final = 0.5  # a row with more columns than this is not worth setting apart


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Columns: the names, one for each elastic side of a row, one for netted tax.

    up, down (m, columns): what a unit bought or sold adds to a row; st, lt (m,): what a dollar of gain of that term
    adds; lo_rows, hi_rows (m,). exposures (columns + 1, k): y = y0 + exposures' u has |y|^2 / 2 as the factor risk; the
    last row belongs to no column and is zero. bend (columns,): curvature of each column's cost. bent: rows that are not
    linear in u, because buying and selling count otherwise or gains do; straight: all others; order: straight, then
    bent. map (columns + 1, k + straight): what a unit of u adds to each factor and straight row. The last straight rows
    are apart: each column takes part in one of them at most, row `member` (columns + 1,; -1 for none) among them, with
    `share`; dense (columns + 1, k + the others) is the map without them. extra_lo, extra_hi,
    extra_price (e,): ranges and prices of the columns that are no names. aversion: weight of the variance.
    """

    columns: int
    aversion: float
    up: Array
    down: Array
    st: Array
    lt: Array
    lo_rows: Array
    hi_rows: Array
    is_gain_row: Flags
    bent: Indices
    straight: Indices
    order: Indices
    exposures: Array
    y0: Array
    bend: Array
    map: Array
    dense: Array
    member: Indices
    share: Array
    extra_lo: Array
    extra_hi: Array
    extra_price: Array
    branch: Branch | None

    @cached_property
    def bends(self) -> Array:
        """How much a price of each row bends costs: (m,); 0 for rows that are linear in u."""
        return np.where(self.is_gain_row, 1.0, np.abs(self.up + self.down).max(axis=1, initial=0.0))


def frame_of(problem: Problem, *, variance: float = 0.0, branch: Branch | None = None) -> Frame:
    """Return the frame. variance: adds to risk_aversion. branch: of the year's netted tax, where gains are netted."""
    p, settings = problem.prepared, problem.settings
    n, elastic = len(p.held), len(p.extra_row)
    aversion = settings.risk_aversion + variance
    lo, hi, price = np.zeros(elastic), p.extra_hi, np.full(elastic, problem.penalty)
    st, lt, lo_rows, hi_rows = p.st, p.lt, p.row_lo, p.row_hi
    if branch is not None:
        lo, hi = np.append(lo, branch.lo), np.append(hi, branch.hi)
        price = np.append(price, settings.tax_weight)
        st, lt = np.concatenate([st, branch.st]), np.concatenate([lt, branch.lt])
        lo_rows = np.concatenate([lo_rows, np.full(len(branch.st), -np.inf)])
        hi_rows = np.concatenate([hi_rows, branch.at])
    columns, rows = n + len(lo), len(st)
    up, down = np.zeros((rows, columns)), np.zeros((rows, columns))
    up[: len(p.st), :n], down[: len(p.st), :n] = p.up, p.down
    up[p.extra_row, np.arange(n, n + elastic)] = p.extra_sign
    up[len(p.st) :, n + elastic :] = -1.0
    down[:, n:] = -up[:, n:]
    is_gain_row = np.asarray((st != 0) | (lt != 0))
    is_bent = (up + down != 0).any(axis=1) | is_gain_row
    bent = np.flatnonzero(is_bent)
    straight, apart = _set_apart(up, np.flatnonzero(~is_bent))
    k = problem.loadings.shape[1]
    exposures = np.zeros((columns + 1, k))
    exposures[:n] = np.sqrt(2.0 * aversion) * problem.loadings
    together = np.zeros((columns + 1, k + len(straight)))
    together[:, :k], together[:-1, k:] = exposures, up[straight].T
    member, share = np.full(columns + 1, -1), np.zeros(columns + 1)
    for place, row in enumerate(straight[len(straight) - apart :]):
        inside = np.flatnonzero(up[row])
        member[inside], share[inside] = place, up[row, inside]
    return Frame(
        columns=columns,
        aversion=aversion,
        up=up,
        down=down,
        st=st,
        lt=lt,
        lo_rows=lo_rows,
        hi_rows=hi_rows,
        is_gain_row=is_gain_row,
        bent=bent,
        straight=straight,
        order=np.concatenate([straight, bent]),
        exposures=exposures,
        y0=-exposures[:n].T @ p.shortfall,
        bend=np.concatenate([2.0 * (aversion * p.specific + p.impact), np.zeros(len(lo))]),
        map=together,
        dense=np.ascontiguousarray(together[:, : k + len(straight) - apart]),
        member=member,
        share=share,
        extra_lo=lo,
        extra_hi=hi,
        extra_price=price,
        branch=branch,
    )


def reweighed(frame: Frame, problem: Problem, *, variance: float = 0.0) -> Frame:
    """Return the frame of the same rows under the problem's risk aversion and what variance adds to it."""
    p, n, k = problem.prepared, len(problem.prepared.held), problem.loadings.shape[1]
    aversion = problem.settings.risk_aversion + variance
    if aversion == frame.aversion:
        return frame
    exposures = np.zeros_like(frame.exposures)
    exposures[:n] = np.sqrt(2.0 * aversion) * problem.loadings
    together, dense, bend = frame.map.copy(), frame.dense.copy(), np.zeros_like(frame.bend)
    together[:, :k], dense[:, :k] = exposures, exposures
    bend[:n] = 2.0 * (aversion * p.specific + p.impact)
    y0 = -exposures[:n].T @ p.shortfall
    return replace(frame, aversion=aversion, exposures=exposures, y0=y0, bend=bend, map=together, dense=dense)


def _set_apart(up: Array, straight: Indices) -> tuple[Indices, int]:
    """Return the straight rows, last those that have no column in common, and how many of these there are."""
    taken, first, last = np.zeros(up.shape[1], dtype=bool), [], []
    for row in straight.tolist():
        inside = up[row] != 0
        if not inside.any() or inside.mean() > _MOSTLY or (inside & taken).any():
            first.append(row)
        else:
            taken |= inside
            last.append(row)
    return np.array(first + last, dtype=np.intp), len(last)
