"""How is bulk kept? As immutable documents under the SHA-256 of their content, each stored once, compressed."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pyarrow as pa
from sqlalchemy import Connection, select

from data import tables
from data.database import insert_new
from engine.domain.errors import CheckFailed

_LEVEL: Final = 3
_AT_ONCE: Final = 500  # names in one query, below the limit of every SQLite build


@dataclass(frozen=True, kw_only=True)
class Document:
    """Some content and the other documents that it names by hash."""

    kind: str
    content: bytes
    parts: tuple["Document", ...] = ()

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the uncompressed content, 64 hex digits."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A document as it is stored: compressed. size: bytes of its content."""

    hash: str
    size: int
    packed: bytes

    def content(self) -> bytes:
        """Return the content. Raises CheckFailed where it cannot be unpacked or is not that of its hash."""
        try:
            content: bytes = pa.Codec("zstd").decompress(self.packed, self.size, asbytes=True)
        except (OSError, ValueError) as error:
            raise CheckFailed(f"document {self.hash}: its stored form cannot be read: {error}") from error
        found = hashlib.sha256(content).hexdigest()
        if found != self.hash:
            raise CheckFailed(f"document {self.hash}: expected content of that SHA-256, found {found}")
        return content


def packed(document: Document) -> Body:
    """Return a document as it would be stored."""
    body = pa.Codec("zstd", compression_level=_LEVEL).compress(document.content, asbytes=True)
    return Body(hash=document.hash, size=len(document.content), packed=body)


def put(connection: Connection, documents: Iterable[Document]) -> None:
    """Store documents and all their parts; what is there already stays as it is."""
    found: dict[str, Document] = {}
    _collect(documents, found)
    # One order for all writers: two that store the same documents wait for each other and never in a circle.
    insert_new(connection, tables.documents, [_row(found[name]) for name in sorted(_missing(connection, found))])


def get(connection: Connection, names: Sequence[str]) -> Mapping[str, bytes]:
    """Return the content of each document named. Raises CheckFailed where one is missing or does not match its name."""
    return {name: body.content() for name, body in get_bodies(connection, names).items()}


def get_bodies(connection: Connection, names: Sequence[str]) -> Mapping[str, Body]:
    """Return each document named as it is stored, to be unpacked elsewhere. Raises CheckFailed where one is missing."""
    table = tables.documents
    bodies: dict[str, Body] = {}
    wanted = sorted(set(names))
    for start in range(0, len(wanted), _AT_ONCE):
        rows = connection.execute(
            select(table.c.hash, table.c.size, table.c.body).where(table.c.hash.in_(wanted[start : start + _AT_ONCE]))
        )
        bodies |= {row.hash: Body(hash=row.hash, size=row.size, packed=row.body) for row in rows}
    for name in wanted:
        if name not in bodies:
            raise CheckFailed(f"document {name}: expected it in the database, found none")
    return bodies


def _collect(documents: Iterable[Document], found: dict[str, Document]) -> None:
    for document in documents:
        found[document.hash] = document
        _collect(document.parts, found)


def _missing(connection: Connection, found: Mapping[str, Document]) -> set[str]:
    names, column = sorted(found), tables.documents.c.hash
    missing = set(names)
    for start in range(0, len(names), _AT_ONCE):
        missing -= set(connection.scalars(select(column).where(column.in_(names[start : start + _AT_ONCE]))))
    return missing


def _row(document: Document) -> dict[str, object]:
    body = packed(document)
    return {"hash": body.hash, "kind": document.kind, "size": body.size, "body": body.packed}
