"""Why these trades? In numbers, and in a sentence for each."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.identifiers import LotId
from engine.domain.market import Array
from engine.domain.plans import LotSale, Reason, Washed
from engine.plan.outcome import NOTHING, Counted, Outcome, liability_usd, rates
from engine.plan.prices import Prices
from engine.plan.problem import BP, CASH, Problem
from engine.tax.matching import WASH_SALE_DAYS
from engine.tax.netting import plan_liability

MAX_TRACKING_ERROR: Final = "max_tracking_error"
MAX_TRADES: Final = "max_trades"
MAX_NAMES: Final = "max_names"
_SMALL_USD: Final = Decimal("0.005")
_NO_TAX: Final = Decimal(0)


def reasons(
    problem: Problem,
    done: Outcome,
    prices: Prices | None,
    worth: Mapping[int, float | None],
    washed: Mapping[LotId, tuple[Washed, ...]],
) -> dict[int, Reason]:
    """Return the reason of each trade by its name's number. worth: of trades, fractions of V, as far as it is known.

    washed: what wash sales take away, by lot.
    """
    binding = _rules_by_name(problem, done, prices)
    p, weight = problem.prepared, problem.settings.tax_weight * BP / float(problem.value)
    trade = done.trade.tolist()
    risk = (risk_of_skipping(problem, done) * BP).tolist()
    cost = ((p.cost * np.abs(done.trade) + p.impact * done.trade**2) * BP).tolist()
    tax_of, tell = _taxes(problem, done), _Teller(problem)
    found = {}
    for i in binding:
        quantity = done.shares[i]
        counted, known = done.counted[i], worth.get(i)
        tax = _NO_TAX if counted is NOTHING else tax_of(counted)
        found[i] = Reason(
            risk_bp=risk[i],
            tax_bp=-weight * float(tax - counted.later if counted.later else tax),
            cost_bp=-cost[i],
            worth_bp=None if known is None else known * BP,
            rules=binding[i],
            sentence=tell.sentence(
                i,
                quantity,
                trade[i],
                counted,
                tax=tax,
                risk=risk[i],
                washed=washed_of(done.sold[i], washed),
            ),
        )
    return found


def washed_of(sold: Sequence[LotSale], washed: Mapping[LotId, tuple[Washed, ...]]) -> tuple[Washed, ...]:
    """Return what wash sales take away of one name's sale."""
    return tuple(one for sale in sold for one in washed.get(sale.lot_id, ())) if washed else ()


def risk_of_skipping(problem: Problem, done: Outcome) -> Array:
    """Return by how much risk, weighed, would be higher without each name's trade: (n,)."""
    p, u = problem.prepared, done.trade
    own = np.einsum("ik,ik->i", problem.loadings, problem.loadings) + p.specific
    pull = problem.loadings @ done.factor + p.specific * (u - p.shortfall)
    return np.asarray(problem.settings.risk_aversion * (own * u - 2.0 * pull) * u)


def _taxes(problem: Problem, done: Outcome) -> Callable[[Counted], Decimal]:
    """Return what tells the tax, USD, that the year would not have without one name's sale."""
    if problem.netting is None:
        st_rate, lt_rate = rates(problem)
        return lambda own: plan_liability(own.st, own.lt, st_rate=st_rate, lt_rate=lt_rate)
    year, whole = done.year, liability_usd(problem, done.year)
    return lambda own: whole - liability_usd(problem, Counted(st=year.st - own.st, lt=year.lt - own.lt))


