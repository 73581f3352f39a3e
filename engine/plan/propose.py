"""What should this account trade? From snapshot and settings to a certified plan of whole shares and lots."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from engine.domain.accounts import AccountSnapshot
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Lock, Plan, PlanStatus, Run
from engine.domain.settings import PlanSettings
from engine.plan.conflicts import Inputs, find_conflict
from engine.plan.decided import washed_by_lot
from engine.plan.outcome import Outcome, outcome
from engine.plan.problem import Problem, build_problem, value_after_flow
from engine.plan.report import infeasible, plan_of
from engine.plan.run import reading, run_since
from engine.plan.search import search
from engine.plan.terms import Term
from engine.plan.tradable import prices_of, tradable
from engine.plan.worth import worth_of_trades
from engine.tax.wash_sales import locks as wash_sale_locks

_WHOLE_SHARES_REPAIR: Final = "No plan of whole shares was found that obeys these rules; trade fractions or loosen one."


def propose_plan(
    snapshot: AccountSnapshot,
    market: MarketSnapshot,
    settings: PlanSettings,
    *,
    inputs_hash: str,
    terms: Sequence[Term] = (),
    locks: tuple[Lock, ...] | None = None,
) -> tuple[Plan, Run]:
    """Return the best plan found for an account, with its certified gap, and how it was computed.

    terms: the firm's own rules and costs. locks: household_locks of the snapshot, where they are known. An account
    whose rules conflict gets a plan without trades whose status is infeasible and which names them. Raises DataError
    for missing data, SolverFailed when no solver meets its tolerance.
    """
    began = reading()
    held = household_locks(snapshot, market) if locks is None else locks
    inputs = Inputs(snapshot=snapshot, settings=settings, locks=held, terms=tuple(terms))
    if value_after_flow(snapshot, market, settings) <= 0:
        return _no_plan(inputs, market, inputs_hash, began)
    problem = build_problem(snapshot, market, settings, locks=held, terms=terms)
    solving = reading()
    found = search(problem)
    solved = reading()
    if found is None:
        return _no_plan(inputs, market, inputs_hash, began)
    done = tradable(problem, found)
    own = () if problem.written is None else problem.written.names
    prices = prices_of(problem, found)
    plan = plan_of(
        problem,
        done,
        bound=found.bound,
        prices=prices,
        worth={} if own else worth_of_trades(prices, _free_trades(problem, done)),  # terms are prices there
        inputs_hash=inputs_hash,
        washed=washed_by_lot(problem, done) if done.year.disallowed else {},
        rounded_from=found.objective,
    )
    if plan.status is PlanStatus.INFEASIBLE:
        plan = replace(plan, repair=_WHOLE_SHARES_REPAIR)
    return plan, run_since(began, solving=solving, solved=solved, fallback=found.fallback, terms=own)


def household_locks(snapshot: AccountSnapshot, market: MarketSnapshot) -> tuple[Lock, ...]:
    """Return the wash-sale locks of the account's household, trades that are approved but not booked included."""
    return wash_sale_locks(
        snapshot.household_books, as_of=snapshot.as_of, groups=market.groups, pending=snapshot.pending
    )


def _free_trades(problem: Problem, done: Outcome) -> list[int]:
    """Return the numbers of the names that are traded though they need not leave the account."""
    must_exit = problem.prepared.must_exit
    return [i for i, quantity in enumerate(done.shares) if quantity and not must_exit[i]]


def _no_plan(inputs: Inputs, market: MarketSnapshot, inputs_hash: str, began: float) -> tuple[Plan, Run]:
    conflict = find_conflict(inputs, market)
    snapshot, settings = inputs.snapshot, inputs.settings
    stated = settings
    if value_after_flow(snapshot, market, settings) <= 0:
        stated = replace(settings, withdrawal=Decimal(0))
    problem = build_problem(snapshot, market, stated, locks=inputs.locks, terms=inputs.terms)
    idle = outcome(problem, [Decimal(0)] * len(problem.names), [()] * len(problem.names))
    plan = plan_of(problem, idle, bound=idle.total, prices=None, worth={}, inputs_hash=inputs_hash, washed={})
    repair = conflict.repair
    plan = infeasible(
        replace(plan, settings=settings), conflicts=conflict.rules, repair=repair.sentence, change=repair.change
    )
    own = () if problem.written is None else problem.written.names
    return plan, run_since(began, solving=began, solved=reading(), fallback=False, terms=own)
