"""How good, how fast and how large is the plan engine, beside what else there is? One JSON document.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.engine [--quick] [--published] [--only SECTION ...]

The document goes to standard output, progress to standard error. Six families of accounts (benchmarks/families.py), the
same for every solver; one thread a process; times are of certified plans from prepared inputs. --quick takes a few
accounts each; --published adds the public package taxrebalance, which takes minutes (benchmarks/published.py).
"""

import argparse
import importlib.metadata
import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.comparisons import comparison_figures
from benchmarks.families import FAMILIES
from benchmarks.limits import limit_figures
from benchmarks.plans import Planned, family_figures, warm_up
from benchmarks.published import published_figures
from benchmarks.service import first_plan_figures, frontier_figures, throughput_figures
from benchmarks.stages import stage_figures
from benchmarks.targets import targets
from benchmarks.timing import progress

_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_PACKAGES: Final = ("numpy", "scipy", "numba", "cvxpy", "clarabel")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Size:
    """How much to measure. plans: (names, factors, accounts a family, of them in whole shares).

    staged: how many of these sizes are taken apart in stages; limited, compared: accounts a family, of so many families
    where other solvers are compared.
    """

    plans: tuple[tuple[int, int, int, int], ...]
    staged: int
    runs: int
    limited: int
    compared: int
    families: int
    pool: int
    seconds: float
    starts: int


_QUICK: Final = _Size(
    plans=((500, 30, 3, 1), (500, 70, 1, 0)),
    staged=1, runs=2, limited=1, compared=1, families=len(FAMILIES), pool=2, seconds=2.0, starts=1,
)  # fmt: skip
_FULL: Final = _Size(
    plans=((500, 30, 50, 20), (500, 70, 50, 10), (3000, 70, 5, 1)),
    staged=3, runs=3, limited=8, compared=4, families=len(FAMILIES), pool=6, seconds=10.0, starts=5,
)  # fmt: skip


def main() -> None:
    """Measure what was asked for and print the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few accounts of each family")
    parser.add_argument("--published", action="store_true", help="the public package too, for minutes")
    parser.add_argument("--only", nargs="+", metavar="SECTION", help="plans, limits, comparisons, ...")
    asked = parser.parse_args()
    size = _QUICK if asked.quick else _FULL
    planned: dict[str, list[Planned]] = {}
    sections: dict[str, Callable[[], Any]] = {
        "plans": lambda: _plans(size, planned),
        "limits": lambda: limit_figures(names=500, factors=30, count=size.limited),
        "comparisons": lambda: comparison_figures(
            FAMILIES[: size.families], names=500, factors=30, count=size.compared, runs=size.runs
        ),
        "stages": lambda: {
            f"n{names}_k{factors}": stage_figures(names=names, factors=factors)
            for names, factors, _, _ in size.plans[: size.staged]
        },
        "throughput": lambda: throughput_figures(names=500, factors=30, accounts=size.pool, seconds=size.seconds),
        "frontier": lambda: frontier_figures(names=500, factors=30, runs=size.runs),
        "first_plan": lambda: first_plan_figures(names=500, factors=30, runs=size.starts),
    }
    if asked.published:
        sections["published"] = lambda: published_figures(names=500, factors=30, count=1 if asked.quick else 3)
    unknown = set(asked.only or ()) - set(sections)
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(sections)}")
    document: dict[str, Any] = {"environment": _environment()}
    progress("warming up: compiled code is loaded, or compiled where it is new")
    warm_up()
    for name in asked.only or sections:
        progress(f"-- {name}")
        document[name] = sections[name]()
    document["load_at_the_end"] = os.getloadavg()
    document["targets"] = targets(document, planned)
    print(json.dumps(document, indent=1))


def _plans(size: _Size, planned: dict[str, list[Planned]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for names, factors, count, whole in size.plans:
        group = f"n{names}_k{factors}"
        found[group], planned[group] = {}, []
        for family in FAMILIES:
            figures, plans = family_figures(
                family, names=names, factors=factors, count=count, whole=whole, runs=size.runs
            )
            found[group][family.name] = figures
            planned[group] += plans
    return found


def _environment() -> dict[str, Any]:
    cpu = [line.split(":", 1)[1].strip() for line in _cpu_lines() if line.startswith("model name")]
    return {
        "cpu": cpu[0] if cpu else platform.processor(),
        "cores": os.cpu_count(),
        "threads_a_process": {name: os.environ.get(name, "not set") for name in _THREADS},
        "load_at_the_start": os.getloadavg(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
        "clocks": "wall is what a user waits for, cpu what the process used; they part where the machine is shared",
    }


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    main()
