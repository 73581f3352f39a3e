"""What did an edit change? Two plans of one account, trade by trade, and what the second costs against the first."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from engine.domain.accounts import Account
from engine.domain.identifiers import SecurityId
from engine.domain.plans import Plan, Side, Trade, bp_usd

_CENT: Final = Decimal("0.01")
_NOTHING: Final = (Decimal(0), Decimal(0))


class Change(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeChange:
    """One trade that differs. Shares and dollars are signed, a sale's below zero; 0 where there is no trade."""

    security_id: SecurityId
    change: Change
    shares_before: Decimal
    shares_after: Decimal
    usd_before: Decimal
    usd_after: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What the second plan does otherwise than the first; every figure is the second's less the first's.

    cost_bp, cost_usd: what the objective loses, above zero is worse; None where the two were computed from other
    inputs or settings, and their objectives do not compare. tax: USD. tracking_error: a fraction a year.
    """

    trades: tuple[TradeChange, ...]
    cost_bp: float | None
    cost_usd: Decimal | None
    tax: Decimal
    tracking_error: float


def difference(before: Plan, after: Plan) -> Difference:
    """Return how a plan differs from the one that it came from: changed trades, those of most dollars first."""
    first, second = _signed(before), _signed(after)
    changes = [
        _change(name, first.get(name, _NOTHING), second.get(name, _NOTHING))
        for name in {*first, *second}
        if first.get(name, _NOTHING)[0] != second.get(name, _NOTHING)[0]
    ]
    cost = after.objective.total - before.objective.total if _comparable(before, after) else None
    return Difference(
        trades=tuple(sorted(changes, key=lambda one: (-abs(one.usd_after - one.usd_before), one.security_id))),
        cost_bp=cost,
        cost_usd=None if cost is None else in_dollars(before, cost),
        tax=after.tax.liability - before.tax.liability,
        tracking_error=after.after.tracking_error - before.after.tracking_error,
    )


def in_dollars(plan: Plan, cost_bp: float) -> Decimal:
    """Return basis points of a plan's objective in USD, to the cent."""
    return bp_usd(plan, cost_bp).quantize(_CENT)


def year_gain(account: Account, plan: Plan) -> Decimal | None:
    """Return the net gain of the year with a plan, USD, as the gains budget counts it; None where no tax is paid.

    account: as it stood when the plan was made. Disallowed losses are left out.
    """
    if not account.registration.is_taxable:
        return None
    return account.ytd_st_gain + account.ytd_lt_gain + plan.tax.st_gain + plan.tax.lt_gain


def _comparable(before: Plan, after: Plan) -> bool:
    return (before.inputs_hash, before.settings) == (after.inputs_hash, after.settings)


def _signed(plan: Plan) -> dict[SecurityId, tuple[Decimal, Decimal]]:
    return {trade.security_id: _shares_and_usd(trade) for trade in plan.trades}


def _shares_and_usd(trade: Trade) -> tuple[Decimal, Decimal]:
    sign = 1 if trade.side is Side.BUY else -1
    return sign * trade.quantity, sign * trade.amount


def _change(name: SecurityId, before: tuple[Decimal, Decimal], after: tuple[Decimal, Decimal]) -> TradeChange:
    change = Change.CHANGED
    if not before[0]:
        change = Change.ADDED
    elif not after[0]:
        change = Change.REMOVED
    return TradeChange(
        security_id=name,
        change=change,
        shares_before=before[0],
        shares_after=after[0],
        usd_before=before[1],
        usd_after=after[1],
    )
