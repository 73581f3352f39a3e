"""What does cvxpy make of a problem of chains? Asked where the interior point fails, or a firm adds convex terms."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from engine.domain.errors import SolverFailed
from engine.domain.market import Array
from engine.plan.envelope import Chains
from engine.plan.pieces import PieceTable
from engine.plan.written import Written, solve_tightly


@dataclass(frozen=True, kw_only=True)
class _Chained:
    """Chains as cvxpy sees them: the filling of each segment, the cost, and the rules.

    above, below: the rows that have such a limit.
    """

    table: PieceTable
    filled: Any
    y: Any
    cost: Any
    above: Any
    below: Any
    rules: tuple[Any, ...]

    @property
    def row_price(self) -> Array:
        price = np.zeros(len(self.table.lo_rows))
        price[np.isfinite(self.table.hi_rows)] += self.above.dual_value
        price[np.isfinite(self.table.lo_rows)] -= self.below.dual_value
        return price

    @property
    def factor_price(self) -> Array:
        return np.asarray(self.y.value if self.table.exposures.shape[1] else self.y)


@dataclass(frozen=True, kw_only=True)
class Stated:
    """The optimum with the terms: filling of the segments, prices of factors, rows and a unit of weight.

    rule_price: of each rule on the weights, 0 for one that is no single inequality.
    """

    filled: Array
    factor_price: Array
    row_price: Array
    term_price: Array
    rule_price: Array


def stated(table: PieceTable, chains: Chains) -> tuple[Array, Array, Array]:
    """Return the filling of the segments, factor prices and row prices, by Clarabel; see convex.py for the problem.

    Raises SolverFailed when Clarabel does not reach its tolerance.
    """
    import cvxpy  # takes a second to load, and is seldom needed

    cp: Any = cvxpy
    model = _chained(cp, table, chains)
    problem = cp.Problem(cp.Minimize(model.cost), list(model.rules))
    problem.solve(solver=cp.CLARABEL)
    if problem.status != cp.OPTIMAL:
        raise SolverFailed(f"the interior-point method did not converge, and Clarabel ended {problem.status}")
    return np.clip(model.filled.value, 0.0, chains.length), model.factor_price, model.row_price


def stated_with(
    written: Written,
    table: PieceTable,
    chains: Chains,
    held: Array,
    rules: tuple[Any, ...],
    *,
    slack_price: float | None = None,
) -> Stated | None:
    """Return the optimum of the chains with the terms' cost and these rules on the weights; None where there is none.

    held (n,): weights before the trade. slack_price: of slack in bent rows; None for none. Along a bridge such a row is
    higher than where the name stands still, so that only with slack is a relaxation one. Raises SolverFailed when
    Clarabel does not reach its tolerance.
    """
    cp = written.cp
    model = _chained(cp, table, chains, slack_price=slack_price)
    n, segments = len(held), np.arange(len(chains.col))
    moves = sparse.csr_array((np.ones(len(segments)), (chains.col, segments)), shape=(table.columns, len(segments)))
    copied = written.weights == held + chains.start[:n] + moves[:n] @ model.filled
    problem = cp.Problem(cp.Minimize(model.cost + written.cost), [*model.rules, copied, *rules, *written.limit])
    value, _ = solve_tightly(cp, problem, f"plan with {', '.join(written.names)}")
    if value is None:
        return None
    return Stated(
        filled=np.clip(model.filled.value, 0.0, chains.length),
        factor_price=model.factor_price,
        row_price=model.row_price,
        term_price=-np.asarray(copied.dual_value),
        rule_price=np.array([_price(cp, rule) for rule in rules], dtype=float),
    )


def _price(cp: Any, rule: Any) -> float:
    is_single = isinstance(rule, cp.constraints.Inequality) and rule.size == 1
    return max(float(np.asarray(rule.dual_value).item()), 0.0) if is_single else 0.0


def _chained(cp: Any, table: PieceTable, chains: Chains, *, slack_price: float | None = None) -> _Chained:
    filled = cp.Variable(len(chains.length))
    factors = table.exposures.shape[1]
    y: Any = cp.Variable(factors) if factors else np.zeros(0)
    start = table.y0 + table.exposures[: table.columns].T @ chains.start
    cost = chains.gradient @ filled + cp.sum(cp.multiply(chains.curvature / 2, cp.square(filled)))
    rules = [filled >= 0, filled <= chains.length]
    rows = chains.rows + chains.rates @ filled
    over: Any = np.zeros(len(chains.rows))
    under = over
    if slack_price is not None and len(table.frame.bent):
        give = np.zeros((len(chains.rows), len(table.frame.bent)))
        give[table.frame.bent, np.arange(len(table.frame.bent))] = 1.0
        more, less = (cp.Variable(len(table.frame.bent), nonneg=True) for _ in range(2))
        over, under = give @ more, give @ less
        cost += slack_price * cp.sum(more + less)
    upper, lower = np.isfinite(table.hi_rows), np.isfinite(table.lo_rows)
    above = (rows - over)[upper] <= table.hi_rows[upper]
    below = (rows + under)[lower] >= table.lo_rows[lower]
    if factors:
        cost += cp.sum_squares(y) / 2
        rules.append(y == start + table.exposures[chains.col].T @ filled)
    return _Chained(table=table, filled=filled, y=y, cost=cost, above=above, below=below, rules=(above, below, *rules))
