"""What an approver sees: plans on their way, their history, and trades that may be edited."""

from collections.abc import Iterable

import pandas as pd

from app.steps.review import Adjusted
from app.tables.parts import named, table_of
from data.plans import PlanHead, PlanMove
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Plan, Side


def plan_table(heads: Iterable[PlanHead]) -> pd.DataFrame:
    """Return one row a stored plan, in the order given."""
    return table_of(
        [
            {
                "plan": head.plan_id[:12],
                "account": head.account_id,
                "stage": head.state.value.replace("_", " "),
                "created": head.created_at,
                "made_by": ", ".join(sorted(head.makers)),
                "note": head.note.replace("\n", " · "),
            }
            for head in heads
        ],
        "plan account stage created made_by note",
    )


def history_table(moves: Iterable[PlanMove]) -> pd.DataFrame:
    """Return one row a step of a plan's life."""
    return table_of(
        [
            {
                "at": move.at,
                "actor": move.actor,
                "action": move.action.value.replace("_", " "),
                "stage": move.target.value.replace("_", " "),
                "comment": move.comment,
            }
            for move in moves
        ],
        "at actor action stage comment",
    )


def editable_trades(plan: Plan, market: MarketSnapshot) -> pd.DataFrame:
    """Return the trades as signed shares, for a person to change: negative sells, 0 drops the trade."""
    return pd.DataFrame(
        {
            "security": [trade.security_id for trade in plan.trades],
            "ticker": [market.securities[trade.security_id].ticker for trade in plan.trades],
            "side": [trade.side.value for trade in plan.trades],
            "signed_shares": [
                float(trade.quantity if trade.side is Side.BUY else -trade.quantity) for trade in plan.trades
            ],
            "amount": [float(trade.amount) for trade in plan.trades],
            "why": [trade.reason.sentence for trade in plan.trades],
        }
    )


def edit_table(adjusted: Adjusted, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row an edited trade with the price of that edit alone."""
    return table_of(
        [
            {
                **named(market, edit.security_id),
                "before": float(edit.before),
                "after": float(edit.after),
                "price_bp": edit.price_bp,
                "price_usd": float(edit.price_usd),
            }
            for edit in adjusted.edits
        ],
        "ticker name sector before after price_bp price_usd",
    )
