"""What would the next share of each name cost, and which is the best to trade? The compiled search for whole shares.

Positions are whole numbers of lot sizes, or a full exit that takes a fraction along. Candidate c is name c % n: one
step down for c < n, one step up for the others. All orders and ties are fixed: the same input takes the same steps.
"""

from typing import Final, NamedTuple

import numpy as np

from engine.domain.market import Array
from engine.plan.compiled import compiled
from engine.plan.prepared import Flags, Indices

SLACK: Final = 1e-10  # how far a row may stand beyond its limit
_STEPS_PER_NAME: Final = 6
_FIRST_OF_PAIR: Final = 24
_WORTH_A_STEP: Final = 1e-10  # 1e-6 bp
_ST, _LT, _VARIANCE = 0, 1, 2  # places in Shares.totals
_HAS_NETTING, _YEAR_ST, _YEAR_LT, _ALLOWANCE, _ST_RATE, _LT_RATE, _CARRIED, _WEIGHT = range(8)  # places in netting


class Shares(NamedTuple):
    """Where each name stands, and everything that its next share depends on. Weights are fractions of V.

    Names (n,): step, weight of one lot size; leaving, weight of the whole holding where it is no multiple of that and
    may all be sold, else 0; whole_steps, lot sizes in it; low, high: fewest and most steps, signed, on its piece;
    shortfall, specific, cost, alpha, impact, bend = |L_i|^2. Hinges and lots of name i: first[i] to first[i + 1];
    lot_tax with the tax weight in, lot_st and lot_lt the gains that count. Rows: up, down (n, m); st, lt, lo, hi,
    below, above (m,), of which what lies within below or above is priced. loadings (n, k). limit: of the tracking
    error. netting: the year so far, as _HAS_NETTING and its neighbours number it.
    State: at (n,) steps, has_left (n,), weight, own cost, st, lt (n,); next_* (2 n,) the candidates; rows (m,), totals,
    factor = L'd (k,), pull = L factor (n,).
    """

    aversion: float
    penalty: float
    limit: float
    netting: Array
    step: Array
    leaving: Array
    whole_steps: Indices
    low: Indices
    high: Indices
    shortfall: Array
    specific: Array
    cost: Array
    alpha: Array
    impact: Array
    bend: Array
    hinge_first: Indices
    hinge_at: Array
    hinge_upper: Flags
    lot_first: Indices
    lot_weight: Array
    lot_tax: Array
    lot_st: Array
    lot_lt: Array
    up: Array
    down: Array
    row_st: Array
    row_lt: Array
    lo: Array
    hi: Array
    below: Array
    above: Array
    loadings: Array
    at: Indices
    has_left: Flags
    weight: Array
    own: Array
    st: Array
    lt: Array
    next_at: Indices
    next_left: Flags
    next_open: Flags
    next_weight: Array
    next_own: Array
    next_st: Array
    next_lt: Array
    rows: Array
    totals: Array
    factor: Array
    pull: Array


@compiled
def start(book: Shares) -> None:
    """Fill in everything that follows from where the names stand."""
    n, m, k = len(book.at), len(book.lo), len(book.factor)
    book.rows[:] = 0.0
    book.totals[:] = 0.0
    book.factor[:] = 0.0
    for i in range(n):
        book.weight[i] = -book.leaving[i] if book.has_left[i] else book.at[i] * book.step[i]
        book.own[i], book.st[i], book.lt[i] = _own(book, i, book.weight[i])
        u = book.weight[i]
        active = u - book.shortfall[i]
        for r in range(m):
            book.rows[r] += book.up[i, r] * max(u, 0.0) + book.down[i, r] * max(-u, 0.0)
            book.rows[r] += book.row_st[r] * book.st[i] + book.row_lt[r] * book.lt[i]
        for f in range(k):
            book.factor[f] += book.loadings[i, f] * active
        book.totals[_ST] += book.st[i]
        book.totals[_LT] += book.lt[i]
        book.totals[_VARIANCE] += book.specific[i] * active * active
        _look(book, i)
    book.totals[_VARIANCE] += np.dot(book.factor, book.factor)
    book.pull[:] = np.dot(book.loadings, book.factor)


