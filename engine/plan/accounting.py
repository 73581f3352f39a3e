"""What does the account look like before and after? Cash, value, unrealised gains and tax in exact decimals."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.domain.plans import Metrics, TaxSummary, Term, Unrealised
from engine.plan.lots import SaleLot
from engine.plan.names import Name
from engine.plan.outcome import Outcome, liability_usd
from engine.plan.problem import Problem

_ZERO: Final = Decimal(0)
_Buckets = Mapping[tuple[Term, bool], Decimal]


def turnover(problem: Problem, shares: Sequence[Decimal]) -> Decimal:
    """Return one-way turnover, half of purchases plus sales, as a fraction of V."""
    traded = sum((abs(q) * name.price for q, name in zip(shares, problem.names, strict=True) if q), _ZERO)
    return traded / 2 / problem.value


def tax_summary(problem: Problem, done: Outcome, *, disallowed: Decimal) -> TaxSummary:
    """Return gains by term as the year counts them, the tax on them, and the losses taken; an IRA's count as none.

    disallowed: what the household's ledger takes away of the losses.
    """
    year = done.year
    return TaxSummary(
        st_gain=year.st,
        lt_gain=year.lt,
        liability=liability_usd(problem, year),
        harvested_loss=year.losses if problem.snapshot.account.registration.is_taxable else _ZERO,
        disallowed=disallowed,
    )


def metrics(problem: Problem, done: Outcome) -> tuple[Metrics, Metrics]:
    """Return the account as it stands, and after flow, trades and costs.

    Before, weights are fractions of its present value; afterwards of V, as in the objective and bounds.
    """
    cash = problem.snapshot.account.cash
    held = sum((name.shares * name.price for name in problem.names), _ZERO)
    traded = sum((q * name.price for q, name in zip(done.shares, problem.names, strict=True) if q), _ZERO)
    left = done.cash
    unrealised = _unrealised(problem)
    weights = problem.prepared.held
    now = cash + held
    present = float(problem.value / now) if now > 0 else 0.0
    return (
        _metrics(problem, weights * present, nav=now, cash=cash, value=now, unrealised=unrealised),
        _metrics(
            problem,
            weights + done.trade,
            nav=left + held + traded,
            cash=left,
            value=problem.value,
            unrealised=_after_sales(done, unrealised),
        ),
    )


def _metrics(
    problem: Problem, weights: Array, *, nav: Decimal, cash: Decimal, value: Decimal, unrealised: _Buckets
) -> Metrics:
    active = weights - np.array([name.target for name in problem.names])
    factor = problem.loadings.T @ active
    cash_weight = float(cash / value) if value > 0 else 0.0
    return Metrics(
        nav=nav,
        cash=cash,
        tracking_error=float(np.sqrt(factor @ factor + problem.specific @ (active * active))),
        active_share=(float(np.abs(active).sum()) + abs(cash_weight)) / 2.0,
        sectors=_sectors(problem, active),
        unrealised=Unrealised(
            st_gain=unrealised[Term.SHORT, False],
            st_loss=unrealised[Term.SHORT, True],
            lt_gain=unrealised[Term.LONG, False],
            lt_loss=unrealised[Term.LONG, True],
        ),
    )


def _sectors(problem: Problem, active: Array) -> tuple[tuple[str, float], ...]:
    totals: dict[str, float] = {}
    for name, weight in zip(problem.names, active.tolist(), strict=True):
        totals[name.security.sector] = totals.get(name.security.sector, 0.0) + weight
    return tuple(sorted(totals.items()))


def _unrealised(problem: Problem) -> _Buckets:
    """Return gains and losses of all lots by (term, is a loss), USD."""
    totals = {(term, is_loss): _ZERO for term in Term for is_loss in (False, True)}
    for name in problem.names:
        for entry in _each_lot(name):
            totals[entry.term, entry.gain_usd < 0] += entry.gain_usd
    return totals


def _after_sales(done: Outcome, before: _Buckets) -> _Buckets:
    """Return what the sales leave of the unrealised gains and losses; all shares of a lot gain or all lose."""
    totals = dict(before)
    for part in done.sold:
        for sale in part:
            totals[sale.term, sale.gain < 0] -= sale.gain
    return totals


def _each_lot(name: Name) -> Iterable[SaleLot]:
    """Return one entry of each lot; a lot of which a wash sale catches some shares has several, one after another."""
    if not name.loses_in_order:
        return name.lots
    return {entry.lot.lot_id: entry for entry in name.lots}.values()
