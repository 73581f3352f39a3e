"""What did the last scan see, and how did each account move before? So that no page need scan again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import delete, select

from data import tables
from data.codec import codec
from data.database import FIRM_LOCK, Database, serialise
from data.queue_rows import day_block, queue_block, read_block
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, SecurityId
from engine.domain.market import Mark
from engine.monitor.document import QueueRow

DAYS_KEPT: Final = 30  # of scans on different days; enough for a line of some six weeks
_MARKS: Final = codec(Mapping[SecurityId, Mark])


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanHead:
    """When a scan was made, the marks it saw, and the earlier marks that it measured market moves from."""

    at: datetime
    marks: Mapping[SecurityId, Mark]
    since: Mapping[SecurityId, Mark]


@dataclass(frozen=True, slots=True, kw_only=True)
class LastScan(ScanHead):
    """documents and rows are in the order they were given: the queue's. on: the day that the scan looked at.

    imported_at: when the firm came in that was scanned.
    """

    on: date
    imported_at: datetime
    documents: Mapping[AccountId, Mapping[str, Any]]
    rows: tuple[QueueRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanQueue:
    """The queue of the last scan as columns, and those of TREND on every day that is kept, oldest first, its own last.

    table: one row an account, in the queue's order, with the columns QUEUE of queue_rows.py.
    """

    at: datetime
    on: date
    table: pa.Table
    days: tuple[tuple[date, pa.Table], ...]


class ScanStore:
    """One scan: the last, which a new one replaces whole; and of each day before a few figures an account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, scan: LastScan) -> None:
        """Store a scan in place of the last one, and its figures of the day in place of an earlier scan of that day.

        Days later than the scan's own, which an older firm brought back leaves, go; so do those beyond DAYS_KEPT.
        Raises DataError where an import has replaced the firm since the scan began; nothing is then stored.
        """
        rows = [
            {"account_id": account_id, "place": place, "document": document}
            for place, (account_id, document) in enumerate(scan.documents.items())
        ]
        with self._database.begin() as connection:
            serialise(connection, FIRM_LOCK)
            if connection.scalars(select(tables.firm.c.imported_at)).one_or_none() != scan.imported_at:
                raise DataError("the firm was replaced while it was scanned; scan again")
            connection.execute(delete(tables.scan))
            connection.execute(delete(tables.account_scans))
            connection.execute(tables.scan.insert(), _head_row(scan))
            if rows:
                connection.execute(tables.account_scans.insert(), rows)
            connection.execute(delete(tables.scan_queue))
            queue = {"id": 1, "at": scan.at, "on": scan.on, "rows": queue_block(scan.rows)}
            connection.execute(tables.scan_queue.insert(), queue)
            days = tables.scan_days
            connection.execute(delete(days).where(days.c.on >= scan.on))
            connection.execute(days.insert(), {"on": scan.on, "rows": day_block(scan.rows)})
            beyond = connection.scalars(select(days.c.on).order_by(days.c.on.desc()).offset(DAYS_KEPT)).all()
            connection.execute(delete(days).where(days.c.on.in_(beyond)))

    def documents(self) -> Mapping[AccountId, Mapping[str, Any]]:
        """Return what the last scan saw of each account, in the queue's order; nothing where there was none."""
        accounts = tables.account_scans
        with self._database.read() as connection:
            found = connection.execute(select(accounts).order_by(accounts.c.place)).all()
        return {scan.account_id: scan.document for scan in found}

    def queue_at(self) -> datetime | None:
        """Return when the queue was made that queue() would return; None where there is none, as after an import."""
        with self._database.read() as connection:
            return connection.scalars(select(tables.scan_queue.c.at)).one_or_none()

    def queue(self) -> ScanQueue | None:
        """Return the queue of the last scan with the days before it, None where there is none."""
        days = tables.scan_days
        with self._database.read() as connection:
            row = connection.execute(select(tables.scan_queue)).one_or_none()
            if row is None:
                return None
            kept = connection.execute(select(days).order_by(days.c.on)).all()
        return ScanQueue(
            at=row.at, on=row.on, table=read_block(row.rows), days=tuple((day.on, read_block(day.rows)) for day in kept)
        )

    def head(self) -> ScanHead | None:
        """Return the last scan without its documents, None where there was none."""
        with self._database.read() as connection:
            row = connection.execute(select(tables.scan)).one_or_none()
        return None if row is None else ScanHead(at=row.at, marks=_MARKS.read(row.marks), since=_MARKS.read(row.since))

    def document(self, account_id: AccountId) -> Mapping[str, Any] | None:
        """Return what the last scan saw of one account, None where it saw none."""
        table = tables.account_scans
        with self._database.read() as connection:
            row = connection.execute(select(table.c.document).where(table.c.account_id == account_id)).one_or_none()
        return None if row is None else row.document


def _head_row(scan: ScanHead) -> dict[str, Any]:
    return {"id": 1, "at": scan.at, "marks": _MARKS.write(scan.marks), "since": _MARKS.write(scan.since)}
