"""What does a sync with Addepar keep between runs? Requests sent, answers read, the mapping, the last good sync."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, select, update

from data import audit, tables
from data.database import Database, insert_new, serialise
from engine.domain.identifiers import UserId

_DAY_SECONDS: Final = 86400.0
_KEPT: Final = timedelta(hours=23)  # Addepar keeps a job's result for 24
_ONLY: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedMapping:
    """A mapping as a person saved it: the sections of the configuration file, each with the settings that differ."""

    settings: Mapping[str, Any]
    saved_by: UserId
    saved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSync:
    """The last good sync: when it began, and a hash of the mapping it read by."""

    at: datetime
    mapping: str


class FirmRequests:
    """The moments of one Addepar firm's requests, shared by every process on this database."""

    def __init__(self, database: Database, firm: str) -> None:
        self._database, self._firm = database, firm

    def moments(self) -> Sequence[float]:
        """Return the moments of the last day's requests, in order."""
        with self._database.read() as connection:
            return self._moments(connection)

    def claim(self, book: Callable[[Sequence[float]], float | None]) -> int | None:
        """Give book those moments while nobody else may claim; keep what it returns, and return a ticket for it."""
        table = tables.addepar_requests
        with self._database.begin() as connection:
            serialise(connection, f"addepar requests of {self._firm}")
            at = book(self._moments(connection))
            if at is None:
                return None
            connection.execute(delete(table).where(table.c.firm == self._firm, table.c.at < at - 2 * _DAY_SECONDS))
            row = table.insert().values(firm=self._firm, at=at).returning(table.c.id)
            return int(connection.execute(row).scalar_one())

    def settle(self, ticket: int, at: float) -> None:
        """Say at which moment a claimed request was over."""
        table = tables.addepar_requests
        with self._database.begin() as connection:
            connection.execute(update(table).where(table.c.id == ticket).values(at=at))

    def _moments(self, connection: Connection) -> list[float]:
        table = tables.addepar_requests
        return sorted(connection.scalars(select(table.c.at).where(table.c.firm == self._firm)))


class RunAnswers:
    """The answers of one run, kept compressed until the sync is whole."""

    def __init__(self, database: Database, run: str, now: Callable[[], datetime]) -> None:
        self._database, self._run, self._now = database, run, now

    def get(self, key: str) -> bytes | None:
        """Return what was kept, None where nothing was."""
        table = tables.addepar_answers
        with self._database.read() as connection:
            kept = select(table.c.body).where(table.c.key == key, table.c.run == self._run)
            body = connection.scalars(kept).one_or_none()
        return None if body is None else zlib.decompress(body)

    def put(self, key: str, body: bytes) -> None:
        """Keep a body, for good as soon as this returns; over what was there."""
        packed = zlib.compress(body, level=1)
        with self._database.begin() as connection:
            _forget(connection, key)
            row = {"key": key, "run": self._run, "at": self._now(), "body": packed}
            insert_new(connection, tables.addepar_answers, [row])

    def drop(self, key: str) -> None:
        """Forget what was kept."""
        with self._database.begin() as connection:
            _forget(connection, key)


class AddeparStore:
    """Reading and writing what belongs to the connection with Addepar."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def requests(self, firm: str) -> FirmRequests:
        """Return where the requests of an Addepar firm are counted."""
        return FirmRequests(self._database, firm)

    def answers(self, run: str, *, now: Callable[[], datetime]) -> RunAnswers:
        """Return the kept answers of a run; those of any other run, and what is too old to go on from, are gone."""
        table = tables.addepar_answers
        with self._database.begin() as connection:
            connection.execute(delete(table).where((table.c.run != run) | (table.c.at < now() - _KEPT)))
        return RunAnswers(self._database, run, now)

    def forget(self, run: str) -> None:
        """Forget the answers of a run that cannot be gone on with."""
        with self._database.begin() as connection:
            connection.execute(delete(tables.addepar_answers).where(tables.addepar_answers.c.run == run))

    def unfinished(self) -> datetime | None:
        """Return since when a sync has been cut off, None where the last one is whole."""
        table = tables.addepar_answers
        with self._database.read() as connection:
            return connection.scalars(select(table.c.at).order_by(table.c.at).limit(1)).one_or_none()

    def synced(self) -> LastSync | None:
        """Return the last good sync, None where there was none."""
        table = tables.addepar_synced
        with self._database.read() as connection:
            row = connection.execute(select(table)).one_or_none()
        return None if row is None else LastSync(at=row.at, mapping=row.mapping)

    def mapping(self) -> SavedMapping | None:
        """Return the mapping that a person saved, None where the configuration file alone speaks."""
        table = tables.addepar_mapping
        with self._database.read() as connection:
            row = connection.execute(select(table)).one_or_none()
        return (
            None
            if row is None
            else SavedMapping(settings=row.settings, saved_by=UserId(row.saved_by), saved_at=row.saved_at)
        )

    def save_mapping(self, settings: Mapping[str, Any], *, actor: UserId, at: datetime) -> None:
        """Write a mapping over the one before; the audit log keeps both."""
        table = tables.addepar_mapping
        with self._database.begin() as connection:
            before = connection.scalars(select(table.c.settings)).one_or_none()
            connection.execute(delete(table))
            row = {"id": _ONLY, "settings": dict(settings), "saved_by": actor, "saved_at": at}
            connection.execute(table.insert(), row)
            audit.append(
                connection, at=at, actor=actor, what="addepar.mapping", subject="Addepar", before=before, after=settings
            )


def finish(connection: Connection, synced: LastSync) -> None:
    """Note in the caller's transaction that a sync is whole: it is the last good one, and its answers may go."""
    connection.execute(delete(tables.addepar_answers))
    connection.execute(delete(tables.addepar_synced))
    connection.execute(tables.addepar_synced.insert(), {"id": _ONLY, "at": synced.at, "mapping": synced.mapping})


def _forget(connection: Connection, key: str) -> None:
    connection.execute(delete(tables.addepar_answers).where(tables.addepar_answers.c.key == key))
