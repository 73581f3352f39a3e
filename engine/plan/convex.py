"""What is the optimum of a convex problem of chains? The compiled interior-point method, and what to do when it fails.

Rows that cannot all be obeyed get slack at a price above what they are worth; slack left at the highest price tried
suggests that no filling of these chains obeys them. Should the method not converge, the same problem is stated in cvxpy
and given to Clarabel.
"""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.compiled import compiled
from engine.plan.envelope import Chains
from engine.plan.frame import Frame
from engine.plan.interior_point import gather, interior_point
from engine.plan.pieces import PieceTable
from engine.plan.polish import polish
from engine.plan.prepared import Indices
from engine.plan.screening import Screened, guessed_prices, screened, slopes, whole, wrongly_left_out
from engine.plan.statement import stated

ITERATIONS: Final = 60
TOLERANCE: Final = 1e-7  # of the duality gap and the residuals, in fractions of V: 1e-3 bp
NO_SLACK: Final = 1e-8  # less slack than this is none
_MIN_WIDTH: Final = 1e-8  # a row held to one value is given this much room, 1 cent in a million dollars
_FEW_COLUMNS: Final = 0.8  # of all: with more of them, leaving some out costs more than it saves
_SLACK_PRICE: Final = 10.0  # times the steepest cost
_DEAR_SLACK_PRICE: Final = 1000.0  # for rows that work against each other, which can be worth much more
_NEWTON_STEPS: Final = 24
_SCREENINGS: Final = 3
# What prices of factors and rows may still come to in a name, of V for each V traded, and how hard segments push off
# their ends at the start: from a guess, and from prices of a plan nearby.
_MARGIN, _NEAR_MARGIN = 0.05, 0.01
_PUSH, _NEAR_PUSH = 1e-2, 2e-3
_FILLED: Final = 1e-7  # an interior point leaves so much of a segment open


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """trade u (columns,); factor_price (k,) and row_price (m,), > 0 where an upper side binds, < 0 for a lower one.

    rows (m,): what the rows come to, without slack. slack: the largest amount by which a row is not obeyed. fill (j,):
    of the chains' segments, none where lots are mixed. fallback: solved by Clarabel through cvxpy.
    """

    trade: Array
    rows: Array
    factor_price: Array
    row_price: Array
    slack: float = 0.0
    fill: Array = field(default_factory=lambda: np.zeros(0))
    fallback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Prices (k,) and (m,) to start from; margin: how wide to screen segments; push: see interior_point."""

    factor_price: Array
    row_price: Array
    margin: float
    push: float


def relaxed_optimum(table: PieceTable, chains: Chains, *, near: Solution | None = None) -> Solution:
    """Return the optimum, with slack in the rows where they cannot all be obeyed.

    near: a solution whose prices are roughly right. Raises SolverFailed when Clarabel, asked because the interior-point
    method did not converge, fails too.
    """
    found = _screened(table, chains, _start(table, chains, near))
    if found is not None:
        return found
    cold = _start(table, chains, None)
    everything = whole(chains)
    found = _interior(table, chains, cold, everything)
    if found is not None:
        return found
    steepest = max(1.0, float((np.abs(chains.gradient) + chains.curvature * chains.length).max(initial=0.0)))
    cheap = _interior(table, chains, cold, everything, slack_price=_SLACK_PRICE * steepest)
    if cheap is not None and cheap.slack <= NO_SLACK:
        return cheap
    dear = _interior(table, chains, cold, everything, slack_price=_DEAR_SLACK_PRICE * steepest)
    if dear is not None or cheap is not None:
        return dear or cheap  # type: ignore[return-value]  # one of them is there
    if not _is_feasible(table, chains):
        return _out_of_reach(table, chains)
    return _solution(table, chains, *stated(table, chains), fallback=True)


def exact_optimum(table: PieceTable, chains: Chains, *, near: Solution | None = None) -> Solution | None:
    """Return the optimum that obeys every row, or None where a linear program shows that there is none.

    Also None where segments would be filled out of their order, which no trade can do.

    near: a solution whose prices are nearly right, from which Newton's method gets there in a few steps.
    """
    polished = None if near is None else _polished(table, chains, near)
    if polished is not None:
        return polished
    found = relaxed_optimum(table, chains, near=near)
    if found.slack <= NO_SLACK:
        polished = _polished(table, chains, found)
        if polished is not None:
            return polished
    elif _is_feasible(table, chains):
        found = _solution(table, chains, *stated(table, chains), fallback=True)
    else:
        return None
    return found if _is_in_order(chains, found.fill) else None


def _out_of_reach(table: PieceTable, chains: Chains) -> Solution:
    """Return where the chains begin, without prices, as the solution of rows that no filling obeys."""
    factors, rows = table.exposures.shape[1], len(table.lo_rows)
    nothing = _solution(table, chains, np.zeros(len(chains.col)), np.zeros(factors), np.zeros(rows))
    return replace(nothing, slack=np.inf)


def _is_feasible(table: PieceTable, chains: Chains) -> bool:
    """Return whether some filling of the segments obeys every row, by a linear program (HiGHS)."""
    from scipy.optimize import Bounds, LinearConstraint, milp  # takes 0.2 s to load, and few plans need it

    lo, hi = table.lo_rows - chains.rows, table.hi_rows - chains.rows
    if not len(chains.length):
        return bool((lo <= NO_SLACK).all() and (hi >= -NO_SLACK).all())
    box = Bounds(np.zeros(len(chains.length)), chains.length)
    answer = milp(np.zeros(len(chains.length)), bounds=box, constraints=LinearConstraint(chains.rates, lo, hi))
    return bool(answer.status == 0)


def _start(table: PieceTable, chains: Chains, near: Solution | None) -> Start:
    """Return the prices of a solution nearby, or a guess."""
    frame = table.frame
    if near is not None:
        return Start(factor_price=near.factor_price, row_price=near.row_price, margin=_NEAR_MARGIN, push=_NEAR_PUSH)
    row_price = np.zeros(len(frame.st))
    row_price[frame.bent] = guessed_prices(chains)
    return Start(factor_price=np.zeros(len(table.y0)), row_price=row_price, margin=_MARGIN, push=_PUSH)


def _screened(table: PieceTable, chains: Chains, start: Start) -> Solution | None:
    """Return the optimum from programs of the segments that seem to matter; None where they do not lead there."""
    wrong = None
    for _ in range(_SCREENINGS):
        slope = slopes(chains, start.factor_price, start.row_price)
        part = screened(chains, slope, start.margin, also=wrong)
        if part is None:
            return None
        found = _interior(table, chains, start, part)
        if found is None:
            return None
        wrong = wrongly_left_out(chains, part, slopes(chains, found.factor_price, found.row_price))
        if wrong is None:
            return found
        wrong[part.kept] = True
        start = replace(start, factor_price=found.factor_price, row_price=found.row_price)
    return None


def _interior(
    table: PieceTable, chains: Chains, start: Start, part: Screened, *, slack_price: float = 0.0
) -> Solution | None:
    """Return what the interior-point method finds on a part of the segments; None where it does not converge."""
    frame, factors, order, kept = table.frame, table.exposures.shape[1], table.frame.order, part.kept
    reached = _reached(frame, part.start)
    offset = np.concatenate([table.y0 + reached[:factors], reached[factors:], part.bent_start])
    lo, hi, room = table.lo_rows[order], table.hi_rows[order], np.maximum(part.highest - part.lowest, 1.0)
    lo, hi = np.where(np.isfinite(lo), lo, part.lowest - room), np.where(np.isfinite(hi), hi, part.highest + room)
    middle, half = (lo + hi) / 2, np.maximum((hi - lo) / 2, _MIN_WIDTH / 2)
    dense, member, share, col = frame.dense, frame.member, frame.share, chains.col[kept]
    if len(part.columns) < _FEW_COLUMNS * table.columns:
        columns, col = part.columns, part.col
        dense, member, share = dense[columns], member[columns], share[columns]
    near = np.concatenate([start.factor_price, start.row_price[order]])
    push = start.push * len(kept) / max(len(chains.col), 1)
    steps, fill, price, slack = interior_point(
        col, chains.length[kept], chains.gradient[kept], chains.curvature[kept], chains.bent_rates.take(kept, axis=1),
        dense, member, share, offset, factors, middle - half, middle + half,
        near, push, slack_price, ITERATIONS, TOLERANCE,
    )  # fmt: skip
    if steps < 0 or not (np.isfinite(price).all() and np.isfinite(fill).all()):
        return None
    filled = np.where(part.full, chains.length, 0.0)
    filled[kept] = fill
    row_price = np.zeros(len(order))
    row_price[order] = price[factors:]
    found = _solution(table, chains, filled, price[:factors], row_price)
    return replace(found, slack=float(slack.max(initial=0.0)))


def _reached(frame: Frame, moves: Array) -> Array:
    """Return what columns' moves (columns,) add to each factor and straight row."""
    into = np.empty(frame.map.shape[1])
    gather(frame.dense, frame.member, frame.share, np.append(moves, 0.0), into)
    return into


