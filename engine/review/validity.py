"""Does an approved plan still hold? Its trades against today's lots, prices and cash."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from engine.domain.accounts import AccountSnapshot
from engine.domain.market import ActionKind, CorporateAction, MarketSnapshot
from engine.domain.plans import Check, Plan, Trade
from engine.review.checker import failures, second_opinion

MAX_PRICE_MOVE: Final = Decimal("0.05")  # of a traded name since the plan was made
APPROVAL_LASTS: Final = timedelta(days=3)
_STANDING: Final = frozenset(
    {"lots and securities exist", "lots suffice", "wash sales", "restrictions", "restricted weights"}
)


def held_against(plan: Plan, snapshot: AccountSnapshot, market: MarketSnapshot) -> tuple[Check, ...]:
    """Return the second checker's verdict on the plan's trades at today's prices, on today's lots and cash."""
    return second_opinion(_remarked(plan, market), snapshot, market)


def why_stale(
    plan: Plan,
    market: MarketSnapshot,
    today: Sequence[Check],
    *,
    approved_at: datetime | None,
    now: datetime,
    actions: Iterable[CorporateAction] = (),
) -> tuple[str, ...]:
    """Return why the plan may no longer be sent, one sentence a reason; empty while it holds.

    today: the plan as held_against this market. The envelope: every traded price within 5 % of the plan's, all lots
    still there, no new wash sale or restriction, cash after trading at today's prices not negative, approval no older
    than three days, no corporate action of a traded name since the plan's day. actions: those that may be in force now.
    """
    reasons = [*too_old(approved_at, now), *overtaken_by(plan, actions, until=now.date())]
    moved = [trade for trade in plan.trades if _move(trade, market) > MAX_PRICE_MOVE]
    reasons += [f"{trade.security_id} has moved {_move(trade, market):.1%} since the plan" for trade in moved]
    reasons += [f"{check.rule}: {check.detail}" for check in failures(today) if check.rule in _STANDING]
    if any(check.rule == "cash" and "overdrawn" in check.detail for check in today):
        reasons.append("cash would be overdrawn at today's prices")
    return tuple(reasons)


def overtaken_by(plan: Plan, actions: Iterable[CorporateAction], *, until: date) -> tuple[str, ...]:
    """Return which corporate actions of its names came into force after the day of a plan and up to a day.

    Its shares, lots and prices are from before; today's own actions count though prices do not know of them yet.
    Dividends change neither shares nor names.
    """
    traded = {trade.security_id for trade in plan.trades}
    return tuple(
        f"{action.security_id}: {action.kind.replace('_', '-')} on {action.ex_date}, after the plan's day"
        for action in actions
        if action.kind is not ActionKind.DIVIDEND
        and plan.as_of < action.ex_date <= until
        and traded & {action.security_id, action.successor}
    )


def too_old(approved_at: datetime | None, now: datetime) -> tuple[str, ...]:
    """Return why an approval no longer holds by its age alone; empty while it does, or where there is none."""
    if approved_at is None or now - approved_at <= APPROVAL_LASTS:
        return ()
    return (f"approved on {approved_at:%Y-%m-%d %H:%M}; an approval lasts {APPROVAL_LASTS.days} days",)


def washed(today: Sequence[Check]) -> tuple[str, ...]:
    """Return what of the plan would be, or make, a wash sale with the household as it stands today; empty where none.

    The snapshot that the plan was held against has the other accounts' plans, proposed or further, as pending trades.
    """
    return tuple(check.detail for check in failures(today) if check.rule == "wash sales")


def _move(trade: Trade, market: MarketSnapshot) -> Decimal:
    mark = market.marks.get(trade.security_id)
    return Decimal(1) if mark is None else abs(mark.price / trade.price - 1)


def _remarked(plan: Plan, market: MarketSnapshot) -> Plan:
    """The same trades at today's prices."""
    return replace(
        plan,
        trades=tuple(
            replace(trade, price=market.marks[trade.security_id].price) if trade.security_id in market.marks else trade
            for trade in plan.trades
        ),
    )
