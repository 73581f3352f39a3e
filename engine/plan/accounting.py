"""What does the account look like before and after? Cash, value, unrealised gains and tax in exact decimals."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.identifiers import LotId
from engine.domain.market import Array
from engine.domain.plans import LotSale, Metrics, TaxSummary, Term, Unrealised
from engine.plan.lots import gain
from engine.plan.outcome import Outcome, rates
from engine.plan.problem import Problem
from engine.tax.netting import plan_liability

_ZERO: Final = Decimal(0)
_BP: Final = Decimal(10_000)


def trading_cost_usd(problem: Problem, shares: Sequence[Decimal]) -> Decimal:
    """Return the expected cost of these trades, USD; it is paid from cash."""
    default = Decimal(str(problem.settings.cost_bp))
    total = _ZERO
    for name, quantity in zip(problem.names, shares, strict=True):
        own = name.security.cost_bp
        total += abs(quantity) * name.price * (default if own is None else own) / _BP
    return total


def cash_after(problem: Problem, shares: Sequence[Decimal]) -> Decimal:
    """Return cash after the external flow, the trades and their cost, USD."""
    spent = sum((q * name.price for q, name in zip(shares, problem.names, strict=True)), _ZERO)
    flow = problem.settings.deposit - problem.settings.withdrawal
    return problem.snapshot.account.cash + flow - spent - trading_cost_usd(problem, shares)


def turnover(problem: Problem, shares: Sequence[Decimal]) -> Decimal:
    """Return one-way turnover, half of purchases plus sales, as a fraction of V."""
    traded = sum((abs(q) * name.price for q, name in zip(shares, problem.names, strict=True)), _ZERO)
    return traded / 2 / problem.value


def net_gain(sold: Sequence[Sequence[LotSale]]) -> Decimal:
    """Return the net gain that these sales realise, USD."""
    return sum((sale.gain for part in sold for sale in part), _ZERO)


def tax_summary(problem: Problem, sold: Sequence[Sequence[LotSale]], *, disallowed: Decimal = _ZERO) -> TaxSummary:
    """Return gains by term, the tax on them at marginal rates, and the losses taken; an IRA's losses count as none."""
    sales = [sale for part in sold for sale in part]
    st_gain = sum((sale.gain for sale in sales if sale.term is Term.SHORT), _ZERO)
    lt_gain = sum((sale.gain for sale in sales if sale.term is Term.LONG), _ZERO)
    losses = -sum((sale.gain for sale in sales if sale.gain < 0), _ZERO)
    st_rate, lt_rate = rates(problem)
    return TaxSummary(
        st_gain=st_gain,
        lt_gain=lt_gain,
        liability=plan_liability(st_gain, lt_gain, st_rate=st_rate, lt_rate=lt_rate),
        harvested_loss=losses if problem.snapshot.account.registration.is_taxable else _ZERO,
        disallowed=disallowed,
    )


def metrics_before(problem: Problem) -> Metrics:
    """Return the account as it stands: before the external flow, weights as fractions of its present value."""
    cash = problem.snapshot.account.cash
    nav = cash + sum((name.shares * name.price for name in problem.names), _ZERO)
    return _metrics(problem, [name.shares for name in problem.names], nav=nav, cash=cash, value=nav, sold={})


def metrics_after(problem: Problem, done: Outcome) -> Metrics:
    """Return the account after flow, trades and costs; weights are fractions of V, as in the objective and bounds."""
    cash = cash_after(problem, done.shares)
    shares = [name.shares + quantity for name, quantity in zip(problem.names, done.shares, strict=True)]
    nav = cash + sum((q * name.price for q, name in zip(shares, problem.names, strict=True)), _ZERO)
    sold = {sale.lot_id: sale.quantity for part in done.sold for sale in part}
    return _metrics(problem, shares, nav=nav, cash=cash, value=problem.value, sold=sold)


def _metrics(
    problem: Problem,
    shares: Sequence[Decimal],
    *,
    nav: Decimal,
    cash: Decimal,
    value: Decimal,
    sold: Mapping[LotId, Decimal],
) -> Metrics:
    active = np.array(
        [
            float(q * name.price / value) - name.target if value > 0 else -name.target
            for q, name in zip(shares, problem.names, strict=True)
        ]
    )
    factor = problem.loadings.T @ active
    cash_weight = float(cash / value) if value > 0 else 0.0
    return Metrics(
        nav=nav,
        cash=cash,
        tracking_error=float(np.sqrt(factor @ factor + problem.specific @ (active * active))),
        active_share=(float(np.abs(active).sum()) + abs(cash_weight)) / 2.0,
        sectors=_sectors(problem, active),
        unrealised=_unrealised(problem, sold),
    )


def _sectors(problem: Problem, active: Array) -> tuple[tuple[str, float], ...]:
    totals: dict[str, float] = {}
    for name, weight in zip(problem.names, active, strict=True):
        totals[name.security.sector] = totals.get(name.security.sector, 0.0) + float(weight)
    return tuple(sorted(totals.items()))


def _unrealised(problem: Problem, sold: Mapping[LotId, Decimal]) -> Unrealised:
    totals = {(term, is_loss): _ZERO for term in Term for is_loss in (False, True)}
    for name in problem.names:
        for entry in name.lots:
            left = gain(entry.lot, entry.lot.quantity - sold.get(entry.lot.lot_id, _ZERO), name.price)
            totals[entry.term, left < 0] += left
    return Unrealised(
        st_gain=totals[Term.SHORT, False],
        st_loss=totals[Term.SHORT, True],
        lt_gain=totals[Term.LONG, False],
        lt_loss=totals[Term.LONG, True],
    )
