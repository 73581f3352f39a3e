"""Whatever is killed, whenever: each order exists once at its custodian, and the books agree to the share.

Over approve, send and fill, the sender, the gateway, the desk and the custodian are killed (SIGKILL) and the line is
cut, at random instants. How many times is KILLS; by hand it may be many more than in the suite.
"""

import json
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

from app import wiring
from app.settings import read_settings
from app.steps import bulk, people, review
from connectors.fix.dialects import DIALECTS
from engine.domain.errors import LotsmithError
from engine.domain.lifecycle import PlanState, Role, User
from engine.domain.plans import Side
from engine.plan.document import plan_from_document

pytestmark = [pytest.mark.fix, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[3]
LOTSMITH = str(Path(sys.executable).with_name("lotsmith"))
SENDER = Path(__file__).with_name("sender_process.py")
KILLS = int(os.environ.get("KILLS", "12"))
ACCOUNTS = max(6, KILLS // 7)  # enough that something is under way at every kill
SEED = 7
PATIENCE_S = 180
UNDER_WAY = (PlanState.IN_REVIEW, PlanState.APPROVED, PlanState.RELEASED, PlanState.SENT, PlanState.FILLED)
VICTIMS = ("sender", "gateway", "desk", "custodian", "line")


class Line:
    """The wire between gateway and custodian, which can be cut: every connection through it ends at once."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._run(self._accept)

    def cut(self) -> None:
        while self._open:
            end = self._open.pop()
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self.cut()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _run(self, work, *arguments) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._to))
                except OSError:  # the custodian is away
                    near.close()
                    continue
                self._open += [near, far]
                self._run(self._pump, near, far)
                self._run(self._pump, far, near)

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def firm(tmp_path_factory):
    """A database of demo accounts, one a household, each with a plan in review; and what the custodians pay."""
    home = tmp_path_factory.mktemp("firm")
    environment = {"LOTSMITH_DB": f"sqlite:///{home / 'firm.db'}", "LOTSMITH_EXPORTS": str(home / "exports")}
    folder = str(home / "demo")
    for arguments in (["demo", "--accounts", str(2 * ACCOUNTS), "--to", folder], ["import", folder]):
        subprocess.run([LOTSMITH, *arguments], env={**os.environ, **environment}, check=True, capture_output=True)
    services = wiring.connect(read_settings(environment))
    people.add_people(
        services,
        [
            (User(user_id="maya", name="Maya", roles=frozenset({Role.PORTFOLIO_MANAGER})), "m@example.com"),
            (User(user_id="alan", name="Alan", roles=frozenset({Role.APPROVER})), "a@example.com"),
        ],
    )
    maya = services.users.user("maya")
    one_a_household = {account.household_id: account for account in services.firm.accounts()}
    chosen = [account.account_id for account in one_a_household.values()][:ACCOUNTS]
    for outcome in bulk.plan_accounts(services, chosen, actor=maya).done:
        with suppress(LotsmithError):  # an account that its data problems fence off
            review.submit(services, outcome.plan_id, actor=maya)
    market = services.firm.market_parts()
    prices = {market.securities[name].ticker: mark.price for name, mark in market.marks.items()}
    services.database.close()
    return home / "firm.db", prices


class Floor:
    """Every process between an approval and its fills, to be killed and started again."""

    def __init__(self, folder, firm, pace_s):
        database, prices = firm
        self.folder, self.pace_s = folder, pace_s
        shutil.copy(database, folder / "firm.db")
        (folder / "there").mkdir()
        rows = "".join(f"{ticker},{price}\n" for ticker, price in prices.items())
        (folder / "there" / "prices.csv").write_text(f"ticker,close\n{rows}")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.line = Line(self.port)
        self.environment = {
            **os.environ, "LOTSMITH_DB": f"sqlite:///{folder / 'firm.db'}", "PYTHONPATH": str(ROOT),
            "LOTSMITH_EXPORTS": str(folder / "exports"), "LOTSMITH_CONFIG": str(folder / "lotsmith.toml"),
        }  # fmt: skip
        services = wiring.connect(read_settings({**self.environment, "LOTSMITH_CONFIG": ""}))
        self.custodians = sorted({account.custodian for account in services.firm.accounts()})
        services.database.close()
        versions = list(DIALECTS)
        self.profiles = {
            name: {"route": "session", "host": "127.0.0.1", "port": self.line.port, "target": f"C{place}",
                   "version": versions[place % len(versions)], "allocations": "calculated",
                   "mass_status": place == 0}
            for place, name in enumerate(self.custodians)
        }  # fmt: skip
        lines = ["[fix]", "reconnect_s = 1"]
        for name, profile in self.profiles.items():
            lines.append(f"[fix.destinations.{json.dumps(name)}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in profile.items()]
        (folder / "lotsmith.toml").write_text("\n".join(lines) + "\n")
        self.services = wiring.connect(read_settings(self.environment))
        self.running = {}

    def start(self, name):
        there = [f"--custodian={p['target']}={p['version']}" for p in self.profiles.values()]
        commands = {
            "custodian": ["-m", "connectors.sandbox.custodian", "--port", str(self.port), "--dir",
                          str(self.folder / "there"), "--delay", "0.05", *there],
            "gateway": ["-m", "app.gateway", str(self.folder / "gateway")],
            "desk": ["-m", "app.desk"],
            "sender": [str(SENDER), str(self.pace_s)],
        }  # fmt: skip
        with (self.folder / f"{name}.err").open("ab") as errors:
            self.running[name] = subprocess.Popen(
                [sys.executable, *commands[name]], cwd=ROOT, env=self.environment, stderr=errors
            )

    def strike(self, name):
        if name == "line":
            self.line.cut()
            return
        self.running[name].kill()
        self.running[name].wait()
        self.start(name)

    def there(self, query):
        with sqlite3.connect(self.folder / "there" / "custodian.db", timeout=30) as db:
            return db.execute(query).fetchall()

    def close(self):
        for process in self.running.values():
            process.kill()
            process.wait()
        self.line.close()
        self.services.database.close()


@pytest.fixture
def floor(firm, tmp_path):
    made = Floor(tmp_path, firm, pace_s=1.0 if KILLS <= 20 else 6.0)
    yield made
    made.close()


def shares(book):
    held = {}
    for lot in book.lots:
        held[lot.security_id] = held.get(lot.security_id, Decimal(0)) + lot.quantity
    return held


def test_each_order_is_there_once_and_the_books_agree_though_everything_is_killed_at_random(floor):
    chance = random.Random(SEED)
    plans = floor.services.plans.heads(states=[PlanState.IN_REVIEW])
    assert len(plans) >= ACCOUNTS // 2
    before = {head.account_id: floor.services.firm.snapshot(head.account_id).book for head in plans}
    for name in ("custodian", "gateway", "desk", "sender"):
        floor.start(name)

    struck = []
    for number in range(KILLS):
        time.sleep(chance.uniform(0.3, 2.5))
        victim = VICTIMS[number % len(VICTIMS)] if number < len(VICTIMS) else chance.choice(VICTIMS)
        if floor.services.plans.heads(states=UNDER_WAY):
            struck.append(victim)
        floor.strike(victim)

    closed = lambda: len(floor.services.plans.heads(states=[PlanState.RECONCILED]))  # noqa: E731
    deadline = time.monotonic() + PATIENCE_S + 10 * len(plans)
    while closed() < len(plans):
        states = [(head.plan_id[:8], head.state) for head in floor.services.plans.heads() if head.state != "reconciled"]
        assert time.monotonic() < deadline, states
        time.sleep(0.5)

    blocks = {block.cl_ord_id: block for head in plans for block in floor.services.orders.blocks(head.plan_id)}
    arrived = floor.there("select cl_ord_id, count(*) from orders group by cl_ord_id")
    assert dict(arrived) == dict.fromkeys(blocks, 1)
    assert floor.there("""select count(*) from reports where fields like '%[103, "6"]%'""") == [(0,)]
    executed = {}
    for name, fields in floor.there("select cl_ord_id, fields from reports where kind = '8' and cl_ord_id != ''"):
        told = dict(json.loads(fields))
        if told[150] == "F":
            executed.setdefault(name, {})[told[17]] = Decimal(told[32])
    assert {name: sum(fills.values()) for name, fills in executed.items()} == {
        name: block.quantity for name, block in blocks.items()
    }
    assert floor.services.inbox.not_understood() == ()
    assert floor.services.outbox.waiting() == ()
    for head in plans:
        plan, _ = plan_from_document(floor.services.plans.get(head.plan_id).document)
        expected = shares(before[head.account_id])
        for trade in plan.trades:
            signed = trade.quantity if trade.side is Side.BUY else -trade.quantity
            expected[trade.security_id] = expected.get(trade.security_id, Decimal(0)) + signed
        book = floor.services.firm.snapshot(head.account_id).book
        assert shares(book) == {name: held for name, held in expected.items() if held}
        sold = [row.lot_id for row in book.transactions if row.transaction_id.startswith("L") and row.type == "sell"]
        asked = [lot.lot_id for order in floor.services.orders.orders(head.plan_id) for lot in order.lots]
        assert sorted(sold) == sorted(asked)
    assert floor.services.audit.verify().problems == ()
    sys.stderr.write(
        f"\n{len(struck)} of {KILLS} faults struck while orders were under way ({struck.count('line')} cuts), "
        f"{len(plans)} plans, {len(blocks)} blocks\n"
    )
