"""What every test of a connector may ask for."""

from collections.abc import Callable, Iterable

import pytest

from connectors.fix.messages import Corrected
from engine.domain.orders import Fill


def standing(answers: Iterable[object]) -> tuple[Fill, ...]:
    """The executions that stand once each is counted once and what was taken back is left out."""
    found = list(answers)
    made = [one.instead if isinstance(one, Corrected) else one for one in found]
    gone = {(one.cl_ord_id, one.exec_ref_id) for one in found if isinstance(one, Corrected)}
    fills = {(one.cl_ord_id, one.exec_id): one for one in made if isinstance(one, Fill)}
    return tuple(fill for key, fill in fills.items() if key not in gone)


@pytest.fixture
def fills_of() -> Callable[[Iterable[object]], tuple[Fill, ...]]:
    return standing
