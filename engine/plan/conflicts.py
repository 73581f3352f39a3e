"""Why is there no plan? A smallest set of rules that cannot be obeyed together, and the cheapest way out.

Deletion filter: drop each rule in turn; a rule without which the rest is still impossible does not belong to the
conflict. What remains cannot lose one member and stay impossible. Source: Chinneck, Feasibility and Infeasibility in
Optimization (2008), ch. 6.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.accounts import AccountSnapshot
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Lock
from engine.domain.settings import LotMethod, PlanSettings
from engine.plan.feasibility import feasible_pieces
from engine.plan.lots import is_ordered
from engine.plan.pieces import piece_table
from engine.plan.problem import (
    ACTIVE_WEIGHT,
    FACTOR,
    MAX_CASH,
    MIN_CASH,
    NET_GAIN,
    SECTOR,
    TURNOVER,
    build_problem,
    value_after_flow,
)
from engine.plan.repair import DEPOSIT, NAMES, TRACKING_ERROR, TRADES, WITHDRAWAL, Repair, cheapest_repair
from engine.plan.rules import EXCLUDE, NOT_TRADABLE, WASH_SALES, in_force, rule_name
from engine.plan.search import is_found
from engine.plan.terms import NameCost, Term

ENFORCE: Final = "enforce"
MIN_TRADE: Final = "min_trade_usd"
HARVEST: Final = "harvest_min_loss"
LOT_METHOD: Final = "lot_method"
_ZERO: Final = Decimal(0)


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
    """rules: names of settings and restrictions that conflict. repair: the cheapest way out."""

    rules: tuple[str, ...]
    repair: Repair


def find_conflict(inputs: Inputs, market: MarketSnapshot) -> Conflict:
    """Return why an account that has no feasible plan has none."""
    value = value_after_flow(inputs.snapshot, market, inputs.settings)
    if value <= 0:
        most = value + inputs.settings.withdrawal
        return Conflict(
            rules=(WITHDRAWAL,),
            repair=Repair(sentence=f"The account is worth {most:,.2f} USD; withdraw less than that."),
        )
    kept, rules = inputs, []
    for rule, drop in _drops(inputs).items():
        without = drop(kept)
        if _is_feasible(without, market):
            rules.append(rule)
        else:
            kept = without
    if not rules:
        return Conflict(
            rules=(NOT_TRADABLE,),
            repair=Repair(sentence="Nothing that may be traded brings cash to zero or above; add cash."),
        )
    problem = build_problem(inputs.snapshot, market, inputs.settings, locks=inputs.locks, terms=inputs.terms)
    return Conflict(rules=tuple(rules), repair=cheapest_repair(problem, rules, locks=inputs.locks))


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
