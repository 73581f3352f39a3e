"""What is each trade worth? How much worse the plan would be if it were forbidden and the rest solved again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.lots import RESTRICTED
from engine.plan.outcome import priced_bounds
from engine.plan.prices import Prices
from engine.plan.problem import Problem
from engine.plan.search import search

FORBIDDEN: Final = "forbidden"
SOLVED_WORK: Final = 400  # trades x names up to which every one is solved again
_ALONE: Final = 1e-3  # of what a name's own curvature offers: less than this, and no other name makes up for it


def worth_of_trades(prices: Prices, traded: Sequence[int]) -> Mapping[int, float | None]:
    """Return by how much the objective worsens without each of these names' trades, fractions of V.

    None where without it no plan obeys the rules. In an account of few names each problem is solved; in a large one the
    worth is estimated to second order, which is right as long as the others stay on their lots and sides, and trades
    that no other name could make up for are solved up to the same amount of work.
    """
    solvable = SOLVED_WORK // max(len(prices.problem.names), 1)
    if len(traded) <= solvable:
        return {i: _solved_without(prices, i) for i in traded}
    estimate, alone = _second_order(prices)
    chosen = [i for i in traded if alone[i]][:solvable]
    return {i: _solved_without(prices, i) if i in chosen else float(estimate[i]) for i in traded}


def without_trade(problem: Problem, i: int) -> Problem:
    """Return the problem in which one name, which need not leave the account, may be neither bought nor sold."""
    name = problem.names[i]
    kept = replace(
        name,
        rules=replace(name.rules, no_buy=(FORBIDDEN,), no_sell=(FORBIDDEN,)),
        lots=tuple(replace(lot, blocked=RESTRICTED) for lot in name.lots),
    )
    return replace(problem, names=(*problem.names[:i], kept, *problem.names[i + 1 :]))


def _solved_without(prices: Prices, i: int) -> float | None:
    found = search(without_trade(prices.problem, i))
    return None if found is None else max(found.objective - prices.found.objective, 0.0)


def _second_order(prices: Prices) -> tuple[Array, Array]:
    """Return the worth of each name's trade to second order (n,), and whether no other name makes up for it (n,).

    First order: the name's own Lagrangian at zero less that at its trade, a lower bound on the true worth. Second
    order: half of q u^2, with q the curvature that all others offer when they make up for a unit of this name (a Schur
    complement, one factorisation for all).
    """
    problem, table, trade = prices.problem, prices.found.table, prices.found.trade
    n = len(problem.names)
    at_zero = np.array(
        [
            problem.settings.risk_aversion * name.specific * name.shortfall**2
            + problem.penalty * sum(abs(bound.at) for bound in priced_bounds(problem, name))
            for name in problem.names
        ]
    )
    first_order = at_zero - prices.lagrangian()[:n]
    rate, free = prices.state()
    gradient = np.hstack([table.exposures[: table.columns], rate[:, prices.firm_rows()]])
    matrix = (gradient * free[:, None]).T @ gradient
    matrix[: table.exposures.shape[1], : table.exposures.shape[1]] += np.eye(table.exposures.shape[1])
    spread = np.einsum("ck,kc->c", gradient, np.linalg.pinv(matrix, hermitian=True) @ gradient.T)[:n]
    left = 1.0 - free[:n] * spread
    others = np.where(left > _ALONE, spread / np.maximum(left, _ALONE), 0.0)
    worth: Array = np.maximum(first_order + 0.5 * others * trade[:n] ** 2, 0.0)
    return worth, left <= _ALONE
