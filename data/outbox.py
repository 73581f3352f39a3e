"""What has yet to be told to the outside? Messages written with the change that causes them, sent once by their key."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from data import tables
from data.database import Database, insert_new
from engine.domain.errors import DataError

_TABLE: Final = tables.outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxItem:
    """A message to send. The receiver knows `key` again, so that a second delivery does nothing."""

    topic: str
    key: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """A message as stored. attempts counts the claims; due_at is when it may be claimed (again)."""

    id: int
    topic: str
    key: str
    payload: Mapping[str, Any]
    created_at: datetime
    due_at: datetime
    attempts: int
    sent_at: datetime | None
    answer: Any
    error: str | None


def enqueue(connection: Connection, items: Iterable[OutboxItem], *, at: datetime) -> None:
    """Write messages in the caller's transaction. A key that is there already must carry the same message.

    Raises DataError where it carries another.
    """
    given = tuple(items)
    rows = [
        {"topic": item.topic, "key": item.key, "payload": item.payload, "created_at": at, "due_at": at, "attempts": 0}
        for item in given
    ]
    if insert_new(connection, _TABLE, rows) == len(rows):
        return
    for item in given:
        known = connection.execute(select(_TABLE).where(_TABLE.c.key == item.key)).one()
        if (known.topic, known.payload) != (item.topic, dict(item.payload)):
            raise DataError(f"outbox: key {item.key} is taken by another message to {known.topic}")


class Outbox:
    """The sender's side: claim, send, mark. Several senders may run at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, *, at: datetime, lease: timedelta, topic: str | None = None) -> OutboxRow | None:
        """Return the oldest message that is due, leased until at + lease, or None.

        A sender that dies holds it no longer than that; then it is claimed and sent again, under the same key.
        """
        due = select(_TABLE).where(_TABLE.c.sent_at.is_(None), _TABLE.c.due_at <= at)
        if topic is not None:
            due = due.where(_TABLE.c.topic == topic)
        with self._database.begin() as connection:
            row = connection.execute(
                due.order_by(_TABLE.c.id).limit(1).with_for_update(skip_locked=True)
            ).one_or_none()  # fmt: skip
            if row is None:
                return None
            changed = {"due_at": at + lease, "attempts": row.attempts + 1}
            connection.execute(update(_TABLE).where(_TABLE.c.id == row.id).values(**changed))
            return _stored(row, **changed)

    def mark_sent(self, claimed: OutboxRow, *, answer: Any, at: datetime) -> None:
        """Record the receiver's answer (JSON values). The first answer stays, whoever brings another."""
        self._mark(claimed, {"sent_at": at, "answer": answer, "error": None})

    def mark_failed(self, claimed: OutboxRow, *, error: str, retry_at: datetime) -> None:
        """Record a failure and when to try again; does nothing where the lease ran out and another has claimed it."""
        self._mark(claimed, {"error": error, "due_at": retry_at}, own_claim=True)

    def waiting(self, *, but: str | None = None) -> tuple[OutboxRow, ...]:
        """Return every message not sent yet, oldest first. but: topics that begin so are left out."""
        others = [] if but is None else [~_TABLE.c.topic.startswith(but, autoescape=True)]
        return self._select(_TABLE.c.sent_at.is_(None), *others)

    def all(self, topic: str) -> tuple[OutboxRow, ...]:
        """Return every message of a topic, sent or not, oldest first."""
        return self._select(_TABLE.c.topic == topic)

    def by_key(self, key: str) -> OutboxRow | None:
        """Return the message of a key, sent or not."""
        return next(iter(self._select(_TABLE.c.key == key)), None)

    def _select(self, *conditions: Any) -> tuple[OutboxRow, ...]:
        with self._database.read() as connection:
            rows = connection.execute(select(_TABLE).where(*conditions).order_by(_TABLE.c.id))
            return tuple(_stored(row) for row in rows)

    def _mark(self, claimed: OutboxRow, values: Mapping[str, Any], *, own_claim: bool = False) -> None:
        change = update(_TABLE).where(_TABLE.c.id == claimed.id, _TABLE.c.sent_at.is_(None)).values(**values)
        if own_claim:
            change = change.where(_TABLE.c.attempts == claimed.attempts)
        with self._database.begin() as connection:
            connection.execute(change)


def _stored(row: Row[Any], **changed: Any) -> OutboxRow:
    return OutboxRow(**{**row._mapping, **changed})