@compiled
def repair(book: Shares) -> float:
    """Take the cheapest share per unit of violation removed, or pair of shares, until every rule is obeyed.

    Returns the violation that is left.
    """
    n = len(book.at)
    violation, cost, change = 0.0, np.empty(2 * n), np.empty(2 * n)
    later, added = np.empty(2 * n), np.empty(2 * n)
    for _ in range(_STEPS_PER_NAME * n):
        violation, best, cheapest = judge(book, cost, change), -1, np.inf
        if violation <= SLACK:
            return violation
        for c in range(2 * n):
            if change[c] < -SLACK and cost[c] / -change[c] < cheapest:
                best, cheapest = c, cost[c] / -change[c]
        if best >= 0:
            take(book, best)
            continue
        first, second, most = -1, -1, -SLACK
        for a in np.argsort(change, kind="mergesort")[:_FIRST_OF_PAIR]:
            if not book.next_open[a]:
                continue
            before = _lend(book, a)
            _look_over(book, a % n, np.inf, np.inf, later, added)
            _return(book, a, before)
            for b in range(2 * n):
                if change[a] + added[b] < most:
                    first, second, most = a, b, change[a] + added[b]
        if first < 0:
            return violation
        take(book, first)
        take(book, second)
    return judge(book, cost, change)


@compiled
def improve(book: Shares) -> None:
    """Take the share that lowers the objective most, or pair of shares, while one does without breaking a rule."""
    n = len(book.at)
    cost, change = np.empty(2 * n), np.empty(2 * n)
    later, added = np.empty(2 * n), np.empty(2 * n)
    for _ in range(_STEPS_PER_NAME * n):
        violation, best, least = judge(book, cost, change), -1, -_WORTH_A_STEP
        for c in range(2 * n):
            if change[c] <= SLACK / 100 and cost[c] < least:
                best, least = c, cost[c]
        if best >= 0:
            take(book, best)
            continue
        first, second, most = -1, -1, -_WORTH_A_STEP
        for a in np.argsort(cost, kind="mergesort")[:_FIRST_OF_PAIR]:
            if not book.next_open[a]:
                continue
            before = _lend(book, a)
            _, b, extra = _look_over(book, a % n, most - cost[a], violation + SLACK / 100, later, added)
            _return(book, a, before)
            if b >= 0:
                first, second, most = a, b, cost[a] + extra
        if first < 0:
            return
        take(book, first)
        take(book, second)


@compiled
def judge(book: Shares, cost: Array, change: Array) -> float:
    """Return the violation, and write what each candidate adds to the objective and to it; inf for a closed one."""
    return _look_over(book, -1, np.inf, np.inf, cost, change)[0]


