"""What is the best that any plan could be? One relaxation, with its chains, prices and certified bound."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.certificate import Certificate, certify
from engine.plan.compiled import compiled
from engine.plan.convex import Solution, relaxed_optimum
from engine.plan.envelope import Chains, relaxed_chains
from engine.plan.frame import Frame
from engine.plan.pieces import PieceTable, piece_table
from engine.plan.prepared import Flags, Indices
from engine.plan.problem import Problem

_SAME_PRICE: Final = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """A relaxation solved: its table, the row prices folded into it, the pieces it may use.

    refolds: how often its own prices were folded in again. gain_is_fixed: solved at the table's price of gains, in
    place of the rules that count them.
    """

    table: PieceTable
    folded: Array
    allowed: Flags
    chains: Chains
    solution: Solution
    certificate: Certificate
    refolds: int = 0
    gain_is_fixed: bool = False


def first_relaxation(
    problem: Problem,
    *,
    frame: Frame | None = None,
    prices: Array | None = None,
    per_trade: float = 0.0,
    per_name: float = 0.0,
    near: Solution | None = None,
    gain_is_fixed: bool = False,
) -> Relaxation | None:
    """Return the relaxation over all pieces; None where a name has no piece at all.

    prices (m,): of rows, folded in from the start where they are roughly known. near: where to start solving.
    gain_is_fixed: see Relaxation. The rest: see piece_table.
    """
    table = piece_table(problem, frame=frame, prices=prices, per_trade=per_trade, per_name=per_name)
    folded = np.zeros(len(table.lo_rows)) if prices is None else prices
    return _solved(table, np.ones(len(table.col), dtype=bool), folded, gain_is_fixed=gain_is_fixed, near=near)


def narrowed(relaxation: Relaxation, allowed: Flags) -> Relaxation | None:
    """Return the relaxation with fewer pieces allowed; None where a name has none left."""
    return _solved(
        relaxation.table, allowed, relaxation.folded, gain_is_fixed=relaxation.gain_is_fixed, near=relaxation.solution
    )


def refolded(problem: Problem, relaxation: Relaxation) -> Relaxation | None:
    """Return the relaxation with its own row prices folded in, lots in the order that the prices of gains ask for."""
    prices = relaxation.solution.row_price
    table = relaxation.table if relaxation.gain_is_fixed else reordered(problem, relaxation.table, prices)
    again = _solved(table, relaxation.allowed, prices, gain_is_fixed=relaxation.gain_is_fixed, near=relaxation.solution)
    return None if again is None else replace(again, refolds=relaxation.refolds + 1)


def at_prices_of_gains(problem: Problem, relaxation: Relaxation, prices: Array) -> Relaxation | None:
    """Return the relaxation in which realised gains cost these prices (m,), and no rule counts them.

    Its bound is the best there is where these are the prices of the best plan.
    """
    prices = np.where(relaxation.table.is_gain_row, np.maximum(prices, 0.0), prices)
    table = reordered(problem, relaxation.table, prices)
    return _solved(table, relaxation.allowed, prices, gain_is_fixed=True, near=relaxation.solution)


def closer_prices_of_gains(problem: Problem, relaxation: Relaxation, prices: Array) -> Relaxation | None:
    """Return the relaxation at these prices of gains (m,), a plan's.

    Where it is there already, this plan's sides are not the relaxation's: the price is then the one at which a mix of
    both sides keeps the rules that count gains.
    """
    if relaxation.gain_is_fixed and _is_same(relaxation, prices):
        prices = with_gains_counted(relaxation).solution.row_price
        if _is_same(relaxation, prices):
            return None
    return at_prices_of_gains(problem, relaxation, prices)


def _is_same(relaxation: Relaxation, prices: Array) -> bool:
    change = np.abs(np.maximum(prices, 0.0) - relaxation.folded)[relaxation.table.is_gain_row]
    return bool((change <= _SAME_PRICE).all())


def with_gains_counted(relaxation: Relaxation) -> Relaxation:
    """Return the relaxation with the rules that count gains among its rows, lots in the order of the prices so far."""
    counted = _solved(relaxation.table, relaxation.allowed, relaxation.folded)
    assert counted is not None
    return counted


def bound_at(problem: Problem, frame: Frame, *, factor_price: Array, row_price: Array) -> float:
    """Return the bound on all plans of a frame that any prices prove, without a relaxation."""
    table = piece_table(problem, frame=frame, prices=row_price)
    return certify(table, np.ones(len(table.col), dtype=bool), factor_price=factor_price, row_price=row_price).bound


def bound_at_own_prices(problem: Problem, relaxation: Relaxation) -> float:
    """Return the relaxation's bound with lots in the order that its own prices ask for, or its own where better."""
    prices = relaxation.solution
    table = reordered(problem, relaxation.table, prices.row_price)
    again = certify(table, relaxation.allowed, factor_price=prices.factor_price, row_price=prices.row_price)
    return max(relaxation.certificate.bound, again.bound)


