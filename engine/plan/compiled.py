"""Which functions run as machine code? Those marked `compiled`: loops over flat arrays, nothing else.

Compilation takes seconds, so its result is kept on disk beside the module and loaded by the next process. Floating
point stays in the order that is written: the same input gives the same bytes.

Matrices here have fifty rows: a second thread costs more than it saves, and it would decide the order of sums. So
linear algebra runs on one thread in every process that plans; accounts are what runs side by side.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import scipy.linalg.cython_blas  # noqa: F401  the library whose threads are limited has to be there
from threadpoolctl import threadpool_limits

threadpool_limits(limits=1, user_api="blas")

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Return the function compiled at its first call, or loaded from where it was compiled before."""
    return cast(F, numba.njit(cache=True, error_model="numpy")(function))


def compiled_in_any_order(function: F) -> F:
    """Return the function compiled so that sums may be taken in any order, which runs them side by side.

    The order is fixed when it is compiled, so one machine gives the same bytes every time. The function must not rely
    on seeing that a number is not one.
    """
    flags = {"nnan", "nsz", "reassoc", "contract", "arcp"}
    return cast(F, numba.njit(cache=True, error_model="numpy", fastmath=flags)(function))
