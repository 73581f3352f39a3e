"""A gateway with a mailbox in one SQLite file: what the live tests start, kill and start again."""

import logging
import signal
import sqlite3
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from connectors.fix.dialects import DIALECTS
from connectors.fix.gateway import GatewayConfig, SessionConfig
from connectors.fix.session import run_gateway

SCHEMA = """
create table if not exists outbox (
    id integer primary key, key text unique, custodian text, text text, taken integer default 0, outcome text);
create table if not exists inbox (custodian text, key text, text text, primary key (custodian, key));
create table if not exists broken (flag integer);
"""


class SqliteMailbox:
    at_once = 1  # so that a kill can strike between two orders

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        self._db.executescript(f"pragma journal_mode = wal; {SCHEMA}")

    def put(self, key: str, custodian: str, text: str) -> None:
        self._db.execute("insert into outbox (key, custodian, text) values (?, ?, ?)", (key, custodian, text))

    def take(self, custodian: str, most: int) -> list[tuple[str, str]]:
        rows = self._db.execute(
            "update outbox set taken = 1 where id in (select id from outbox where taken = 0 and custodian = ? "
            "order by id limit ?) returning key, text",
            (custodian, min(most, self.at_once)),
        ).fetchall()
        return list(rows)

    def unanswered(self, custodian: str) -> list[tuple[str, str]]:
        rows = self._db.execute(
            "select key, text from outbox where taken = 1 and outcome is null and custodian = ? order by id",
            (custodian,),
        )
        return list(rows)

    def received(self, batch: Sequence[tuple[str, str, str, str | None, str | None]]) -> None:
        if self.rows("select flag from broken"):
            raise OSError("the disk is full")
        for custodian, key, text, ours, outcome in batch:
            self._db.execute("insert or ignore into inbox values (?, ?, ?)", (custodian, key, text))
            self._db.execute("update outbox set outcome = ? where key = ? and outcome is null", (outcome, ours))

    def rows(self, query: str) -> list[tuple[object, ...]]:
        return self._db.execute(query).fetchall()


def main(folder: Path, port: int, max_order_age_s: int, version: str, mass_status: bool) -> None:
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
                dialect=DIALECTS[version],
                mass_status=mass_status,
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
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5] == "mass")
