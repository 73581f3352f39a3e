"""What passes between the app and the gateway? Messages to custodians in the outbox, their answers in the inbox.

The gateway's mailbox over SQL: see connectors.fix.gateway.Mailbox, whose words these are. A message is taken once its
attempts are counted, and done once it has an answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, case, func, select, update

from data import tables
from data.database import Database, insert_new, serialise
from data.outbox import OutboxItem

_OUT: Final = tables.outbox
_IN: Final = tables.fix_inbox
SESSION: Final = "fix.session:"
"""What the topic of every message to a live session begins with; the custodian's name follows."""


def to_session(custodian: str, key: str, text: str) -> OutboxItem:
    """Return the message to enqueue for a custodian's live session."""
    return OutboxItem(topic=SESSION + custodian, key=key, payload={"text": text})


def withdraw(connection: Connection, custodian: str, key: str, answer: str, *, at: datetime) -> bool:
    """Take a message back that no gateway has taken, in the caller's transaction; return whether that was in time.

    answer: the message that the inbox then gets in the custodian's place.
    """
    own = _OUT.c.topic == SESSION + custodian, _OUT.c.key == key, _OUT.c.attempts == 0, _OUT.c.sent_at.is_(None)
    values = {"sent_at": at, "answer": {"outcome": "withdrawn", "text": answer}}
    if not connection.execute(update(_OUT).where(*own).values(**values)).rowcount:
        return False
    insert_new(connection, _IN, [{"custodian": custodian, "key": f"ours:{key}", "text": answer, "at": at}])
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One message of a custodian as it came. problem: why the app could not take it in, None where it could."""

    id: int
    custodian: str
    text: str
    at: datetime
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """One live session: how many of our messages have no answer yet, and when one was last answered."""

    custodian: str
    waiting: int
    answered_at: datetime | None


class SqlMailbox:
    """The gateway's side. Every call is one transaction, done when it returns."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def take(self, custodian: str, most: int) -> Sequence[tuple[str, str]]:
        """Return the oldest messages never taken before, each as key and text, and remember them as taken."""
        own = _OUT.c.topic == SESSION + custodian, _OUT.c.sent_at.is_(None), _OUT.c.attempts == 0
        query = select(_OUT.c.id, _OUT.c.key, _OUT.c.payload).where(*own).order_by(_OUT.c.id).limit(most)
        with self._database.read() as connection:
            if connection.execute(query.limit(1)).first() is None:
                return ()  # so that waiting for orders takes no turn at writing
        with self._database.begin() as connection:
            rows = connection.execute(query.with_for_update(skip_locked=True)).all()
            connection.execute(update(_OUT).where(_OUT.c.id.in_([row.id for row in rows])).values(attempts=1))
        return tuple((row.key, row.payload["text"]) for row in rows)

    def unanswered(self, custodian: str) -> Sequence[tuple[str, str]]:
        """Return the messages taken but not done, each as its key and text."""
        open_ = _OUT.c.topic == SESSION + custodian, _OUT.c.sent_at.is_(None), _OUT.c.attempts > 0
        with self._database.read() as connection:
            rows = connection.execute(select(_OUT.c.key, _OUT.c.payload).where(*open_).order_by(_OUT.c.id))
            return tuple((row.key, row.payload["text"]) for row in rows)

    def received(self, batch: Sequence[tuple[str, str, str, str | None, str | None]]) -> None:
        """Keep messages of custodians: custodian, key, text, and the key and outcome of one of ours that it settles.

        A message whose key it has is not kept twice; the first outcome of one of ours stays.
        """
        at = self._now()
        first: dict[tuple[str, str], dict[str, Any]] = {}
        for custodian, _, text, ours, outcome in batch:
            if ours is not None:
                settled = {"topic_": SESSION + custodian, "ours": ours, "sent_at": at}
                first.setdefault((custodian, ours), {**settled, "answer": {"outcome": outcome, "text": text}})
        rows = {(custodian, key): text for custodian, key, text, _, _ in batch}
        with self._database.begin() as connection:
            insert_new(
                connection,
                _IN,
                [{"custodian": one, "key": key, "text": text, "at": at} for (one, key), text in rows.items()],
            )
            if first:
                own = _OUT.c.topic == bindparam("topic_"), _OUT.c.key == bindparam("ours")  # no other custodian's
                open_ = *own, _OUT.c.sent_at.is_(None)
                values: dict[str, Any] = {"sent_at": bindparam("sent_at"), "answer": bindparam("answer"), "error": None}
                connection.execute(update(_OUT).where(*open_).values(**values), list(first.values()))


class Inbox:
    """The app's side: what custodians said over live sessions, each message taken in once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, connection: Connection, most: int) -> tuple[Received, ...]:
        """Return the oldest messages not taken in yet; nobody else takes any until this transaction ends.

        In the order of their coming: a correction needs the execution that it corrects.
        """
        serialise(connection, "fix inbox")
        query = select(_IN).where(_IN.c.taken_at.is_(None)).order_by(_IN.c.id).limit(most)
        rows = connection.execute(query).all()
        return tuple(_received(row) for row in rows)

    def waiting(self) -> bool:
        """Return whether a message is not taken in yet."""
        with self._database.read() as connection:
            return connection.execute(select(_IN.c.id).where(_IN.c.taken_at.is_(None)).limit(1)).first() is not None

    def newest(self) -> int:
        """Return the number of the newest message, 0 before the first."""
        with self._database.read() as connection:
            return connection.scalar(select(func.max(_IN.c.id))) or 0

    def taken(self, connection: Connection, problems: dict[int, str | None], *, at: datetime) -> None:
        """Remember messages as taken in, each with what was wrong with it, if anything."""
        if problems:
            connection.execute(update(_IN).where(_IN.c.id.in_(list(problems))).values(taken_at=at))
        for id_, problem in problems.items():
            if problem is not None:
                connection.execute(update(_IN).where(_IN.c.id == id_).values(problem=problem))

    def traffic(self) -> tuple[Traffic, ...]:
        """Return how many messages wait for each live session, and when one was last answered, by custodian."""
        ours = _OUT.c.topic.startswith(SESSION, autoescape=True)
        waiting = func.sum(case((_OUT.c.sent_at.is_(None), 1), else_=0))
        query = select(_OUT.c.topic, waiting, func.max(_OUT.c.sent_at)).where(ours).group_by(_OUT.c.topic)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(_OUT.c.topic)).all()
        return tuple(
            Traffic(custodian=topic.removeprefix(SESSION), waiting=int(count), answered_at=last)
            for topic, count, last in rows
        )

    def not_understood(self) -> tuple[Received, ...]:
        """Return the messages that could not be taken in, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(_IN).where(_IN.c.problem.is_not(None)).order_by(_IN.c.id))
            return tuple(_received(row) for row in rows)


def _received(row: Any) -> Received:
    return Received(id=row.id, custodian=row.custodian, text=row.text, at=row.at, problem=row.problem)
