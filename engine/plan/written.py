"""What do a firm's convex terms say in cvxpy? Written once for a problem, then stated, priced, measured and tightened.

A problem whose terms are convex divides in two along a copy of the weights: the fast problem, and the terms. For any
price p of a unit of weight,

    least of (fast problem + p'w)  +  least of (terms - p'w) over the weights that any plan may reach

is a bound on every plan (Lagrangian duality), and a tight one at the right p. This file has the second part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from engine.domain.errors import DataError, SolverFailed
from engine.domain.market import Array
from engine.plan.problem import Problem
from engine.plan.terms import ConvexTerm, Facts, digest_of, number_text

_TOLERANCES: Final = ((1e-10, 1e-10), (1e-8, 1e-8), (1e-6, 1e-7))  # of Clarabel's gap and residuals, tightest first
_DOUBT: Final = 10.0  # times the residual and 1 + the value: what an answer is lowered by before it is a bound
_BROKEN: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One term: its cost, a scalar expression, and its constraints. digest: of the numbers that it states."""

    name: str
    cost: Any
    rules: tuple[Any, ...]
    digest: str


@dataclass(frozen=True, kw_only=True)
class Written:
    """All convex terms of a problem, in the variable `weights` (n,) between lo and hi, which no plan leaves.

    limit: the rule that keeps the tracking error in its limit, where there is one, so that a statement knows of it.
    """

    cp: Any
    weights: Any
    parts: tuple[Part, ...]
    limit: tuple[Any, ...]
    lo: Array
    hi: Array

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(part.name for part in self.parts)

    @property
    def cost(self) -> Any:
        return sum(part.cost for part in self.parts)

    @property
    def rules(self) -> tuple[Any, ...]:
        """All constraints of the terms, in order; margins and excesses have an entry for each."""
        return tuple(rule for part in self.parts for rule in part.rules)

    def cost_at(self, weights: Array) -> float:
        """Return what the terms cost at these weights, a fraction of V."""
        self.weights.value = weights
        return float(sum(float(part.cost.value) for part in self.parts))

    def excesses(self, weights: Array) -> Array:
        """Return by how much these weights break each constraint."""
        self.weights.value = weights
        return np.array([float(np.max(rule.violation(), initial=0.0)) for rule in self.rules])

    def planes(self, rule: Any, weights: Array) -> list[tuple[float, Array]]:
        """Return (value, slope (n,)) of each part of an inequality at these weights; nothing for another constraint."""
        if not isinstance(rule, self.cp.constraints.Inequality):
            return []
        self.weights.value = weights
        slopes = rule.expr.grad.get(self.weights)
        if slopes is None:
            return []
        values = np.ravel(rule.expr.value, order="F")
        return list(zip(values.tolist(), np.asarray(slopes.todense()).T, strict=True))

    def tightened(self, margins: Array) -> tuple[Any, ...]:
        """Return the constraints, each harder to obey by its margin; one that cannot be tightened stays as it is."""
        return tuple(_tightened(self.cp, rule, float(m)) for rule, m in zip(self.rules, margins, strict=True))

    def least(self, price: Array) -> float | None:
        """Return a bound from below on cost less price'weights where the rules are obeyed; None where none can."""
        cp = self.cp
        box = [self.weights >= self.lo, self.weights <= self.hi]
        problem = cp.Problem(cp.Minimize(self.cost - price @ self.weights), [*self.rules, *self.limit, *box])
        value, doubt = solve_tightly(cp, problem, "the firm's own terms")
        return None if value is None else value - doubt


def written_terms(problem: Problem) -> Written | None:
    """Return the problem's convex terms; None where there are none, or none count because the account is sold out.

    Raises DataError for a term that is not convex by cvxpy's rules, or not in the weights alone.
    """
    terms = [term for term in problem.terms if isinstance(term, ConvexTerm)]
    if not terms or problem.settings.liquidate:
        return None
    import cvxpy  # takes a second to load, and only such terms need it

    cp: Any = cvxpy
    p = problem.prepared
    weights = cp.Variable(len(p.held), name="weights")
    facts = facts_of(problem)
    return Written(
        cp=cp,
        weights=weights,
        parts=tuple(_part(cp, term, weights, facts) for term in terms),
        limit=tuple(_tracking_error(cp, problem, weights)),
        lo=p.held + np.minimum(p.lo, 0.0),
        hi=p.held + np.maximum(p.hi, 0.0),
    )


