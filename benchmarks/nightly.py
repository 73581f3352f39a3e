"""How long does a whole firm's night take, from stored accounts to stored, checked and proposed plans?

python -m benchmarks.nightly DATABASE [--workers N | --scheduler ADDRESS] [--accounts N] prints JSON. DATABASE is a
SQLite file with a firm in it; a copy of it is used. --accounts keeps the first N accounts, households whole;
--scheduler is that of a Dask cluster, whose memory is not counted.
"""

import argparse
import json
import os
import platform
import shutil
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from app import wiring
from app.ports import Services
from app.settings import Settings
from app.steps.market import todays_market
from app.steps.nightly import run_night
from app.steps.people import add_people
from app.steps.workers import Workers, cluster, local
from benchmarks.timing import progress, spread
from engine.domain.identifiers import UserId
from engine.domain.lifecycle import Role, User

_MANAGER: Final = User(user_id=UserId("manager"), name="Manager", roles=frozenset({Role.PORTFOLIO_MANAGER}))
_SAMPLE_S: Final = 0.25
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def figures(database: Path, *, workers: Workers, where: int | str, accounts: int | None) -> dict[str, Any]:
    """Return what a night on a copy of a database took. where: how many workers here, or the address of others."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "firm.db"
        shutil.copy(database, copy)
        services = wiring.connect(
            Settings(database_url=f"sqlite:///{copy}", exports=Path(scratch), user=None, connections={})
        )
        add_people(services, [(_MANAGER, "manager@lotsmith.example")])
        if accounts is not None:
            _keep(services, accounts)
        todays_market(services)  # the risk model is estimated when prices come in, not at night
        memory = _Memory()
        began = time.perf_counter()
        with memory:
            night = run_night(
                services,
                actor=_MANAGER,
                workers=workers,
                settings={"workers": where},
                progress=lambda doing, _done: progress(doing),
            )
        wall = time.perf_counter() - began
        seconds = [each.seconds for each in services.runs.accounts(night.run.run_id)]
        services.database.close()
    count = sum(night.counts.values())
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "workers": where,
        "accounts": count,
        "outcomes": dict(night.counts),
        "wall_s": round(wall, 2),
        "accounts_a_second": round(count / wall, 2),
        "worker_seconds_an_account": spread(seconds),
        "peak_mib": round(memory.peak / 2**20),
    }


class _Memory:
    """The most resident memory of this process and its children together, sampled. Bytes."""

    def __init__(self) -> None:
        self.peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_S):
            self.peak = max(self.peak, _resident(os.getpid()))


def _resident(pid: int) -> int:
    try:
        own = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it ended meanwhile
        return 0
    return own + sum(_resident(int(child)) for child in children)


def _keep(services: Services, accounts: int) -> None:
    """Make the firm smaller: the first households that hold so many accounts."""
    kept, count = set(), 0
    for account in services.firm.accounts():
        if account.household_id not in kept and count >= accounts:
            continue
        kept.add(account.household_id)
        count += 1
    reference = services.firm.reference()
    households = tuple(each for each in reference.households if each.household_id in kept)
    books = [book for book in services.firm.books() if book.account.household_id in kept]
    reference = replace(reference, households=households)
    services.firm.replace(reference, books, actor=_MANAGER.user_id, at=services.now())


def main() -> None:
    """Measure and print what was found."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("database", type=Path)
    how = asked.add_mutually_exclusive_group()
    how.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    how.add_argument("--scheduler", help="tcp://HOST:PORT of a Dask scheduler")
    asked.add_argument("--accounts", type=int)
    given = asked.parse_args()
    workers, where = (
        (cluster(given.scheduler), given.scheduler) if given.scheduler else (local(given.workers), given.workers)
    )
    print(json.dumps(figures(given.database, workers=workers, where=where, accounts=given.accounts), indent=2))


if __name__ == "__main__":
    main()
