"""A process that is kept running starts again when it ends, and ends with who keeps it."""

import os
import sys
import time
from contextlib import suppress

from app.supervision import kept_running

NOTE = "import os, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); time.sleep(float(sys.argv[2]))"
PATIENCE_S = 20


def started(file, count):
    deadline = time.monotonic() + PATIENCE_S
    while not file.exists() or len(file.read_text().split()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return [int(pid) for pid in file.read_text().split()]


def is_running(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_what_ends_starts_again_after_longer_and_longer_waits(tmp_path):
    said = []
    command = [sys.executable, "-c", NOTE, str(tmp_path / "pids"), "0"]

    with kept_running(command, os.environ, folder=tmp_path, say=said.append, first_wait_s=0.1):
        started(tmp_path / "pids", 3)

    assert [sentence.split(" again in ")[1] for sentence in said[:3]] == ["0.1 s", "0.2 s", "0.4 s"][: len(said)]
    assert len(said) >= 2
    assert all("ended with 0" in sentence for sentence in said)


def test_leaving_ends_the_process_that_runs(tmp_path):
    command = [sys.executable, "-c", NOTE, str(tmp_path / "pids"), "600"]

    with kept_running(command, os.environ, folder=tmp_path, say=str):
        (pid,) = started(tmp_path / "pids", 1)
        assert is_running(pid)

    assert not is_running(pid)
