"""What does each trade of one name cost? Its exact cost as convex pieces, side by side, not convex together.

A name's cost g(u) holds tax on what is sold, trading cost, tilt, breach penalty and its own specific risk. It is convex
on each piece: selling, buying, doing nothing, leaving altogether. A loss lot makes a concave kink between pieces, a
minimum trade size a hole, a lot method that does not follow tax another break. Choosing one piece for every name makes
the whole problem convex. Elastic rows (rules the account already breaks) are columns of their own with one piece.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from engine.domain.market import Array
from engine.plan.compiled import compiled
from engine.plan.frame import Frame
from engine.plan.prepared import Flags, Indices
from engine.plan.problem import Problem


@dataclass(frozen=True, kw_only=True)
class PieceTable:
    """All pieces of all columns, flat.

    Piece arrays (p,), ordered by column: col, lo, hi, value (specific risk included), buys, sells_loss, gains_only,
    trades and holds (1 where the piece is a trade, and a holding afterwards), st_at and lt_at (gains realised at lo).
    Segment arrays (j,), ordered by piece: piece, start, length, gradient at its start, st_gain and lt_gain per dollar
    sold, lot. bent_rates (bent, j): what a unit of u adds to each bent row along each segment; bent_at (bent, p): what
    the row comes to at each piece's lo. first_piece (columns + 1,), first_segment (p + 1,): where each column's pieces
    and each piece's segments begin. groups: columns of securities that are substantially identical to each other. order
    (lots,): the lots that may be sold, name by name, in their order of sale. gain_price (m,): the prices of rows that
    count gains at which that order is the cheapest, 0 for all others; None where no price decides the order.
    per_trade, per_name: what each trade, and each name held afterwards, is charged in the values. lo_rows and hi_rows
    (m,) are the frame's but where rows are lifted.
    """

    frame: Frame
    col: Indices
    lo: Array
    hi: Array
    value: Array
    buys: Flags
    sells_loss: Flags
    gains_only: Flags
    trades: Array
    holds: Array
    st_at: Array
    lt_at: Array
    piece: Indices
    start: Array
    length: Array
    gradient: Array
    st_gain: Array
    lt_gain: Array
    lot: Indices
    bent_rates: Array
    bent_at: Array
    first_piece: Indices
    first_segment: Indices
    groups: tuple[Indices, ...]
    order: Indices
    gain_price: Array | None
    per_trade: float
    per_name: float
    lo_rows: Array
    hi_rows: Array

    @property
    def columns(self) -> int:
        return self.frame.columns

    @property
    def exposures(self) -> Array:
        return self.frame.exposures

    @property
    def y0(self) -> Array:
        return self.frame.y0

    @property
    def is_gain_row(self) -> Flags:
        return self.frame.is_gain_row

    @cached_property
    def pieces_of(self) -> tuple[Indices, ...]:
        """Piece numbers of each column."""
        first = self.first_piece
        return tuple(np.arange(first[c], first[c + 1]) for c in range(self.columns))

    @cached_property
    def curvature(self) -> Array:
        """Curvature of each segment: (j,)."""
        return self.frame.bend[self.col[self.piece]]

    @cached_property
    def rates(self) -> Array:
        """What a unit of u adds to each row along each segment: (m, j)."""
        frame, rates = self.frame, np.empty((len(self.frame.st), len(self.piece)))
        rates[frame.straight] = frame.up[frame.straight][:, self.col[self.piece]]
        rates[frame.bent] = self.bent_rates
        return rates

    @cached_property
    def rows(self) -> Array:
        """What each row comes to at each piece's lo: (m, p)."""
        frame, rows = self.frame, np.empty((len(self.frame.st), len(self.col)))
        rows[frame.straight] = frame.up[frame.straight][:, self.col] * self.lo
        rows[frame.bent] = self.bent_at
        return rows

    @property
    def empty(self) -> tuple[int, ...]:
        """Columns that no trade can satisfy."""
        return tuple(np.flatnonzero(np.diff(self.first_piece) == 0).tolist())