@compiled
def _look_over(
    book: Shares, other: int, below: float, allowed: float, cost: Array, change: Array
) -> tuple[float, int, float]:
    """Return the violation, and the candidate that costs least, less than below, with at most the allowed violation.

    Writes what each candidate adds to the objective and to the violation; inf for closed ones, those of the other name,
    and where below is finite those that cannot be the one.
    """
    n, m, aversion, penalty = len(book.at), len(book.rows), book.aversion, book.penalty
    rows, lo, hi, priced_below, priced_above = book.rows, book.lo, book.hi, book.below, book.above
    up, down, row_st, row_lt = book.up, book.down, book.row_st, book.row_lt
    weight, pull, bend, specific, shortfall = book.weight, book.pull, book.bend, book.specific, book.shortfall
    netted, limited = book.netting[_HAS_NETTING] != 0.0, book.limit < np.inf
    row_priced, row_broken, priced, broken = np.zeros(m), np.zeros(m), 0.0, 0.0
    for r in range(m):
        over, under = max(rows[r] - hi[r], 0.0), max(lo[r] - rows[r], 0.0)
        row_priced[r] = min(over, priced_above[r]) + min(under, priced_below[r])
        row_broken[r] = max(over - priced_above[r], 0.0) + max(under - priced_below[r], 0.0)
        priced += row_priced[r]
        broken += row_broken[r]
    tracking = max(np.sqrt(max(book.totals[_VARIANCE], 0.0)) - book.limit, 0.0)
    broken += tracking
    tax = 0.0
    if netted:
        tax = _netted(book.netting, book.totals[_ST], book.totals[_LT])
    searching, best, least = below < np.inf, -1, below
    for c in range(2 * n):
        i = c if c < n else c - n
        cost[c], change[c] = np.inf, np.inf
        if not book.next_open[c] or i == other:
            continue
        was, u = weight[i], book.next_weight[c]
        step, st, lt = u - was, book.next_st[c] - book.st[i], book.next_lt[c] - book.lt[i]
        adds = book.next_own[c] - book.own[i] + aversion * (2.0 * pull[i] + bend[i] * step) * step
        if netted and (st != 0.0 or lt != 0.0):
            adds += _netted(book.netting, book.totals[_ST] + st, book.totals[_LT] + lt) - tax
        if searching and adds - penalty * priced >= least:  # at best it saves all that is paid for breaches now
            continue
        bought, sold = max(u, 0.0) - max(was, 0.0), max(-u, 0.0) - max(-was, 0.0)
        breaks = 0.0
        for r in range(m):
            moves = up[i, r] * bought + down[i, r] * sold + row_st[r] * st + row_lt[r] * lt
            if moves != 0.0:
                over, under = max(rows[r] + moves - hi[r], 0.0), max(lo[r] - rows[r] - moves, 0.0)
                adds += penalty * (min(over, priced_above[r]) + min(under, priced_below[r]) - row_priced[r])
                breaks += max(over - priced_above[r], 0.0) + max(under - priced_below[r], 0.0) - row_broken[r]
        if limited:
            active = was - shortfall[i]
            bends = (2.0 * (pull[i] + specific[i] * active) + (bend[i] + specific[i]) * step) * step
            breaks += max(np.sqrt(max(book.totals[_VARIANCE] + bends, 0.0)) - book.limit, 0.0) - tracking
        cost[c], change[c] = adds, breaks
        if adds < least and broken + breaks <= allowed:
            best = c
            if searching:
                least = adds
    return broken, best, least


@compiled
def take(book: Shares, c: int) -> None:
    """Move a candidate's name to where the candidate stands."""
    i = c % len(book.at)
    _shift(book, i, book.next_weight[c], book.next_st[c], book.next_lt[c])
    book.at[i], book.has_left[i], book.own[i] = book.next_at[c], book.next_left[c], book.next_own[c]
    _look(book, i)


@compiled
def _lend(book: Shares, c: int) -> tuple[float, float, float, Array, Array, Array, Array]:
    """Move a name as candidate c would, but for its own cost and candidates; return how all stood before."""
    i = c % len(book.at)
    totals, rows, factor, pull = book.totals.copy(), book.rows.copy(), book.factor.copy(), book.pull.copy()
    before = book.weight[i], book.st[i], book.lt[i], totals, rows, factor, pull
    _shift(book, i, book.next_weight[c], book.next_st[c], book.next_lt[c])
    return before


@compiled
def _return(book: Shares, c: int, before: tuple[float, float, float, Array, Array, Array, Array]) -> None:
    """Undo what was lent, to the last digit."""
    i = c % len(book.at)
    book.weight[i], book.st[i], book.lt[i], totals, rows, factor, pull = before
    book.totals[:], book.rows[:], book.factor[:], book.pull[:] = totals, rows, factor, pull


