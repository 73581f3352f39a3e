"""What did each rehearsal come to? One row a rehearsal, the figures of its two sides in documents."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import RowMapping, select

from data import documents, tables
from data.codec import codec
from data.database import Database, insert_new
from data.documents import Document
from data.suggest import unknown
from engine.domain.errors import CheckFailed, DataError
from engine.domain.identifiers import UserId
from engine.plan.document import canonical_json
from engine.review.rehearsed import AccountFigures

_TABLE: Final = tables.rehearsals
_SIDE: Final = codec(tuple[AccountFigures, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalRecord:
    """One rehearsal. rehearsal_id stands for all that it was computed from: inputs, the accounts chosen, the change.

    book: stands for inputs and accounts chosen, so for its side under the present policy. inputs: stands for the firm
    of that moment. change: as JSON values; words: in a sentence a part. sample: how the accounts were chosen.
    """

    rehearsal_id: str
    book: str
    inputs: str
    at: datetime
    actor: UserId
    as_of: date
    change: Mapping[str, Any]
    words: tuple[str, ...]
    sample: Mapping[str, Any]


Side = tuple[AccountFigures, ...]
"""What each account of a rehearsal comes to under one policy, by account_id."""


class RehearsalStore:
    """Rehearsals, newest last. Nothing else in the database knows of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, record: RehearsalRecord, *, now: Side, then: Side) -> None:
        """Keep a rehearsal with both sides; one of the same id stays as it is."""
        sides = [_document(now), _document(then)]
        row = {
            name: getattr(record, name)
            for name in _TABLE.c.keys()  # noqa: SIM118  columns, not their names
            if name not in ("now_hash", "then_hash")
        } | {"now_hash": sides[0].hash, "then_hash": sides[1].hash}
        with self._database.begin() as connection:
            documents.put(connection, sides)
            insert_new(connection, _TABLE, [row])

    def newest(self, *, limit: int = 50) -> tuple[RehearsalRecord, ...]:
        """Return the newest rehearsals, newest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(_TABLE).order_by(_TABLE.c.at.desc()).limit(limit)).mappings()
            return tuple(map(_record, rows))

    def find(self, rehearsal_id: str) -> RehearsalRecord | None:
        """Return the rehearsal of this id, None where there is none."""
        with self._database.read() as connection:
            row = connection.execute(select(_TABLE).where(_TABLE.c.rehearsal_id == rehearsal_id)).mappings().first()
        return None if row is None else _record(row)

    def get(self, prefix: str) -> RehearsalRecord:
        """Return the one rehearsal whose id begins so. Raises DataError for none and for several."""
        with self._database.read() as connection:
            rows = connection.execute(select(_TABLE).where(_TABLE.c.rehearsal_id.startswith(prefix, autoescape=True)))
            found = [_record(row) for row in rows.mappings()]
            known = connection.scalars(select(_TABLE.c.rehearsal_id)).all()
        if not prefix or not found:
            raise unknown("rehearsal", prefix, known)
        if len(found) > 1:
            raise DataError(f"rehearsal {prefix}: {len(found)} begin so; expected more of its id")
        return found[0]

    def sides(self, rehearsal_id: str) -> tuple[Side, Side]:
        """Return both sides of a rehearsal, the present policy first. Raises CheckFailed where one is missing."""
        with self._database.read() as connection:
            row = connection.execute(select(_TABLE).where(_TABLE.c.rehearsal_id == rehearsal_id)).mappings().one()
            found = documents.get(connection, [row["now_hash"], row["then_hash"]])
        return _read(found[row["now_hash"]]), _read(found[row["then_hash"]])

    def present_side(self, book: str) -> Side | None:
        """Return what an earlier rehearsal of the same book found under the present policy; None for none."""
        with self._database.read() as connection:
            name = connection.scalars(select(_TABLE.c.now_hash).where(_TABLE.c.book == book).limit(1)).one_or_none()
            return None if name is None else _read(documents.get(connection, [name])[name])


def _document(side: Sequence[AccountFigures]) -> Document:
    return Document(kind="rehearsal", content=canonical_json(_SIDE.write(side)))


def _read(content: bytes) -> Side:
    try:
        return tuple(_SIDE.read(json.loads(content)))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckFailed(f"a rehearsal's figures cannot be read: {error}") from error


def _record(row: RowMapping) -> RehearsalRecord:
    values = {name: row[name] for name in row if name not in ("now_hash", "then_hash")}
    return RehearsalRecord(**values)
