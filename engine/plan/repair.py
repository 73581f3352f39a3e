"""What is the cheapest way out of a conflict? The one setting whose loosening moves least money, and how far."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.plans import Lock, SettingChange, Verdict
from engine.domain.settings import PlanSettings, override
from engine.plan.checks import plan_checks
from engine.plan.feasibility import least_count, least_slack
from engine.plan.pieces import piece_table
from engine.plan.problem import BP, CASH, MAX_CASH, MIN_CASH, NET_GAIN, TURNOVER, Problem, build_problem
from engine.plan.search import search
from engine.plan.tracking_error import variance
from engine.plan.tradable import tradable

WITHDRAWAL: Final = "withdrawal"
DEPOSIT: Final = "deposit"
TRACKING_ERROR: Final = "max_tracking_error"
TRADES: Final = "max_trades"
NAMES: Final = "max_names"
_ROUNDING: Final = 1e-7
_NOTHING_BUT_RISK: Final = 1e6
_SHARES_MORE: Final = (
    0.0,
    0.25,
    0.5,
    1.0,
    2.0,
    4.0,
)  # of the dearest name, what whole shares may need beyond fractions


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """sentence: the way out for a person. change: the same as one setting; None where no single one is known to be."""

    sentence: str
    change: SettingChange | None = None


def cheapest_repair(problem: Problem, rules: Sequence[str], *, locks: Iterable[Lock]) -> Repair:
    """Return the way out that moves least money: one rule of the conflict, loosened alone, all others as they are.

    A change that is named suffices: where shares must be whole it gives as much more as a plan of them was found with.
    """
    needs = [(_needed(problem, rule), rule) for rule in rules]
    known = [(needed, rule) for needed, rule in needs if needed is not None and needed > _ROUNDING]
    if not known:
        return Repair(sentence=f"Lift one of: {', '.join(rules)}.")
    each = 1.0 / len(problem.names)  # a trade, or a name, weighs as much as its share of all
    needed, rule = min(known, key=lambda entry: (entry[0] * (each if entry[1] in (TRADES, NAMES) else 1.0), entry[1]))
    change = _sufficient(problem, rule, needed, tuple(locks))
    return Repair(sentence=_sentence(problem.settings, change), change=change)


def _sufficient(problem: Problem, rule: str, needed: float, locks: Sequence[Lock]) -> SettingChange:
    """Return the change with which a plan of tradable shares was found; that of fractions where none was."""
    exact = _change(problem, rule, needed)
    if not problem.settings.whole_shares:
        return exact
    share = float(problem.unit.max(initial=0.0))
    for shares in _SHARES_MORE:
        more = math.ceil(4 * shares) if rule in (TRADES, NAMES) else shares * share
        change = _change(problem, rule, needed + more)
        if _serves(problem, change, locks):
            return change
    return exact


def _serves(problem: Problem, change: SettingChange, locks: Sequence[Lock]) -> bool:
    settings = override(problem.settings, {change.setting: change.value}, source="repair")
    changed = build_problem(problem.snapshot, problem.market, settings, locks=locks, terms=problem.terms)
    found = search(changed)
    return found is not None and all(
        check.verdict is not Verdict.FAIL for check in plan_checks(changed, tradable(changed, found))
    )


def _needed(problem: Problem, rule: str) -> float | None:
    """Return by how much a rule must give with all others kept; None where that cannot be said.

    A fraction of V, but a number of trades or names, and an annual tracking error, for the limits on these.
    """
    settings, value = problem.settings, float(problem.value)
    table = piece_table(problem)
    if rule in (TRADES, NAMES):
        least = least_count(table, table.trades if rule == TRADES else table.holds)
        limit = settings.max_trades if rule == TRADES else settings.max_names
        return None if least is None or limit is None or least <= limit else float(least - limit)
    if rule == TRACKING_ERROR:
        return _more_tracking_error(problem)
    row_rule, upper, most = {
        MIN_CASH: (CASH, True, settings.min_cash),
        MAX_CASH: (CASH, False, 1.0 - settings.max_cash),
        WITHDRAWAL: (CASH, True, float(settings.withdrawal) / value),
        DEPOSIT: (CASH, False, float(settings.deposit) / value),
        TURNOVER: (TURNOVER, True, np.inf),
        NET_GAIN: (NET_GAIN, True, np.inf),
    }.get(rule, ("", True, 0.0))
    rows = [r for r, row in enumerate(problem.rows) if row.rule == row_rule]
    if not rows:
        return None
    needed = least_slack(table, rows[0], upper=upper, max_trades=settings.max_trades, max_names=settings.max_names)
    return None if needed is None or needed > most + _ROUNDING else needed


def _more_tracking_error(problem: Problem) -> float | None:
    """Return by how much the tracking error's limit must rise: the least that a plan which minds nothing else needs."""
    cap = problem.settings.max_tracking_error or 0.0
    closest = replace(
        problem.settings, max_tracking_error=None, risk_aversion=_NOTHING_BUT_RISK, tax_weight=0.0, net_taxes=False
    )
    found = search(replace(problem, settings=closest, netting=None))
    if found is None:
        return None
    return max(float(np.sqrt(variance(problem, found.trade))) - cap, 0.0)


def _change(problem: Problem, rule: str, needed: float) -> SettingChange:
    """Return what suffices, rounded to the safe side. Money paid in or out moves the value that cash is measured by."""
    settings, usd = problem.settings, needed * float(problem.value)
    now = getattr(settings, rule)
    value: float | int | Decimal
    if rule == WITHDRAWAL:
        value = now - math.ceil(usd / (1.0 - settings.min_cash))
    elif rule == DEPOSIT:
        value = now - math.ceil(usd / (1.0 - settings.max_cash))
    elif rule in (TRADES, NAMES):
        value = now + round(needed)
    elif rule == NET_GAIN:
        value = Decimal(math.ceil(float(now) + usd))
    else:
        value = _down(now - needed) if rule == MIN_CASH else _up(now + needed)
    return SettingChange(setting=rule, value=value)


def _sentence(settings: PlanSettings, change: SettingChange) -> str:
    rule, now, value = change.setting, getattr(settings, change.setting), change.value
    if rule in (WITHDRAWAL, DEPOSIT):
        do = "Withdraw" if rule == WITHDRAWAL else "Deposit"
        return f"{do} about {now - value:,.0f} USD less than {now:,.0f} USD."
    if rule in (MIN_CASH, MAX_CASH):
        return f"{'Lower' if rule == MIN_CASH else 'Raise'} {rule} from {now:.2%} to {value:.2%} of value."
    if rule in (TRADES, NAMES):
        return f"Raise {rule} from {now} to {value}."
    if rule == NET_GAIN:
        return f"Raise {rule} from {now:,.0f} to {value:,} USD."
    return f"Raise {rule} from {now:.2%} to {value:.2%}."


def _up(fraction: float) -> float:
    return math.ceil(fraction * BP - _ROUNDING) / BP


def _down(fraction: float) -> float:
    return max(math.floor(fraction * BP + _ROUNDING) / BP, 0.0)
