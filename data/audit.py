"""What happened, in which order, and is the record whole? An append-only log, each row sealed by the one before."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, or_, select, update

from data import tables
from data.columns import utc_text
from data.database import Database
from engine.domain.errors import CheckFailed
from engine.domain.identifiers import UserId
from engine.plan.document import canonical_json

START: Final = "0" * 64  # stands before the first row; the first migration writes it into audit_head
_SEALED: Final = ("seq", "at", "actor", "what", "subject", "before", "after", "previous")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One event. before and after are JSON values, None where there was nothing to tell."""

    seq: int
    at: datetime
    actor: UserId
    what: str
    subject: str
    before: Any
    after: Any
    previous: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """rows found, the hash at the head of the chain, and each thing wrong with it in one sentence."""

    rows: int
    head: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What is to be told. what: a verb, such as "plan.approve"; subject names the thing it was done to."""

    what: str
    subject: str
    before: Any = None
    after: Any = None


def append(
    connection: Connection,
    *,
    at: datetime,
    actor: UserId,
    what: str,
    subject: str,
    before: Any = None,
    after: Any = None,
) -> str:
    """Append one row in the caller's write transaction and return its hash; see append_all."""
    return append_all(connection, [Event(what=what, subject=subject, before=before, after=after)], at=at, actor=actor)


def append_all(connection: Connection, events: Sequence[Event], *, at: datetime, actor: UserId) -> str:
    """Append a row for each event in the caller's write transaction; other writers wait until that ends.

    Returns the hash of the last row, or of the head where there is no event.
    """
    head = connection.execute(select(tables.audit_head).with_for_update()).one_or_none()
    if head is None:
        raise CheckFailed("audit log: expected its head row, found none; run audit verify")
    rows: list[dict[str, Any]] = []
    previous = head.hash
    for seq, event in enumerate(events, start=head.rows + 1):
        row = {
            "seq": seq,
            "at": utc_text(at),
            "actor": actor,
            "what": event.what,
            "subject": event.subject,
            "before": canonical_json(event.before).decode(),
            "after": canonical_json(event.after).decode(),
            "previous": previous,
        }
        previous = row["hash"] = _seal(row)
        rows.append(row)
    if rows:
        connection.execute(tables.audit.insert(), rows)
        connection.execute(update(tables.audit_head).values(rows=rows[-1]["seq"], hash=previous))
    return str(previous)


class AuditLog:
    """Reading and verifying the log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rows(
        self,
        *,
        subject: str | None = None,
        actor: UserId | None = None,
        what: str | None = None,
        about: str | None = None,
        since: date | None = None,
        until: date | None = None,
        limit: int | None = 1000,
    ) -> tuple[AuditRow, ...]:
        """Return the newest rows that match, newest first; what may end in "." to mean every verb that begins so.

        about: the beginning of a subject, or an actor. since, until: first and last day, in UTC.
        """
        table = tables.audit
        query = select(table).order_by(table.c.seq.desc()).limit(limit)
        if since is not None:
            query = query.where(table.c.at >= since.isoformat())  # times are ISO text, so they sort as they follow
        if until is not None:
            query = query.where(table.c.at < (until + timedelta(days=1)).isoformat())
        if subject is not None:
            query = query.where(table.c.subject == subject)
        if actor is not None:
            query = query.where(table.c.actor == actor)
        if about is not None:
            query = query.where(or_(table.c.subject.startswith(about, autoescape=True), table.c.actor == about))
        if what is not None:
            matches = table.c.what.startswith(what, autoescape=True) if what.endswith(".") else table.c.what == what
            query = query.where(matches)
        with self._database.read() as connection:
            return tuple(_row(row) for row in connection.execute(query).mappings())

    def verbs(self) -> tuple[str, ...]:
        """Return every verb that occurs, in the order of the alphabet."""
        with self._database.read() as connection:
            return tuple(
                connection.execute(select(tables.audit.c.what).distinct().order_by(tables.audit.c.what)).scalars()
            )

    def verify(self, *, witness: str | None = None) -> AuditReport:
        """Return a report on the whole chain: every row that was changed, removed, inserted or moved, and a cut tail.

        witness: a head hash noted earlier, outside this database. Who can rewrite the database can rewrite the whole
        chain with it; only a hash kept elsewhere shows that.
        """
        problems: list[str] = []
        rows, previous, witnessed = 0, START, witness in (None, START)
        with self._database.read() as connection:
            for row in connection.execution_options(yield_per=1000).execute(_ALL).mappings():
                rows += 1
                problems += _faults(row, rows, previous)
                previous = row["hash"]
                witnessed = witnessed or previous == witness
            heads = connection.execute(select(tables.audit_head)).all()
        problems += _head_faults(heads, rows, previous)
        if not witnessed:
            problems.append(f"expected the head noted earlier, {witness}, in the chain, found none such")
        return AuditReport(rows=rows, head=previous, problems=tuple(problems))


_ALL: Final = select(tables.audit).order_by(tables.audit.c.seq)


def _seal(row: RowMapping | dict[str, Any]) -> str:
    return hashlib.sha256(canonical_json({name: row[name] for name in _SEALED})).hexdigest()


def _faults(row: RowMapping, place: int, previous: str) -> list[str]:
    faults = []
    if row["seq"] != place:
        faults.append(f"row {place}: expected number {place}, found {row['seq']}: a row was removed or inserted")
    if row["previous"] != previous:
        faults.append(f"row {place}: expected it to follow {previous}, found {row['previous']}")
    try:
        found = _seal(row)
    except TypeError:
        found = "a content that is not text"
    if row["hash"] != found:
        faults.append(f"row {place}: expected hash {row['hash']}, found {found}: its content was changed")
    return faults


def _head_faults(heads: Sequence[Any], rows: int, last: str) -> list[str]:
    if len(heads) != 1:
        return [f"head: expected one row, found {len(heads)}"]
    if (heads[0].rows, heads[0].hash) != (rows, last):
        head = heads[0]
        return [f"head: expected {head.rows} rows ending in {head.hash}, found {rows} rows ending in {last}"]
    return []


def _row(row: RowMapping) -> AuditRow:
    values = {
        **row,
        "at": datetime.fromisoformat(row["at"]),
        "before": json.loads(row["before"]),
        "after": json.loads(row["after"]),
    }
    return AuditRow(**values)
