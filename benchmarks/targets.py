"""Which of its targets does the engine meet? Each with what was asked, what was measured, and by which clock."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.plans import Planned

Document = dict[str, Any]


def targets(document: Document, planned: dict[str, list[Planned]]) -> list[Document]:
    """Return every target with target, measured and met, wall time being what counts; None where it was not measured.

    planned: the single accounts behind each group of document["plans"].
    """
    return [
        *_gaps(planned),
        *_speed(document, planned),
        *_limits(document.get("limits", {})),
        *_service(document, planned),
    ]


def _target(
    name: str, target: float, measured: float | None, *, unit: str, floor: bool = False, **more: Any
) -> Document:
    met = None if measured is None else bool(measured >= target if floor else measured <= target)
    return {"name": name, "target": target, "at": "least" if floor else "most", "unit": unit,
            "measured": None if measured is None else round(measured, 5), "met": met, **more}  # fmt: skip


def _gaps(planned: dict[str, list[Planned]]) -> Iterator[Document]:
    for group, plans in planned.items():
        gaps = [plan.gap for plan in plans if plan.gap is not None]
        yield _target(
            f"certified gap before whole shares, every account that has a plan, {group}",
            0.05,
            max(gaps, default=None),
            unit="bp of V",
            accounts=len(plans),
            proven_to_have_none=len(plans) - len(gaps),
        )


def _speed(document: Document, planned: dict[str, list[Planned]]) -> Iterator[Document]:
    for group, statistic, at_most in (
        ("n500_k30", "median", 3.0), ("n500_k30", "p99", 100.0), ("n3000_k70", "median", 45.0),
    ):  # fmt: skip
        wall = [plan.search.wall_ms for plan in planned.get(group, [])]
        cpu = [plan.search.cpu_ms for plan in planned.get(group, [])]
        yield _target(
            f"one certified plan, {statistic}, {group}", at_most, _statistic(wall, statistic), unit="ms",
            measured_on_cpu=_statistic(cpu, statistic), largest=max(wall, default=None),
        )  # fmt: skip
    compared = document.get("comparisons", {})
    yield _target(
        "whole plan against cvxpy with Clarabel on its relaxation alone", 20.0, compared.get("times_faster"),
        unit="times faster", floor=True, measured_on_cpu=compared.get("times_faster_on_cpu"),
    )  # fmt: skip


def _statistic(values: Sequence[float], statistic: str) -> float | None:
    if not values:
        return None
    return float(np.median(values) if statistic == "median" else np.percentile(values, 99))


def _limits(limits: Document) -> Iterator[Document]:
    for name, gap, most_ms in (
        ("max_trades", 1.0, 60.0), ("max_names", 1.0, 60.0), ("max_turnover", 0.05, 100.0),
        ("max_net_gain", 0.05, 100.0), ("net_taxes", 0.05, 100.0), ("max_tracking_error", 0.05, 100.0),
    ):  # fmt: skip
        found = limits.get(name, {})
        reason = {"not available": found["not available"]} if "not available" in found else {}
        yield _target(f"largest gap under {name}", gap, found.get("gap_bp", {}).get("max"), unit="bp of V",
                      median=found.get("gap_bp", {}).get("median"), **reason)  # fmt: skip
        search = found.get("search", {})
        yield _target(f"largest time under {name}", most_ms, search.get("wall_ms", {}).get("max"), unit="ms",
                      measured_on_cpu=search.get("cpu_ms", {}).get("max"),
                      median=search.get("wall_ms", {}).get("median"),
                      proven_to_have_no_plan=found.get("without_a_plan"), **reason)  # fmt: skip


def _service(document: Document, planned: dict[str, list[Planned]]) -> Iterator[Document]:
    through = document.get("throughput", {})
    on_cpu = through.get("accounts_a_cpu_second")
    for name, least in (("throughput on two cores", 500.0), ("throughput on two cores, stretch", 1000.0)):
        yield _target(name, least, through.get("accounts_a_second"), unit="accounts a second", floor=True,
                      measured_on_cpu=None if on_cpu is None else 2 * on_cpu)  # fmt: skip
    yield _target("peak memory of a worker", 400.0, through.get("peak_memory_of_a_worker_mb"), unit="MB")
    curves = document.get("frontier", {}).values()
    for clock in ("wall_ms", "cpu_ms"):
        slowest = max((curve["frontier"][clock]["min"] for curve in curves), default=None)
        yield _target(
            f"frontier of 20 certified points from prepared inputs, slowest family, {clock}", 100.0, slowest, unit="ms"
        )
    explained = [plan.explain_run for plan in planned.get("n500_k30", []) if plan.explain_run is not None]
    yield _target("explanations of all trades, median", 5.0, _statistic([run.wall_ms for run in explained], "median"),
                  unit="ms", measured_on_cpu=_statistic([run.cpu_ms for run in explained], "median"))  # fmt: skip
    first = document.get("first_plan", {})
    yield _target("first plan of a started process", 1.0, first.get("first_plan_s", {}).get("median"), unit="s",
                  from_start_of_process=first.get("from_start_of_process_s", {}).get("median"))  # fmt: skip
