"""How does the stand-in custodian keep its word over a live session? Orders and answers on disk, each sent once."""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import quickfix as fix

from connectors.fix.dialect import Dialect
from connectors.fix.gateway import dictionary_file, dictionary_lines, dictionary_path
from connectors.fix.messages import (
    ALLOCATION,
    CANCEL,
    EXECUTION_REPORT,
    MASS_STATUS,
    NEW_ORDER,
    REPLACE,
    STATUS_REQUEST,
    Said,
    message,
)
from connectors.fix.session import guarded, parsed, wire_text
from connectors.fix.wire import FIX42, FixMessage
from connectors.sandbox.custodian import Report, answer, read_closes
from connectors.sandbox.custodian_changes import (
    Held,
    allocated,
    changed,
    in_42,
    mass_status,
    status,
    status_unknown,
)
from connectors.sandbox.custodian_faults import read_faults

_POLL_S: Final = 0.02
_AT_ONCE: Final = 500
_SCHEMA: Final = """
pragma journal_mode = wal;
pragma synchronous = normal;
create table if not exists orders (custodian text, cl_ord_id text, text text, root text,
    primary key (custodian, cl_ord_id));
create table if not exists requests (custodian text, id text, text text, primary key (custodian, id));
create table if not exists reports (
    id integer primary key, custodian text, cl_ord_id text, root text, kind text, fields text, due real,
    sent integer default 0, gone integer default 0);
create index if not exists unsent on reports (sent, due);
create index if not exists of_order on reports (custodian, root);
create index if not exists of_request on reports (custodian, cl_ord_id);
update reports set sent = 0 where sent = 2;
"""
_LEAVING: Final = 2  # between waiting (0) and sent (1): a crash meanwhile sends it again, under its one ExecID


def serve(*, folder: Path, port: int, custodians: Mapping[str, Dialect], client: str, delay_s: float) -> None:
    """Accept one session for each custodian on the loopback port and answer until the process is ended.

    custodians: the version that each speaks, by CompID. folder/prices.csv and faults.json are read anew when they
    change; folder/custodian.db keeps orders and answers through any crash. Raises DataError for a missing or wrong
    price file.
    """
    os.umask(0o077)
    read_closes(folder / "prices.csv")
    settings_path = folder / "acceptor.cfg"
    settings_path.write_text(_settings_text(folder, port, custodians, client))
    settings = fix.SessionSettings(str(settings_path))
    desk = _Desk(folder, custodians, client, delay_s)
    acceptor = fix.SocketAcceptor(desk, fix.FileStoreFactory(settings), settings)
    acceptor.start()
    try:
        while True:
            time.sleep(_POLL_S)
            for custodian in custodians:
                desk.send_due(custodian)
    finally:
        acceptor.stop()


