"""Lots as columns come to the same figures as lots one by one."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D

import numpy as np
import pytest

from engine.domain.accounts import Lot
from engine.domain.market import Mark
from engine.domain.rows import Rows
from engine.review.basis import gain_of, held_over_a_year, starts_on
from engine.review.lots import OwnLots
from engine.review.unrealised import Unsold

ON = date(2028, 2, 29)  # whose day a year before is no day of the calendar
NAMES = ("A", "B", "C")
MARKS = {name: Mark(price=D(price), on=ON) for name, price in zip(NAMES, ("10.01", "250.5", "0.0003"), strict=True)}


def lots_by_chance(seed: int, decimals: int) -> tuple[Lot, ...]:
    rng = np.random.default_rng(seed)
    lots = []
    for number in range(60):
        acquired = ON - timedelta(int(rng.choice([0, 1, 365, 366, 367, int(rng.integers(0, 2000))])))
        name = str(rng.choice(NAMES))
        lot = {
            "account_id": "X", "lot_id": f"l{number}", "security_id": name, "acquired": acquired,
            "quantity": D(int(rng.integers(1, 10**9))).scaleb(-int(rng.integers(0, decimals + 1))),
            "cost_per_share": round(MARKS[name].price * D(float(rng.uniform(0.5, 1.5))), 4) + D("0.0001"),
        }  # fmt: skip
        if rng.random() < 0.2:
            lot["wash_adjustment"] = D(int(rng.integers(0, 90_000))) / 100
        if rng.random() < 0.2:
            lot["holding_start"] = acquired - timedelta(int(rng.integers(0, 400)))
        if rng.random() < 0.2:
            lot |= {"gift_price": lot["cost_per_share"] * D(float(rng.choice([0.5, 1, 2]))), "gift_date": ON}
        lots.append(Lot(**lot))
    return tuple(lots)


@pytest.mark.parametrize(("decimals", "more"), [(6, 0), (12, 0), (30, 0), (0, 10**18)])  # the first adds up in 64 bits
@pytest.mark.parametrize("seed", range(3))
def test_shares_by_name_are_the_exact_sum_of_its_lots(seed, decimals, more):
    first, *others = lots_by_chance(seed, decimals)
    lots = (replace(first, quantity=first.quantity + more), *others)
    expected: dict[str, D] = {}
    for lot in lots:
        expected[lot.security_id] = expected.get(lot.security_id, D(0)) + lot.quantity

    backwards = np.arange(len(lots))[::-1]
    found = OwnLots(rows=Rows.of(Lot, lots[::-1]).where(backwards)).shares

    assert found == expected
    assert list(found) == list(expected)


@pytest.mark.parametrize("seed", range(20))
def test_gains_not_realised_as_floats_are_as_near_to_the_lots_own_as_they_say(seed):
    lots = lots_by_chance(seed, 6)
    sold = {
        lot.lot_id: lot.quantity * part for lot, part in zip(lots[::5], (D(1), D("0.5"), D("0.25")) * 4, strict=True)
    }
    expected = {"st_gain": D(0), "st_loss": D(0), "lt_gain": D(0), "lt_loss": D(0)}
    for lot in lots:
        price = MARKS[lot.security_id].price
        gain = gain_of(lot, lot.quantity - sold.get(lot.lot_id, D(0)), price)
        term = "lt" if held_over_a_year(starts_on(lot, price), ON) else "st"
        expected[f"{term}_gain" if gain >= 0 else f"{term}_loss"] += gain
    unsold = Unsold(own=OwnLots(rows=Rows.of(Lot, lots)), marks=MARKS, on=ON)

    rough, off = unsold.rough(sold)

    assert unsold.exact(sold) == expected
    assert off < 1
    for name, amount in expected.items():
        assert abs(D(rough[name]) - amount) <= D(off)
