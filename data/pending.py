"""Which trades are decided but not booked? Those of a household's approved plans, seen as if done on one day."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, select

from data import tables
from engine.domain.accounts import Transaction, TransactionType
from engine.domain.identifiers import AccountId, HouseholdId, PlanId, TransactionId
from engine.domain.lifecycle import PlanState
from engine.domain.plans import Plan, Side, Trade
from engine.plan.document import plan_from_document

_DECIDED: Final = (PlanState.APPROVED, PlanState.RELEASED, PlanState.SENT)


def read_pending(connection: Connection, household_id: HouseholdId, as_of: date) -> tuple[Transaction, ...]:
    """Return the trades of a household's plans that are approved, released or sent, as transactions on as_of.

    A sale is one transaction a lot, its basis to the cent; ordered by plan_id and the plan's own order. A sent plan
    counts whole until it is filled: a lock that is a day too wide is better than one that is missing.
    """
    table = tables.plans
    rows = connection.execute(
        select(table.c.plan_id, table.c.document)
        .where(table.c.household_id == household_id, table.c.state.in_(_DECIDED))
        .order_by(table.c.plan_id)
    ).all()
    return tuple(
        transaction for row in rows for transaction in _transactions(row.plan_id, _plan(row.document), as_of)
    )  # fmt: skip


def _plan(document: Any) -> Plan:
    return plan_from_document(document)[0]


def _transactions(plan_id: PlanId, plan: Plan, as_of: date) -> Iterator[Transaction]:
    for trade in plan.trades:
        if trade.side is Side.BUY:
            yield _transaction(plan_id, plan.account_id, trade, as_of, type=TransactionType.BUY)
        for sale in trade.lots:
            yield _transaction(
                plan_id,
                plan.account_id,
                trade,
                as_of,
                type=TransactionType.SELL,
                lot_id=sale.lot_id,
                quantity=sale.quantity,
                basis=sale.quantity * trade.price - sale.gain,
            )


def _transaction(plan_id: PlanId, account_id: AccountId, trade: Trade, on: date, **more: Any) -> Transaction:
    name = ":".join(["plan", plan_id, trade.security_id, *([more["lot_id"]] if "lot_id" in more else [])])
    quantity: Decimal = more.pop("quantity", trade.quantity)
    return Transaction(
        transaction_id=TransactionId(name),
        account_id=account_id,
        trade_date=on,
        security_id=trade.security_id,
        quantity=quantity,
        price=trade.price,
        **more,
    )
