"""Did the plan do what it said? Tax, trading cost and tracking error, as predicted and as the fills made them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from engine.domain.accounts import AccountBook, AccountSnapshot, Transaction, TransactionType
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Plan, Side, Term
from engine.execute.booking import booked
from engine.execute.fills import FilledOrder
from engine.risk.measure import active_weights, tracking_error
from engine.tax.gifts import held_from_at
from engine.tax.holding import term
from engine.tax.netting import YearToDate, netted_liability, plan_liability

_ZERO: Final = Decimal(0)
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """tax: USD, below zero where saved. cost_bp: of what was traded. tracking_error: a year, at the plan's prices."""

    tax: Decimal
    cost_bp: float
    tracking_error: float


def predicted(plan: Plan, market: MarketSnapshot) -> Figures:
    """Return what the plan said of itself."""
    traded = sum((trade.amount for trade in plan.trades), _ZERO)
    usual = Decimal(str(plan.settings.cost_bp))
    costs = _ZERO
    for trade in plan.trades:
        own = market.securities[trade.security_id].cost_bp
        costs += trade.amount * (usual if own is None else own)
    return Figures(
        tax=plan.tax.liability,
        cost_bp=float(costs / traded) if traded else 0.0,
        tracking_error=plan.after.tracking_error,
    )


def realised(
    plan: Plan, snapshot: AccountSnapshot, market: MarketSnapshot, filled: Sequence[FilledOrder], on: date
) -> Figures:
    """Return what the fills of a plan came to on their day, on the inputs that the plan was computed from.

    Cost is the implementation shortfall: how much worse than the plan's prices the fills were, of their worth at those
    prices. What a wash sale disallows is taken as the plan has it. Raises DataError as booked does.
    """
    book = booked(snapshot.book, filled, on)
    flow = plan.settings.deposit - plan.settings.withdrawal
    account = replace(book.account, cash=book.account.cash + flow)
    after = replace(snapshot, book=replace(book, account=account))
    return Figures(
        tax=_tax(plan, snapshot, _sales(book, filled), on),
        cost_bp=_shortfall_bp(filled),
        tracking_error=tracking_error(market.risk, active_weights(after, market)[1]),
    )


def _shortfall_bp(filled: Sequence[FilledOrder]) -> float:
    worth = lost = _ZERO
    for fill in filled:
        worse = fill.price - fill.order.reference_price
        lost += fill.quantity * (worse if fill.order.side is Side.BUY else -worse)
        worth += fill.quantity * fill.order.reference_price
    return float(lost / worth * 10_000) if worth else 0.0


def _tax(plan: Plan, snapshot: AccountSnapshot, sales: Sequence[Transaction], on: date) -> Decimal:
    account = snapshot.account
    if not account.registration.is_taxable:
        return _ZERO
    gains = _disallowed(plan)
    lots = {lot.lot_id: lot for lot in snapshot.lots}
    for row in sales:
        assert row.lot_id is not None
        assert row.basis is not None
        held_from = held_from_at(lots[row.lot_id], row.price)
        gains[term(held_from, on)] += row.quantity * row.price - row.basis
    rates = {"st_rate": account.st_rate, "lt_rate": account.lt_rate}
    short, long = gains[Term.SHORT], gains[Term.LONG]
    if not plan.settings.net_taxes:
        return plan_liability(short, long, **rates).quantize(_CENT)
    year = YearToDate(
        st_gain=account.ytd_st_gain,
        lt_gain=account.ytd_lt_gain,
        st_carryforward=account.st_carryforward,
        lt_carryforward=account.lt_carryforward,
    )
    worth = Decimal(str(plan.settings.carryforward_value))
    return netted_liability(short, long, year, carryforward_value=worth, **rates).quantize(_CENT)


def _sales(book: AccountBook, filled: Sequence[FilledOrder]) -> tuple[Transaction, ...]:
    ours = {fill.order.cl_ord_id for fill in filled}
    return tuple(
        row
        for row in book.transactions
        if row.type is TransactionType.SELL and row.transaction_id.partition("-")[0] in ours
    )


def _disallowed(plan: Plan) -> dict[Term, Decimal]:
    """Return what the plan's gains hold beyond those of its lots: losses that a wash sale disallows, by term."""
    stated = {Term.SHORT: plan.tax.st_gain, Term.LONG: plan.tax.lt_gain}
    for trade in plan.trades:
        for sale in trade.lots:
            stated[sale.term] -= sale.gain
    return stated
