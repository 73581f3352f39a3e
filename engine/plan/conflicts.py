"""Why is there no plan? A smallest set of rules that cannot be obeyed together, and the cheapest way out.

Deletion filter: drop each rule in turn; a rule without which the rest is still impossible does not belong to the
conflict. What remains cannot lose one member and stay impossible. Source: Chinneck, Feasibility and Infeasibility in
Optimization (2008), ch. 6.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.accounts import AccountSnapshot
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Lock
from engine.domain.settings import LotMethod, PlanSettings
from engine.plan.feasibility import feasible_pieces, least_count, least_slack
from engine.plan.lots import is_ordered
from engine.plan.pieces import piece_table
from engine.plan.problem import (
    ACTIVE_WEIGHT,
    BP,
    CASH,
    FACTOR,
    MAX_CASH,
    MIN_CASH,
    NET_GAIN,
    SECTOR,
    TURNOVER,
    Problem,
    build_problem,
    value_after_flow,
)
from engine.plan.rules import EXCLUDE, NOT_TRADABLE, WASH_SALES, in_force, rule_name
from engine.plan.search import is_found, search
from engine.plan.terms import NameCost, Term
from engine.plan.tracking_error import variance

WITHDRAWAL: Final = "withdrawal"
DEPOSIT: Final = "deposit"
ENFORCE: Final = "enforce"
MIN_TRADE: Final = "min_trade_usd"
HARVEST: Final = "harvest_min_loss"
LOT_METHOD: Final = "lot_method"
TRACKING_ERROR: Final = "max_tracking_error"
TRADES: Final = "max_trades"
NAMES: Final = "max_names"
_ZERO: Final = Decimal(0)
_ROUNDING: Final = 1e-7
_NOTHING_BUT_RISK: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a problem is built from; dropping a rule makes other inputs."""

    snapshot: AccountSnapshot
    settings: PlanSettings
    locks: tuple[Lock, ...]
    terms: tuple[Term, ...] = ()

    def having(self, **changes: object) -> "Inputs":
        return replace(self, settings=replace(self.settings, **changes))  # type: ignore[arg-type]  # keys are ours


Drop = Callable[[Inputs], Inputs]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """rules: names of settings and restrictions that conflict. repair: a sentence with the cheapest way out."""

    rules: tuple[str, ...]
    repair: str


def find_conflict(inputs: Inputs, market: MarketSnapshot) -> Conflict:
    """Return why an account that has no feasible plan has none."""
    value = value_after_flow(inputs.snapshot, market, inputs.settings)
    if value <= 0:
        most = value + inputs.settings.withdrawal
        return Conflict(rules=(WITHDRAWAL,), repair=f"The account is worth {most:,.2f} USD; withdraw less than that.")
    kept, rules = inputs, []
    for rule, drop in _drops(inputs).items():
        without = drop(kept)
        if _is_feasible(without, market):
            rules.append(rule)
        else:
            kept = without
    if not rules:
        return Conflict(
            rules=(NOT_TRADABLE,), repair="Nothing that may be traded brings cash to zero or above; add cash."
        )
    return Conflict(rules=tuple(rules), repair=_repair(inputs, market, rules))


def _drops(inputs: Inputs) -> Mapping[str, Drop]:
    """Return, for each rule in force, how to do without it; first those least likely to be the cause."""
    settings = inputs.settings
    thresholds = bool(settings.harvest_min_loss_usd or settings.harvest_min_loss_pct)
    early: list[tuple[str, bool, Drop]] = [
        (FACTOR, settings.max_factor_active is not None, lambda i: i.having(max_factor_active=None)),
        (SECTOR, settings.max_sector_active is not None, lambda i: i.having(max_sector_active=None)),
        (ACTIVE_WEIGHT, settings.max_active_weight is not None, lambda i: i.having(max_active_weight=None)),
        (ENFORCE, settings.enforce, lambda i: i.having(enforce=False)),
        (HARVEST, thresholds, lambda i: i.having(harvest_min_loss_usd=_ZERO, harvest_min_loss_pct=0.0)),
        (MIN_TRADE, settings.min_trade_usd > 0, lambda i: i.having(min_trade_usd=_ZERO)),
        (LOT_METHOD, is_ordered(settings.lot_method), lambda i: i.having(lot_method=LotMethod.OPTIMAL)),
        (EXCLUDE, bool(settings.exclude), lambda i: i.having(exclude=())),
        (TRACKING_ERROR, settings.max_tracking_error is not None, lambda i: i.having(max_tracking_error=None)),
        (TRADES, settings.max_trades is not None, lambda i: i.having(max_trades=None)),
        (NAMES, settings.max_names is not None, lambda i: i.having(max_names=None)),
    ]
    early += [(term.name, True, _without_term(term)) for term in inputs.terms if not isinstance(term, NameCost)]
    names = dict.fromkeys(rule_name(r.rule, r.target) for r in in_force(inputs.snapshot))
    restrictions = [(name, True, _without_restriction(name)) for name in names]
    late: list[tuple[str, bool, Drop]] = [
        (WASH_SALES, bool(inputs.locks), lambda i: replace(i, locks=())),
        (NET_GAIN, settings.max_net_gain is not None, lambda i: i.having(max_net_gain=None)),
        (TURNOVER, settings.max_turnover is not None, lambda i: i.having(max_turnover=None)),
        (MAX_CASH, True, lambda i: i.having(max_cash=1.0)),
        (MIN_CASH, True, lambda i: i.having(min_cash=0.0)),
        (DEPOSIT, settings.deposit > 0, lambda i: i.having(deposit=_ZERO)),
        (WITHDRAWAL, settings.withdrawal > 0, lambda i: i.having(withdrawal=_ZERO)),
    ]
    return {rule: drop for rule, present, drop in [*early, *restrictions, *late] if present}


