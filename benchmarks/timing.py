"""How long did it take? Clocks, and the figures that a list of times comes to.

Wall time is what a user waits for. CPU time is what the process itself used, and the one to compare by when other
processes share the machine.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed(Generic[T]):
    """What a call returned, and the least wall and CPU time that it took, in milliseconds."""

    result: T
    wall_ms: float
    cpu_ms: float


def timed(call: Callable[[], T], *, runs: int = 1) -> Timed[T]:
    """Return the result of a call with the least times of some runs."""
    wall, cpu = [], []
    for _ in range(runs):
        began, used = time.perf_counter(), time.process_time()
        result = call()
        wall.append((time.perf_counter() - began) * 1e3)
        cpu.append((time.process_time() - used) * 1e3)
    return Timed(result=result, wall_ms=min(wall), cpu_ms=min(cpu))


def spread(values: Sequence[float], digits: int = 4) -> dict[str, Any]:
    """Return count, least, mean, median, 99th percentile and largest; without a value, the count alone."""
    if not values:
        return {"count": 0}
    found = np.asarray(values, dtype=float)
    return {
        "count": len(found),
        "min": round(float(found.min()), digits),
        "mean": round(float(found.mean()), digits),
        "median": round(float(np.median(found)), digits),
        "p99": round(float(np.percentile(found, 99)), digits),
        "max": round(float(found.max()), digits),
    }


def times(runs: Sequence[Timed[Any]]) -> dict[str, Any]:
    """Return the spread of wall and of CPU times."""
    return {"wall_ms": spread([run.wall_ms for run in runs], 3), "cpu_ms": spread([run.cpu_ms for run in runs], 3)}


def progress(text: str) -> None:
    """Print a line for whoever waits."""
    print(text, file=sys.stderr, flush=True)
