"""The ledger pauses Python's cyclic collector: it may, for it leaves it nothing to do, and it leaves it as it was."""

import gc
from collections.abc import Iterator
from datetime import timedelta

import pytest

from engine.domain.errors import DataError
from engine.tax.collector import collector_paused
from engine.tax.document import ledger_document
from engine.tax.wash_sales import ledger, locks
from tests.engine.tax.oracle import GROUPS, START, Oracle
from tests.engine.tax.random_histories import DAYS, History, books


@pytest.fixture(autouse=True)
def _collector_as_before() -> Iterator[None]:
    was_running = gc.isenabled()
    yield
    if was_running:
        gc.enable()
    else:
        gc.disable()


def test_a_ledger_leaves_nothing_that_only_the_collector_can_free():
    """Fifty random households with every kind of event: purchases, sales, splits, moves between accounts, gifts."""
    households = [books(rows, Oracle(rows, DAYS).open_lots()) for rows in (History(seed).rows for seed in range(50))]
    as_of = START + timedelta(days=DAYS)
    gc.disable()
    gc.collect()

    for household in households:
        ledger_document([ledger(household, as_of=as_of, groups=GROUPS)])
        locks(household, as_of=as_of, groups=GROUPS)

    assert gc.collect() == 0


@pytest.mark.parametrize("running", [True, False])
def test_the_collector_rests_within_and_is_left_as_it_was_found(running):
    (gc.enable if running else gc.disable)()

    with collector_paused():
        within = gc.isenabled()
        with collector_paused():
            pass
        within_still = gc.isenabled()

    assert (within, within_still, gc.isenabled()) == (False, False, running)


def test_a_ledger_that_fails_leaves_the_collector_running():
    gc.enable()

    with pytest.raises(DataError):
        ledger([], as_of=START, groups=GROUPS)

    assert gc.isenabled()
