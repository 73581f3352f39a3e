"""Which side does each name take? The one nearest to its relaxed trade, and the exact problem on these sides."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.certificate import certify, group_modes
from engine.plan.compiled import compiled
from engine.plan.convex import Solution, exact_optimum, relaxed_optimum
from engine.plan.envelope import Chains, chosen_chains
from engine.plan.lot_mix import mixed_lots, sold_in_order
from engine.plan.pieces import PieceTable
from engine.plan.prepared import Indices
from engine.plan.problem import Problem
from engine.plan.relaxation import Relaxation, reordered
from engine.plan.sale_order import Orders
from engine.plan.tied_lots import tied_lots

ON_ARC: Final = 1e-9  # weights closer than this are the same
_SAME_PRICE: Final = 1e-9
_SAME_WEIGHT: Final = 1e-12
_NO_PRICE: Final = 1e-6
_OUT_OF_REACH: Final = 1e-6  # more slack than this is more than tolerance: no order of lots obeys the rows
_ORDERS: Final = 3  # of lots, tried one after the other


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The best fractional plan and the bound on all plans, in fractions of V.

    trade u and pieces (columns,); solution: the exact problem's prices on those pieces; table: what they refer to.
    sold (lots,): weight sold of each lot, in the order of problem.prepared; None where each lot is sold out before the
    next. term_price (n,): what the firm's own convex terms make a unit of weight cost at the margin; rule_price: what a
    unit of room in each of their constraints would save. None without such terms.
    """

    table: PieceTable
    pieces: Indices
    trade: Array
    sold: Array | None
    objective: float
    bound: float
    solution: Solution
    nodes: int
    fallback: bool
    term_price: Array | None = None
    rule_price: Array | None = None

    def orders(self, problem: Problem) -> Orders:
        """Return each name's lots in the order in which they are sold."""
        return Orders(problem, self.table, self.pieces, self.sold)

    def realised(self, problem: Problem) -> tuple[float, float]:
        """Return the short-term and the long-term gain that counts, fractions of V."""
        p, table = problem.prepared, self.table
        if self.sold is not None:
            return float(self.sold @ p.lot_st_gain), float(self.sold @ p.lot_lt_gain)
        on = np.zeros(len(table.col), dtype=bool)
        on[self.pieces] = True
        filled = np.clip(self.trade[table.col[table.piece]] - table.start, 0.0, table.length)
        step = np.where(on[table.piece], filled, 0.0)
        st = float(table.st_at[self.pieces].sum() - table.st_gain @ step)
        return st, float(table.lt_at[self.pieces].sum() - table.lt_gain @ step)


def rounded(problem: Problem, node: Relaxation) -> Found | None:
    """Solve the exact problem on the pieces nearest to the relaxed trade; None where those pieces cannot do."""
    pieces = _nearest_sides(node)
    return None if pieces is None else on_pieces(problem, node, pieces)


def rounded_in_order(problem: Problem, node: Relaxation) -> Found | None:
    """Return the same, but None too where no order of lots at hand is the right one: the price of gains is far off."""
    pieces = _nearest_sides(node)
    found = None if pieces is None else _in_order(problem, _ordered(problem, node), pieces, node.solution)
    return found and _bounded(node, found)


def _nearest_sides(node: Relaxation) -> Indices | None:
    pieces = nearest_pieces(node.chains, node.solution.trade)
    for group in clashes(node.table, pieces, None):
        picks = _group_pieces(node, group)
        if picks is None:
            return None
        pieces[group] = picks
    return pieces


def on_pieces(problem: Problem, node: Relaxation, pieces: Indices) -> Found | None:
    """Return the exact problem's optimum on one piece for each column; None where no trade there obeys the rows."""
    found = on_table(problem, _ordered(problem, node), pieces, near=node.solution)
    return found and _bounded(node, found)


def _ordered(problem: Problem, node: Relaxation) -> PieceTable:
    return reordered(problem, node.table, node.solution.row_price)


def _bounded(node: Relaxation, found: Found) -> Found:
    return replace(found, bound=node.certificate.bound, fallback=node.solution.fallback or found.fallback)


