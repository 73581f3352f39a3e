"""What came in and is not in the inbox yet? A journal beside the session's own store: one quick write a message.

The session counts a message as received once its callback returns, one at a time; the shared database would make each
of them wait for its turn. The journal is the gateway's alone; what it holds goes to the inbox in batches, and is kept
until it is there.
"""

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

_SCHEMA: Final = """
pragma journal_mode = wal;
create table if not exists spool (
    id integer primary key, custodian text, key text, text text, settles text, outcome text);
"""


class Incoming(NamedTuple):
    """A custodian's message; key is the same each time it comes. settles: the key of ours that it answers, and how."""

    custodian: str
    key: str
    text: str
    settles: str | None
    outcome: str | None


class Spool:
    """A journal in one file, safe against the death of the process. Usable from several threads."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.executescript(_SCHEMA)

    def put(self, incoming: Incoming) -> None:
        """Keep a message, for good when this returns."""
        with self._lock:
            self._db.execute(
                "insert into spool (custodian, key, text, settles, outcome) values (?, ?, ?, ?, ?)", incoming
            )

    def oldest(self, most: int) -> tuple[int, Sequence[Incoming]]:
        """Return the oldest messages, and the place up to which they go."""
        with self._lock:
            rows = self._db.execute("select * from spool order by id limit ?", (most,)).fetchall()
        return (rows[-1][0] if rows else 0), [Incoming(*row[1:]) for row in rows]

    def drop(self, until: int) -> None:
        """Forget the messages up to a place: they are in the inbox."""
        with self._lock:
            self._db.execute("delete from spool where id <= ?", (until,))
