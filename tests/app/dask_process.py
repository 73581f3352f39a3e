"""A Dask scheduler and workers, each in a process of its own."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

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
