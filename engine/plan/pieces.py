"""What does each trade of one name cost? Its exact cost as convex pieces, side by side, not convex together.

A name's cost g(u) holds tax on what is sold, trading cost, tilt, breach penalty and its own specific risk. It is convex
on each piece: selling, buying, doing nothing, leaving altogether. A loss lot makes a concave kink between pieces, a
minimum trade size a hole, a lot method that does not follow tax another break. Choosing one piece for every name makes
the whole problem convex. Elastic rows (rules the account already breaks) are columns of their own with one piece.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.domain.market import Array
from engine.plan.lots import SaleLot, by_price, is_ordered
from engine.plan.problem import Bound, Name, Problem

Indices = NDArray[np.intp]
Flags = NDArray[np.bool_]
_SAME_SLOPE: Final = 1e-15


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of u on which slope (without specific risk) and gain per dollar sold are constant.

    lot: number, among the name's lots, of the one that is sold here; -1 where nothing is sold.
    """

    lo: float
    hi: float
    slope: float
    gain: float
    lot: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A convex run of segments from u = lo; value is its cost there without specific risk, gain what is realised."""

    lo: float
    value: float
    gain: float
    segments: tuple[Segment, ...]
    sells_loss: bool = False
    gains_only: bool = False

    @property
    def hi(self) -> float:
        return self.segments[-1].hi if self.segments else self.lo


@dataclass(frozen=True, kw_only=True)
class PieceTable:
    """All pieces of all columns, flat. Columns: the names, then one for each elastic side of a row.

    Piece arrays (p,): col, lo, hi, value (specific risk included), buys, sells_loss, gains_only; rows (m, p) at lo.
    Segment arrays (j,), ordered by piece: piece, start, length, gradient at its start, curvature, lot; rates (m, j) of
    the rows per unit of u. exposures (columns + 1, k): y = y0 + exposures' u has |y|^2 / 2 as the factor
    risk; the last row belongs to no column and is zero. groups: columns
    of securities that are substantially identical to each other. lo_rows, hi_rows and
    is_gain_row (m,). gain_price: the one price of
    realised gains at which this order of lots is the cheapest; None where the order does not depend on it.
    """

    columns: int
    col: Indices
    lo: Array
    hi: Array
    value: Array
    buys: Flags
    sells_loss: Flags
    gains_only: Flags
    rows: Array
    piece: Indices
    start: Array
    length: Array
    gradient: Array
    curvature: Array
    lot: Indices
    rates: Array
    exposures: Array
    y0: Array
    lo_rows: Array
    hi_rows: Array
    groups: tuple[Indices, ...]
    is_gain_row: Flags
    gain_price: float | None

    @cached_property
    def pieces_of(self) -> tuple[Indices, ...]:
        """Piece numbers of each column."""
        return tuple(np.flatnonzero(self.col == c) for c in range(self.columns))

    @cached_property
    def first_segment(self) -> Indices:
        """Where each piece's segments begin, and one past the last: (p + 1,)."""
        return np.searchsorted(self.piece, np.arange(len(self.col) + 1))

    @property
    def empty(self) -> tuple[int, ...]:
        """Columns that no trade can satisfy."""
        return tuple(sorted(set(range(self.columns)) - set(self.col.tolist())))


