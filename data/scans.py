"""What did the last scan see? Its time, its marks and one document an account, so that no page need scan again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, select

from data import tables
from data.codec import codec
from data.database import Database, serialise
from engine.domain.identifiers import AccountId, SecurityId
from engine.domain.market import Mark

_MARKS: Final = codec(Mapping[SecurityId, Mark])


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanHead:
    """When a scan was made, the marks it saw, and the earlier marks that it measured market moves from."""

    at: datetime
    marks: Mapping[SecurityId, Mark]
    since: Mapping[SecurityId, Mark]


@dataclass(frozen=True, slots=True, kw_only=True)
class LastScan(ScanHead):
    """documents are in the order they were given: the queue's."""

    documents: Mapping[AccountId, Mapping[str, Any]]


class ScanStore:
    """One scan: the last. A new one replaces it whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, scan: LastScan) -> None:
        """Store a scan in place of the last one."""
        rows = [
            {"account_id": account_id, "place": place, "document": document}
            for place, (account_id, document) in enumerate(scan.documents.items())
        ]
        with self._database.begin() as connection:
            serialise(connection, "lotsmith scan")
            connection.execute(delete(tables.scan))
            connection.execute(delete(tables.account_scans))
            connection.execute(tables.scan.insert(), _head_row(scan))
            if rows:
                connection.execute(tables.account_scans.insert(), rows)

    def last(self) -> LastScan | None:
        """Return the last scan, None where there was none."""
        accounts = tables.account_scans
        with self._database.read() as connection:
            row = connection.execute(select(tables.scan)).one_or_none()
            if row is None:
                return None
            found = connection.execute(select(accounts).order_by(accounts.c.place)).all()
        documents = {scan.account_id: scan.document for scan in found}
        return LastScan(at=row.at, marks=_MARKS.read(row.marks), since=_MARKS.read(row.since), documents=documents)

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
