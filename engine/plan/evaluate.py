"""What would exactly these trades do, and what do they cost against the best plan? For trades edited by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from engine.domain.accounts import AccountSnapshot
from engine.domain.errors import DataError
from engine.domain.identifiers import SecurityId
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Plan, PlanStatus, Run
from engine.domain.settings import PlanSettings
from engine.plan.decided import washed_by_lot
from engine.plan.lots import SaleLot
from engine.plan.names import Name
from engine.plan.outcome import outcome
from engine.plan.problem import Problem, build_problem
from engine.plan.propose import household_locks
from engine.plan.report import plan_of
from engine.plan.run import reading, run_since
from engine.plan.search import search
from engine.plan.terms import Term
from engine.plan.tradable import prices_of


def evaluate_trades(
    snapshot: AccountSnapshot,
    market: MarketSnapshot,
    settings: PlanSettings,
    shares: Mapping[SecurityId, Decimal],
    *,
    inputs_hash: str,
    edited: tuple[SecurityId, ...],
    terms: Sequence[Term] = (),
) -> tuple[Plan, Run]:
    """Return the plan of exactly these signed shares (buy > 0); its gap is what they cost against the proven bound.

    Lots are taken as a proposal takes them; lots that may not be sold come last, and the checks say so. A plan edited
    by hand is never called optimal; one that breaks a rule is infeasible and keeps its trades. Raises DataError for an
    unknown security, or a sale of more than is held.
    """
    began = reading()
    problem = build_problem(
        snapshot, market, settings, locks=household_locks(snapshot, market), also=tuple(shares), terms=terms
    )
    _require_held(problem, shares)
    solving = reading()
    found = search(problem)
    solved = reading()
    orders = [name.sellable for name in problem.names] if found is None else found.orders(problem)
    quantities = [Decimal(shares.get(name.security.security_id, 0)) for name in problem.names]
    done = outcome(
        problem, quantities, [_with_blocked(name, order) for name, order in zip(problem.names, orders, strict=True)]
    )
    plan = plan_of(
        problem,
        done,
        bound=done.total if found is None else found.bound,
        prices=None if found is None else prices_of(problem, found),
        worth={},
        inputs_hash=inputs_hash,
        washed=washed_by_lot(problem, done),
        rounded_from=None if edited or found is None else found.objective,
    )
    status = PlanStatus.FEASIBLE if edited and plan.status is PlanStatus.OPTIMAL else plan.status
    plan = replace(plan, status=status, edited=edited)
    fallback = found is not None and found.fallback
    own = () if problem.written is None else problem.written.names
    return plan, run_since(began, solving=solving, solved=solved, fallback=fallback, terms=own)


def _require_held(problem: Problem, shares: Mapping[SecurityId, Decimal]) -> None:
    for name in problem.names:
        quantity = shares.get(name.security.security_id, Decimal(0))
        if name.shares + quantity < 0:
            raise DataError(
                f"{name.security.security_id}: expected a sale of at most {name.shares} shares, found {-quantity}"
            )


def _with_blocked(name: Name, order: Sequence[SaleLot]) -> tuple[SaleLot, ...]:
    """Return every lot of the name, those a proposal may sell first and in its order."""
    chosen = {entry.lot.lot_id for entry in order}
    return (*order, *(entry for entry in name.lots if entry.lot.lot_id not in chosen))