def piece_table(problem: Problem, *, gain_price: float = 0.0) -> PieceTable:
    """Return the pieces of a problem. gain_price: objective per dollar of realised gain, which orders the lots."""
    groups = _groups(problem)
    grouped = {int(c) for group in groups for c in group}
    free_order = not is_ordered(problem.settings.lot_method)
    reorders = free_order and any(row.by_lot_gain for row in problem.rows)
    columns = [
        name_pieces(problem, i, gain_price, is_grouped=i in grouped, reorders=reorders)
        for i in range(len(problem.names))
    ]
    elastic = [(r, sign, slack) for r, row in enumerate(problem.rows)
               for sign, slack in ((1.0, row.slack_below), (-1.0, row.slack_above)) if slack > 0]  # fmt: skip
    for _, _, slack in elastic:
        columns.append(
            [Piece(lo=0.0, value=0.0, gain=0.0, segments=(Segment(lo=0.0, hi=slack, slope=problem.penalty, gain=0.0),))]
        )
    pieces = [piece for column in columns for piece in column]
    segments = [segment for piece in pieces for segment in piece.segments]
    col = np.repeat(np.arange(len(columns)), [len(column) for column in columns])
    owner = np.repeat(np.arange(len(pieces)), [len(piece.segments) for piece in pieces])
    idle = np.zeros(len(elastic))
    delta = problem.settings.risk_aversion * np.concatenate([problem.specific, idle])
    shortfall = np.concatenate([problem.shortfall, idle])
    lo = np.array([piece.lo for piece in pieces])
    start = np.array([segment.lo for segment in segments])
    seg_col = col[owner] if len(owner) else owner
    exposures = np.sqrt(2.0 * problem.settings.risk_aversion) * np.vstack(
        [problem.loadings, np.zeros((len(elastic) + 1, problem.loadings.shape[1]))]
    )
    return PieceTable(
        columns=len(columns),
        col=col,
        lo=lo,
        hi=np.array([piece.hi for piece in pieces]),
        value=np.array([piece.value for piece in pieces]) + delta[col] * (lo - shortfall[col]) ** 2,
        buys=np.array([piece.hi > 0 for piece in pieces], dtype=bool),
        sells_loss=np.array([piece.sells_loss for piece in pieces], dtype=bool),
        gains_only=np.array([piece.gains_only for piece in pieces], dtype=bool),
        rows=_rows_at_start(problem, pieces, col, elastic),
        piece=owner,
        start=start,
        length=np.array([segment.hi - segment.lo for segment in segments]),
        gradient=np.array([s.slope for s in segments]) + 2.0 * delta[seg_col] * (start - shortfall[seg_col]),
        curvature=2.0 * delta[seg_col],
        lot=np.array([segment.lot for segment in segments], dtype=np.intp),
        rates=_rates(problem, segments, seg_col, elastic),
        exposures=exposures,
        y0=-exposures[: len(columns)].T @ shortfall,
        lo_rows=np.array([row.lo for row in problem.rows]),
        hi_rows=np.array([row.hi for row in problem.rows]),
        groups=groups,
        is_gain_row=np.array([row.by_lot_gain for row in problem.rows], dtype=bool),
        gain_price=gain_price if reorders else None,
    )


def name_pieces(
    problem: Problem, index: int, gain_price: float, *, is_grouped: bool, reorders: bool = False
) -> list[Piece]:
    """Return the pieces of one name, by ascending u; none where no trade obeys its rules.

    A name of a wash-sale group of several (is_grouped) gets its sell and buy sides apart, and a side that sells gains
    only, to be taken when another of the group is bought. Where the price of gains orders the lots (reorders), sides
    are apart too: the same pieces then come back at every price, which lets a search go on from one to the next.
    """
    name, settings = problem.names[index], problem.settings
    lots = name.sellable
    if not is_ordered(settings.lot_method):
        lots = by_price(lots, tax_weight=settings.tax_weight, gain_price=gain_price)
    pieces = list(_pieces(problem, name, lots, gain_price, split_at_zero=is_grouped or reorders))
    if is_grouped and not name.rules.must_exit and any(piece.sells_loss for piece in pieces):
        harmless = _before_losses(lots) if is_ordered(settings.lot_method) else [x for x in lots if not x.is_loss]
        apart = _pieces(problem, name, harmless, gain_price, split_at_zero=True)
        pieces += [replace(piece, gains_only=True) for piece in apart if piece.lo < 0]
    return pieces