class _Desk(fix.Application):  # type: ignore[misc]  # quickfix carries no types
    """Keeps a request with all its answers in one transaction; the main thread sends them when they are due."""

    def __init__(self, folder: Path, custodians: Mapping[str, Dialect], client: str, delay_s: float) -> None:
        super().__init__()
        self._prices, self._faults = folder / "prices.csv", folder / "faults.json"
        self._closes: tuple[int, Mapping[str, Decimal]] = (0, {})
        self._custodians, self._client, self._delay_s = custodians, client, delay_s
        self._dictionaries = {name: _dictionaries(dialect, folder) for name, dialect in custodians.items()}
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
        request, text = parsed(wire_text(incoming)), wire_text(incoming)
        custodian = request.require(56)
        with self._lock, self._db:
            if request.type == NEW_ORDER:
                self._take_order(custodian, request, text)
            elif request.type in (CANCEL, REPLACE, ALLOCATION):
                self._take_request(custodian, request, text)
            elif request.type == STATUS_REQUEST:
                held = self._held(custodian, request.require(11))
                told = status_unknown(request) if held is None else status(held, (790, request.get(790) or "none"))
                self._queue(custodian, "", "", [Said(EXECUTION_REPORT, told)])
            elif request.type == MASS_STATUS:
                self._queue(custodian, "", "", mass_status(request, self._all_held(custodian)))

    def _take_order(self, custodian: str, order: FixMessage, text: str) -> None:
        name = order.require(11)
        used = self._order(custodian, name) is not None
        if used and order.get(43) == "Y":
            return  # the session repeats what was kept before a crash
        reports = answer(order, self._market(), used=used, faults=read_faults(self._faults))
        self._db.execute("insert or ignore into orders values (?, ?, ?, ?)", (custodian, name, text, name))
        self._queue(custodian, name, name, [Said(EXECUTION_REPORT, told) for told in reports])

    def _take_request(self, custodian: str, request: FixMessage, text: str) -> None:
        """Answer a change or an allocation; one that comes again is told the same again."""
        name = request.get(11) if request.type != ALLOCATION else request.require(70)
        assert name is not None
        if not self._db.execute("insert or ignore into requests values (?, ?, ?)", (custodian, name, text)).rowcount:
            if request.get(43) != "Y":
                self._db.execute(
                    "update reports set sent = 0 where custodian = ? and cl_ord_id = ? and gone = 0", (custodian, name)
                )
            return
        faults = read_faults(self._faults)
        if request.type == ALLOCATION:
            self._queue(custodian, name, name, allocated(request, faults))
            return
        original = request.require(41)
        held, root = self._held(custodian, original), self._root(custodian, original)
        answers = changed(request, held, self._market().get(request.require(55), Decimal(1)), faults)
        if answers[0].kind == EXECUTION_REPORT:
            # What has not left yet never will: the order ends here, or goes on under its new name.
            self._db.execute(
                "update reports set gone = 1 where custodian = ? and root = ? and sent = 0", (custodian, root)
            )
            if request.type == REPLACE:
                self._db.execute("insert into orders values (?, ?, ?, ?)", (custodian, name, text, root))
        self._queue(custodian, name, root, answers)

    def send_due(self, custodian: str) -> None:
        """Send this custodian's answers whose time has come, while the session is up."""
        dialect = self._custodians[custodian]
        session_id = fix.SessionID(dialect.begin, custodian, self._client)
        due = self._leaving(custodian)
        sent = 0
        for _, kind, fields in due:
            session = fix.Session.lookupSession(session_id)
            if session is None or not session.isLoggedOn():
                break
            told = in_42(dict(fields)) if dialect.begin == FIX42 and kind == EXECUTION_REPORT else fields
            text = message(kind, told, sender=custodian, target=self._client, sequence=1, sent=datetime.now(UTC),
                           begin=dialect.begin).decode()  # fmt: skip
            fix.Session.sendToTarget(fix.Message(text, *self._dictionaries[custodian], False), session_id)
            sent += 1
        if due:
            with self._lock, self._db:
                self._db.executemany(
                    "update reports set sent = ? where id = ?",
                    [(int(place < sent), row) for place, (row, _, _) in enumerate(due)],
                )

    def _market(self) -> Mapping[str, Decimal]:
        stamp = self._prices.stat().st_mtime_ns
        if stamp != self._closes[0]:
            self._closes = stamp, read_closes(self._prices)
        return self._closes[1]

    def _order(self, custodian: str, name: str) -> FixMessage | None:
        found = self._db.execute(
            "select text from orders where custodian = ? and cl_ord_id = ?", (custodian, name)
        ).fetchone()
        return None if found is None else parsed(found[0])

    def _root(self, custodian: str, name: str) -> str:
        found = self._db.execute(
            "select root from orders where custodian = ? and cl_ord_id = ?", (custodian, name)
        ).fetchone()
        return "" if found is None else str(found[0])

    def _held(self, custodian: str, name: str) -> Held | None:
        order = self._order(custodian, name)
        if order is None:
            return None
        rows = self._db.execute(
            "select fields from reports where sent > 0 and custodian = ? and root = ? and kind = ? order by id",
            (custodian, self._root(custodian, name), EXECUTION_REPORT),
        )
        return Held(order=order, reports=[_fields(text) for (text,) in rows])

    def _all_held(self, custodian: str) -> list[Held]:
        names = self._db.execute("select cl_ord_id from orders where custodian = ? order by rowid", (custodian,))
        held = (self._held(custodian, name) for (name,) in names.fetchall())
        return [each for each in held if each is not None]

    def _leaving(self, custodian: str) -> list[tuple[int, str, Report]]:
        """Return what is due and mark it as leaving: a change that comes now finds it sent."""
        with self._lock, self._db:
            rows = self._db.execute(
                "select id, kind, fields from reports where sent = 0 and gone = 0 and due <= ? and custodian = ? "
                "order by due, id limit ?",
                (time.time(), custodian, _AT_ONCE),
            ).fetchall()
            self._db.executemany("update reports set sent = ? where id = ?", [(_LEAVING, row[0]) for row in rows])
        return [(row, kind, _fields(text)) for row, kind, text in rows]

    def _queue(self, custodian: str, cl_ord_id: str, root: str, answers: Sequence[Said]) -> None:
        now = time.time()
        self._db.executemany(
            "insert into reports (custodian, cl_ord_id, root, kind, fields, due) values (?, ?, ?, ?, ?, ?)",
            [
                (custodian, cl_ord_id, root, said.kind, json.dumps(said.fields), now + place * self._delay_s)
                for place, said in enumerate(answers)
            ],
        )


def _fields(text: str) -> Report:
    return tuple((tag, value) for tag, value in json.loads(text))


def _dictionaries(dialect: Dialect, folder: Path) -> tuple[Any, ...]:
    application = fix.DataDictionary(str(dictionary_file(dialect, folder)))
    transport = dialect.transport
    return (application,) if transport is None else (fix.DataDictionary(str(dictionary_path(transport))), application)


def _settings_text(folder: Path, port: int, custodians: Mapping[str, Dialect], client: str) -> str:
    lines = [
        "[DEFAULT]",
        "ConnectionType=acceptor",
        f"TargetCompID={client}",
        f"SocketAcceptPort={port}",
        "SocketAcceptHost=127.0.0.1",
        f"FileStorePath={folder / 'store'}",
        "StartTime=00:00:00",
        "EndTime=00:00:00",
        "UseDataDictionary=Y",
    ]
    for custodian, dialect in custodians.items():
        lines += [
            "[SESSION]",
            f"BeginString={dialect.begin}",
            f"SenderCompID={custodian}",
            *dictionary_lines(dialect, folder),
        ]
    return "\n".join(lines) + "\n"
