"""Does the plan obey a firm's own terms, and which are they? One check for each, with a digest of its numbers."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from engine.domain.identifiers import SecurityId
from engine.domain.plans import Check, Verdict
from engine.plan.outcome import Outcome
from engine.plan.problem import BP, Problem
from engine.plan.terms import LinearRule, NameCost
from engine.plan.written import Part, Written

OBEYED: Final = 1e-6  # a rule missed by no more than this, in its own units, is kept


def term_checks(problem: Problem, done: Outcome) -> Iterator[Check]:
    """Yield the verdict on each of the firm's own terms, in order. An account that is sold out keeps none of them."""
    parts = {} if problem.written is None else {part.name: part for part in problem.written.parts}
    for term in problem.terms:
        if isinstance(term, NameCost):
            yield _cost(problem, done, term)
        elif problem.settings.liquidate:
            yield Check(rule=term.name, verdict=Verdict.PASS, detail="does not apply: the account is sold out")
        elif isinstance(term, LinearRule):
            yield _rule(problem, done, term)
        elif problem.written is not None:
            yield _convex(problem.written, parts[term.name], problem.prepared.held + done.trade)


def _cost(problem: Problem, done: Outcome, term: NameCost) -> Check:
    ids, u = _ids(problem), done.trade
    weight, traded, squared = (
        np.array([part.get(security_id, 0.0) for security_id in ids])
        for part in (term.weight, term.traded, term.squared)
    )
    cost = float(weight @ u + traded @ np.abs(u) + squared @ (u * u)) * BP
    return Check(rule=term.name, verdict=Verdict.PASS, detail=f"costs {cost:.2f} bp of value; term {term.digest}")


def _rule(problem: Problem, done: Outcome, term: LinearRule) -> Check:
    """Judge a linear rule in its own units; what was broken before may stay so, but not become worse."""
    p = problem.prepared
    coefficients = np.array([float(term.coefficients.get(security_id, 0.0)) for security_id in _ids(problem)])
    start = float(coefficients @ (-p.shortfall if term.active else p.held))
    value = start + float(coefficients @ done.trade)
    over, before = (max(term.lo - each, each - term.hi) for each in (value, start))
    verdict = Verdict.PASS
    if over > OBEYED * term.scale:
        may_stay = not problem.settings.enforce and over <= before + OBEYED * term.scale
        verdict = Verdict.WARN if may_stay else Verdict.FAIL
    limits = [f"at least {term.lo:g}"] * (term.lo > -np.inf) + [f"at most {term.hi:g}"] * (term.hi < np.inf)
    worse = ", no worse than before" if verdict is Verdict.WARN else ""
    return Check(rule=term.name, verdict=verdict, detail=f"{value:.6g}{worse}; {', '.join(limits)}; term {term.digest}")


def _convex(written: Written, part: Part, weights: np.ndarray) -> Check:
    written.weights.value = weights
    missed = max((float(np.max(rule.violation(), initial=0.0)) for rule in part.rules), default=0.0)
    cost = float(part.cost.value) * BP
    verdict = Verdict.FAIL if missed > OBEYED else Verdict.PASS
    kept = f"missed by {missed:.3g}" if verdict is Verdict.FAIL else "kept"
    return Check(rule=part.name, verdict=verdict, detail=f"{kept}; costs {cost:.2f} bp of value; term {part.digest}")


def _ids(problem: Problem) -> list[SecurityId]:
    return [problem.names.listing.ids[code] for code in problem.names.code]
