"""What does the engine do as a service? Accounts a second on two cores, memory, the first plan, a whole frontier."""

import multiprocessing
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.families import FAMILIES, fresh, instances
from benchmarks.timing import progress, spread, timed, times
from engine.domain.settings import PlanSettings
from engine.plan.frontier import frontier, frontier_of
from engine.plan.propose import propose_plan
from engine.plan.search import search

_PROCESSES: Final = 2
_POINTS: Final = 20
_FIRST_PLAN: Final = """
import pickle, sys, time
began = time.perf_counter()
from engine.plan.propose import propose_plan
loaded = time.perf_counter()
with open(sys.argv[1], "rb") as file:
    snapshot, market, settings = pickle.load(file)
read = time.perf_counter()
propose_plan(snapshot, market, settings, inputs_hash="")
memory = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(loaded - began, time.perf_counter() - read, memory, time.process_time())
"""


def throughput_figures(*, names: int, factors: int, accounts: int, seconds: float) -> dict[str, Any]:
    """Return accounts a second, from prepared inputs to certified plans, by two processes of one thread each."""
    context = multiprocessing.get_context("spawn")
    gate, answers = context.Barrier(_PROCESSES), context.Queue()
    workers = [
        context.Process(target=_work, args=(gate, answers, k, names, factors, accounts, seconds))
        for k in range(_PROCESSES)
    ]
    for worker in workers:
        worker.start()
    found = [answers.get() for _ in workers]
    for worker in workers:
        worker.join()
    plans = sum(answer["plans"] for answer in found)
    result = {
        "processes": _PROCESSES,
        "accounts_in_the_pool": sum(answer["pool"] for answer in found),
        "plans": plans,
        "accounts_a_second": round(plans / max(answer["wall_s"] for answer in found)),
        "accounts_a_cpu_second": round(plans / sum(answer["cpu_s"] for answer in found)),
        "peak_memory_of_a_worker_mb": round(max(answer["peak_mb"] for answer in found)),
        "memory_before_the_pool_mb": round(max(answer["start_mb"] for answer in found)),
    }
    progress(f"throughput n={names} K={factors}: {result}")
    return result


def _work(gate: Any, answers: Any, worker: int, names: int, factors: int, accounts: int, seconds: float) -> None:
    """Plan for the worker's share of every family, again and again until the time is over."""
    start = _peak_mb()
    pool = []
    for family in FAMILIES:
        mine = instances(family, names=names, factors=factors, count=accounts, first=worker * accounts)
        pool += [account.problem() for account in mine]
    for problem in pool:
        search(fresh(problem))
    gate.wait()
    began, used, plans = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - began < seconds or plans % len(pool):
        search(fresh(pool[plans % len(pool)]))
        plans += 1
    answers.put(
        {
            "plans": plans,
            "pool": len(pool),
            "wall_s": time.perf_counter() - began,
            "cpu_s": time.process_time() - used,
            "peak_mb": _peak_mb(),
            "start_mb": start,
        }
    )


def _peak_mb() -> float:
    """Return the most memory that this process has had; getrusage would tell its parent's, where that was larger."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def first_plan_figures(*, names: int, factors: int, runs: int) -> dict[str, Any]:
    """Return the time from the start of a process to its first whole plan, compiled code being on disk already."""
    account = instances(FAMILIES[0], names=names, factors=factors, count=1)[0]
    whole, loading, planning, peak, used = [], [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "account.pickle"
        path.write_bytes(pickle.dumps((account.snapshot, account.market, account.settings)))
        for _ in range(runs + 1):
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", _FIRST_PLAN, str(path)], check=True, capture_output=True, text=True
            )
            whole.append(time.perf_counter() - began)
            figures = [float(part) for part in done.stdout.split()]
            loading.append(figures[0])
            planning.append(figures[1])
            peak.append(figures[2] / 1024)
            used.append(figures[3])
    result = {  # the first run fills the disk's caches
        "from_start_of_process_s": spread(whole[1:], 3),
        "of_it_cpu_s": spread(used[1:], 3),
        "imports_s": spread(loading[1:], 3),
        "first_plan_s": spread(planning[1:], 3),
        "peak_memory_mb": round(statistics.median(peak)),
    }
    progress(f"first plan: {result}")
    return result


def frontier_figures(*, names: int, factors: int, runs: int) -> dict[str, Any]:
    """Return the time of a frontier of 20 certified points, from prepared inputs and from the account as it came."""
    found = {}
    for family in FAMILIES:
        account = instances(family, names=names, factors=factors, count=1)[0]
        settings: PlanSettings = account.settings
        problem = account.problem()
        curve = timed(lambda: frontier_of(fresh(problem), points=_POINTS), runs=runs)  # noqa: B023  called at once
        whole = timed(lambda: frontier(account.snapshot, account.market, settings, points=_POINTS), runs=runs)  # noqa: B023  called at once
        plan = timed(lambda: propose_plan(account.snapshot, account.market, settings, inputs_hash=""), runs=runs)  # noqa: B023  called at once
        found[family.name] = {
            "points": len(curve.result),
            "gap_bp": spread([point.gap_bp for point in curve.result], 6),
            "frontier": times([curve]),
            "from_the_account_as_it_came": times([whole]),
            "propose_plan": times([plan]),
        }
    return found
