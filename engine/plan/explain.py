"""Why these trades, and which rules bind? In numbers, and in a sentence for each."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.plans import Binding, Reason
from engine.plan.outcome import Outcome, risk_term, tax_usd
from engine.plan.prices import Prices
from engine.plan.problem import BP, CASH, PERCENT, TURNOVER, Problem

_SMALL_USD: Final = Decimal("0.005")
_CASH_DETAIL: Final = {
    "upper": "cash is at its minimum; price is for 1 % of value more to spend",
    "lower": "cash is at its maximum; price is for 1 % of value more to keep",
}


def reasons(
    problem: Problem, done: Outcome, prices: Prices | None, worth: Mapping[int, float | None]
) -> dict[int, Reason]:
    """Return the reason of each trade by its name's number. worth: of trades, fractions of V, as far as it is known."""
    binding = _rules_by_name(problem, done, prices)
    traded = [i for i, quantity in enumerate(done.shares) if quantity != 0]
    found = {}
    for i in traded:
        name = problem.names[i]
        skipped = done.trade.copy()
        skipped[i] = 0.0
        risk = risk_term(problem, skipped) - done.risk
        tax = tax_usd(problem, done.sold[i])
        known = worth.get(i)
        found[i] = Reason(
            risk_bp=risk * BP,
            tax_bp=-problem.settings.tax_weight * float(tax / problem.value) * BP,
            cost_bp=-name.cost * abs(float(done.trade[i])) * BP,
            worth_bp=None if known is None else known * BP,
            rules=binding[i],
            sentence=_sentence(problem, done, i, tax, risk),
        )
    return found


def bindings(problem: Problem, done: Outcome, prices: Prices | None) -> tuple[Binding, ...]:
    """Return every rule at its limit with what 1 % of value more room would save, dearest first."""
    if prices is None:
        return ()
    found = []
    for row, price in zip(problem.rows, prices.rows, strict=False):
        if price != 0.0:
            side = "upper" if price > 0 else "lower"
            detail = _CASH_DETAIL[side] if row.rule == CASH else f"at its {side} limit; price is for 1 % of value"
            if row.rule == TURNOVER:
                detail = "all of the turnover allowed is used; price is for 1 % of value"
            found.append(Binding(rule=row.rule, price_bp=abs(float(price)) * PERCENT * BP, detail=detail))
    for i, rule, price, upper in prices.bound_prices():
        name = problem.names[i]
        active = float(done.trade[i]) - name.shortfall
        detail = f"{name.security.ticker}: {'over' if upper else 'under'}weight limit reached at {active:+.2%}"
        found.append(Binding(rule=f"{rule} {name.security.security_id}", price_bp=price * PERCENT * BP, detail=detail))
    return tuple(sorted(found, key=lambda binding: (-binding.price_bp, binding.rule)))


def _rules_by_name(problem: Problem, done: Outcome, prices: Prices | None) -> list[tuple[str, ...]]:
    """Return the rules that bind on each name: its own, and the rows it takes part in that have a price."""
    rules = [list(name.rules.must_exit) for name in problem.names]
    for i, name in enumerate(problem.names):
        size = abs(float(done.trade[i]))
        rules[i] += [bound.rule for bound in name.bounds if size and abs(float(done.trade[i]) - bound.at) < name.unit]
        if problem.min_trade > 0 and size and size - problem.min_trade < name.unit:
            rules[i].append("min_trade_usd")
    if prices is not None:
        for row, price in zip(problem.rows, prices.rows, strict=False):
            taking_part = done.trade < 0 if row.by_lot_gain else (row.up != 0) | (row.down != 0)
            if price != 0.0 and row.rule != CASH:
                for member in np.flatnonzero(taking_part).tolist():
                    rules[member].append(row.rule)
    return [tuple(dict.fromkeys(found)) for found in rules]


def _sentence(problem: Problem, done: Outcome, i: int, tax: Decimal, risk: float) -> str:
    name, quantity = problem.names[i], done.shares[i]
    after = name.held + float(done.trade[i])
    move = f"from {name.held:.2%} to {after:.2%} of the account (target {name.target:.2%})"
    shares = f"{abs(quantity):,f} share{'' if abs(quantity) == 1 else 's'} of {name.security.ticker}"
    if quantity > 0:
        purpose = "brings it closer to its model" if risk > 0 else "invests cash or makes up for other trades"
        return f"Buys {shares}, {move}: {purpose}."
    parts = [_tax_clause(problem, done, i, tax)]
    if name.rules.must_exit:
        parts.insert(0, f"the account may not hold it ({name.rules.must_exit[0]})")
    elif risk > 0:
        parts.append("brings the account closer to its model")
    return f"Sells {shares}, {move}: {'; '.join(part for part in parts if part)}."


def _tax_clause(problem: Problem, done: Outcome, i: int, tax: Decimal) -> str:
    made = sum((sale.gain for sale in done.sold[i]), Decimal(0))
    if not problem.snapshot.account.registration.is_taxable:
        return "no tax in this account"
    size = f"{abs(made):,.2f} USD"
    if made < 0:
        saved = f", which saves {-tax:,.2f} USD of tax" if tax < -_SMALL_USD else ""
        return f"takes a loss of {size}{saved}"
    owed = f" taxed at {tax:,.2f} USD" if tax > _SMALL_USD else ""
    return f"realises a gain of {size}{owed}"