def _rules_by_name(problem: Problem, done: Outcome, prices: Prices | None) -> dict[int, tuple[str, ...]]:
    """Return the rules that bind on each name traded: its own, and those it takes part in that have a price."""
    names, trade, bounds = problem.names, done.trade, problem.names.bounds
    rules = {i: list(names.rules[i].must_exit) for i, quantity in enumerate(done.shares) if quantity}
    moves = trade != 0
    near = np.abs(trade[bounds.owner] - bounds.at) < names.unit[bounds.owner]
    for k in np.flatnonzero(near & moves[bounds.owner]).tolist():
        rules[int(bounds.owner[k])].append(bounds.rules[bounds.rule[k]])
    if problem.min_trade > 0:
        for i in np.flatnonzero(moves & (np.abs(trade) - problem.min_trade < names.unit)).tolist():
            rules[i].append("min_trade_usd")
    if prices is None:
        return {i: tuple(dict.fromkeys(found)) for i, found in rules.items()}
    everywhere = [MAX_TRACKING_ERROR] if prices.variance > 0 else []
    if problem.settings.max_trades is not None and np.count_nonzero(trade) >= problem.settings.max_trades:
        everywhere.append(MAX_TRADES)
    for row, price in zip(problem.rows, prices.rows.tolist(), strict=True):
        if price != 0.0 and row.rule != CASH:
            taking_part = trade < 0 if row.by_lot_gain else (row.up != 0) | (row.down != 0)
            for member in np.flatnonzero(taking_part & moves).tolist():
                rules[member].append(row.rule)
    binding = tuple(everywhere)
    return {i: tuple(dict.fromkeys(own)) + (binding if moves[i] else ()) for i, own in rules.items()}


class _Teller:
    """Sentences about trades. What they all have in common is looked up once: a plan has hundreds of trades."""

    def __init__(self, problem: Problem) -> None:
        self.names, self.held = problem.names, problem.names.held.tolist()
        self.target = problem.names.target.tolist()
        self.taxable = problem.snapshot.account.registration.is_taxable
        self.netted = problem.netting is not None
        self.liquidate = problem.settings.liquidate
        free = problem.snapshot.as_of + WASH_SALE_DAYS + timedelta(days=1)
        self.locked = f"the household may not buy it back before {free}"

    def sentence(
        self,
        i: int,
        quantity: Decimal,
        u: float,
        counted: Counted,
        *,
        tax: Decimal,
        risk: float,
        washed: Sequence[Washed] = (),
    ) -> str:
        held, must_exit = self.held[i], self.names.rules[i].must_exit
        move = f"from {held:.2%} to {max(held + u, 0.0):.2%} of the account (target {self.target[i]:.2%})"
        count = abs(quantity)
        shares = f"{count:,f} share{'' if count == 1 else 's'} of {self.names.security(i).ticker}"
        if quantity > 0:
            purpose = "brings it closer to its model" if risk > 0 else "invests cash or makes up for other trades"
            return f"Buys {shares}, {move}: {purpose}."
        parts = [self._tax_clause(counted, tax)]
        if washed:
            parts.append(_wash_sale_clause(washed))
        if counted.losses and self.taxable:
            parts.append(self.locked)
        if self.liquidate:
            parts.insert(0, "the account is sold out")
        elif must_exit:
            parts.insert(0, f"the account may not hold it ({must_exit[0]})")
        elif risk > 0:
            parts.append("brings the account closer to its model")
        return f"Sells {shares}, {move}: {'; '.join(parts)}."

    def _tax_clause(self, counted: Counted, tax: Decimal) -> str:
        if not self.taxable:
            return "no tax in this account"
        made = counted.st + counted.lt - counted.disallowed
        size = f"{abs(made):,.2f} USD"
        if made < 0:
            year = " of the year" if self.netted else ""
            saved = f", which saves {-tax:,.2f} USD of tax{year}" if tax < -_SMALL_USD else ""
            return f"takes a loss of {size}{saved}"
        if self.netted:
            owed = f", which adds {tax:,.2f} USD to the tax of the year" if tax > _SMALL_USD else ""
        else:
            owed = f" taxed at {tax:,.2f} USD" if tax > _SMALL_USD else ""
        return f"realises a gain of {size}{owed}"


def _wash_sale_clause(washed: Sequence[Washed]) -> str:
    where = []
    for one in washed:
        bought = f"{one.quantity.normalize():f} shares that account {one.account_id} buys on {one.on}"
        what = "go into the basis of" if one.deferred else "are lost for good to"
        where.append(f"{one.disallowed:,.2f} USD {what} {bought}")
    total = sum((one.disallowed for one in washed), Decimal(0))
    return f"a wash sale disallows {total:,.2f} USD of the loss: {', '.join(where)}"
