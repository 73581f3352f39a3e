"""Who looks after the memory of a ledger? Reference counts alone: Python's cyclic collector pauses meanwhile."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Run a computation without the cyclic garbage collector, and leave it as it was found.

    A long history makes millions of small values, all of them still wanted, and each few thousand of them would have
    the collector go through those it has. That took a third of the time and found nothing: a ledger is a tree, without
    references in a circle (a test counts), so what it drops is freed at once. Whoever makes it cyclic loses that.
    """
    was_running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_running:
            gc.enable()
