"""Where is everything kept? One SQLite file (WAL) or one PostgreSQL database, opened by URL and brought up to date."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from data.migrations.upgrade import upgrade
from engine.domain.errors import DataError, ExternalRefusal

FIRM_LOCK: Final = "lotsmith firm"
"""The purpose of every transaction that writes the firm, its accounts, or what a scan saw of them."""
_BUSY_SECONDS: Final = 120  # a writer waits for another as long as the import of a large firm may take
_ATTEMPTS: Final = 50
_FORMS: Final = "sqlite:////absolute/path.db or postgresql://user:password@host/name"
_WRITES: Final = "lotsmith_writes"


class Database:
    """An open database whose schema is the one of this program. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def url(self) -> str:
        """The address without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Yield a connection in a write transaction: committed at the end, rolled back on any error.

        On SQLite writers take turns from the start; on PostgreSQL rows are locked as they are touched.
        """
        with self._engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that sees the database as of one moment and writes nothing."""
        with self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close every pooled connection."""
        self._engine.dispose()


def open_database(url: str) -> Database:
    """Return the database at a SQLAlchemy URL, made if it is a SQLite file, its schema migrated to this version.

    Any number of processes may open one at the same time. Raises DataError for an address that names no SQLite file or
    PostgreSQL database, or a schema newer than this program; ExternalRefusal for a server that cannot be reached.
    """
    address = _address(url)
    engine = _sqlite(address) if address.get_backend_name() == "sqlite" else create_engine(address, pool_pre_ping=True)
    database = Database(engine)
    try:
        upgrade(database.read, database.begin)
    except DatabaseError as error:
        database.close()
        message = f"database {database.url}: cannot be opened: {str(error.orig).strip()}"
        if engine.dialect.name == "sqlite":
            raise DataError(message) from error
        raise ExternalRefusal(message) from error
    except DataError:
        database.close()
        raise
    return database


def serialise(connection: Connection, purpose: str) -> None:
    """Wait until no other write transaction holds this purpose; hold it until this one ends.

    On SQLite every write transaction excludes the others already.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:purpose))"), {"purpose": purpose})


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows whose key is not there yet and return how many that were."""
    return len(inserted(connection, table, rows))


def inserted(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> list[Row[Any]]:
    """Insert the rows whose key is not there yet and return their keys."""
    if not rows:
        return []
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    written = insert(table).on_conflict_do_nothing().returning(*table.primary_key)
    keys: list[Row[Any]] = list(connection.execute(written, list(rows)))
    return keys


def _address(url: str) -> URL:
    try:
        address = make_url(url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres://") else url)
        backend = address.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise DataError(f"database: expected {_FORMS}, found a text that is no such URL") from error
    if backend == "sqlite":
        if address.database in (None, "", ":memory:"):
            raise DataError(f"database {url}: expected the path of a file ({_FORMS}), found none")
        return address
    if backend == "postgresql":
        return address.set(drivername="postgresql+psycopg")
    raise DataError(f"database: expected {_FORMS}, found one of kind {backend!r}")


def _sqlite(address: URL) -> Engine:
    path = Path(str(address.database))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"database {address}: cannot make the folder {path.parent}: {error.strerror}") from error
    engine = create_engine(address, connect_args={"timeout": _BUSY_SECONDS})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # the driver would begin and commit on its own; _begin does it instead
    _write_ahead(connection)
    connection.execute("PRAGMA foreign_keys = ON")


def _write_ahead(connection: sqlite3.Connection) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            # Two that switch a new file at the same time refuse each other without waiting; a transaction does wait.
            if attempt == _ATTEMPTS - 1:
                raise
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("COMMIT")
        else:
            return


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    # A deferred transaction that read first could never become a writer once another has written.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
