"""Which whole shares obey every rule, where no share and no pair mends them? The nearest, by an integer program."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.domain.market import Array
from engine.plan.problem import BP

_MOVES: Final = 400  # steps away that are looked at, over all names
_LEAST_REACH: Final = 4
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
    """Return the whole numbers of steps (n,) that keep all rows and move least weight; None where none are found.

    Each name is looked at some steps around the whole number that is nearest to what is wanted of it. Each step up or
    down is a yes or no of its own, no cheaper than the one before it: only how many are taken matters.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # takes 0.2 s to load, and few plans need it

    reach = max(_LEAST_REACH, _MOVES // len(steps.step))
    nearest = np.clip(np.round(steps.wanted / np.where(steps.step > 0, steps.step, 1.0)), steps.low, steps.high)
    far = np.abs(steps.step[:, None] * (nearest[:, None] + np.arange(-reach, reach + 1)) - steps.wanted[:, None])
    cost = np.hstack([np.diff(far)[:, reach:], -np.diff(far)[:, reach - 1 :: -1]])
    away = np.arange(1, reach + 1)
    is_open = (
        np.hstack([nearest[:, None] + away <= steps.high[:, None], nearest[:, None] - away >= steps.low[:, None]])
        & (steps.step > 0)[:, None]
    )
    direction = np.repeat([1.0, -1.0], reach)
    moves = (steps.rates * steps.step)[:, :, None] * direction
    base = steps.base + steps.rates @ (steps.step * nearest)
    program = milp(
        BP * cost.ravel(),
        integrality=np.ones(cost.size, dtype=np.intp),
        bounds=Bounds(0.0, is_open.ravel().astype(float)),
        constraints=LinearConstraint(
            BP * moves.reshape(len(base), -1), BP * (steps.lo - base) + _ROOM, BP * (steps.hi - base) - _ROOM
        ),
        options={"node_limit": _NODES, "mip_rel_gap": _GAP},
    )
    if program.x is None:
        return None
    return np.asarray(nearest + np.round(program.x).reshape(cost.shape) @ direction)
