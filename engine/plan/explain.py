"""Why these trades? In numbers, and in a sentence for each."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.domain.plans import Reason
from engine.plan.outcome import NOTHING, Counted, Outcome, liability_usd
from engine.plan.prices import Prices
from engine.plan.problem import BP, CASH, Problem

MAX_TRACKING_ERROR: Final = "max_tracking_error"
MAX_TRADES: Final = "max_trades"
MAX_NAMES: Final = "max_names"
_SMALL_USD: Final = Decimal("0.005")


def reasons(
    problem: Problem, done: Outcome, prices: Prices | None, worth: Mapping[int, float | None]
) -> dict[int, Reason]:
    """Return the reason of each trade by its name's number. worth: of trades, fractions of V, as far as it is known."""
    binding = _rules_by_name(problem, done, prices)
    p, weight = problem.prepared, problem.settings.tax_weight * BP / float(problem.value)
    trade = done.trade.tolist()
    risk = (risk_of_skipping(problem, done) * BP).tolist()
    cost = ((p.cost * np.abs(done.trade) + p.impact * done.trade**2) * BP).tolist()
    found = {}
    for i in np.flatnonzero([quantity != 0 for quantity in done.shares]).tolist():
        tax = _tax_usd(problem, done, i)
        known = worth.get(i)
        found[i] = Reason(
            risk_bp=risk[i],
            tax_bp=-weight * float(tax - done.counted[i].later),
            cost_bp=-cost[i],
            worth_bp=None if known is None else known * BP,
            rules=binding[i],
            sentence=_sentence(problem, done, i, trade[i], tax=tax, risk=risk[i]),
        )
    return found


def risk_of_skipping(problem: Problem, done: Outcome) -> Array:
    """Return by how much risk, weighed, would be higher without each name's trade: (n,)."""
    p, u = problem.prepared, done.trade
    own = np.einsum("ik,ik->i", problem.loadings, problem.loadings) + p.specific
    pull = problem.loadings @ done.factor + p.specific * (u - p.shortfall)
    return np.asarray(problem.settings.risk_aversion * (own * u - 2.0 * pull) * u)


def _tax_usd(problem: Problem, done: Outcome, i: int) -> Decimal:
    """Return the tax that the year would not have without this name's sale."""
    counted = done.counted[i]
    if counted is NOTHING:
        return Decimal(0)
    if problem.netting is None:
        return liability_usd(problem, counted)
    year = done.year
    others = Counted(st=year.st - counted.st, lt=year.lt - counted.lt)
    return liability_usd(problem, year) - liability_usd(problem, others)


def _rules_by_name(problem: Problem, done: Outcome, prices: Prices | None) -> list[tuple[str, ...]]:
    """Return the rules that bind on each name: its own, and those it takes part in that have a price."""
    rules: list[list[str]] = [list(name.rules.must_exit) for name in problem.names]
    trade = done.trade.tolist()
    for own, name, u in zip(rules, problem.names, trade, strict=True):
        if u:
            own += [bound.rule for bound in name.bounds if abs(u - bound.at) < name.unit]
            if problem.min_trade > 0 and abs(u) - problem.min_trade < name.unit:
                own.append("min_trade_usd")
    if prices is None:
        return [tuple(dict.fromkeys(found)) for found in rules]
    everywhere = [MAX_TRACKING_ERROR] if prices.variance > 0 else []
    if problem.settings.max_trades is not None and np.count_nonzero(done.trade) >= problem.settings.max_trades:
        everywhere.append(MAX_TRADES)
    for row, price in zip(problem.rows, prices.rows.tolist(), strict=True):
        if price != 0.0 and row.rule != CASH:
            taking_part = done.trade < 0 if row.by_lot_gain else (row.up != 0) | (row.down != 0)
            for member in np.flatnonzero(taking_part & (done.trade != 0)).tolist():
                rules[member].append(row.rule)
    return [(*dict.fromkeys(found), *(everywhere if u else ())) for found, u in zip(rules, trade, strict=True)]


def _sentence(problem: Problem, done: Outcome, i: int, u: float, *, tax: Decimal, risk: float) -> str:
    name, quantity = problem.names[i], done.shares[i]
    move = f"from {name.held:.2%} to {max(name.held + u, 0.0):.2%} of the account (target {name.target:.2%})"
    count = abs(quantity)
    shares = f"{count:,f} share{'' if count == 1 else 's'} of {name.security.ticker}"
    if quantity > 0:
        purpose = "brings it closer to its model" if risk > 0 else "invests cash or makes up for other trades"
        return f"Buys {shares}, {move}: {purpose}."
    parts = [_tax_clause(problem, done, i, tax), _wash_sale_clause(done.counted[i])]
    if problem.settings.liquidate:
        parts.insert(0, "the account is sold out")
    elif name.rules.must_exit:
        parts.insert(0, f"the account may not hold it ({name.rules.must_exit[0]})")
    elif risk > 0:
        parts.append("brings the account closer to its model")
    return f"Sells {shares}, {move}: {'; '.join(part for part in parts if part)}."


def _tax_clause(problem: Problem, done: Outcome, i: int, tax: Decimal) -> str:
    counted = done.counted[i]
    made = counted.st + counted.lt - counted.disallowed
    if not problem.snapshot.account.registration.is_taxable:
        return "no tax in this account"
    size = f"{abs(made):,.2f} USD"
    year = " of the year" if problem.netting is not None else ""
    if made < 0:
        saved = f", which saves {-tax:,.2f} USD of tax{year}" if tax < -_SMALL_USD else ""
        return f"takes a loss of {size}{saved}"
    if problem.netting is not None:
        owed = f", which adds {tax:,.2f} USD to the tax of the year" if tax > _SMALL_USD else ""
    else:
        owed = f" taxed at {tax:,.2f} USD" if tax > _SMALL_USD else ""
    return f"realises a gain of {size}{owed}"


def _wash_sale_clause(counted: Counted) -> str:
    if not counted.disallowed:
        return ""
    kept = counted.disallowed - counted.gone
    where = []
    if kept:
        where.append(f"{kept:,.2f} USD live on in the basis of shares bought lately")
    if counted.gone:
        where.append(f"{counted.gone:,.2f} USD are lost for good to a purchase in a retirement account")
    return f"a wash sale disallows {counted.disallowed:,.2f} USD of the loss, of which {' and '.join(where)}"
