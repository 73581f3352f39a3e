"""What does the CRM hold and know of our plans? Their records there, the decisions read, the moves it was told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, select, update

from data import audit, tables
from data.database import Database, insert_new
from engine.domain.errors import CheckFailed
from engine.domain.identifiers import PlanId, UserId

PLAN_RECORD: Final = "plan"
GONE: Final = "gone"
_DECISION: Final = "decision "
_LINKS: Final = tables.crm_records
_TOLD: Final = tables.crm_told
_USAGE: Final = tables.crm_usage
_CALLS: Final = tables.webhook_calls


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmUsage:
    """Requests counted in a day, of those allowed, as told at a moment. resume_at: none before then, None for free."""

    used: int
    allowed: int
    at: datetime
    resume_at: datetime | None


def link(connection: Connection, plan_id: PlanId, records: Mapping[str, str]) -> None:
    """Write the record ids of a plan (name -> id) in the caller's transaction. Raises CheckFailed for another id."""
    rows = connection.execute(select(_LINKS.c.name, _LINKS.c.record_id).where(_LINKS.c.plan_id == plan_id)).all()
    known = {row.name: row.record_id for row in rows}
    for name, record_id in records.items():
        if known.get(name, record_id) != record_id:
            raise CheckFailed(f"plan {plan_id}: its record {name} is {known[name]}, found {record_id}")
        # Somebody else may write the same at this moment: two that read one decision at once.
        insert_new(connection, _LINKS, [{"plan_id": plan_id, "name": name, "record_id": record_id}])


def link_plan(connection: Connection, plan_id: PlanId, record_id: str, *, told: int, at: datetime) -> None:
    """Write a plan's own record and which of its moves it shows; the audit log keeps a record that it replaces."""
    own = (_LINKS.c.plan_id == plan_id) & (_LINKS.c.name == PLAN_RECORD)
    before = connection.scalars(select(_LINKS.c.record_id).where(own)).one_or_none()
    if before not in (None, record_id):
        connection.execute(update(_LINKS).where(own).values(record_id=record_id))
        audit.append(
            connection, at=at, actor=UserId("system"), what="crm.recreated", subject=plan_id,
            before={"record": before}, after={"record": record_id},
        )  # fmt: skip
    if before is None:
        link(connection, plan_id, {PLAN_RECORD: record_id})
    if before != record_id:
        connection.execute(delete(_TOLD).where(_TOLD.c.plan_id == plan_id))
        connection.execute(_TOLD.insert(), {"plan_id": plan_id, "version": told})


def link_decision(connection: Connection, plan_id: PlanId, decision_id: str) -> None:
    """Write that a decision was read, in the transaction that acts on it, so that it is acted on once."""
    link(connection, plan_id, {_DECISION + decision_id: decision_id})


def tell(connection: Connection, plan_id: PlanId, version: int) -> None:
    """Write that the CRM is told of a plan's moves up to this version, in the transaction of the message."""
    connection.execute(update(_TOLD).where(_TOLD.c.plan_id == plan_id).values(version=version))


def accept_call(connection: Connection, signature: str, *, at: datetime, forget: timedelta) -> bool:
    """Return whether a call of this signature comes for the first time; older ones than `forget` are forgotten."""
    connection.execute(delete(_CALLS).where(_CALLS.c.at < at - forget))
    return insert_new(connection, _CALLS, [{"signature": signature, "at": at}]) == 1


class CrmLinks:
    """Reading what is known of the CRM, and what it said of its limit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def records(self, plan_id: PlanId) -> Mapping[str, str]:
        """Return the record ids of a plan by name; empty where it was never pushed."""
        with self._database.read() as connection:
            rows = connection.execute(select(_LINKS).where(_LINKS.c.plan_id == plan_id)).all()
        return {row.name: row.record_id for row in sorted(rows, key=lambda row: str(row.name))}

    def read_already(self, plan_id: PlanId, decision_id: str) -> bool:
        """Return whether a decision was acted on."""
        return _DECISION + decision_id in self.records(plan_id)

    def undecided(self) -> tuple[PlanId, ...]:
        """Return the plans that are in the CRM and of which no decision was read, in no special order."""
        decided = select(_LINKS.c.plan_id).where(_LINKS.c.name.startswith(_DECISION) | (_LINKS.c.name == GONE))
        waiting = select(_LINKS.c.plan_id).where(_LINKS.c.name == PLAN_RECORD, _LINKS.c.plan_id.not_in(decided))
        with self._database.read() as connection:
            return tuple(PlanId(plan_id) for plan_id in connection.scalars(waiting.order_by(_LINKS.c.plan_id)))

    def behind(self) -> Mapping[PlanId, int]:
        """Return the plans in the CRM that have moved since it was told, with the version of their newest move."""
        plans = tables.plans
        query = select(plans.c.plan_id, plans.c.version).join(_TOLD, _TOLD.c.plan_id == plans.c.plan_id)
        with self._database.read() as connection:
            rows = connection.execute(query.where(plans.c.version > _TOLD.c.version).order_by(plans.c.plan_id))
            return {PlanId(row.plan_id): row.version for row in rows}

    def usage(self) -> CrmUsage | None:
        """Return what was last heard of the CRM's limit, None where nothing was."""
        with self._database.read() as connection:
            row = connection.execute(select(_USAGE)).mappings().one_or_none()
        return None if row is None else CrmUsage(**{name: row[name] for name in CrmUsage.__dataclass_fields__})

    def note_usage(self, *, used: int, allowed: int, at: datetime, resume_at: datetime | None) -> None:
        """Keep what was heard of the CRM's limit."""
        row: dict[str, Any] = {"id": 1, "used": used, "allowed": allowed, "at": at, "resume_at": resume_at}
        with self._database.begin() as connection:
            connection.execute(delete(_USAGE))
            connection.execute(_USAGE.insert(), row)
