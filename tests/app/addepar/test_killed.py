"""However a sync is cut, slowed, refused or killed: does a later one end with the books of an undisturbed one?

ADDEPAR_KILLS=200 makes it 200 kills instead of a few dozen; ADDEPAR_SEED another run of them. What happened is in the
test's output (pytest -s).
"""

import multiprocessing
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.steps.sync import sync_addepar
from engine.domain.accounts import AccountBook
from engine.domain.errors import ExternalRefusal
from tests.app.addepar.reached import EVENING, StandIn, connected

KILLS = int(os.environ.get("ADDEPAR_KILLS", "36"))
SEED = int(os.environ.get("ADDEPAR_SEED", "20261120"))
QUICK = {"request_timeout_seconds": 0.5, "accounts_per_job": 1, "longest_wait_seconds": 30.0}
ROUNDS = 3
LONGEST_LIFE_S = 1.2  # some end before they are killed, so that kills fall into every part of a sync
FAULTY = 0.4

# Each documented error, a cut and a delay past the time-out; what waits is told to wait no time.
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("faults", {"path": "/v1/", "status": 429, "headers": {"X-RateLimit-Retry-After": "0"}}),
    ("faults", {"path": "/v1/transactions/query", "status": 500}),
    ("faults", {"path": "/v1/jobs", "method": "POST", "status": 500}),
    ("faults", {"path": "/v1/groups", "status": 503}),
    ("faults", {"path": "/v1/entities", "status": 401}),
    ("faults", {"path": "/v1/positions", "status": 403}),
    ("faults", {"path": "/v1/jobs/", "status": 404}),
    ("faults", {"path": "/v1/jobs/", "status": 410}),
    ("faults", {"path": "/v1/jobs", "method": "POST", "status": 409}),
    ("faults", {"path": "/v1/transactions/query", "status": 400, "detail": "took longer than 60 s"}),
    ("faults", {"path": "/v1/entities", "cut": True}),
    ("faults", {"path": "/v1/jobs", "cut": True}),
    ("faults", {"path": "/v1/transactions/query", "slow": 0.8}),
    ("jobs", {"polls": 0, "outcome": "Failed", "errors": ["no capacity"], "times": 1}),
    ("jobs", {"polls": 0, "outcome": "Timed Out", "times": 1}),
    ("jobs", {"polls": 0, "outcome": "User Cancelled", "times": 1}),
    ("jobs", {"polls": 0, "expired": True, "times": 1}),
    ("jobs", {"polls": 0, "completion": "document", "times": 1}),
    ("jobs", {"polls": 0, "completion": "status", "times": 1}),
)  # fmt: skip


def one_sync(url: str, table: dict[str, Any], at: datetime, begun: Any) -> None:
    """Run one sync in a process of its own; exit code 0 if it was whole, 3 if it was refused."""
    services = connected(url, table, at=at)
    begun.set()
    try:
        sync_addepar(services, actor="system")
    except ExternalRefusal:
        os._exit(3)
    os._exit(0)


@pytest.fixture(scope="module")
def fork() -> Any:
    """A server that has the program loaded, of which each sync is a fork: alone in its process, and begun at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.app.addepar.test_killed"])
    return context


def later(day: int) -> Callable[[Any, tuple[AccountBook, ...]], Any]:
    """A firm of a later day: in every account, each lot costs a cent a share more and a cash deposit came in."""

    def change(reference: Any, books: tuple[AccountBook, ...]) -> Any:
        changed = [
            replace(
                book,
                account=replace(book.account, cash=book.account.cash + 100 * day),
                lots=tuple(replace(lot, cost_per_share=lot.cost_per_share + Decimal("0.01") * day)
                           for lot in book.lots),
                transactions=tuple(replace(row, price=row.price + Decimal("0.01") * day)
                                   for row in book.transactions),
            )
            for book in books
        ]  # fmt: skip
        return reference, changed

    return change


def contents(url: str, table: dict[str, Any]) -> Any:
    services = connected(url, table)
    try:
        sources = services.sources.sources()
        reference = replace(services.firm.reference(), risk=None)  # arrays do not compare, and no sync brings any
        return tuple(services.firm.books()), reference, sources, services.audit.verify().problems
    finally:
        services.database.close()


def spent(url: str, table: dict[str, Any]) -> int:
    services = connected(url, table)
    try:
        return len(services.addepar.requests(table["firm_id"]).moments())
    finally:
        services.database.close()


def test_a_sync_that_was_killed_and_refused_ends_with_the_books_of_an_undisturbed_one(
    imported: Path, stand_in: StandIn, fork: Any, tmp_path: Path
) -> None:
    dice = random.Random(SEED)
    table = stand_in.table(**QUICK)
    disturbed, calm = (f"sqlite:///{tmp_path / name}" for name in ("disturbed.db", "calm.db"))
    for name in ("disturbed.db", "calm.db"):
        shutil.copy(imported, tmp_path / name)
    counts: Counter[str] = Counter()
    kills = 0
    for day in range(ROUNDS):
        at = EVENING + timedelta(days=day)
        stand_in.shows(later(day), on=at.date())
        while kills < KILLS * (day + 1) // ROUNDS:
            if dice.random() < FAULTY:
                name, fault = dice.choice(FAULTS)
                stand_in.control(name, fault)
            begun = fork.Event()
            process = fork.Process(target=one_sync, args=(disturbed, table, at, begun))
            process.start()
            assert begun.wait(60)
            time.sleep(dice.uniform(0.0, LONGEST_LIFE_S))
            process.kill()
            process.join()
            code = process.exitcode
            kills += code == -9
            counts[
                "killed" if code == -9 else "refused" if code == 3 else "whole" if code == 0 else f"exit {code}"
            ] += 1
            assert code in (-9, 0, 3), code
        stand_in.control("clear", {})
        stand_in.control("jobs", {"polls": 0})
        for url in (disturbed, calm):
            services = connected(url, table, at=at)
            sync_addepar(services, actor="system")
            services.database.close()
        assert contents(disturbed, table) == contents(calm, table)
        assert contents(disturbed, table)[3] == ()
    arrived = len(stand_in.asked())
    counted = sum(spent(url, table) for url in (disturbed, calm))
    sys.stdout.write(f"seed {SEED}: {dict(counts)}; {arrived} requests arrived, {counted} were counted\n")
    assert counted >= arrived  # a process that dies has counted what it sent


@pytest.mark.parametrize(("name", "fault"), FAULTS)
def test_after_each_documented_error_the_next_sync_is_whole(
    name: str, fault: dict[str, Any], stand_in: StandIn, connect: Callable[..., Any], imported: Path, tmp_path: Path
) -> None:
    shutil.copy(imported, tmp_path / "calm.db")
    stand_in.shows(later(1), on=date(2026, 11, 20))
    calm = connected(f"sqlite:///{tmp_path / 'calm.db'}", stand_in.table(**QUICK))
    sync_addepar(calm, actor="system")
    services = connect(**QUICK)
    before = tuple(services.firm.books())
    stand_in.control(name, fault)

    try:
        sync_addepar(services, actor="system")
    except ExternalRefusal:
        assert tuple(services.firm.books()) == before  # nothing by halves
        sync_addepar(services, actor="system")

    assert tuple(services.firm.books()) == tuple(calm.firm.books())
    assert services.audit.verify().problems == ()
    calm.database.close()