def facts_of(problem: Problem) -> Facts:
    """Return what the problem's convex terms may look at."""
    p = problem.prepared
    return Facts(
        security_ids=tuple(name.security.security_id for name in problem.names),
        held=p.held.copy(),
        target=p.held + p.shortfall,
        value=float(problem.value),
        snapshot=problem.snapshot,
        market=problem.market,
    )


def solve_tightly(cp: Any, problem: Any, what: str) -> tuple[float | None, float]:
    """Return the optimum and how far from it the true one may be, by Clarabel at the tightest tolerance it reaches.

    The optimum is None where there is none. Raises SolverFailed when Clarabel reaches no tolerance.
    """
    status = ""
    for gap, residual in _TOLERANCES:
        options = {"tol_gap_abs": gap, "tol_gap_rel": gap, "tol_feas": residual}
        data, chain, inverse = problem.get_problem_data(cp.CLARABEL, solver_opts=options)
        raw = chain.solve_via_data(problem, data, solver_opts=options)
        status = str(raw.status)
        if status == "PrimalInfeasible":
            return None, 0.0
        if status == "Solved":
            problem.unpack_results(raw, chain, inverse)
            value = float(problem.value)
            return value, abs(float(raw.obj_val) - float(raw.obj_val_dual)) + _DOUBT * residual * (1.0 + abs(value))
    raise SolverFailed(f"{what}: Clarabel ended {status}")


def _tracking_error(cp: Any, problem: Problem, weights: Any) -> Sequence[Any]:
    cap = problem.settings.max_tracking_error
    if cap is None:
        return ()
    active = weights - (problem.prepared.held + problem.prepared.shortfall)
    return [cp.norm(cp.hstack([problem.loadings.T @ active, cp.multiply(np.sqrt(problem.specific), active)])) <= cap]


def _part(cp: Any, term: ConvexTerm, weights: Any, facts: Facts) -> Part:
    try:
        cost, rules = term.write(cp, weights, facts)
        cost, rules = cp.Constant(0.0) + cost, tuple(rules)
        stated = cp.Problem(cp.Minimize(cost), list(rules))
    except _BROKEN as error:
        raise DataError(f"term {term.name}: expected (cost, list of constraints) from cvxpy, found {error}") from error
    if not cost.is_scalar() or not stated.is_dcp() or stated.is_mixed_integer():
        raise DataError(f"term {term.name}: expected a convex cost and convex constraints by cvxpy's rules")
    others = [variable.name() for variable in stated.variables() if variable is not weights]
    if others:
        raise DataError(f"term {term.name}: expected the weights alone, found the variables {', '.join(others)}")
    return Part(name=term.name, cost=cost, rules=rules, digest=_digest(cp, term, stated, weights))


def _digest(cp: Any, term: ConvexTerm, stated: Any, weights: Any) -> str:
    """Return the digest of the term as a cone program; the constants of its cost are left out.

    Raises DataError for a number that is not finite.
    """
    if not stated.variables():
        raise DataError(f"term {term.name}: expected a cost or constraint in the weights, found none")
    data, _, _ = stated.get_problem_data(cp.CLARABEL)
    parts = []
    for key in ("P", "c", "A", "b"):
        value = data.get(key)
        if value is None:
            continue
        if hasattr(value, "tocsc"):
            sparse = value.tocsc()
            sparse.sort_indices()
            parts.append(" ".join([key, *map(str, (*sparse.indptr, *sparse.indices))]))
            value = sparse.data
        if not np.isfinite(value).all():
            raise DataError(f"term {term.name}: expected finite numbers, found others")
        parts.append(" ".join([key, *(number_text(float(entry)) for entry in np.ravel(value))]))
    return digest_of(term.name, str(data["dims"]), str(weights.shape), *parts)


def _tightened(cp: Any, rule: Any, margin: float) -> Any:
    if margin <= 0:
        return rule
    if isinstance(rule, cp.constraints.Inequality):
        return rule.expr <= -margin
    if isinstance(rule, cp.SOC):
        return cp.SOC(rule.args[0] - margin, rule.args[1], axis=rule.axis)
    return rule
