"""A real Dask scheduler with real workers, some of which are killed, and the scheduler too."""

import signal

import pytest

from app.steps.workers import cluster, run_all
from engine.domain.errors import ExternalRefusal
from tests.app.test_workers import Numbers, squares, tasks


def done(found):
    return sorted(number for each in found for number in each)


ALL = [n**2 for n in range(30)]


def test_a_cluster_does_each_task(dask, tmp_path):
    dask.start_worker()
    dask.start_worker()

    assert done(run_all(squares, tasks(tmp_path), cluster(dask.address), split=Numbers.parts)) == ALL


def test_a_worker_that_is_killed_in_the_middle_costs_nothing_but_time(dask, tmp_path):
    victim = dask.start_worker()
    dask.start_worker()

    results = run_all(squares, tasks(tmp_path, pause_s=0.3), cluster(dask.address), split=Numbers.parts)
    found = [next(results)]
    victim.send_signal(signal.SIGKILL)
    found += results

    assert done(found) == ALL


def test_a_scheduler_that_starts_again_loses_nothing(dask, tmp_path):
    dask.start_worker()

    results = run_all(squares, tasks(tmp_path, pause_s=0.3), cluster(dask.address), split=Numbers.parts)
    found = [next(results)]
    dask.scheduler.send_signal(signal.SIGKILL)
    dask.scheduler.wait()
    dask.start_scheduler()
    dask.start_worker()
    found += results

    assert done(found) == ALL


def test_a_scheduler_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ExternalRefusal, match=r"scheduler tcp://127\.0\.0\.1:9: cannot be reached"):
        list(run_all(squares, tasks(tmp_path), cluster("tcp://127.0.0.1:9", wait_s=1), split=Numbers.parts))
