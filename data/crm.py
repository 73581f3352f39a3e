"""Which records in the CRM belong to a plan, and up to where have its decisions been read?"""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, select

from data import tables
from data.database import Database
from engine.domain.errors import CheckFailed
from engine.domain.identifiers import PlanId


def link(connection: Connection, plan_id: PlanId, records: Mapping[str, str]) -> None:
    """Write the record ids of a plan (name -> id) in the caller's transaction. Raises CheckFailed for another id."""
    table = tables.crm_records
    rows = connection.execute(select(table.c.name, table.c.record_id).where(table.c.plan_id == plan_id)).all()
    known = {row.name: row.record_id for row in rows}
    for name, record_id in records.items():
        if known.get(name, record_id) != record_id:
            raise CheckFailed(f"plan {plan_id}: its record {name} is {known[name]}, found {record_id}")
        if name not in known:
            connection.execute(table.insert(), {"plan_id": plan_id, "name": name, "record_id": record_id})


def advance(connection: Connection, name: str, position: str) -> None:
    """Write how far a stream of decisions has been read, in the transaction that applies them."""
    table = tables.crm_cursors
    connection.execute(delete(table).where(table.c.name == name))
    connection.execute(table.insert(), {"name": name, "position": position})


class CrmLinks:
    """Reading the links."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def records(self, plan_id: PlanId) -> Mapping[str, str]:
        """Return the record ids of a plan by name; empty where it was never pushed."""
        table = tables.crm_records
        with self._database.read() as connection:
            rows = connection.execute(select(table).where(table.c.plan_id == plan_id)).all()
        return {row.name: row.record_id for row in sorted(rows, key=lambda row: str(row.name))}

    def plan_of(self, record_id: str) -> PlanId | None:
        """Return the plan that a record belongs to, None where it is none of ours."""
        table = tables.crm_records
        with self._database.read() as connection:
            found = connection.scalars(select(table.c.plan_id).where(table.c.record_id == record_id)).first()
        return None if found is None else PlanId(found)

    def position(self, name: str) -> str | None:
        """Return how far a stream has been read, None where it never was."""
        table = tables.crm_cursors
        with self._database.read() as connection:
            return connection.scalars(select(table.c.position).where(table.c.name == name)).one_or_none()