def _pieces(
    problem: Problem, name: Name, lots: Sequence[SaleLot], gain_price: float, *, split_at_zero: bool
) -> Iterator[Piece]:
    sellable = sum((lot.weight for lot in lots), 0.0)
    lo, hi, priced = _domain(problem, name, sellable)
    curve = _curve(problem, name, lots, priced)
    whole = len(lots) == len(name.lots)
    by_gain = is_ordered(problem.settings.lot_method) and any(row.by_lot_gain for row in problem.rows)
    for left, right in _intervals(problem, name, (lo, hi), sellable if whole else 0.0, split_at_zero=split_at_zero):
        for run in _convex_runs(_clip(curve, left, right), gain_price, by_gain=by_gain) or [[]]:
            at = run[0].lo if run else left
            yield Piece(
                lo=at,
                value=_value(problem, curve, priced, at),
                gain=sum((s.gain * (min(s.hi, 0.0) - max(s.lo, at)) for s in curve if at < s.hi <= 0.0), 0.0),
                segments=tuple(run),
                sells_loss=at < 0 and _touches_loss(problem, lots, -at),
            )


def _domain(problem: Problem, name: Name, sellable: float) -> tuple[float, float, tuple[Bound, ...]]:
    """Return the lowest and highest trade, and the broken bounds that are priced instead of forced."""
    lo, hi = -sellable, 0.0 if name.rules.no_buy else max(0.0, 1.0 - name.held)
    if name.rules.must_exit:
        return lo, lo, ()
    priced = []
    for bound in name.bounds:
        limit = bound.at
        if bound.is_broken and not problem.settings.enforce:
            priced.append(bound)
            limit = 0.0
        lo, hi = (lo, min(hi, limit)) if bound.upper else (max(lo, limit), hi)
    return lo, hi, tuple(priced)


def _curve(problem: Problem, name: Name, lots: Sequence[SaleLot], priced: Sequence[Bound]) -> list[Segment]:
    """Return slopes over the whole range of u, ascending: the last lot sold first, then buying."""
    lines, sold = [], 0.0
    number = {entry.lot.lot_id: k for k, entry in enumerate(name.lots)}
    for lot in lots:
        slope = -problem.settings.tax_weight * lot.tax - name.cost - name.alpha
        lines.append(Segment(lo=-(sold + lot.weight), hi=-sold, slope=slope, gain=lot.gain, lot=number[lot.lot.lot_id]))
        sold += lot.weight
    lines.reverse()
    lines.append(Segment(lo=0.0, hi=max(1.0, 1.0 - name.held), slope=name.cost - name.alpha, gain=0.0))
    for bound in priced:
        lines = [part for line in lines for part in _cut(line, bound, problem.penalty)]
    return lines


def _cut(line: Segment, bound: Bound, penalty: float) -> Iterator[Segment]:
    """Cut a line at a priced bound and add the penalty's slope beyond it."""
    inner = min(max(bound.at, line.lo), line.hi)
    for lo, hi in ((line.lo, inner), (inner, line.hi)):
        if hi > lo:
            beyond = lo >= bound.at if bound.upper else hi <= bound.at
            extra = (penalty if bound.upper else -penalty) if beyond else 0.0
            yield replace(line, lo=lo, hi=hi, slope=line.slope + extra)


def _intervals(
    problem: Problem, name: Name, domain: tuple[float, float], whole: float, *, split_at_zero: bool
) -> Iterator[tuple[float, float]]:
    """Return the stretches of u that are allowed: with a minimum trade, nothing between it and zero but a full exit.

    whole: the holding's weight where all of it may be sold, else 0.
    """
    (lo, hi), least = domain, problem.min_trade
    if lo > hi:
        return
    if name.rules.must_exit or (least == 0 and not split_at_zero):
        yield lo, hi
        return
    if 0 < whole < least and lo <= -whole:
        yield -whole, -whole
    if lo <= -least and min(hi, -least) >= lo:
        yield lo, min(hi, -least)
    if lo <= 0 <= hi and least > 0:
        yield 0.0, 0.0
    if hi >= least and hi >= max(lo, least):
        yield max(lo, least), hi


