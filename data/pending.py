"""Which trades are meant but not booked? Those of a household's plans from proposal on, seen as if done on one day."""

from datetime import date
from typing import Final

from sqlalchemy import Connection, select

from data import tables
from engine.domain.accounts import Transaction
from engine.domain.identifiers import HouseholdId
from engine.domain.lifecycle import PlanState
from engine.plan.decided import plan_transactions
from engine.plan.document import plan_from_document

_STANDING: Final = (
    PlanState.PROPOSED,
    PlanState.IN_REVIEW,
    PlanState.HELD,
    PlanState.APPROVED,
    PlanState.RELEASED,
    PlanState.SENT,
)


def read_pending(connection: Connection, household_id: HouseholdId, as_of: date) -> tuple[Transaction, ...]:
    """Return the trades of a household's plans that are proposed and not withdrawn, rejected or filled, as of one day.

    A sale is one transaction a lot, its basis to the cent; ordered by plan_id and the plan's own order. A proposal
    counts before it is approved, or two of one day could wash each other; a sent plan counts whole until it is filled:
    a lock that is a day too wide is better than one that is missing.
    """
    table = tables.plans
    rows = connection.execute(
        select(table.c.plan_id, table.c.document)
        .where(table.c.household_id == household_id, table.c.state.in_(_STANDING))
        .order_by(table.c.plan_id)
    ).all()
    return tuple(
        transaction
        for row in rows
        for transaction in plan_transactions(plan_from_document(row.document)[0], label=row.plan_id, on=as_of)
    )
