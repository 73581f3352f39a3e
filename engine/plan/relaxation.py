"""What is the best that any plan could be? One relaxation, with its chains, prices and certified bound."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.certificate import Certificate, certify
from engine.plan.convex import NO_SLACK, Solution, relaxed_optimum
from engine.plan.envelope import Chains, relaxed_chains
from engine.plan.frame import Frame
from engine.plan.pieces import PieceTable, piece_table
from engine.plan.prepared import Flags
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


def first_relaxation(
    problem: Problem,
    *,
    frame: Frame | None = None,
    prices: Array | None = None,
    per_trade: float = 0.0,
    per_name: float = 0.0,
) -> Relaxation | None:
    """Return the relaxation over all pieces; None where a name has no piece at all.

    prices (m,): of rows, folded in from the start where they are roughly known. The rest: see piece_table.
    """
    table = piece_table(problem, frame=frame, prices=prices, per_trade=per_trade, per_name=per_name)
    folded = np.zeros(len(table.lo_rows)) if prices is None else prices
    return _solved(table, np.ones(len(table.col), dtype=bool), folded)


def narrowed(relaxation: Relaxation, allowed: Flags) -> Relaxation | None:
    """Return the relaxation with fewer pieces allowed; None where a name has none left."""
    return _solved(relaxation.table, allowed, relaxation.folded)


def refolded(problem: Problem, relaxation: Relaxation) -> Relaxation | None:
    """Return the relaxation with its own row prices folded in, lots in the order that the prices of gains ask for."""
    prices = relaxation.solution.row_price
    again = _solved(_ordered(problem, relaxation.table, prices), relaxation.allowed, prices)
    return None if again is None else replace(again, refolds=relaxation.refolds + 1)


def bend(problem: Problem, relaxation: Relaxation) -> float:
    """Return how much folding its own prices in can matter to the envelopes.

    Only rows that are not linear in u bend them.
    """
    table = relaxation.table
    change = np.abs(relaxation.solution.row_price - relaxation.folded)
    bends = np.where(table.is_gain_row, 1.0, np.abs(table.frame.up + table.frame.down).max(axis=1, initial=0.0))
    return float((bends * change).max(initial=0.0))


def settled(problem: Problem, relaxation: Relaxation) -> Relaxation | None:
    """Return the relaxation at the price of gains at which their cap is just kept; None where no price orders lots.

    The cap's price can lie where two lots tie: the order of lots below it realises too much gain, the one above it
    less than is allowed, and each asks for a price on the other's side. Halving the bracket finds it; the bound there
    is the best of all prices.
    """
    table = relaxation.table
    if table.gain_price is None or table.frame.branch is not None or relaxation.solution.slack > NO_SLACK:
        return None
    present, asked = _gain_price(table, table.gain_price), max(_gain_price(table, relaxation.solution.row_price), 0.0)
    low, high = (present, asked) if asked > present else (0.0, present)
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
    if (np.bincount(table.col, weights=allowed, minlength=table.columns) == 0).any():
        return None
    chains = relaxed_chains(table, allowed, prices)
    if gain_is_fixed:
        priced = with_gains_priced(table)
        solution = relaxed_optimum(priced, relaxed_chains(priced, allowed, np.where(table.is_gain_row, 0.0, prices)))
        solution = replace(solution, row_price=np.where(table.is_gain_row, table.gain_price, solution.row_price))
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
    return _solved(_ordered(problem, relaxation.table, prices), relaxation.allowed, prices, gain_is_fixed=True)


def with_gains_priced(table: PieceTable) -> PieceTable:
    """Return the table with realised gains at their price in the costs, and no cap on them."""
    price = np.zeros(len(table.lo_rows)) if table.gain_price is None else table.gain_price
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
    return float(prices[table.is_gain_row].max(initial=0.0))


def _ordered(problem: Problem, table: PieceTable, prices: Array) -> PieceTable:
    """Order lots anew where gains have a price; without a rule that orders them the table stays as it is."""
    if table.gain_price is None:
        return table
    return piece_table(problem, frame=table.frame, prices=prices, per_trade=table.per_trade, per_name=table.per_name)