def _clip(curve: Sequence[Segment], left: float, right: float) -> list[Segment]:
    return [
        replace(line, lo=max(line.lo, left), hi=min(line.hi, right))
        for line in curve
        if min(line.hi, right) > max(line.lo, left)
    ]


def _convex_runs(lines: Sequence[Segment], gain_price: float, *, by_gain: bool) -> list[list[Segment]]:
    """Cut where the slope, realised gains at their price included, falls.

    by_gain: cut also where gain per dollar rises, so that each run is convex, and sold in its order, at every price.
    """
    runs: list[list[Segment]] = []
    last, gain = -np.inf, np.inf
    for line in lines:
        slope = line.slope - gain_price * line.gain
        if not runs or slope < last - _SAME_SLOPE or (by_gain and line.gain > gain):
            runs.append([])
        runs[-1].append(line)
        last, gain = slope, line.gain
    return runs


def _value(problem: Problem, curve: Sequence[Segment], priced: Sequence[Bound], at: float) -> float:
    total = sum((problem.penalty * abs(bound.at) for bound in priced), 0.0)  # every priced bound is broken at u = 0
    for line in curve:
        total -= line.slope * max(min(line.hi, 0.0) - max(line.lo, at), 0.0)
        total += line.slope * max(min(line.hi, at) - max(line.lo, 0.0), 0.0)
    return total


def _touches_loss(problem: Problem, lots: Sequence[SaleLot], deepest: float) -> bool:
    """Whether selling this much takes part of a loss lot; where the order of lots is free, whether there is one."""
    if not is_ordered(problem.settings.lot_method):
        return any(lot.is_loss for lot in lots)
    sold = 0.0
    for lot in lots:
        if lot.is_loss and sold < deepest:
            return True
        sold += lot.weight
    return False


def _before_losses(lots: Sequence[SaleLot]) -> list[SaleLot]:
    first = next((k for k, lot in enumerate(lots) if lot.is_loss), len(lots))
    return list(lots[:first])


def _groups(problem: Problem) -> tuple[Indices, ...]:
    """Return columns of each wash-sale group with several names, in accounts where a loss has a tax meaning."""
    if not problem.snapshot.account.registration.is_taxable:
        return ()
    members: dict[str, list[int]] = {}
    for i, name in enumerate(problem.names):
        members.setdefault(name.security.group, []).append(i)
    return tuple(np.array(columns) for _, columns in sorted(members.items()) if len(columns) > 1)


def _rows_at_start(
    problem: Problem, pieces: Sequence[Piece], col: Indices, elastic: Sequence[tuple[int, float, float]]
) -> Array:
    idle = np.zeros(len(elastic))
    lo = np.array([piece.lo for piece in pieces])
    rows = []
    for row in problem.rows:
        up, down = np.concatenate([row.up, idle])[col], np.concatenate([row.down, idle])[col]
        at_start = up * np.maximum(lo, 0.0) + down * np.maximum(-lo, 0.0)
        rows.append(np.array([piece.gain for piece in pieces]) if row.by_lot_gain else at_start)
    return np.array(rows).reshape(len(problem.rows), len(pieces))


def _rates(
    problem: Problem, segments: Sequence[Segment], col: Indices, elastic: Sequence[tuple[int, float, float]]
) -> Array:
    idle = np.zeros(len(elastic))
    buying = np.array([segment.hi > 0 for segment in segments], dtype=bool)
    rates = np.zeros((len(problem.rows), len(segments)))
    for r, row in enumerate(problem.rows):
        up, down = np.concatenate([row.up, idle])[col], np.concatenate([row.down, idle])[col]
        rates[r] = np.where(buying, up, -down)
        if row.by_lot_gain:
            rates[r] = np.where(buying, 0.0, [-segment.gain for segment in segments])
    first = len(problem.names)
    for k, (r, sign, _) in enumerate(elastic):
        rates[r, col == first + k] = sign
    return rates
