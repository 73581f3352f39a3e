"""How does a set of trades become a plan? Trades with lots and reasons, before and after, tax, objective, checks."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from engine.domain.identifiers import LotId
from engine.domain.plans import Objective, Plan, PlanStatus, Reason, SettingChange, Side, Trade, Verdict, Washed
from engine.plan.accounting import metrics, tax_summary
from engine.plan.binding import bindings
from engine.plan.checks import conflict_names, plan_checks
from engine.plan.explain import reasons, washed_of
from engine.plan.outcome import Outcome
from engine.plan.prices import Prices
from engine.plan.problem import BP, Problem
from engine.plan.unharvested import not_harvested

ENGINE_VERSION: Final = "0.1.0"
_HAND_MADE_REPAIR: Final = "Change the trades that these rules name, or the settings."


def plan_of(
    problem: Problem,
    done: Outcome,
    *,
    bound: float,
    prices: Prices | None,
    worth: Mapping[int, float | None],
    inputs_hash: str,
    washed: Mapping[LotId, tuple[Washed, ...]],
    rounded_from: float | None = None,
) -> Plan:
    """Return the plan of these trades.

    worth: of trades by their name's number, as far as it is known. washed: what the household's ledger takes away
    of the losses, by lot. rounded_from: the objective of the fractional plan that was made tradable.
    bound: on every plan's objective, a fraction of V; the gap is stated against it, whole shares and all. A plan whose
    trades fail a check is infeasible, with the checks as its conflicts.
    """
    checks = plan_checks(problem, done)
    failed = any(check.verdict is Verdict.FAIL for check in checks)
    objective = objective_bp(done, bound, rounded_from=rounded_from)
    optimal = objective.gap <= problem.settings.gap_tolerance_bp
    before, after = metrics(problem, done)
    return Plan(
        account_id=problem.snapshot.account.account_id,
        as_of=problem.snapshot.as_of,
        inputs_hash=inputs_hash,
        engine_version=ENGINE_VERSION,
        settings=problem.settings,
        status=PlanStatus.INFEASIBLE if failed else PlanStatus.OPTIMAL if optimal else PlanStatus.FEASIBLE,
        trades=_trades(problem, done, reasons(problem, done, prices, worth, washed), washed),
        before=before,
        after=after,
        tax=tax_summary(
            problem,
            done,
            disallowed=sum((one.disallowed for matches in washed.values() for one in matches), Decimal(0)),
        ),
        objective=objective,
        checks=checks,
        not_harvested=not_harvested(problem, done, prices),
        binding=bindings(problem, done, prices),
        conflicts=conflict_names(problem, checks, after.cash),
        repair=_HAND_MADE_REPAIR if failed else "",
    )


def objective_bp(done: Outcome, bound: float, *, rounded_from: float | None = None) -> Objective:
    """Return the objective in bp. Trades that break a rule can lie below the bound on plans; their gap is then zero."""
    total = done.total * BP
    lower = min(bound * BP, total)
    return Objective(
        total=total,
        risk=done.risk * BP,
        tax=done.tax * BP,
        cost=done.cost * BP,
        tilt=done.tilt * BP,
        breach=done.breach * BP,
        lower_bound=lower,
        gap=total - lower,
        rounding=None if rounded_from is None else total - rounded_from * BP,
    )


def infeasible(plan: Plan, *, conflicts: tuple[str, ...], repair: str, change: SettingChange | None) -> Plan:
    """Return a plan that says why there is none: no trades, no claim on optimality."""
    return replace(
        plan, status=PlanStatus.INFEASIBLE, not_harvested=(), conflicts=conflicts, repair=repair, repair_change=change
    )


def _trades(
    problem: Problem, done: Outcome, why: Mapping[int, Reason], washed: Mapping[LotId, tuple[Washed, ...]]
) -> tuple[Trade, ...]:
    return tuple(
        Trade(
            security_id=problem.names.security(i).security_id,
            side=Side.BUY if done.shares[i] > 0 else Side.SELL,
            quantity=abs(done.shares[i]),
            price=problem.names.price(i),
            amount=abs(done.shares[i]) * problem.names.price(i),
            lots=done.sold[i],
            reason=why[i],
            washed=washed_of(done.sold[i], washed),
        )
        for i in sorted(why)
    )