def bend(relaxation: Relaxation) -> float:
    """Return how much folding its own prices in can matter to the envelopes.

    Only rows that are not linear in u bend them.
    """
    table = relaxation.table
    change = np.abs(relaxation.solution.row_price - relaxation.folded)
    return float((table.frame.bends * change).max(initial=0.0))


def _solved(
    table: PieceTable, allowed: Flags, prices: Array, *, near: Solution | None = None, gain_is_fixed: bool = False
) -> Relaxation | None:
    if (np.bincount(table.col, weights=allowed, minlength=table.columns) == 0).any():
        return None
    chains = relaxed_chains(table, allowed, prices)
    if gain_is_fixed and table.gain_price is not None:
        priced = _with_gains_priced(chains, table.gain_price)
        if near is not None:  # whose price of gains is in the costs already
            near = replace(near, row_price=np.where(table.is_gain_row, 0.0, near.row_price))
        solution = relaxed_optimum(priced.table, priced, near=near)
        solution = replace(solution, row_price=np.where(table.is_gain_row, table.gain_price, solution.row_price))
    else:
        solution = relaxed_optimum(table, chains, near=near)
    return Relaxation(
        table=table,
        folded=prices,
        allowed=allowed,
        chains=chains,
        solution=solution,
        certificate=certify(table, allowed, factor_price=solution.factor_price, row_price=solution.row_price),
        gain_is_fixed=gain_is_fixed,
    )


def _with_gains_priced(chains: Chains, price: Array) -> Chains:
    """Return the chains with realised gains at their price in the costs, and no rule that counts them.

    The envelope is the same: it was taken with this price folded in.
    """
    table = chains.table
    return replace(
        chains,
        table=replace(
            table,
            lo_rows=np.where(table.is_gain_row, -np.inf, table.lo_rows),
            hi_rows=np.where(table.is_gain_row, np.inf, table.hi_rows),
        ),
        gradient=chains.gradient + price[table.frame.bent] @ chains.bent_rates,
    )


def reordered(problem: Problem, table: PieceTable, prices: Array) -> PieceTable:
    """Return the table with lots in the order that these prices (m,) ask for; itself where no price orders them."""
    if table.gain_price is None:
        return table
    price = np.where(table.is_gain_row, np.maximum(prices, 0.0), 0.0)
    if _is_ordered(problem, table, price):
        return replace(table, gain_price=price)
    return piece_table(problem, frame=table.frame, prices=prices, per_trade=table.per_trade, per_name=table.per_name)


def _is_ordered(problem: Problem, table: PieceTable, price: Array) -> bool:
    """Whether lots are already in the order that the prices of gains ask for."""
    p, frame = problem.prepared, table.frame
    cost = problem.settings.tax_weight * p.lot_tax
    cost += float(price @ frame.st) * p.lot_st_gain + float(price @ frame.lt) * p.lot_lt_gain
    return _ascends(p.lot_first, p.in_order, table.order, cost)


@compiled
def _ascends(first: Indices, in_order: Flags, order: Indices, cost: Array) -> bool:
    for i in range(len(in_order)):
        if not in_order[i]:
            for k in range(first[i] + 1, first[i + 1]):
                if cost[order[k - 1]] > cost[order[k]]:
                    return False
    return True