def on_table(problem: Problem, table: PieceTable, pieces: Indices, *, near: Solution) -> Found | None:
    """Return the same from a table of pieces, without a bound. near: a solution whose prices are nearly right.

    Where gains have a price, lots are put in the order that the plan's own price asks for until it asks for no other.
    Orders that take turns are left so: see with_lots_mixed.
    """
    best = _in_order(problem, table, pieces, near)
    if best is None and table.gain_price is not None:
        loose = relaxed_optimum(table, chosen_chains(table, pieces))
        if loose.slack <= _OUT_OF_REACH:
            best = on_tied_lots(problem, table, pieces, loose) or _mixed(problem, table, pieces)
    return best


def _in_order(problem: Problem, table: PieceTable, pieces: Indices, near: Solution) -> Found | None:
    """Return the best plan in the table's order of lots, or those that the plans' prices ask for."""
    best = None
    for _ in range(_ORDERS):
        exact = exact_optimum(table, chosen_chains(table, pieces), near=_settled(table, near))
        if exact is None:
            break
        value = objective(table, pieces, exact.trade)
        if best is None or value < best.objective:
            best = _found(table, pieces, exact, value, None)
        if table.gain_price is None:
            break
        before, table, near = table, reordered(problem, table, exact.row_price), exact
        if sells_the_same(problem, before, table, pieces, exact.trade):
            return _found(table, pieces, exact, value, None)
    return best


def _settled(table: PieceTable, near: Solution) -> Solution:
    """Return the solution without the prices of gains that an interior point gives to rows that do not bind."""
    noise = table.is_gain_row & (np.abs(near.row_price) < _NO_PRICE)
    return replace(near, row_price=np.where(noise, 0.0, near.row_price)) if noise.any() else near


def sells_the_same(problem: Problem, left: PieceTable, right: PieceTable, pieces: Indices, trade: Array) -> bool:
    """Whether two orders of lots sell the same weight of every lot."""
    if (left.order == right.order).all():
        return True
    sold, other = (sold_in_order(problem, table, pieces, trade) for table in (left, right))
    return bool((np.abs(sold - other) <= _SAME_WEIGHT).all())


def with_lots_mixed(problem: Problem, node: Relaxation, found: Found, *, below: float = np.inf) -> Found:
    """Return the plan on the same pieces with lots sold in the best mix, or the plan itself where that is as good.

    below: an objective that the mix must be able to beat, or it is not worth the time.
    """
    if agrees(found) or _least_on_sides(found) >= below:
        return found
    mixed = on_tied_lots(problem, found.table, found.pieces, found.solution)
    mixed = mixed or _mixed(problem, found.table, found.pieces)
    if mixed is None or mixed.objective >= found.objective:
        return found
    return replace(mixed, bound=node.certificate.bound, fallback=found.fallback)


def _least_on_sides(found: Found) -> float:
    """Return a bound on all plans on a plan's own pieces, at its prices."""
    allowed, prices = np.zeros(len(found.table.col), dtype=bool), found.solution
    allowed[found.pieces] = True
    return certify(found.table, allowed, factor_price=prices.factor_price, row_price=prices.row_price).bound


def on_tied_lots(problem: Problem, table: PieceTable, pieces: Indices, near: Solution) -> Found | None:
    """Return the plan on these pieces with lots that tie sold in part; None where that does not come to an end."""
    tied = tied_lots(problem, table, pieces, near)
    if tied is None:
        return None
    table, exact, sold = tied
    other = sold - sold_in_order(problem, table, pieces, exact.trade)
    taxes = problem.settings.tax_weight * float(problem.prepared.lot_tax @ other)
    sold = np.clip(sold, 0.0, problem.prepared.lot_weight)
    return _found(table, pieces, exact, objective(table, pieces, exact.trade) + taxes, sold)


def agrees(found: Found) -> bool:
    """Whether the plan's price of gains is the one that orders its lots: if not, another order or a mix is better."""
    price = found.table.gain_price
    if price is None or found.sold is not None:
        return True
    return bool((np.abs(found.solution.row_price - price)[found.table.is_gain_row] <= _SAME_PRICE).all())


