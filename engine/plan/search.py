"""What is the best plan, all rules together? One search for each way that the year's gains can net, the best kept."""

from dataclasses import replace

import numpy as np

from engine.domain.market import Array
from engine.plan.branch_and_bound import best_of, tolerance_of
from engine.plan.convex import Solution
from engine.plan.coupled import best_within_limits, has_limits
from engine.plan.frame import Frame, frame_of
from engine.plan.netted import branches, tax_of_year
from engine.plan.problem import Problem
from engine.plan.relaxation import Relaxation, bound_at, bound_at_own_prices, first_relaxation
from engine.plan.sides import Found
from engine.plan.stated_search import best_with_terms, has_plan


def search(problem: Problem, *, near: Solution | None = None) -> Found | None:
    """Return the best plan found with its bound, or None where the rules cannot all be obeyed.

    near: a solution of much the same problem, to start from; it has the same rows. Raises SolverFailed when a
    relaxation defeats every solver.
    """
    if problem.written is not None:
        return _best_stated(problem)
    if problem.netting is None:
        return _best(problem, problem.frame, None if near is None else near.row_price, near=near)
    return _best_netted(problem)


def is_found(problem: Problem) -> bool:
    """Return whether a plan is found at all, in less time than it takes to find the best."""
    if problem.written is None:
        return search(problem) is not None
    return has_plan(problem, (problem.frame,) if problem.netting is None else _frames(problem)[:1])


def _best_stated(problem: Problem) -> Found | None:
    """Return the best plan with the firm's own convex terms."""
    if problem.netting is None:
        return best_with_terms(problem, (problem.frame,), search)
    found = best_with_terms(problem, _frames(problem), search)
    if found is None:
        return None
    netted = _netted(problem, found)
    return replace(netted, bound=min(netted.bound, netted.objective))


def _best(
    problem: Problem,
    frame: Frame,
    prices: Array | None,
    *,
    root: Relaxation | None = None,
    near: Solution | None = None,
) -> Found | None:
    if has_limits(problem):
        return best_within_limits(problem, frame, prices)
    return best_of(problem, frame=frame, prices=prices, near=near, root=root)


def _best_netted(problem: Problem) -> Found | None:
    """Solve each convex branch of the tax, that of the year as it stands first.

    A branch bounded above the best plan is left out, by the prices of that plan or by a relaxation of its own.
    """
    assert problem.netting is not None
    best, bounds = None, []
    for frame in sorted(_frames(problem), key=_standing):
        bound = -np.inf if best is None else _bound_of_branch(problem, frame, best)
        root, prices = None, _starting_prices(problem, frame)
        if best is None or bound < best.objective - tolerance_of(problem):
            root = first_relaxation(problem, frame=frame, prices=prices)
            if root is None:
                return None
            bound = max(bound, bound_at_own_prices(problem, root))
        if best is not None and bound >= best.objective - tolerance_of(problem):
            bounds.append(bound)
            continue
        found = _best(problem, frame, prices, root=root)
        if found is not None:
            bounds.append(found.bound)
            found = _netted(problem, found)
            best = found if best is None or found.objective < best.objective else best
    return None if best is None else replace(best, bound=min(*bounds, best.objective))


def _standing(frame: Frame) -> float:
    """Return the tax that a branch states for the year as it stands, less a constant."""
    assert frame.branch is not None
    return -float(frame.branch.at.min())


def _bound_of_branch(problem: Problem, frame: Frame, found: Found) -> float:
    """Return the branch's bound at another branch's prices, whichever part of the tax binds in it."""
    assert frame.branch is not None
    parts, own = len(frame.branch.at), len(frame.st) - len(frame.branch.at)
    return max(
        bound_at(
            problem,
            frame,
            factor_price=found.solution.factor_price,
            row_price=np.append(found.solution.row_price[:own], problem.settings.tax_weight * np.eye(parts)[part]),
        )
        for part in range(parts)
    )


def _frames(problem: Problem) -> tuple[Frame, ...]:
    p = problem.prepared
    reach = float(p.lot_weight @ np.abs(p.lot_st_gain + p.lot_lt_gain))
    assert problem.netting is not None
    return tuple(frame_of(problem, branch=branch) for branch in branches(problem.netting, reach=reach))


def _starting_prices(problem: Problem, frame: Frame) -> Array:
    """Return prices that order lots as the tax that the year would cost as it stands orders them."""
    assert frame.branch is not None
    prices = np.zeros(len(frame.st))
    own = len(prices) - len(frame.branch.at)
    prices[own + int(np.argmin(frame.branch.at))] = problem.settings.tax_weight
    return prices


def _netted(problem: Problem, found: Found) -> Found:
    """Return the plan with the tax of the year in its objective: a branch states no less than that."""
    assert problem.netting is not None
    st, lt = found.realised(problem)
    stated, true = float(found.trade[-1]), tax_of_year(problem.netting, st, lt) - tax_of_year(problem.netting, 0.0, 0.0)
    return replace(found, objective=found.objective + problem.settings.tax_weight * (true - stated))
