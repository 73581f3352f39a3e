"""How do these plans differ? The figures that a portfolio manager lays side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from engine.domain.accounts import AccountSnapshot
from engine.domain.identifiers import SecurityId
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Plan, Side
from engine.domain.valuation import net_asset_value, positions

LARGEST: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSummary:
    """One plan in figures: USD, fractions of account value, basis points.

    tax_now < 0 is tax saved. turnover is one-way: half of what is bought and sold. largest_active are the five names
    with the largest weight less target after trading, largest first. rounding_bp: the part of the
    gap that whole shares cost.
    """

    tracking_error: float
    tax_now: Decimal
    harvested_loss: Decimal
    turnover: Decimal
    trades: int
    cost_bp: float
    objective_bp: float
    gap_bp: float
    rounding_bp: float | None
    cash_weight: Decimal
    largest_active: tuple[tuple[SecurityId, Decimal], ...]
    sectors: tuple[tuple[str, float], ...]


def summarise(plan: Plan, snapshot: AccountSnapshot, market: MarketSnapshot) -> PlanSummary:
    """Return the plan in figures that compare with any other plan of the same account."""
    value = net_asset_value(snapshot, market) + plan.settings.deposit - plan.settings.withdrawal
    active = active_after(plan, snapshot, market)
    largest = sorted(active.items(), key=lambda item: (-abs(item[1]), item[0]))[:LARGEST]
    return PlanSummary(
        tracking_error=plan.after.tracking_error,
        tax_now=plan.tax.liability,
        harvested_loss=plan.tax.harvested_loss,
        turnover=sum((trade.amount for trade in plan.trades), Decimal(0)) / 2 / value,
        trades=len(plan.trades),
        cost_bp=plan.objective.cost,
        objective_bp=plan.objective.total,
        gap_bp=plan.objective.gap,
        rounding_bp=plan.objective.rounding,
        cash_weight=plan.after.cash / value,
        largest_active=tuple(largest),
        sectors=plan.after.sectors,
    )


def active_after(plan: Plan, snapshot: AccountSnapshot, market: MarketSnapshot) -> Mapping[SecurityId, Decimal]:
    """Return weight less target of every name held or targeted, after the plan's trades; fractions of value."""
    value = net_asset_value(snapshot, market) + plan.settings.deposit - plan.settings.withdrawal
    shares = dict(positions(snapshot.lots))
    for trade in plan.trades:
        signed = trade.quantity if trade.side is Side.BUY else -trade.quantity
        shares[trade.security_id] = shares.get(trade.security_id, Decimal(0)) + signed
    targets = dict(market.models[snapshot.account.model_id].weights)
    weights = {name: quantity * market.marks[name].price / value for name, quantity in shares.items()}
    return {
        name: weights.get(name, Decimal(0)) - targets.get(name, Decimal(0)) for name in sorted({*weights, *targets})
    }
