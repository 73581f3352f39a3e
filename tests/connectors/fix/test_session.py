"""Two processes on loopback: whatever is killed, each order arrives once and each execution is kept once."""

import importlib.util
import itertools
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.fix.dialects import DIALECTS
from connectors.fix.fix42 import modern
from connectors.fix.messages import message, read_answer
from connectors.fix.wire import decode
from engine.domain.orders import Change, Fill

pytestmark = pytest.mark.fix

GATEWAY = Path(__file__).with_name("gateway_process.py")
ROOT = Path(__file__).parents[3]
PATIENCE_S = 40


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S} s for {what}"
        time.sleep(0.02)


class Floor:
    """A custodian and a gateway to start and kill, and a look into both their databases."""

    def __init__(self, folder: Path, fills_of: Callable[..., tuple[Fill, ...]], version: str = "FIX.4.4") -> None:
        self.folder, self.fills_of, self.version = folder, fills_of, version
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (folder / "custodian").mkdir()
        (folder / "custodian" / "prices.csv").write_text("ticker,close\nABC,100\nDEF,50\n")
        spec = importlib.util.spec_from_file_location("gateway_process", GATEWAY)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.mailbox = module.SqliteMailbox(folder / "mailbox.db")
        self.running: list[subprocess.Popen[bytes]] = []

    def start_custodian(self, delay: float = 0.2) -> subprocess.Popen[bytes]:
        return self._start(
            "-m", "connectors.sandbox.custodian", "--port", str(self.port), "--dir", str(self.folder / "custodian"),
            "--custodian", f"ALPHA={self.version}", "--delay", str(delay),
        )  # fmt: skip

    def start_gateway(self, max_order_age_s: int = 600, questions: str = "each") -> subprocess.Popen[bytes]:
        return self._start(
            str(GATEWAY), str(self.folder), str(self.port), str(max_order_age_s), self.version, questions
        )

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "errors.log").open("ab") as errors:
            process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stderr=errors)
        self.running.append(process)
        return process

    def at_custodian(self, query: str) -> list[tuple[object, ...]]:
        path = self.folder / "custodian" / "custodian.db"
        if not path.exists():
            return []
        db = sqlite3.connect(path, timeout=30)
        try:
            return db.execute(query).fetchall()
        except sqlite3.OperationalError:  # the custodian has not made its tables yet
            return []
        finally:
            db.close()

    def answers(self) -> list[object]:
        rows = self.mailbox.rows("select text from inbox")
        return [read_answer(modern(decode(str(text).encode())[0])) for (text,) in rows]

    def filled(self) -> Decimal:
        return sum((fill.quantity for fill in self.fills_of(self.answers())), Decimal(0))

    def outcomes(self) -> list[object]:
        return [outcome for (outcome,) in self.mailbox.rows("select outcome from outbox order by id")]

    def close(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()


@pytest.fixture
def floor(tmp_path, fills_of):
    made = Floor(tmp_path, fills_of)
    yield made
    made.close()


@pytest.fixture
def put(floor, block, order_text):
    def put_orders(*names: str, at: datetime | None = None) -> None:
        for name in names:
            text = order_text(block(name), at=at or datetime.now(UTC))
            floor.mailbox.put(name, "Alpha", text)

    return put_orders


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_each_order_and_each_fill_arrives_once_though_both_sides_are_killed_midway(floor, put):
    names = [f"BLOCK{n:03}" for n in range(200)]
    put(*names)
    custodian, gateway = floor.start_custodian(), floor.start_gateway()

    wait_until(lambda: floor.mailbox.rows("select sum(taken) from outbox")[0][0] >= 60, "60 orders taken")
    kill(gateway)
    assert floor.filled() < 200 * 50
    gateway = floor.start_gateway()
    wait_until(lambda: floor.filled() > 2000, "some fills after the restart")
    kill(gateway)
    kill(custodian)
    assert floor.filled() < 200 * 50
    floor.start_custodian()
    floor.start_gateway()
    wait_until(lambda: floor.filled() == 200 * 50, "every fill")

    wait_until(lambda: set(floor.outcomes()) == {"accepted"}, "an answer to every order")
    arrived = floor.at_custodian("select cl_ord_id from orders order by cl_ord_id")
    assert [name for (name,) in arrived] == names
    # A second arrival would have been rejected as a duplicate (103=6) and reported.
    assert floor.at_custodian("""select count(*) from reports where fields like '%[103, "6"]%'""") == [(0,)]
    executions = floor.fills_of(floor.answers())
    assert len({fill.exec_id for fill in executions}) == len(executions)
    assert {name: sum(f.quantity for f in executions if f.cl_ord_id == name) for name in names} == dict.fromkeys(
        names, Decimal(50)
    )


def test_an_order_taken_just_before_a_crash_is_asked_about_then_sent(floor, put):
    put("BLOCK1", "BLOCK2")
    assert floor.mailbox.take("Alpha", 1)[0][0] == "BLOCK1"  # and then the process died

    floor.start_custodian(delay=0)
    floor.start_gateway()

    wait_until(lambda: floor.filled() == 100, "both orders filled")
    assert len(floor.at_custodian("select * from orders")) == 2


def test_an_order_that_never_arrived_and_was_cancelled_meanwhile_is_not_sent(floor, block):
    made, dialect, now = block("BLOCK1"), DIALECTS["FIX.4.4"], datetime.now(UTC)
    change = Change(cl_ord_id="CANCEL1", block_id="BLOCK1", replaces="BLOCK1", quantity=Decimal(0))
    for name, said in (
        ("BLOCK1", dialect.new_order(made, at=now, lots=False)),
        ("CANCEL1", dialect.change(change, made, at=now, lots=False)),
    ):
        text = message(*said, sender="LOTSMITH", target="ALPHA", sequence=1, sent=now).decode()
        floor.mailbox.put(name, "Alpha", text)
    assert floor.mailbox.take("Alpha", 1)[0][0] == "BLOCK1"  # and then the line was down

    floor.start_custodian(delay=0)
    floor.start_gateway()

    wait_until(lambda: None not in floor.outcomes(), "both answers")
    assert floor.outcomes() == ["refused", "refused"]
    assert floor.at_custodian("select * from orders") == []


def test_nothing_is_taken_while_the_custodian_is_away(floor, put):
    put("BLOCK1")
    floor.start_gateway()
    wait_until((floor.folder / "gateway" / "sessions.cfg").exists, "the gateway")
    time.sleep(1.5)
    assert floor.mailbox.rows("select taken from outbox") == [(0,)]

    floor.start_custodian(delay=0)

    wait_until(lambda: floor.filled() == 50, "the fill")


def test_an_order_released_too_long_ago_is_never_sent(floor, put):
    put("STALE", at=datetime.now(UTC) - timedelta(hours=1))
    put("FRESH")
    floor.start_custodian(delay=0)
    floor.start_gateway(max_order_age_s=600)

    wait_until(lambda: floor.filled() == 50, "the fresh order's fill")
    assert floor.outcomes() == ["expired", "accepted"]
    assert floor.at_custodian("select cl_ord_id from orders") == [("FRESH",)]


def test_an_order_lost_on_the_line_is_not_repeated_once_it_is_stale(floor, put):
    custodian = floor.start_custodian(delay=0)
    floor.start_gateway(max_order_age_s=3)
    log = floor.folder / "gateway.log"
    wait_until(lambda: log.exists() and "logged on" in log.read_text(), "the logon")  # else FIRST may be too old
    put("FIRST")
    wait_until(lambda: floor.filled() == 50, "the session")

    custodian.send_signal(signal.SIGSTOP)
    put("LOST")
    wait_until(lambda: floor.mailbox.rows("select sum(taken) from outbox") == [(2,)], "the order on the line")
    kill(custodian)
    time.sleep(3.2)
    floor.start_custodian(delay=0)

    wait_until(lambda: floor.outcomes() == ["accepted", "expired"], "the verdict on the lost order")
    assert floor.at_custodian("select cl_ord_id from orders") == [("FIRST",)]
    assert "order LOST is too old to be sent again" in log.read_text()


def test_an_unknown_symbol_is_refused_and_text_that_is_no_order_is_not_sent(floor, block, order_text):
    now = datetime.now(UTC)
    floor.mailbox.put("SYMBOL", "Alpha", order_text(block("SYMBOL", ticker="ZZZ"), at=now))
    floor.mailbox.put("BROKEN", "Alpha", order_text(block("BROKEN"), at=now).replace("38=50", "38=60"))
    floor.mailbox.put("GOOD", "Alpha", order_text(block("GOOD"), at=now))
    floor.start_custodian(delay=0)
    floor.start_gateway()

    wait_until(lambda: None not in floor.outcomes(), "all answers")
    assert floor.outcomes() == ["refused", "refused", "accepted"]
    assert floor.at_custodian("select cl_ord_id from orders order by cl_ord_id") == [("GOOD",), ("SYMBOL",)]


def test_a_report_that_cannot_be_kept_ends_the_gateway_and_comes_again(floor, put):
    floor.mailbox.rows("insert into broken values (1)")
    put("BLOCK1")
    floor.start_custodian(delay=0)
    gateway = floor.start_gateway()

    assert gateway.wait(PATIENCE_S) == 1
    assert "the disk is full" in (floor.folder / "errors.log").read_text()
    assert floor.mailbox.rows("select * from inbox") == []

    floor.mailbox.rows("delete from broken")
    floor.start_gateway()
    wait_until(lambda: floor.filled() == 50, "the fill after the restart")


class LatinCustodian:
    """A custodian that answers the first order with an acknowledgement whose text is Latin-1, not UTF-8."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self._number = itertools.count(1)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        line, _ = self._listener.accept()
        with line, line.makefile("rb") as stream:
            text = b""
            while letter := stream.read(1):
                text += letter
                if not re.search(rb"\x0110=\d{3}\x01$", text):
                    continue
                (came,), text = decode(text), b""
                if came.type == "A":
                    line.sendall(self._message(b"35=A", b"98=0", b"108=30"))
                if came.type == "D":
                    name = came.require(11).encode()
                    told = b"11=" + name, b"37=C1", b"17=E1", b"150=0", b"39=0", b"55=ABC", b"54=1", b"151=50"
                    line.sendall(self._message(b"35=8", *told, b"14=0", b"6=0", b"58=accept\xe9"))

    def _message(self, kind: bytes, *fields: bytes) -> bytes:
        sent = datetime.now(UTC).strftime("%Y%m%d-%H:%M:%S").encode()
        head = kind, b"49=ALPHA", b"56=LOTSMITH", b"34=%d" % next(self._number), b"52=" + sent
        body = b"\x01".join((*head, *fields)) + b"\x01"
        front = b"8=FIX.4.4\x019=%d\x01" % len(body) + body
        return front + b"10=%03d\x01" % (sum(front) % 256)


def test_text_that_is_not_utf_8_is_kept_and_ends_nothing(floor, put):
    put("BLOCK1")
    custodian = LatinCustodian(floor.port)
    gateway = floor.start_gateway()

    wait_until(lambda: floor.outcomes() == ["accepted"] or gateway.poll() is not None, "the answer")

    custodian.close()
    ((text,),) = floor.mailbox.rows("select text from inbox")
    assert decode(str(text).encode("latin-1"))[0].get(58) == "accept\xe9"


def test_files_are_the_owners_alone_the_password_is_masked_and_stopping_logs_out(floor, put):
    put("BLOCK1")
    floor.start_custodian(delay=0)
    gateway = floor.start_gateway()
    wait_until(lambda: floor.filled() == 50, "the fill")

    gateway.terminate()

    assert gateway.wait(PATIENCE_S) == 0
    log = (floor.folder / "gateway.log").read_text()
    assert "553=desk|554=***|" in log
    assert "s3cret-word" not in log
    assert "logged out" in log
    for path in (floor.folder / "gateway").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
