"""Which whole shares obey every rule, where no share and no pair mends them? The nearest, by an integer program."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from engine.domain.market import Array
from engine.plan.problem import BP

_NODES: Final = 2000  # a count, not a time: the same input always ends the same way
_GAP: Final = 0.01
_ROOM: Final = 1e-5  # bp by which rows are kept inside their limits, more than the program's own tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Names that move in whole steps, and the rows they add to.

    step (n,): weight of one; low, high (n,): fewest and most, whole numbers; wanted (n,): the weights to be near to.
    base (m,) and rates (m, n): what rows are at no step, and what a unit of weight adds to them; lo, hi (m,).
    """

    step: Array
    low: Array
    high: Array
    wanted: Array
    base: Array
    rates: Array
    lo: Array
    hi: Array


def nearest_steps(steps: Steps) -> Array | None:
    """Return the whole numbers of steps (n,) that keep all rows and move least weight; None where none are found."""
    n = len(steps.step)
    step, room = BP * steps.step, _ROOM * (steps.hi > steps.lo)
    moves = sparse.diags_array(step)
    program = milp(
        np.concatenate([np.zeros(n), np.ones(n)]),
        integrality=np.repeat([1, 0], n),
        bounds=Bounds(np.concatenate([steps.low, np.zeros(n)]), np.concatenate([steps.high, np.full(n, np.inf)])),
        constraints=[
            LinearConstraint(
                sparse.hstack([sparse.csr_array(steps.rates * step), sparse.csr_array(steps.rates.shape)]),
                BP * (steps.lo - steps.base) + room,
                BP * (steps.hi - steps.base) - room,
            ),
            LinearConstraint(sparse.hstack([moves, sparse.eye_array(n)]), BP * steps.wanted, np.inf),
            LinearConstraint(sparse.hstack([moves, -sparse.eye_array(n)]), -np.inf, BP * steps.wanted),
        ],
        options={"node_limit": _NODES, "mip_rel_gap": _GAP},
    )
    return None if program.x is None else np.asarray(np.round(program.x[:n]))
