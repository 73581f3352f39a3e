"""How does the stand-in custodian keep its word over a live session? Orders and reports on disk, each sent once."""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import quickfix as fix

from connectors.fix.gateway import dictionary_path
from connectors.fix.messages import EXECUTION_REPORT, NEW_ORDER, STATUS_REQUEST, message
from connectors.fix.session import guarded, parsed, wire_text
from connectors.fix.wire import BEGIN
from connectors.sandbox.custodian import Report, answer, read_closes, status, status_unknown

_POLL_S: Final = 0.02
_SCHEMA: Final = """
create table if not exists orders (custodian text, cl_ord_id text, text text, primary key (custodian, cl_ord_id));
create table if not exists reports (
    id integer primary key, custodian text, cl_ord_id text, fields text, due real, sent integer default 0);
create index if not exists unsent on reports (sent, due);
"""


def serve(*, folder: Path, port: int, custodians: Sequence[str], client: str, delay_s: float) -> None:
    """Accept one session for each custodian on the loopback port and answer until the process is ended.

    folder/prices.csv is read anew for every order; folder/custodian.db keeps orders and reports through any crash.
    Raises DataError for a missing or wrong price file.
    """
    os.umask(0o077)
    read_closes(folder / "prices.csv")
    settings_path = folder / "acceptor.cfg"
    settings_path.write_text(_settings_text(folder, port, custodians, client))
    settings = fix.SessionSettings(str(settings_path))
    desk = _Desk(folder, delay_s)
    acceptor = fix.SocketAcceptor(desk, fix.FileStoreFactory(settings), settings)
    acceptor.start()
    try:
        while True:
            time.sleep(_POLL_S)
            for custodian in custodians:
                desk.send_due(custodian, client)
    finally:
        acceptor.stop()


class _Desk(fix.Application):  # type: ignore[misc]  # quickfix carries no types
    """Keeps an order with all its reports in one transaction; the main thread sends them when they are due."""

    def __init__(self, folder: Path, delay_s: float) -> None:
        super().__init__()
        self._prices = folder / "prices.csv"
        self._delay_s = delay_s
        self._dictionary = fix.DataDictionary(str(dictionary_path()))
        self._lock = threading.Lock()
        self._db = sqlite3.connect(folder / "custodian.db", check_same_thread=False)
        self._db.executescript(_SCHEMA)

    def onCreate(self, session_id: Any) -> None:  # noqa: N802  quickfix's name
        pass

    def onLogon(self, session_id: Any) -> None:  # noqa: N802  quickfix's name
        pass

    def onLogout(self, session_id: Any) -> None:  # noqa: N802  quickfix's name
        pass

    def toAdmin(self, outgoing: Any, session_id: Any) -> None:  # noqa: N802  quickfix's name
        pass

    def fromAdmin(self, incoming: Any, session_id: Any) -> None:  # noqa: N802  quickfix's name
        pass

    def toApp(self, outgoing: Any, session_id: Any) -> None:  # noqa: N802  quickfix's name
        pass

    @guarded
    def fromApp(self, incoming: Any, session_id: Any) -> None:  # noqa: N802, ARG002  quickfix's name and arguments
        request = parsed(wire_text(incoming))
        custodian = request.require(56)
        with self._lock, self._db:
            found = self._db.execute(
                "select text from orders where custodian = ? and cl_ord_id = ?", (custodian, request.require(11))
            ).fetchone()
            if request.type == NEW_ORDER and found is not None and request.get(43) == "Y":
                return  # the session repeats what was kept before a crash
            if request.type == NEW_ORDER:
                reports = answer(request, read_closes(self._prices), used=found is not None)
                self._db.execute(
                    "insert or ignore into orders values (?, ?, ?)",
                    (custodian, request.require(11), wire_text(incoming)),
                )
                self._queue(custodian, request.require(11), reports)
            elif request.type == STATUS_REQUEST and found is None:
                self._queue(custodian, "", [status_unknown(request)])
            elif request.type == STATUS_REQUEST:
                sent = self._sent_reports(custodian, request.require(11))
                self._queue(custodian, "", [status(parsed(found[0]), sent, request.require(790))])

    def send_due(self, custodian: str, client: str) -> None:
        """Send this custodian's reports whose time has come, while the session is up."""
        session_id = fix.SessionID(BEGIN, custodian, client)
        for row, fields in self._due(custodian):
            session = fix.Session.lookupSession(session_id)
            if session is None or not session.isLoggedOn():
                return
            text = message(EXECUTION_REPORT, fields, sender=custodian, target=client, sequence=1,
                           sent=datetime.now(UTC)).decode()  # fmt: skip
            # Marked after it is sent: a crash in between sends it twice, under one ExecID, as real custodians do.
            fix.Session.sendToTarget(fix.Message(text, self._dictionary, False), session_id)
            with self._lock, self._db:
                self._db.execute("update reports set sent = 1 where id = ?", (row,))

    def _due(self, custodian: str) -> list[tuple[int, Report]]:
        with self._lock:
            rows = self._db.execute(
                "select id, fields from reports where sent = 0 and due <= ? and custodian = ? order by due, id",
                (time.time(), custodian),
            ).fetchall()
        return [(row, _fields(text)) for row, text in rows]

    def _sent_reports(self, custodian: str, cl_ord_id: str) -> list[Report]:
        rows = self._db.execute(
            "select fields from reports where sent = 1 and custodian = ? and cl_ord_id = ? order by id",
            (custodian, cl_ord_id),
        )
        return [_fields(text) for (text,) in rows]

    def _queue(self, custodian: str, cl_ord_id: str, reports: Sequence[Report]) -> None:
        now = time.time()
        self._db.executemany(
            "insert into reports (custodian, cl_ord_id, fields, due) values (?, ?, ?, ?)",
            [
                (custodian, cl_ord_id, json.dumps(report), now + place * self._delay_s)
                for place, report in enumerate(reports)
            ],
        )


def _fields(text: str) -> Report:
    return tuple((tag, value) for tag, value in json.loads(text))


def _settings_text(folder: Path, port: int, custodians: Sequence[str], client: str) -> str:
    lines = [
        "[DEFAULT]",
        "ConnectionType=acceptor",
        f"BeginString={BEGIN}",
        f"TargetCompID={client}",
        f"SocketAcceptPort={port}",
        "SocketAcceptHost=127.0.0.1",
        f"FileStorePath={folder / 'store'}",
        "StartTime=00:00:00",
        "EndTime=00:00:00",
        "UseDataDictionary=Y",
        f"DataDictionary={dictionary_path()}",
    ]
    for custodian in custodians:
        lines += ["[SESSION]", f"SenderCompID={custodian}"]
    return "\n".join(lines) + "\n"
