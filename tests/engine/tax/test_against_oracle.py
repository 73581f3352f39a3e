"""The ledger against one that counts share by share, on some hundred random households.

On a hundred thousand, in about fifteen minutes of one core, and told apart by seed:

    nice -n 10 python -m tests.engine.tax.agreement --histories 100000 --processes 2
"""

import random
from datetime import timedelta

import pytest

from engine.domain.plans import LockRule
from engine.tax.history import read_history
from engine.tax.wash_sales import locks
from tests.engine.tax.agreement import disagreements
from tests.engine.tax.oracle import GROUPS, START, Oracle
from tests.engine.tax.random_histories import DAYS, History, books


@pytest.mark.parametrize("seed", range(400))
def test_the_ledger_agrees_with_counting_share_by_share(seed: int) -> None:
    assert disagreements(seed) == []


@pytest.mark.parametrize("seed", range(80))
def test_a_book_that_its_history_explains_has_no_shares_too_many_or_too_few(seed: int) -> None:
    rows = History(seed).rows
    oracle = Oracle(rows, DAYS)

    history = read_history(books(rows, oracle.open_lots()), as_of=START + timedelta(days=DAYS))

    assert (dict(history.imbalance), dict(history.unseen), history.opening) == ({}, {}, ())


@pytest.mark.parametrize("seed", range(80))
def test_locks_name_every_loss_of_the_last_30_days_and_every_purchase_30_days_back_and_ahead(seed: int) -> None:
    rows, day = History(seed).rows, random.Random(seed).randint(20, DAYS)
    oracle = Oracle(rows, day)
    near = [row for row in rows if abs(row.day - day) <= 30]  # rows to come are what is scheduled
    expected = {
        *((row.name, LockRule.NO_BUY, row.day + 31) for row in near if row.name in oracle.losses),
        *((row.name, LockRule.NO_LOSS_SALE, row.day + 31) for row in near if row.kind in ("buy", "reinvest")),
    }

    found = locks(books(rows, oracle.open_lots()), as_of=START + timedelta(days=day), groups=GROUPS)

    assert {(lock.cause, lock.rule, (lock.until - START).days) for lock in found} == expected
    assert [lock.until for lock in found] == sorted(lock.until for lock in found)
