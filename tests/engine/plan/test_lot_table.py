"""The columns of all lots say what the lots of each name say, one name after the other, to the last digit."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D

import numpy as np
import pytest

from engine.domain.settings import LotMethod
from engine.plan.lot_table import BLOCKS
from engine.plan.lots import sale_lots
from engine.plan.problem import build_problem


def with_other_lots(snapshot, rng):
    """Return the snapshot with fractions of shares, costs of many digits, ties, adjusted bases and gifts among lots."""
    lots = []
    for lot in snapshot.lots:
        kind = int(rng.integers(7))
        if kind == 0:
            lot = replace(lot, quantity=lot.quantity / 7, cost_per_share=lot.cost_per_share / 3)
        elif kind == 1:
            lot = replace(lot, wash_adjustment=lot.quantity / 9)
        elif kind == 2:
            lot = replace(lot, gift_price=lot.cost_per_share * D("0.9"), gift_date=lot.acquired + timedelta(days=3))
        elif kind == 3:
            lots.append(replace(lot, lot_id=f"a{lot.lot_id}"))  # a twin, which only its name tells apart
        elif kind == 4:
            lot = replace(lot, quantity=lot.quantity * 10**14)
        lots.append(lot)
    return replace(snapshot, book=replace(snapshot.book, lots=tuple(lots)))


@pytest.mark.parametrize("method", LotMethod)
@pytest.mark.parametrize("seed", range(6))
def test_the_columns_are_those_of_the_lots_of_each_name(random_case, method, seed):
    snapshot, market, settings, locks = random_case(seed)
    own = with_other_lots(snapshot, np.random.default_rng(seed))
    changed = replace(
        settings, lot_method=method, harvest_min_loss_usd=D("12.5"), harvest_min_loss_pct=0.01, withdrawal=D(0)
    )
    for chosen in (snapshot, own):
        problem = build_problem(chosen, market, changed, locks=locks)
        table = problem.names.lots
        for i, name in enumerate(problem.names):
            expected = sale_lots(
                [lot for lot in chosen.lots if lot.security_id == name.security.security_id],
                chosen.account, changed, name.rules,
                price=name.price, value=problem.value, on=chosen.as_of,
            )  # fmt: skip
            places = range(table.first[i], table.first[i + 1])
            assert name.lots == expected
            assert [str(entry.gain_usd) for entry in name.lots] == [str(entry.gain_usd) for entry in expected]
            assert [
                (table.holding.lot_id(table.row[j]), table.weight[j], table.tax[j], table.gain[j], table.term(j),
                 BLOCKS[table.blocked[j]])
                for j in places
            ] == [(e.lot.lot_id, e.weight, e.tax, e.gain, e.term, e.blocked) for e in expected]  # fmt: skip
            assert [bool(table.is_loss[j]) for j in places] == [entry.is_loss for entry in expected]
            assert name.shares == sum((entry.quantity for entry in expected), D(0))
