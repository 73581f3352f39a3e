"""What does the account look like before and after? Cash, value, unrealised gains and tax in exact decimals."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.exact import decimal_of, total
from engine.domain.market import Array
from engine.domain.plans import Metrics, TaxSummary, Term, Unrealised
from engine.plan.lots import SaleLot
from engine.plan.outcome import Outcome, liability_usd
from engine.plan.problem import Problem

_ZERO: Final = Decimal(0)
_Buckets = Mapping[tuple[Term, bool], Decimal]


def turnover(problem: Problem, shares: Sequence[Decimal]) -> Decimal:
    """Return one-way turnover, half of purchases plus sales, as a fraction of V."""
    traded = sum((abs(q) * problem.names.price(i) for i, q in enumerate(shares) if q), _ZERO)
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
    held = problem.names.lots.holding.worth(problem.names.listing)
    traded = sum((q * problem.names.price(i) for i, q in enumerate(done.shares) if q), _ZERO)
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
    active = weights - problem.names.target
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
    listing = problem.names.listing
    sectors = listing.sector[problem.names.code]
    totals = np.bincount(sectors, active, minlength=len(listing.sectors)).tolist()
    return tuple((listing.sectors[sector], totals[sector]) for sector in np.unique(sectors).tolist())


def _unrealised(problem: Problem) -> _Buckets:
    """Return gains and losses of all lots by (term, is a loss), USD."""
    table = problem.names.lots
    plain = ~np.isin(table.owner, list(table.apart))
    totals = {}
    for term in Term:
        for is_loss in (False, True):
            chosen = plain & (table.is_long == (term is Term.LONG)) & (table.is_loss == is_loss)
            totals[term, is_loss] = decimal_of(total(table.gain_usd[chosen]), table.gain_decimals)
    for i, entries in table.apart.items():
        for entry in _each_lot(entries, in_order=bool(problem.names.loses_in_order[i])):
            totals[entry.term, entry.gain_usd < 0] += entry.gain_usd
    return totals


def _after_sales(done: Outcome, before: _Buckets) -> _Buckets:
    """Return what the sales leave of the unrealised gains and losses; all shares of a lot gain or all lose."""
    totals = dict(before)
    for part in done.sold:
        for sale in part:
            totals[sale.term, sale.gain < 0] -= sale.gain
    return totals


def _each_lot(entries: Sequence[SaleLot], *, in_order: bool) -> Iterable[SaleLot]:
    """Return one entry of each lot; a lot of which a wash sale catches some shares has several, one after another."""
    return {entry.lot.lot_id: entry for entry in entries}.values() if in_order else entries
