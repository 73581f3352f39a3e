"""What is the plan, said as plainly as it can be? The exact problem on given sides, lot by lot, in cvxpy.

The fast path (pieces, envelopes, interior point) is held against this statement. It takes any constraint a reader cares
to add. Lots are free to be sold in any order, which is what the lot methods optimal and min_tax mean.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.domain.errors import SolverFailed
from engine.domain.market import Array
from engine.plan.lots import SaleLot
from engine.plan.names import Bound, Name
from engine.plan.problem import Problem
from engine.plan.terms import ConvexTerm
from engine.plan.written import facts_of


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """The problem and its cvxpy variables: bought and sold weight of each name (n,), and sold of each lot (l,).

    lots: (name's number, lot), in the order of sold.
    """

    cp: Any
    problem: Problem
    lots: tuple[tuple[int, SaleLot], ...]
    buy: Any
    sell: Any
    sold: Any

    @property
    def trade(self) -> Any:
        return self.buy - self.sell


def reference_optimum(problem: Problem, sides: Sequence[int]) -> tuple[float, Any] | None:
    """Return the least objective (fraction of V) and its trades (n,) when each name may buy (1), sell (-1) or rest (0).

    Returns None where the sides admit no plan. Minimum trades bind on the side taken, but not on a sale of all that is
    held. Raises SolverFailed otherwise.
    """
    import cvxpy  # takes a second to load, and no plan needs it

    model = _model(cvxpy, problem)
    cp = model.cp
    rules = [
        model.sold <= _column([lot.weight for _, lot in model.lots]),
        *_name_rules(model, sides),
        *_row_rules(model),
    ]
    own_cost, own_rules = _own_terms(model)
    breach = [*_name_breaches(model), *_row_breaches(model)]
    statement = cp.Problem(
        cp.Minimize(_cost(model) + own_cost + problem.penalty * sum(cp.pos(over) for over in breach)),
        [*rules, *own_rules],
    )
    statement.solve(solver=cp.CLARABEL)
    if statement.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE):
        return None
    if statement.status != cp.OPTIMAL:
        raise SolverFailed(f"reference statement: Clarabel ended {statement.status}")
    return float(statement.value), model.trade.value


def _model(cp: Any, problem: Problem) -> _Model:
    count = len(problem.names)
    lots = tuple((i, lot) for i, name in enumerate(problem.names) for lot in name.sellable)
    return _Model(
        cp=cp,
        problem=problem,
        lots=lots,
        buy=cp.Variable(count, nonneg=True),
        sell=cp.Variable(count, nonneg=True),
        sold=cp.Variable(max(len(lots), 1), nonneg=True),
    )


def _column(values: list[float]) -> Array:
    """Return the values of all lots; one zero where there is no lot, for cvxpy has no empty variable."""
    return np.array(values or [0.0])


def _cost(model: _Model) -> Any:
    cp, problem, settings = model.cp, model.problem, model.problem.settings
    active = model.trade - problem.shortfall
    factor, specific = problem.loadings.T @ active, cp.multiply(problem.specific, cp.square(active))
    risk = settings.risk_aversion * (cp.sum_squares(factor) + cp.sum(specific))
    tax = settings.tax_weight * (_column([lot.tax for _, lot in model.lots]) @ model.sold)
    cost = np.array([name.cost for name in problem.names]) @ (model.buy + model.sell)
    impact = cp.sum(cp.multiply(problem.impact, cp.square(model.trade)))
    tilt = -np.array([name.alpha for name in problem.names]) @ model.trade
    return risk + tax + cost + impact + tilt


def _own_terms(model: _Model) -> tuple[Any, list[Any]]:
    """Return the cost and rules of the firm's own convex terms."""
    problem = model.problem
    held = np.array([name.held for name in problem.names])
    cost: Any = 0.0
    rules: list[Any] = []
    for term in problem.terms:
        if isinstance(term, ConvexTerm) and not problem.settings.liquidate:
            own_cost, own_rules = term.write(model.cp, held + model.trade, facts_of(problem))
            cost, rules = cost + own_cost, [*rules, *own_rules]
    return cost, rules


def _name_rules(model: _Model, sides: Sequence[int]) -> Iterator[Any]:
    """What each name may do alone: sell its lots, keep to its side, its restrictions and its bounds."""
    problem, buy, sell = model.problem, model.buy, model.sell
    for i, (name, side) in enumerate(zip(problem.names, sides, strict=True)):
        own = [k for k, (owner, _) in enumerate(model.lots) if owner == i]
        yield sell[i] == (model.cp.sum(model.sold[own]) if own else 0.0)
        yield buy[i] <= (0.0 if side < 1 or name.rules.no_buy else 2.0)
        if name.rules.must_exit:
            yield sell[i] == sum(lot.weight for lot in name.sellable)
            continue
        if side > -1:
            yield sell[i] == 0.0
        if side and problem.min_trade > 0:
            yield (buy[i] >= problem.min_trade) if side > 0 else (sell[i] >= _least_sale(problem, name))
        priced = _priced_bounds(problem, name)
        for bound in name.bounds:
            over = model.trade[i] - bound.at if bound.upper else bound.at - model.trade[i]
            yield over <= (abs(bound.at) if bound in priced else 0.0)


def _least_sale(problem: Problem, name: Name) -> float:
    """Return the minimum trade, or the whole holding where that is less and may be sold."""
    free = all(lot.blocked is None for lot in name.lots)
    return min(problem.min_trade, sum(lot.weight for lot in name.lots)) if free else problem.min_trade


def _name_breaches(model: _Model) -> Iterator[Any]:
    for i, name in enumerate(model.problem.names):
        for bound in _priced_bounds(model.problem, name):
            yield model.trade[i] - bound.at if bound.upper else bound.at - model.trade[i]


def _priced_bounds(problem: Problem, name: Name) -> tuple[Bound, ...]:
    """Return the name's bounds that are broken before any trade, unless the settings enforce them."""
    return () if problem.settings.enforce else tuple(bound for bound in name.bounds if bound.is_broken)


def _row_rules(model: _Model) -> Iterator[Any]:
    """What names may do together; what was broken before may stay so, but not become worse."""
    for over, slack in _sides_of_rows(model):
        yield over <= slack


def _row_breaches(model: _Model) -> Iterator[Any]:
    for over, slack in _sides_of_rows(model):
        if slack > 0:
            yield over


def _sides_of_rows(model: _Model) -> Iterator[tuple[Any, float]]:
    """Return each limit of each row: by how much it is exceeded, and by how much it may be."""
    gains = _column([lot.gain for _, lot in model.lots]) @ model.sold
    for row in model.problem.rows:
        value = gains if row.by_lot_gain else row.up @ model.buy + row.down @ model.sell
        if np.isfinite(row.hi):
            yield value - row.hi, row.slack_above
        if np.isfinite(row.lo):
            yield row.lo - value, row.slack_below
