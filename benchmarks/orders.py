"""How fast do many orders leave and come back, by file and over a live session, and does the app stay responsive?

python -m benchmarks.orders [--orders N] prints JSON. Needs quickfix. Everything runs on this machine: custodian,
gateway and desk each in a process of its own, on one SQLite file, while this process looks and writes as a page would.
"""

import argparse
import json
import os
import resource
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from app import wiring
from app.ports import Services
from app.settings import read_settings
from benchmarks.timing import progress, spread
from connectors.fix.destinations import read_destinations
from connectors.fix.export import Release, export_files, order_messages, read_back
from data import audit, tables
from data.mailbox import to_session
from data.orders import save_blocks
from data.outbox import enqueue
from engine.domain.identifiers import AccountId, ClOrdId, LotId, PlanId, SecurityId
from engine.domain.lifecycle import PlanState
from engine.domain.orders import Block, LotInstruction, Order
from engine.domain.plans import Side

_ROOT: Final = Path(__file__).parents[1]
_PLAN: Final = PlanId("0" * 64)
_ACCOUNTS: Final = 4  # of a block
_LOTS: Final = 2  # of an account's sale
_PATIENCE_S: Final = 1800.0
_LOOK_S: Final = 0.05


def blocks(count: int) -> tuple[Block, ...]:
    """Return block orders of four accounts each, sales (of two lots an account) and purchases in turn."""
    return tuple(_block(number) for number in range(count))


