"""Whole lives of households: what their plans did not announce, the wash-sale ledger does not find.

Here for a few; for 500: python -m tests.engine.simulated_households 500
"""

import pytest

from engine.domain.settings import WashSalePolicy
from tests.engine.simulated_households import live


@pytest.mark.parametrize("seed", range(24))
def test_where_wash_sales_are_blocked_120_days_of_plans_and_trades_cause_none(seed):
    life = live(seed)

    assert life.plans > 5
    assert (life.disallowed, life.announced) == (0, 0)


def test_the_same_lives_have_losses_to_take_and_wash_sales_to_avoid():
    blocked, allowed = [[live(seed, policy=policy) for seed in range(6)] for policy in WashSalePolicy]

    assert sum(life.harvested for life in blocked) > 10_000
    assert sum(life.kept_back for life in blocked) > 100
    assert sum(life.disallowed for life in allowed) > 1_000
    assert sum(life.announced for life in allowed) > 1_000
