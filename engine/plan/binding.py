"""Which rules bind, and what would more room save? In basis points and dollars, dearest first."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.plans import Binding
from engine.plan.explain import MAX_NAMES, MAX_TRACKING_ERROR, MAX_TRADES
from engine.plan.lifted import lifted_rules
from engine.plan.outcome import Outcome, names_held
from engine.plan.prices import Prices
from engine.plan.problem import BP, CASH, PERCENT, TURNOVER, Problem
from engine.plan.terms import LinearRule

_BINDS: Final = 1e-6  # a price above this, of a constraint in cvxpy, is one
_MORE_TRACKING: Final = 0.001  # room that a tracking-error limit's price is stated for
_CASH_DETAIL: Final = {
    "upper": "cash is at its minimum; price is for 1 % of value more to spend",
    "lower": "cash is at its maximum; price is for 1 % of value more to keep",
}


def bindings(problem: Problem, done: Outcome, prices: Prices | None) -> tuple[Binding, ...]:
    """Return every rule that binds with what more room would save: 1 % of value, or what its detail says."""
    if prices is None:
        return ()
    found = [*_rows(problem, prices), *_bounds(problem, done, prices), *_limits(problem, done, prices)]
    found += [*_lifted(problem, prices), *_own_rules(problem, prices)]
    return tuple(sorted(found, key=lambda binding: (-binding.price_bp, binding.rule)))


def _binding(problem: Problem, rule: str, saved: float, detail: str) -> Binding:
    """Return a rule that binds. saved: by the room that the detail states, a fraction of V."""
    usd = Decimal(saved) * problem.value
    return Binding(rule=rule, price_bp=saved * BP, detail=detail, price_usd=usd.quantize(Decimal("0.01")))


def _rows(problem: Problem, prices: Prices) -> Iterator[Binding]:
    own = {term.name: term.scale for term in problem.terms if isinstance(term, LinearRule)}
    for row, price in zip(problem.rows, prices.rows.tolist(), strict=True):
        if price != 0.0:
            side = "upper" if price > 0 else "lower"
            detail = _CASH_DETAIL[side] if row.rule == CASH else f"at its {side} limit; price is for 1 % of value"
            if row.rule == TURNOVER:
                detail = "all of the turnover allowed is used; price is for 1 % of value"
            if row.rule in own:
                detail = f"at its {side} limit; price is for {PERCENT * own[row.rule]:.3g} of room"
            yield _binding(problem, row.rule, abs(price) * PERCENT, detail)


def _own_rules(problem: Problem, prices: Prices) -> Iterator[Binding]:
    """Yield the constraints of the firm's own convex terms that bind."""
    if problem.written is None or prices.found.rule_price is None:
        return
    names = [part.name for part in problem.written.parts for _ in part.rules]
    for name, price in zip(names, prices.found.rule_price.tolist(), strict=True):
        if price > _BINDS:
            detail = f"a constraint is at its limit; price is for {PERCENT} of room in its own units"
            yield _binding(problem, name, price * PERCENT, detail)


def _bounds(problem: Problem, done: Outcome, prices: Prices) -> Iterator[Binding]:
    for i, rule, price, upper in prices.bound_prices():
        security = problem.names.security(i)
        active = float(done.trade[i]) - float(problem.shortfall[i])
        detail = f"{security.ticker}: {'over' if upper else 'under'}weight limit reached at {active:+.2%}"
        yield _binding(problem, f"{rule} {security.security_id}", price * PERCENT, detail)


def _limits(problem: Problem, done: Outcome, prices: Prices) -> Iterator[Binding]:
    """Yield the limits on tracking error, trades and names that are used up."""
    settings, table = problem.settings, prices.found.table
    if settings.max_tracking_error is not None and prices.variance > 0:
        saved = prices.variance * 2.0 * settings.max_tracking_error * _MORE_TRACKING
        detail = (
            f"tracking error is at its limit of {settings.max_tracking_error:.2%}; "
            f"price is for {_MORE_TRACKING:.1%} more of it"
        )
        yield _binding(problem, MAX_TRACKING_ERROR, saved, detail)
    trades = int(np.count_nonzero(done.trade))
    if settings.max_trades is not None and trades >= settings.max_trades:
        detail = f"all {settings.max_trades} trades allowed are used; price is the most that one more could save"
        saved = prices.one_more(table.trades)
        if saved > 0:
            yield _binding(problem, MAX_TRADES, saved, detail)
    if settings.max_names is not None and names_held(problem, done) >= settings.max_names:
        detail = f"all {settings.max_names} names allowed are held; price is the most that one more could save"
        saved = prices.one_more(table.holds)
        if saved > 0:
            yield _binding(problem, MAX_NAMES, saved, detail)


def _lifted(problem: Problem, prices: Prices) -> Iterator[Binding]:
    for lifted in lifted_rules(prices):
        security, must_exit = problem.names.security(lifted.name), problem.names.rules[lifted.name].must_exit
        trade = "bought" if lifted.buys else "kept, or sold less of," if lifted.rule in must_exit else "sold"
        own = security.security_id
        rule = lifted.rule if own in lifted.rule.split() else f"{lifted.rule} {own}"
        detail = f"{security.ticker} could be {trade} without it; price is the most that lifting it could save"
        yield _binding(problem, rule, lifted.saved, detail)