def file_figures(made: Sequence[Block], folder: Path) -> dict[str, Any]:
    """Return how long files take to be written, and to be read back whole."""
    profiles = read_destinations({"destinations": {"Alpha": {"lots": "order"}}}, ["Alpha"])
    release = Release(blocks=made, sender="US", destinations=profiles, at=datetime.now(UTC), plan_ids=(_PLAN,))
    began = time.perf_counter()
    manifest = export_files(release, folder)
    written = time.perf_counter()
    orders, sheet = ((folder / file.name).read_bytes() for file in manifest.files)
    found = read_back(profiles["Alpha"], orders, sheet)
    done = time.perf_counter()
    assert len(found) == manifest.orders
    return {
        "orders": len(made),
        "allocations": manifest.orders,
        "megabytes": round(sum(file.size for file in manifest.files) / 1e6, 1),
        "write_s": round(written - began, 2),
        "read_back_s": round(done - written, 2),
        "orders_a_second_written_and_read_back": round(len(made) / (done - began)),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def session_figures(made: Sequence[Block], home: Path) -> dict[str, Any]:
    """Return how long orders take to the custodian and their fills to the books' door, and what a page notices."""
    environment = _environment(home)
    services = wiring.connect(read_settings(environment))
    _plan_row(services)
    began = time.perf_counter()
    _send(services, made)
    stored = time.perf_counter()
    progress(f"{len(made)} orders in the outbox after {stored - began:.1f} s")
    with ExitStack() as stack:
        there = ["connectors.sandbox.custodian", f"--port={_port(environment)}", f"--dir={home}",
                 "--custodian=ALPHA", "--delay=0"]  # fmt: skip
        run = {
            "custodian": stack.enter_context(_process(there, environment)),
            "gateway": stack.enter_context(_process(["app.gateway", str(home / "gateway")], environment)),
            "desk": stack.enter_context(_process(["app.desk"], environment)),
        }
        figures = _watch(services, home, len(made))
        memory = {name: _peak_mb(process) for name, process in run.items()}
    services.database.close()
    return {
        "orders": len(made),
        "stored_in_one_transaction_s": round(stored - began, 2),
        **figures,
        "peak_memory_mb": memory,
    }


def _watch(services: Services, home: Path, count: int) -> dict[str, Any]:
    """Wait until every fill is taken in, doing now and then what a page does; return rates and what a page waited."""
    began = time.perf_counter()
    at: dict[str, float] = {}
    reads: list[float] = []
    writes: list[float] = []
    ordered = count * _ACCOUNTS * 10
    while "taken_in" not in at and time.perf_counter() - began < _PATIENCE_S:
        reads.append(_timed_ms(lambda: services.plans.heads(states=[PlanState.SENT])))
        writes.append(_timed_ms(lambda: _write(services)))
        passed = time.perf_counter() - began
        if "arrived" not in at and _arrived(home) == count:
            at["arrived"] = passed
            progress(f"all orders at the custodian after {passed:.1f} s")
        if "arrived" in at and not services.inbox.waiting() and _filled(services) == ordered:
            at["taken_in"] = passed
        time.sleep(_LOOK_S)
    return {
        "at_the_custodian_s": round(at["arrived"], 1),
        "orders_a_second": round(count / at["arrived"]),
        "every_fill_taken_in_s": round(at["taken_in"], 1),
        "orders_a_second_there_and_back": round(count / at["taken_in"]),
        "page_read_ms": spread(reads, 1),
        "page_write_ms": spread(writes, 1),
    }


def _block(number: int) -> Block:
    side = Side.SELL if number % 2 else Side.BUY
    name = f"B{number:07}"
    orders = tuple(_order(name, place, side) for place in range(_ACCOUNTS))
    return Block(
        cl_ord_id=ClOrdId(name), custodian="Alpha", security_id=SecurityId("ABC"), ticker="ABC", cusip=None, side=side,
        quantity=Decimal(10 * _ACCOUNTS), allocations=orders,
    )  # fmt: skip


def _order(block: str, place: int, side: Side) -> Order:
    lots = tuple(
        LotInstruction(
            lot_id=LotId(f"{block}-{place}-{lot}"), quantity=Decimal(5), acquired=date(2020, 5, 6),
            cost_per_share=Decimal("90.25"),
        )
        for lot in range(_LOTS)
    )  # fmt: skip
    return Order(
        cl_ord_id=ClOrdId(f"L{block}{place}"), plan_id=_PLAN, account_id=AccountId(f"A{block}{place}"),
        account_number=f"{block}-{place}", custodian="Alpha", security_id=SecurityId("ABC"), ticker="ABC", cusip=None,
        side=side, quantity=Decimal(10), reference_price=Decimal(100), lots=lots if side is Side.SELL else (),
    )  # fmt: skip


def _send(services: Services, made: Sequence[Block]) -> None:
    """Store the orders and put them in the outbox, in one transaction, as sending a plan does."""
    fix = services.connections["fix"]
    profiles = read_destinations(fix, ["Alpha"])
    at = datetime.now(UTC)
    release = Release(blocks=made, sender="LOTSMITH", destinations=profiles, at=at, plan_ids=(_PLAN,))
    items = [to_session("Alpha", key, text.decode()) for key, text in order_messages(release, profiles["Alpha"])]
    with services.database.begin() as connection:
        save_blocks(connection, made)
        enqueue(connection, items, at=at)


def _plan_row(services: Services) -> None:
    """Write the one plan that all the orders are of; closed, so that nobody books it."""
    now = datetime.now(UTC)
    with services.database.begin() as connection:
        connection.execute(tables.documents.insert(), {"hash": "0", "kind": "none", "size": 0, "body": b""})
        connection.execute(
            tables.plans.insert(),
            {"plan_id": _PLAN, "account_id": "A", "household_id": "H", "parent_id": None, "version": 1, "note": "",
             "state": PlanState.RECONCILED, "created_at": now, "snapshot_hash": "0", "market_hash": "0",
             "document": {}},
        )  # fmt: skip


def _write(services: Services) -> None:
    with services.database.begin() as connection:
        audit.append(connection, at=datetime.now(UTC), actor="bench", what="look", subject="page")


def _filled(services: Services) -> int:
    with services.database.read() as connection:
        quantities = connection.execute(tables.fills.select().with_only_columns(tables.fills.c.quantity))
        return int(sum(row.quantity for row in quantities))


def _arrived(home: Path) -> int:
    path = home / "custodian.db"
    if not path.exists():
        return 0
    db = sqlite3.connect(path, timeout=30)
    try:
        return int(db.execute("select count(*) from orders").fetchone()[0])
    except sqlite3.OperationalError:  # it has not made its tables yet
        return 0
    finally:
        db.close()


def _timed_ms(call: Any) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1e3


def _environment(home: Path) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (home / "prices.csv").write_text("ticker,close\nABC,100\n")
    config = home / "lotsmith.toml"
    config.write_text(
        f'[fix.destinations.Alpha]\nroute = "session"\nhost = "127.0.0.1"\nport = {port}\nlots = "order"\n'
    )
    return {
        **os.environ, "LOTSMITH_DB": f"sqlite:///{home / 'firm.db'}", "LOTSMITH_CONFIG": str(config),
        "LOTSMITH_EXPORTS": str(home / "exports"), "PYTHONPATH": str(_ROOT),
    }  # fmt: skip


def _port(environment: dict[str, str]) -> int:
    return int(read_settings(environment).connections["fix"]["destinations"]["Alpha"]["port"])


@contextmanager
def _process(module: Sequence[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", *module], env=environment, cwd=_ROOT)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _peak_mb(process: subprocess.Popen[bytes]) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return round(int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024)


def main() -> None:
    """Print every figure as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000)
    count = parser.parse_args().orders
    made = blocks(count)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        figures = {"file": file_figures(made, Path(one) / "out"), "session": session_figures(made, Path(other))}
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