def piece_table(
    problem: Problem,
    *,
    frame: Frame | None = None,
    prices: Array | None = None,
    per_trade: float = 0.0,
    per_name: float = 0.0,
) -> PieceTable:
    """Return the pieces of a problem.

    frame: where it is not the problem's own. prices (m,): of the rows, of which those that count gains decide in which
    order lots are sold; None for none. per_trade, per_name: charged for each trade, and for each name held afterwards.
    """
    p, settings = problem.prepared, problem.settings
    frame = frame or problem.frame
    gain_price = np.where(frame.is_gain_row, np.maximum(0.0 if prices is None else prices, 0.0), 0.0)
    by_gain = bool(frame.is_gain_row.any())
    raw = _build(
        p.held, p.shortfall, p.cost, p.alpha, frame.aversion * p.specific, p.impact, p.lo, p.hi, p.lo_gains_only,
        p.whole, p.must_exit, p.grouped, p.in_order, p.has_loss, p.hinge_first, p.hinge_at, p.hinge_upper, p.lot_first,
        p.lot_weight, settings.tax_weight * p.lot_tax, p.lot_st_gain, p.lot_lt_gain, p.lot_is_loss, p.lot_number,
        float(gain_price @ frame.st), float(gain_price @ frame.lt), per_trade, per_name, problem.min_trade,
        problem.penalty, by_gain, settings.max_trades is not None, settings.max_names is not None,
        frame.extra_lo, frame.extra_hi, frame.extra_price, frame.up, frame.down, frame.st, frame.lt, frame.bent,
    )  # fmt: skip
    (col, lo, hi, value, flags, trades, holds, st_at, lt_at, piece, start, length, gradient, st_gain, lt_gain, lot,
     bent_rates, bent_at, first_piece, first_segment, order) = raw  # fmt: skip
    return PieceTable(
        frame=frame,
        col=col,
        lo=lo,
        hi=hi,
        value=value,
        buys=flags[2],
        sells_loss=flags[0],
        gains_only=flags[1],
        trades=trades,
        holds=holds,
        st_at=st_at,
        lt_at=lt_at,
        piece=piece,
        start=start,
        length=length,
        gradient=gradient,
        st_gain=st_gain,
        lt_gain=lt_gain,
        lot=lot,
        bent_rates=bent_rates,
        bent_at=bent_at,
        first_piece=first_piece,
        first_segment=first_segment,
        groups=p.groups,
        order=order,
        gain_price=gain_price if by_gain and not bool(p.in_order.all()) else None,
        per_trade=per_trade,
        per_name=per_name,
        lo_rows=frame.lo_rows,
        hi_rows=frame.hi_rows,
    )