def within_tracking_error(problem: Problem, table: PieceTable, pieces: Indices, limit: float) -> Found | None:
    """Return the optimum on one piece for each column with a tracking error within the limit, annual."""
    return _mixed(problem, table, pieces, tracking_error=limit)


def _mixed(
    problem: Problem, table: PieceTable, pieces: Indices, *, tracking_error: float | None = None
) -> Found | None:
    mix = mixed_lots(problem, table, pieces, tracking_error=tracking_error)
    if mix is None:
        return None
    solution = Solution(
        trade=mix.trade, rows=mix.rows, factor_price=mix.factor_price, row_price=mix.row_price, slack=0.0
    )
    return _found(table, pieces, solution, mix.cost, mix.sold)


def _found(table: PieceTable, pieces: Indices, exact: Solution, value: float, sold: Array | None) -> Found:
    return Found(
        table=table,
        pieces=pieces,
        trade=exact.trade,
        sold=sold,
        objective=value,
        bound=-np.inf,
        solution=exact,
        nodes=1,
        fallback=exact.fallback,
    )


def nearest_pieces(chains: Chains, trade: Array) -> Indices:
    """Return for each column the piece whose stretch of the envelope is nearest to the trade, the first of equals."""
    return _nearest(chains.arc_col, chains.arc_piece, chains.arc_lo, chains.arc_hi, trade)


@compiled
def _nearest(arc_col: Indices, arc_piece: Indices, arc_lo: Array, arc_hi: Array, trade: Array) -> Indices:
    chosen, closest = np.zeros(len(trade), np.intp), np.full(len(trade), np.inf)
    for a in range(len(arc_col)):
        c = arc_col[a]
        away = max(arc_lo[a] - trade[c], trade[c] - arc_hi[a], 0.0)
        if away < closest[c]:
            closest[c], chosen[c] = away, arc_piece[a]
    return chosen


def clashes(table: PieceTable, pieces: Indices, trade: Array | None) -> Iterator[Indices]:
    """Return the groups that these pieces let both buy and sell at a loss; with trades, those that really do both."""
    for group in table.groups:
        chosen = pieces[group]
        moves = np.full(len(group), True) if trade is None else np.abs(trade[group]) > ON_ARC
        buys = table.buys[chosen] & moves & (trade is None or trade[group] > 0)
        if buys.any() and (table.sells_loss[chosen] & moves).any():
            yield group


def _group_pieces(node: Relaxation, group: Indices) -> Indices | None:
    """Return the group's pieces in the mode that is cheaper at the present prices; None where neither can do."""
    table, lowest = node.table, node.certificate.lowest
    ranked = []
    for mode in group_modes(table):
        usable = [[int(p) for p in table.pieces_of[c] if node.allowed[p] and mode[p]] for c in group]
        if all(usable):
            picks = [min(own, key=lambda p: (lowest[p], p)) for own in usable]
            ranked.append((float(lowest[picks].sum()), picks))
    return np.array(min(ranked)[1]) if ranked else None


def objective(table: PieceTable, pieces: Indices, trade: Array) -> float:
    """Return the exact objective of trades that lie on the given pieces, each name's lots in their order."""
    y = table.y0 + trade @ table.exposures[: table.columns]
    costs = _costs(
        table.first_segment, table.value, table.start, table.length, table.gradient, table.frame.bend, pieces, trade
    )
    return float(y @ y / 2.0 + costs)


@compiled
def _costs(
    first_segment: Indices,
    value: Array,
    start: Array,
    length: Array,
    gradient: Array,
    bend: Array,
    pieces: Indices,
    trade: Array,
) -> float:
    total = 0.0
    for c in range(len(pieces)):
        p = pieces[c]
        total += value[p]
        for j in range(first_segment[p], first_segment[p + 1]):
            step = min(max(trade[c] - start[j], 0.0), length[j])
            total += (gradient[j] + bend[c] * step / 2.0) * step
    return total