def _polished(table: PieceTable, chains: Chains, near: Solution) -> Solution | None:
    """Return the optimum to rounding, by Newton's method from nearby prices; None where it does not get there."""
    frame, factors, order = table.frame, table.exposures.shape[1], table.frame.order
    first = np.searchsorted(chains.col, np.arange(table.columns + 1))
    try:
        converged, trade, price, fill = polish(
            first, chains.start, chains.length, chains.gradient, chains.curvature, chains.bent_rates,
            chains.bent_start, frame.map[:-1], table.y0, factors, table.lo_rows[order], table.hi_rows[order],
            np.concatenate([near.factor_price, near.row_price[order]]), near.trade, _NEWTON_STEPS,
        )  # fmt: skip
    except np.linalg.LinAlgError:
        return None
    if not converged:
        return None
    row_price = np.zeros(len(order))
    row_price[order] = price[factors:]
    return replace(_solution(table, chains, fill, price[:factors], row_price), trade=trade)


def _solution(
    table: PieceTable, chains: Chains, fill: Array, factor_price: Array, row_price: Array, *, fallback: bool = False
) -> Solution:
    moved = np.bincount(chains.col, weights=fill, minlength=table.columns)
    trade = chains.start + moved
    frame = table.frame
    rows = np.empty(len(frame.st))
    rows[frame.straight] = _reached(frame, trade)[table.exposures.shape[1] :]
    rows[frame.bent] = chains.bent_start + chains.bent_rates @ fill
    return Solution(
        trade=trade,
        rows=rows,
        factor_price=factor_price,
        row_price=row_price,
        slack=0.0,
        fill=fill,
        fallback=fallback,
    )


def _is_in_order(chains: Chains, fill: Array) -> bool:
    """Whether every chain is filled from its start: a rule that counts gains can make a later segment worth more."""
    return bool(_fills_in_order(chains.col, chains.length, fill, _FILLED)) or _is_as_good_in_order(chains, fill)


@compiled
def _fills_in_order(col: Indices, length: Array, fill: Array, least: float) -> bool:
    for j in range(1, len(col)):
        if col[j] == col[j - 1] and fill[j - 1] < length[j - 1] - least and fill[j] > least:
            return False
    return True


def _is_as_good_in_order(chains: Chains, fill: Array) -> bool:
    """Whether the rows come to the same when each chain is filled from its start: all that it took was tolerance.

    Without curvature, an interior point leaves much of a segment open where two of them cost nearly the same.
    """
    before = np.cumsum(chains.length) - chains.length
    before -= before[np.searchsorted(chains.col, chains.col)]
    moved = np.bincount(chains.col, weights=fill)
    again = np.clip(moved[chains.col] - before, 0.0, chains.length)
    changes = (np.bincount(chains.col, weights=rates * (again - fill)) for rates in chains.bent_rates)
    return all(float(np.abs(change).sum()) <= NO_SLACK for change in changes)