@compiled
def _build(  # noqa: C901  one pass over flat arrays
    held: Array,
    shortfall: Array,
    cost: Array,
    alpha: Array,
    delta: Array,
    impact: Array,
    lows: Array,
    highs: Array,
    lows_gains_only: Array,
    wholes: Array,
    must_exit: Flags,
    grouped: Flags,
    in_order: Flags,
    has_loss: Flags,
    hinge_first: Indices,
    hinge_at: Array,
    hinge_upper: Flags,
    lot_first: Indices,
    lot_weight: Array,
    lot_tax: Array,
    lot_st: Array,
    lot_lt: Array,
    lot_is_loss: Flags,
    lot_number: Indices,
    st_price: float,
    lt_price: float,
    per_trade: float,
    per_name: float,
    least: float,
    penalty: float,
    by_gain: bool,
    count_trades: bool,
    count_names: bool,
    extra_lo: Array,
    extra_hi: Array,
    extra_price: Array,
    up: Array,
    down: Array,
    st: Array,
    lt: Array,
    bent: Indices,
) -> tuple[Any, ...]:
    """Return piece and segment arrays of all names; see PieceTable for what each holds.

    A name of a wash-sale group of several gets its sell and buy sides apart, and a side that sells gains only, to be
    taken when another of the group is bought. Where the price of gains orders the lots, sides are apart too: the same
    pieces then come back at every price, which lets a search go on from one to the next. Where trades or names are
    counted, doing nothing and leaving altogether are pieces of their own. With a minimum trade, nothing is allowed
    between it and zero but a full exit.
    """
    n = len(held)
    most = 0
    for i in range(n):
        lots, hinges = lot_first[i + 1] - lot_first[i], hinge_first[i + 1] - hinge_first[i]
        most += 2 * (lots + 2 * hinges + 6)
    most += len(extra_lo)
    pieces, segments = most, most
    p_col, p_lo, p_hi = np.empty(pieces, np.intp), np.empty(pieces), np.empty(pieces)
    p_value, p_trades, p_holds = np.empty(pieces), np.empty(pieces), np.empty(pieces)
    p_st, p_lt = np.empty(pieces), np.empty(pieces)
    p_flags = np.zeros((3, pieces), np.bool_)
    s_piece, s_start, s_length, s_gradient = (
        np.empty(segments, np.intp), np.empty(segments), np.empty(segments), np.empty(segments))  # fmt: skip
    s_st, s_lt, s_lot = np.empty(segments), np.empty(segments), np.empty(segments, np.intp)
    order = np.empty(len(lot_weight), np.intp)
    priced = np.empty(len(lot_weight))
    for k in range(len(lot_weight)):
        priced[k] = lot_tax[k] + st_price * lot_st[k] + lt_price * lot_lt[k]
        order[k] = k
    room = 8
    for i in range(n):
        room = max(room, 2 * (lot_first[i + 1] - lot_first[i] + 2 * (hinge_first[i + 1] - hinge_first[i]) + 4))
    c_lo, c_hi, c_slope = np.empty(room), np.empty(room), np.empty(room)
    c_st, c_lt, c_lot = np.empty(room), np.empty(room), np.empty(room, np.intp)
    t_lo, t_hi, t_slope = np.empty(room), np.empty(room), np.empty(room)
    t_st, t_lt, t_lot = np.empty(room), np.empty(room), np.empty(room, np.intp)
    gaps = np.empty((5, 2))
    np_, ns = 0, 0
    for i in range(n):
        first, last = lot_first[i], lot_first[i + 1]
        reorders = by_gain and not in_order[i]
        if not in_order[i]:
            for k in range(first + 1, last):  # insertion sort: stable, and lots come nearly in order
                entry = order[k]
                at = k - 1
                while at >= first and priced[order[at]] > priced[entry]:
                    order[at + 1] = order[at]
                    at -= 1
                order[at + 1] = entry
        sold_loss = False
        for gains_only in range(2):
            if gains_only and not (grouped[i] and not must_exit[i] and sold_loss):
                break
            # The curve over all of u, ascending: the lot that is sold last comes first, buying comes last.
            count, sold = 0, 0.0
            for k in range(first, last):
                entry = order[k]
                if gains_only and lot_is_loss[entry]:
                    if in_order[i]:
                        break
                    continue
                c_lo[count], c_hi[count] = -(sold + lot_weight[entry]), -sold
                c_slope[count] = -lot_tax[entry] - cost[i] - alpha[i]
                c_st[count], c_lt[count], c_lot[count] = lot_st[entry], lot_lt[entry], entry
                sold += lot_weight[entry]
                count += 1
            for k in range(count // 2):
                j = count - 1 - k
                c_lo[k], c_lo[j] = c_lo[j], c_lo[k]
                c_hi[k], c_hi[j] = c_hi[j], c_hi[k]
                c_slope[k], c_slope[j] = c_slope[j], c_slope[k]
                c_st[k], c_st[j] = c_st[j], c_st[k]
                c_lt[k], c_lt[j] = c_lt[j], c_lt[k]
                c_lot[k], c_lot[j] = c_lot[j], c_lot[k]
            c_lo[count], c_hi[count] = 0.0, max(1.0, 1.0 - held[i])
            c_slope[count] = cost[i] - alpha[i]
            c_st[count], c_lt[count], c_lot[count] = 0.0, 0.0, -1
            count += 1
            breach = 0.0
            for h in range(hinge_first[i], hinge_first[i + 1]):
                at, upper = hinge_at[h], hinge_upper[h]
                breach += penalty * abs(at)
                cut = 0
                for k in range(count):
                    inner = min(max(at, c_lo[k]), c_hi[k])
                    for side in range(2):
                        low = c_lo[k] if side == 0 else inner
                        high = inner if side == 0 else c_hi[k]
                        if high > low:
                            beyond = low >= at if upper else high <= at
                            t_lo[cut], t_hi[cut] = low, high
                            t_slope[cut] = c_slope[k] + ((penalty if upper else -penalty) if beyond else 0.0)
                            t_st[cut], t_lt[cut], t_lot[cut] = c_st[k], c_lt[k], c_lot[k]
                            cut += 1
                count = cut
                for k in range(count):
                    c_lo[k], c_hi[k], c_slope[k] = t_lo[k], t_hi[k], t_slope[k]
                    c_st[k], c_lt[k], c_lot[k] = t_st[k], t_lt[k], t_lot[k]
            # Where trades are allowed.
            low, high = (lows_gains_only[i] if gains_only else lows[i]), highs[i]
            whole = wholes[i]
            stretches = 0
            if low <= high:
                if must_exit[i] or (least == 0 and not (grouped[i] or reorders or count_trades or count_names)):
                    gaps[0, 0], gaps[0, 1] = low, high
                    stretches = 1
                else:
                    counted = count_trades or count_names
                    if not gains_only and whole > 0 and low <= -whole and (whole < least or count_names):
                        gaps[stretches, 0], gaps[stretches, 1] = -whole, -whole
                        stretches += 1
                    if low <= -least and min(high, -least) >= low and (low < 0 or not counted):
                        gaps[stretches, 0], gaps[stretches, 1] = low, min(high, -least)
                        stretches += 1
                    if low <= 0 <= high and (least > 0 or counted):
                        gaps[stretches, 0], gaps[stretches, 1] = 0.0, 0.0
                        stretches += 1
                    if high >= least and high >= max(low, least) and (high > 0 or not counted):
                        gaps[stretches, 0], gaps[stretches, 1] = max(low, least), high
                        stretches += 1
            for stretch in range(stretches):
                left, right = gaps[stretch, 0], gaps[stretch, 1]
                if gains_only and left >= 0:
                    continue
                opened, slope_before, lot_before = False, -np.inf, -2
                k = 0
                while k <= count:
                    is_end = k == count
                    take = not is_end and min(c_hi[k], right) > max(c_lo[k], left)
                    if not take and not (is_end and not opened):
                        k += 1
                        continue
                    start = left if is_end else max(c_lo[k], left)
                    folded = 0.0
                    if take:
                        folded = c_slope[k] - st_price * c_st[k] - lt_price * c_lt[k]
                    breaks = (
                        take
                        and opened
                        and (folded < slope_before - 1e-15 or (by_gain and in_order[i] and c_lot[k] != lot_before))
                    )
                    if not opened or breaks:
                        opened = True
                        p_col[np_], p_lo[np_], p_hi[np_] = i, start, start
                        value = breach + delta[i] * (start - shortfall[i]) ** 2 + impact[i] * start * start
                        st_at, lt_at = 0.0, 0.0
                        for c in range(count):
                            value -= c_slope[c] * max(min(c_hi[c], 0.0) - max(c_lo[c], start), 0.0)
                            value += c_slope[c] * max(min(c_hi[c], start) - max(c_lo[c], 0.0), 0.0)
                            part = max(min(c_hi[c], 0.0) - max(c_lo[c], start), 0.0)
                            st_at += c_st[c] * part
                            lt_at += c_lt[c] * part
                        is_trade = not (left == 0.0 and right == 0.0)
                        is_exit = left == right and whole > 0 and left == -whole
                        is_held = held[i] > 0 and not is_exit and not (must_exit[i] and whole > 0)
                        is_held = is_held or (is_trade and right > 0)
                        p_trades[np_], p_holds[np_] = (1.0 if is_trade else 0.0), (1.0 if is_held else 0.0)
                        p_value[np_] = value + per_trade * p_trades[np_] + per_name * p_holds[np_]
                        p_st[np_], p_lt[np_] = st_at, lt_at
                        loses = False
                        if start < 0 and not gains_only:
                            if not in_order[i]:
                                loses = has_loss[i]
                            else:
                                deep = 0.0
                                for lot in range(first, last):
                                    if lot_is_loss[lot] and deep < -start:
                                        loses = True
                                    deep += lot_weight[lot]
                        p_flags[0, np_], p_flags[1, np_] = loses, gains_only == 1
                        sold_loss = sold_loss or loses
                        np_ += 1
                    if take:
                        end = min(c_hi[k], right)
                        s_piece[ns], s_start[ns], s_length[ns] = np_ - 1, start, end - start
                        s_gradient[ns] = c_slope[k] + 2.0 * delta[i] * (start - shortfall[i]) + 2.0 * impact[i] * start
                        s_st[ns], s_lt[ns] = c_st[k], c_lt[k]
                        s_lot[ns] = lot_number[c_lot[k]] if c_lot[k] >= 0 else -1
                        ns += 1
                        p_hi[np_ - 1] = end
                        slope_before, lot_before = folded, c_lot[k]
                    k += 1
    for e in range(len(extra_lo)):
        p_col[np_], p_lo[np_], p_hi[np_], p_value[np_] = n + e, extra_lo[e], extra_hi[e], extra_price[e] * extra_lo[e]
        p_trades[np_], p_holds[np_], p_st[np_], p_lt[np_] = 0.0, 0.0, 0.0, 0.0
        s_piece[ns], s_start[ns], s_length[ns] = np_, extra_lo[e], extra_hi[e] - extra_lo[e]
        s_gradient[ns], s_st[ns], s_lt[ns], s_lot[ns] = extra_price[e], 0.0, 0.0, -1
        np_ += 1
        ns += 1
    columns = n + len(extra_lo)
    first_piece, first_segment = np.zeros(columns + 1, np.intp), np.zeros(np_ + 1, np.intp)
    for p in range(np_):
        first_piece[p_col[p] + 1] += 1
        p_flags[2, p] = p_hi[p] > 0.0 and p_col[p] < n
    for c in range(columns):
        first_piece[c + 1] += first_piece[c]
    for j in range(ns):
        first_segment[s_piece[j] + 1] += 1
    for p in range(np_):
        first_segment[p + 1] += first_segment[p]
    bent_rates, bent_at = np.empty((len(bent), ns)), np.empty((len(bent), np_))
    for b in range(len(bent)):
        r = bent[b]
        for j in range(ns):
            c = p_col[s_piece[j]]
            rate = up[r, c] if s_start[j] >= 0.0 else -down[r, c]
            bent_rates[b, j] = rate - st[r] * s_st[j] - lt[r] * s_lt[j]
        for p in range(np_):
            linear = up[r, p_col[p]] * max(p_lo[p], 0.0) - down[r, p_col[p]] * min(p_lo[p], 0.0)
            bent_at[b, p] = linear + st[r] * p_st[p] + lt[r] * p_lt[p]
    return (
        p_col[:np_].copy(), p_lo[:np_].copy(), p_hi[:np_].copy(), p_value[:np_].copy(), p_flags[:, :np_].copy(),
        p_trades[:np_].copy(), p_holds[:np_].copy(), p_st[:np_].copy(), p_lt[:np_].copy(),
        s_piece[:ns].copy(), s_start[:ns].copy(), s_length[:ns].copy(), s_gradient[:ns].copy(),
        s_st[:ns].copy(), s_lt[:ns].copy(), s_lot[:ns].copy(), bent_rates, bent_at, first_piece, first_segment, order,
    )  # fmt: skip