@compiled
def _shift(book: Shares, i: int, u: float, st: float, lt: float) -> None:
    """Let name i stand at weight u with these gains, in the rows, the totals and the risk."""
    was, active = book.weight[i], book.weight[i] - book.shortfall[i]
    bought, sold = max(u, 0.0) - max(was, 0.0), max(-u, 0.0) - max(-was, 0.0)
    more_st, more_lt, step = st - book.st[i], lt - book.lt[i], u - was
    for r in range(len(book.rows)):
        book.rows[r] += book.up[i, r] * bought + book.down[i, r] * sold
        book.rows[r] += book.row_st[r] * more_st + book.row_lt[r] * more_lt
    book.totals[_ST] += more_st
    book.totals[_LT] += more_lt
    slope = 2.0 * (book.pull[i] + book.specific[i] * active)
    book.totals[_VARIANCE] += (slope + (book.bend[i] + book.specific[i]) * step) * step
    for f in range(len(book.factor)):
        book.factor[f] += book.loadings[i, f] * step
    book.pull[:] = np.dot(book.loadings, book.factor)
    book.weight[i], book.st[i], book.lt[i] = u, st, lt


@compiled
def _own(book: Shares, i: int, u: float) -> tuple[float, float, float]:
    """Return a name's own cost at weight u (specific risk, tax, cost, impact, tilt, broken bounds) and its gains."""
    active = u - book.shortfall[i]
    cost = book.aversion * book.specific[i] * active * active + book.cost[i] * abs(u) - book.alpha[i] * u
    cost += book.impact[i] * u * u
    st, lt, left = 0.0, 0.0, -u
    for j in range(book.lot_first[i], book.lot_first[i + 1]):
        if left <= 0.0:
            break
        part = min(left, book.lot_weight[j])
        cost += book.lot_tax[j] * part
        st += book.lot_st[j] * part
        lt += book.lot_lt[j] * part
        left -= part
    for j in range(book.hinge_first[i], book.hinge_first[i + 1]):
        over = u - book.hinge_at[j] if book.hinge_upper[j] else book.hinge_at[j] - u
        cost += book.penalty * max(over, 0.0)
    return cost, st, lt


@compiled
def _look(book: Shares, i: int) -> None:
    """Find the next tradable position below and above a name's present one."""
    n, at = len(book.at), book.at[i]
    for direction in range(2):
        c = direction * n + i
        left = False
        if book.has_left[i]:
            there = -book.whole_steps[i]
            is_open = direction == 1 and there <= book.high[i] and there >= book.low[i]
        else:
            there = at + 1 if direction == 1 else at - 1
            is_open = book.low[i] <= there <= book.high[i]
            if direction == 0 and book.leaving[i] > 0.0 and at == -book.whole_steps[i]:
                left, is_open = True, True
        book.next_at[c], book.next_left[c], book.next_open[c] = there, left, is_open
        if is_open:
            u = -book.leaving[i] if left else there * book.step[i]
            book.next_weight[c] = u
            book.next_own[c], book.next_st[c], book.next_lt[c] = _own(book, i, u)
        else:
            book.next_weight[c], book.next_own[c] = book.weight[i], book.own[i]
            book.next_st[c], book.next_lt[c] = book.st[i], book.lt[i]


@compiled
def _netted(year: Array, st: float, lt: float) -> float:
    """Return the tax of the year with these net gains of the plan, weighed. It is engine/tax/netting.py in floats."""
    s, long = year[_YEAR_ST] + st, year[_YEAR_LT] + lt
    if s * long < 0.0:
        crossed = min(abs(s), abs(long)) if s > 0.0 else -min(abs(s), abs(long))
        s, long = s - crossed, long + crossed
    st_loss, lt_loss = max(-s, 0.0), max(-long, 0.0)
    deducted_st = min(st_loss, year[_ALLOWANCE])
    deducted_lt = min(lt_loss, year[_ALLOWANCE] - deducted_st)
    carried = (st_loss - deducted_st) * year[_ST_RATE] + (lt_loss - deducted_lt) * year[_LT_RATE]
    tax = max(s, 0.0) * year[_ST_RATE] + max(long, 0.0) * year[_LT_RATE]
    tax -= (deducted_st + deducted_lt) * year[_ST_RATE] + year[_CARRIED] * carried
    return float(year[_WEIGHT] * tax)
