"""How do all other names answer when one is moved? By as much as their curvature offers, to second order.

With H = diag(1/curvature) the freedom of each name and G its part in factors and binding rows, S = G M^-1 G' is what a
unit of each moves the slope of every other, once all that can move do. One factorisation serves every name; where some
names are moved together and cannot answer themselves, the others offer (S^-1 - H)^-1 on these.
"""

from dataclasses import dataclass

import numpy as np

from engine.domain.market import Array
from engine.plan.prices import Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """free (n,): how far a name moves for a unit of slope. own (n,) and pull, onto (n, prices), cross = pull onto': by
    how much the slope of a name, and of another, changes when it moves by a unit and all that can move do.
    """

    free: Array
    own: Array
    pull: Array
    onto: Array


def response(prices: Prices) -> Response:
    """Return how the plan's names answer to each other."""
    table, n = prices.found.table, len(prices.problem.names)
    k = table.exposures.shape[1]
    rate, free = prices.state()
    gradient = np.hstack([table.exposures[: table.columns], rate[:, prices.firm_rows()]])
    matrix = (gradient * free[:, None]).T @ gradient
    matrix[:k, :k] += np.eye(k)
    onto = gradient[:n]
    pull = onto @ np.linalg.pinv(matrix, hermitian=True)
    return Response(free=free[:n], own=np.einsum("nk,nk->n", pull, onto), pull=pull, onto=onto)
