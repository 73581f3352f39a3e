"""A rehearsal on a real Dask scheduler and its workers, over the firm and the numbers of test_rehearsal.py."""

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import distributed
import pytest
from sqlalchemy import func, select

from app.steps.policy import change_of
from app.steps.rehearsal import Sample, rehearse
from app.steps.workers import cluster
from data import tables
from engine.domain.errors import ExternalRefusal
from tests.app.dask_process import PATIENCE_S
from tests.app.test_nightly import hands, prepare
from tests.app.test_rehearsal import NO_AAA, by_account

ASKED = ["--set", "max_active_weight=none", "--set", "max_sector_active=none", "--restrict", "firm", "AAA",
         "do_not_hold", "--as", "maya", "--json"]  # fmt: skip


@pytest.fixture
def services(desk):
    found = desk.services()
    prepare(found)
    yield found
    found.database.close()


def kept(services):
    with services.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(tables.rehearsals))


def forget(services):
    with services.database.begin() as connection:
        connection.execute(tables.rehearsals.delete())


def test_the_command_on_a_cluster_says_what_it_says_on_this_machine(desk, services, dask):
    """The tax that selling all AAA costs T1 is 10,500 at 20 % less 1,000 at 32 %, T2's 35,350 at 20 %."""
    dask.start_worker()
    here = desk.run("rehearse", *ASKED, "--workers", "1")
    forget(services)

    there = desk.run("rehearse", *ASKED, "--scheduler", dask.address)

    assert (here.code, there.code) == (0, 0), here.err + there.err
    document = json.loads(there.out)
    assert document == json.loads(here.out)
    assert document["totals"]["then"]["tax"] == 10_500 * 0.20 - 1_000 * 0.32 + 35_350 * 0.20
    assert [each["account_id"] for each in document["accounts"]] == ["T2", "T1", "I1"]
    assert kept(services) == 1


def test_a_worker_that_is_killed_with_both_policies_in_hand_costs_the_rehearsal_nothing(services, person, dask):
    change = change_of(services, NO_AAA)
    victim = dask.start_worker()
    victim.send_signal(signal.SIGSTOP)  # it takes tasks and does none

    with ThreadPoolExecutor(1) as beside:
        running = beside.submit(
            rehearse, services, change, Sample(), actor=person("maya"), workers=cluster(dask.address)
        )
        wait_until_handed_out(dask.address, 2)
        victim.send_signal(signal.SIGKILL)
        dask.start_worker()
        found = running.result()

    forget(services)
    here = rehearse(services, change, Sample(), actor=person("maya"), workers=hands())
    assert (found.now, found.then) == (here.now, here.then)
    assert by_account(found.then)["T1"].liability == 10_500 * 0.20 - 1_000 * 0.32


def test_a_scheduler_that_is_not_there_ends_the_rehearsal_and_nothing_is_kept(services, person):
    nowhere = cluster("tcp://127.0.0.1:9", wait_s=1)

    with pytest.raises(ExternalRefusal, match=r"scheduler tcp://127\.0\.0\.1:9: cannot be reached"):
        rehearse(services, change_of(services, NO_AAA), Sample(), actor=person("maya"), workers=nowhere)

    assert kept(services) == 0


def wait_until_handed_out(address, tasks):
    """Wait until the workers of a scheduler have so many tasks in hand."""
    deadline = time.monotonic() + PATIENCE_S
    with distributed.Client(address) as client:
        while sum(map(len, client.processing().values())) < tasks:
            assert time.monotonic() < deadline, client.processing()
            time.sleep(0.05)
