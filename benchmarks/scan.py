"""How many accounts does a scan look at in a second, on one core and on two, and how much memory does it take?

python -m benchmarks.scan DATABASE [--processes N ...] [--accounts N] prints JSON. DATABASE is a SQLite file with a firm
in it, which is only read. Every account is scanned once, as a night does: its rows are read as columns before the clock
starts, nothing of them was looked at, and the result is brief. whole: with every name and loss lot made.
"""

import argparse
import json
import multiprocessing
import platform
import resource
import tempfile
import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from app import wiring
from app.settings import Settings
from app.steps.inputs import settings_of
from app.steps.market import todays_market
from app.steps.monitor import watched
from benchmarks.timing import progress
from engine.monitor.account_scan import AccountScan
from engine.monitor.document import queue_row, scan_document
from engine.monitor.scan import household_facts, scan_account


def figures(database: Path, *, processes: int, accounts: int | None) -> dict[str, Any]:
    """Return what scanning a firm took, its households dealt out to some processes of one thread each."""
    context = multiprocessing.get_context("spawn")
    gate, answers = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=_work, args=(gate, answers, database, k, processes, accounts)) for k in range(processes)
    ]
    for worker in workers:
        worker.start()
    found = [answers.get() for _ in workers]
    for worker in workers:
        worker.join()
    count = sum(each["accounts"] for each in found)
    result = {
        "processes": processes,
        "accounts": count,
        "lots": sum(each["lots"] for each in found),
        "transactions": sum(each["transactions"] for each in found),
        "accounts_a_second": round(count / max(each["brief_wall_s"] for each in found)),
        "brief_cpu_ms_an_account": round(1e3 * sum(each["brief_cpu_s"] for each in found) / count, 3),
        "written_cpu_ms_an_account": round(1e3 * sum(each["written_cpu_s"] for each in found) / count, 3),
        "whole_cpu_ms_an_account": round(1e3 * sum(each["whole_cpu_s"] for each in found) / count, 3),
        "rows_held_mib": round(max(each["held_mib"] for each in found)),
        "peak_mib": round(max(each["peak_mib"] for each in found)),
    }
    progress(str(result))
    return result


def _work(gate: Barrier, answers: "Queue[Any]", database: Path, part: int, parts: int, accounts: int | None) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        services = wiring.connect(
            Settings(database_url=f"sqlite:///{database}", exports=Path(scratch), user=None, connections={})
        )
        market = todays_market(services)
        since, limits, actions = watched(services, market)
        households = []
        for household in services.firm.households()[part::parts]:
            snapshots = services.firm.snapshots(household.household_id)
            for book in snapshots[0].household_books:
                _ = dict(book.lot_rows.columns), dict(book.history.columns)
            households.append([(snapshot, settings_of(services, snapshot.account)) for snapshot in snapshots])
            if accounts is not None and sum(map(len, households)) * parts >= accounts:
                break
        services.database.close()
    held = _peak_mib()

    def scans(wanted: list[Any]) -> list[AccountScan]:
        found = []
        for members in wanted:
            facts = household_facts(members[0][0], market)
            found += [
                scan_account(
                    snapshot, market, settings, last_marks=since, limits=limits, actions=actions, household=facts
                )
                for snapshot, settings in members
            ]
        return found

    scans(households[:1])  # the market's columns are made once a day
    gate.wait()
    wall, cpu = time.perf_counter(), time.process_time()
    brief = [scan.brief() for scan in scans(households)]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    began = time.process_time()
    _ = [(queue_row(scan), scan_document([scan])) for scan in brief]
    written = time.process_time() - began
    peak = _peak_mib()
    began = time.process_time()
    _ = [(len(tuple(scan.names)), len(tuple(scan.harvest.lots))) for scan in scans(households)]
    whole = time.process_time() - began
    books = [snapshot.book for members in households for snapshot, _ in members]
    answers.put(
        {
            "accounts": len(brief),
            "lots": sum(len(book.lots) for book in books),
            "transactions": sum(len(book.transactions) for book in books),
            "brief_wall_s": wall,
            "brief_cpu_s": cpu,
            "written_cpu_s": written,
            "whole_cpu_s": whole,
            "held_mib": held,
            "peak_mib": peak,
        }
    )


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print what was found."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("database", type=Path)
    asked.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    asked.add_argument("--accounts", type=int)
    given = asked.parse_args()
    runs = [figures(given.database, processes=count, accounts=given.accounts) for count in given.processes]
    print(json.dumps({"machine": platform.machine(), "runs": runs}, indent=2))


if __name__ == "__main__":
    main()
