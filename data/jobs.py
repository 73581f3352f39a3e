"""Which long work was done, by whom, and what became of it?"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, insert, select, update

from data import tables
from data.codec import codec
from data.database import Database
from engine.domain.identifiers import UserId
from engine.domain.jobs import Finding, Job, JobKind, JobOutcome

_TABLE: Final = tables.jobs
_FINDINGS: Final = codec(tuple[Finding, ...])


class JobStore:
    """A row a job, written when it begins and again when it ends."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, kind: JobKind, *, actor: UserId, at: datetime) -> int:
        """Record that a job has begun; return its id."""
        with self._database.begin() as connection:
            begun = insert(_TABLE).values(kind=kind.value, actor=actor, began_at=at).returning(_TABLE.c.id)
            return int(connection.execute(begun).scalar_one())

    def end(
        self, job: int, outcome: JobOutcome, *, at: datetime, detail: str, findings: Sequence[Finding] = ()
    ) -> None:
        """Record how a job ended."""
        with self._database.begin() as connection:
            connection.execute(
                update(_TABLE)
                .where(_TABLE.c.id == job)
                .values(ended_at=at, outcome=outcome, detail=detail, findings=_FINDINGS.write(tuple(findings)))
            )

    def newest(self, *, kind: JobKind | None = None, limit: int = 100) -> tuple[Job, ...]:
        """Return the newest jobs, newest first."""
        query = select(_TABLE).order_by(_TABLE.c.id.desc()).limit(limit)
        if kind is not None:
            query = query.where(_TABLE.c.kind == kind.value)
        with self._database.read() as connection:
            return tuple(_job(row) for row in connection.execute(query))


def _job(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        kind=JobKind(row.kind),
        actor=UserId(row.actor),
        began_at=row.began_at,
        ended_at=row.ended_at,
        outcome=row.outcome,
        detail=row.detail or "",
        findings=() if row.findings is None else _FINDINGS.read(row.findings),
    )
