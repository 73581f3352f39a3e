"""Keep a process running: whenever it ends, start it again, after longer and longer waits while it keeps ending."""

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_FIRST_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 60.0
_SETTLED_S: Final = 60.0  # one that ran so long may start again at once
_LOOK_S: Final = 0.1
_TIED: Final = ("setpriv", "--pdeathsig", "TERM")  # ends with who keeps it, even where that is killed; Linux has it


@contextmanager
def kept_running(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    folder: Path,
    say: Callable[[str], None],
    first_wait_s: float = _FIRST_WAIT_S,
) -> Iterator[None]:
    """Run a command, and again each time it ends, until the block is left; it is then asked to end, and waited for.

    The wait before a restart doubles from first_wait_s to a minute, and begins anew after a minute's run. say: told in
    a sentence of each end.
    """
    over = threading.Event()

    def keep() -> None:
        wait_s = first_wait_s
        while not over.is_set():
            began = time.monotonic()
            code = _run(command, environment, folder, over)
            if over.is_set():
                return
            if time.monotonic() - began > _SETTLED_S:
                wait_s = first_wait_s
            say(f"{' '.join(command[1:3])} ended with {code}; it starts again in {wait_s:g} s")
            over.wait(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _run(command: Sequence[str], environment: Mapping[str, str], folder: Path, over: threading.Event) -> int:
    """Run a command until it ends, or is asked to because all is over; return its exit code."""
    tied = _TIED if shutil.which(_TIED[0]) else ()
    # A session of its own, so that Ctrl-C reaches who keeps it, and is no reason to start it again.
    process = subprocess.Popen(  # noqa: S603  our own modules
        [*tied, *command], env=dict(environment), cwd=folder, start_new_session=True
    )
    while process.poll() is None and not over.wait(_LOOK_S):
        pass
    if over.is_set():
        process.terminate()
    return process.wait()
