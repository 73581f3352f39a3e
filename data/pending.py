"""Which trades are meant but not booked? Those of a household's plans from proposal on, seen as if done on one day."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Final

from sqlalchemy import Connection, select

from data import tables
from engine.domain.accounts import Transaction
from engine.domain.identifiers import HouseholdId, PlanId
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


def read_pending(
    connection: Connection, household_ids: Sequence[HouseholdId], as_of: date, *, without: Collection[PlanId] = ()
) -> Mapping[HouseholdId, tuple[Transaction, ...]]:
    """Return the trades of households' plans that are proposed and not withdrawn, rejected or filled, as of one day.

    A sale is one transaction a lot, its basis to the cent; ordered by plan_id and the plan's own order. A proposal
    counts before it is approved, or two of one day could wash each other; a sent plan counts whole until it is filled:
    a lock that is a day too wide is better than one that is missing. without: plans that do not count.
    """
    table = tables.plans
    rows = connection.execute(
        select(table.c.plan_id, table.c.household_id, table.c.document)
        .where(table.c.household_id.in_(list(household_ids)), table.c.state.in_(_STANDING))
        .order_by(table.c.plan_id)
    ).all()
    found: dict[HouseholdId, list[Transaction]] = {}
    for row in rows:
        if row.plan_id not in without:
            trades = plan_transactions(plan_from_document(row.document)[0], label=row.plan_id, on=as_of)
            found.setdefault(row.household_id, []).extend(trades)
    return {household_id: tuple(trades) for household_id, trades in found.items()}