def _without_restriction(rule: str) -> Drop:
    def drop(inputs: Inputs) -> Inputs:
        left = tuple(r for r in inputs.snapshot.restrictions if rule_name(r.rule, r.target) != rule)
        return replace(inputs, snapshot=replace(inputs.snapshot, restrictions=left))

    return drop


def _without_term(term: Term) -> Drop:
    return lambda inputs: replace(inputs, terms=tuple(other for other in inputs.terms if other != term))


def _is_feasible(inputs: Inputs, market: MarketSnapshot) -> bool:
    if value_after_flow(inputs.snapshot, market, inputs.settings) <= 0:
        return False
    settings = inputs.settings
    problem = build_problem(inputs.snapshot, market, settings, locks=inputs.locks, terms=inputs.terms)
    table = piece_table(problem)
    everything = np.ones(len(table.col), dtype=bool)
    names = None if settings.liquidate else settings.max_names
    if feasible_pieces(table, everything, max_trades=settings.max_trades, max_names=names) is None:
        return False
    limited = settings.max_tracking_error is not None and not settings.liquidate
    return (not limited and problem.written is None) or is_found(problem)


def _repair(inputs: Inputs, market: MarketSnapshot, rules: Sequence[str]) -> str:
    """Return the way out that moves least money: one rule of the conflict, loosened alone, all others as they are."""
    problem = build_problem(inputs.snapshot, market, inputs.settings, locks=inputs.locks, terms=inputs.terms)
    needs = [(_needed(problem, rule), rule) for rule in rules]
    known = [(needed, rule) for needed, rule in needs if needed is not None and needed > _ROUNDING]
    if not known:
        return f"Lift one of: {', '.join(rules)}."
    each = 1.0 / len(problem.names)  # a trade, or a name, weighs as much as its share of all
    needed, rule = min(known, key=lambda entry: (entry[0] * (each if entry[1] in (TRADES, NAMES) else 1.0), entry[1]))
    return _sentence(problem, rule, needed)


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


def _sentence(problem: Problem, rule: str, needed: float) -> str:
    """Say what suffices, rounded to the safe side. Money paid in or out moves the value that cash is measured by."""
    settings, usd = problem.settings, needed * float(problem.value)
    turnover, cap = settings.max_turnover or 0.0, float(settings.max_net_gain or 0)
    if rule == MIN_CASH:
        return f"Lower min_cash from {settings.min_cash:.2%} to {_down(settings.min_cash - needed):.2%} of value."
    if rule == MAX_CASH:
        return f"Raise max_cash from {settings.max_cash:.2%} to {_up(settings.max_cash + needed):.2%} of value."
    if rule == WITHDRAWAL:
        less = math.ceil(usd / (1.0 - settings.min_cash))
        return f"Withdraw about {less:,} USD less than {settings.withdrawal:,.0f} USD."
    if rule == DEPOSIT:
        less = math.ceil(usd / (1.0 - settings.max_cash))
        return f"Deposit about {less:,} USD less than {settings.deposit:,.0f} USD."
    if rule in (TRADES, NAMES):
        limit = (settings.max_trades if rule == TRADES else settings.max_names) or 0
        return f"Raise {rule} from {limit} to {limit + round(needed)}."
    if rule == TRACKING_ERROR:
        cap = settings.max_tracking_error or 0.0
        return f"Raise max_tracking_error from {cap:.2%} to {_up(cap + needed):.2%}."
    if rule == TURNOVER:
        return f"Raise max_turnover from {turnover:.2%} to {_up(turnover + needed):.2%}."
    return f"Raise max_net_gain from {cap:,.0f} to {math.ceil(cap + usd):,} USD."


def _up(fraction: float) -> float:
    return math.ceil(fraction * BP - _ROUNDING) / BP


def _down(fraction: float) -> float:
    return max(math.floor(fraction * BP + _ROUNDING) / BP, 0.0)
