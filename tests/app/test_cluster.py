"""A real Dask scheduler with real workers, some of which are killed, and the scheduler too."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.steps.workers import cluster, run_all
from engine.domain.errors import ExternalRefusal
from tests.app.test_workers import Numbers, squares, tasks

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


class Cluster:
    """A scheduler and its workers, each a process of its own with one thread and no helper that starts it again."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.processes = []
        self.scheduler = self.start_scheduler()

    def start_scheduler(self):
        return self._run("scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard",
                         seen="Scheduler at")  # fmt: skip

    def start_worker(self):
        return self._run("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                         "--local-directory", str(self.folder), seen="Registered to")  # fmt: skip

    def _run(self, what, *arguments, seen):
        log = self.folder / f"{what}-{len(self.processes)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments],
                cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=out, stderr=out,
            )  # fmt: skip
        self.processes.append(process)
        deadline = time.monotonic() + PATIENCE_S
        while not re.search(seen, log.read_text()):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        return process

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def dask(tmp_path):
    made = Cluster(tmp_path)
    yield made
    made.close()


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
