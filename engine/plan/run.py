"""How was a plan computed, and how long did it take?

The one place where the engine reads a clock: a monotonic one, whose readings reach a plan's `run` and nothing else, so
that they never change what is planned or its identity.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import Final

from engine.domain.plans import Run

SOLVER: Final = "interior point on convex envelopes"
FALLBACK_SOLVER: Final = "Clarabel through cvxpy"


def reading() -> float:
    """Return the clock's present reading in seconds; only differences of readings mean anything."""
    return perf_counter()


def run_since(began: float, *, solving: float, solved: float, fallback: bool, terms: Sequence[str] = ()) -> Run:
    """Return how a plan was computed that began, and was being solved, between these readings.

    terms: the firm's own convex terms, which only the fallback knows.
    """
    why = f", for the firm's own terms: {', '.join(terms)}" if terms else ""
    return Run(
        solver=FALLBACK_SOLVER + why if fallback or terms else SOLVER,
        fallback=fallback or bool(terms),
        solve_ms=(solved - solving) * 1e3,
        total_ms=(reading() - began) * 1e3,
    )
