"""A gateway with a mailbox in one SQLite file: what the live tests start, kill and start again."""

import logging
import signal
import sqlite3
import sys
import threading
from pathlib import Path

from connectors.fix.gateway import GatewayConfig, Outcome, Outgoing, SessionConfig
from connectors.fix.session import run_gateway

SCHEMA = """
create table if not exists outbox (
    id integer primary key, key text unique, custodian text, text text, taken integer default 0, outcome text);
create table if not exists inbox (custodian text, key text, text text, primary key (custodian, key));
create table if not exists broken (flag integer);
"""


class SqliteMailbox:
    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        self._db.executescript(f"pragma journal_mode = wal; {SCHEMA}")

    def put(self, key: str, custodian: str, text: str) -> None:
        self._db.execute("insert into outbox (key, custodian, text) values (?, ?, ?)", (key, custodian, text))

    def take(self, custodian: str) -> Outgoing | None:
        row = self._db.execute(
            "update outbox set taken = 1 where id = (select min(id) from outbox where taken = 0 and custodian = ?) "
            "returning key, text",
            (custodian,),
        ).fetchone()
        return Outgoing(key=row[0], text=row[1]) if row else None

    def unanswered(self, custodian: str) -> list[Outgoing]:
        rows = self._db.execute(
            "select key, text from outbox where taken = 1 and outcome is null and custodian = ? order by id",
            (custodian,),
        )
        return [Outgoing(key=key, text=text) for key, text in rows]

    def done(self, key: str, outcome: Outcome, text: str) -> None:
        self._db.execute("update outbox set outcome = ? where key = ? and outcome is null", (outcome, key))

    def received(self, custodian: str, key: str, text: str) -> None:
        if self.rows("select flag from broken"):
            raise OSError("the disk is full")
        self._db.execute("insert or ignore into inbox values (?, ?, ?)", (custodian, key, text))

    def rows(self, query: str) -> list[tuple[object, ...]]:
        return self._db.execute(query).fetchall()


def main(folder: Path, port: int, max_order_age_s: int) -> None:
    logging.basicConfig(filename=folder / "gateway.log", level=logging.DEBUG)
    config = GatewayConfig(
        folder=folder / "gateway",
        sessions=(
            SessionConfig(
                custodian="Alpha",
                sender="LOTSMITH",
                target="ALPHA",
                host="127.0.0.1",
                port=port,
                username="desk",
                password="s3cret-word",
            ),
        ),
        reconnect_s=1,
        max_order_age_s=max_order_age_s,
    )
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    run_gateway(config, SqliteMailbox(folder / "mailbox.db"), stop=stop)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
