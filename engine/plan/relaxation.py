"""What is the best that any plan could be? One relaxation, with its chains, prices and certified bound."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.certificate import Certificate, certify
from engine.plan.convex import NO_SLACK, Solution, relaxed_optimum
from engine.plan.envelope import Chains, relaxed_chains
from engine.plan.pieces import Flags, PieceTable, piece_table
from engine.plan.problem import Problem

_PRICE_STEPS: Final = 40  # halvings and doublings of the bracket around a price of gains
_PRICE_WIDTH: Final = 1e-6  # of the bracket, against the price


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """A relaxation solved: its table, the row prices folded into it, the pieces it may use.

    refolds: how often its own prices were folded in again. gain_is_fixed: solved at the table's price of gains, in
    place of their cap.
    """

    table: PieceTable
    folded: Array
    allowed: Flags
    chains: Chains
    solution: Solution
    certificate: Certificate
    refolds: int = 0
    gain_is_fixed: bool = False


def first_relaxation(problem: Problem) -> Relaxation | None:
    """Return the relaxation over all pieces, no prices folded in; None where a name has no piece at all."""
    table = piece_table(problem)
    return _solved(table, np.ones(len(table.col), dtype=bool), np.zeros(len(problem.rows)))


def narrowed(relaxation: Relaxation, allowed: Flags) -> Relaxation | None:
    """Return the relaxation with fewer pieces allowed; None where a name has none left."""
    return _solved(relaxation.table, allowed, relaxation.folded)


def refolded(problem: Problem, relaxation: Relaxation) -> Relaxation | None:
    """Return the relaxation with its own row prices folded in, lots in the order that the price of gains asks for."""
    prices = relaxation.solution.row_price
    table = _ordered(problem, relaxation.table, _gain_price(relaxation.table, prices))
    again = _solved(table, relaxation.allowed, prices)
    return None if again is None else replace(again, refolds=relaxation.refolds + 1)


def bend(problem: Problem, relaxation: Relaxation) -> float:
    """Return how much folding its own prices in can matter to the envelopes.

    Only rows that are not linear in u bend them.
    """
    change = relaxation.solution.row_price - relaxation.folded
    bends = [1.0 if row.by_lot_gain else float(np.abs(row.up + row.down).max()) for row in problem.rows]
    return max((weight * abs(c) for weight, c in zip(bends, change, strict=True)), default=0.0)


def settled(problem: Problem, relaxation: Relaxation) -> Relaxation | None:
    """Return the relaxation at the price of gains at which their cap is just kept; None where no price orders lots.

    The cap's price can lie where two lots tie: the order of lots below it realises too much gain, the one above it
    less than is allowed, and each asks for a price on the other's side. Halving the bracket finds it; the bound there
    is the best of all prices.
    """
    table = relaxation.table
    if table.gain_price is None or relaxation.solution.slack > NO_SLACK:
        return None
    asked = max(_gain_price(table, relaxation.solution.row_price), 0.0)
    low, high = (table.gain_price, asked) if asked > table.gain_price else (0.0, table.gain_price)
    high += _PRICE_WIDTH * (1.0 + high)  # at the price itself the cap is kept up to rounding only
    best = None
    for _ in range(_PRICE_STEPS):
        price = (low + high) / 2.0 if best is not None else high
        tried = _at_gain_price(problem, relaxation, price)
        if tried is None:
            return None
        if _keeps_cap(tried):
            best, high = replace(tried, refolds=relaxation.refolds + 1), price
        elif best is None:
            low, high = high, 2.0 * high
        else:
            low = price
        if best is not None and high - low <= _PRICE_WIDTH * max(high, _PRICE_WIDTH):
            break
    return best


def _solved(table: PieceTable, allowed: Flags, prices: Array, *, gain_is_fixed: bool = False) -> Relaxation | None:
    if len(set(table.col[allowed].tolist())) < table.columns:
        return None
    chains = relaxed_chains(table, allowed, prices)
    if gain_is_fixed:
        priced = with_gains_priced(table)
        free = np.where(table.is_gain_row, 0.0, prices)
        solution = relaxed_optimum(priced, relaxed_chains(priced, allowed, free))
        solution = replace(solution, row_price=np.where(table.is_gain_row, table.gain_price or 0.0, solution.row_price))
    else:
        solution = relaxed_optimum(table, chains)
    return Relaxation(
        table=table,
        folded=prices,
        allowed=allowed,
        chains=chains,
        solution=solution,
        certificate=certify(table, allowed, factor_price=solution.factor_price, row_price=solution.row_price),
        gain_is_fixed=gain_is_fixed,
    )


def _at_gain_price(problem: Problem, relaxation: Relaxation, price: float) -> Relaxation | None:
    prices = np.where(relaxation.table.is_gain_row, price, relaxation.solution.row_price)
    return _solved(_ordered(problem, relaxation.table, price), relaxation.allowed, prices, gain_is_fixed=True)


def with_gains_priced(table: PieceTable) -> PieceTable:
    """Return the table with realised gains at their price in the costs, and no cap on them."""
    price = np.where(table.is_gain_row, table.gain_price or 0.0, 0.0)
    return replace(
        table,
        value=table.value + price @ table.rows,
        gradient=table.gradient + price @ table.rates,
        lo_rows=np.where(table.is_gain_row, -np.inf, table.lo_rows),
        hi_rows=np.where(table.is_gain_row, np.inf, table.hi_rows),
    )


def _keeps_cap(relaxation: Relaxation) -> bool:
    gains = relaxation.table.is_gain_row
    return bool((relaxation.solution.rows[gains] <= relaxation.table.hi_rows[gains]).all())


def _gain_price(table: PieceTable, prices: Array) -> float:
    return float(max(prices[table.is_gain_row], default=0.0))


def _ordered(problem: Problem, table: PieceTable, gain_price: float) -> PieceTable:
    """Order lots anew where gains have a price; without a cap that orders them the table stays as it is."""
    return table if table.gain_price is None else piece_table(problem, gain_price=max(gain_price, 0.0))
