"""A price at which a limit is just kept is found from either side, and in a jump it is the far edge."""

import math

import pytest

from engine.plan.root import Root


def searched(missed, start, *, near=1e-9, attempts=60):
    root = Root(start, widening=2.0, steepness=1.0, narrow=1e-13)
    for attempt in range(attempts):
        price = root.price
        if root.is_found(missed(price), near=near):
            return price, attempt
    raise AssertionError("not found")


@pytest.mark.parametrize("start", [1e-6, 0.5, 40.0, 1e5])
def test_the_root_of_a_falling_curve_is_found_from_far_above_and_below(start):
    # 10 / price - 1 is nothing at 10.
    price, attempts = searched(lambda p: 10.0 / p - 1.0, start)

    assert price == pytest.approx(10.0, rel=1e-6)
    assert attempts < 40


def test_what_falls_in_steps_is_kept_just_beyond_the_step():
    # Three too many below a price of 2, two too few above it: no price keeps it exactly.
    price, _ = searched(lambda p: 3.0 if p < 2.0 else -2.0, 0.1)

    assert price == pytest.approx(2.0, rel=1e-4)


def test_what_a_better_price_could_add_is_half_the_triangle_by_hand():
    # 4 too many at a price of 0.01, two fewer for a price e times as high: 0.01 x 4 x (4 / 2) / 2. As two is only a
    # guess, which may be five times too many, 0.2. Measured: 6 at a price of 1 and 4 at e.
    root = Root(0.01, widening=1.0, steepness=2.0)
    assert root.could_add(4.0) == pytest.approx(0.2)

    root = Root(1.0, widening=1.0, steepness=2.0)
    root.is_found(6.0)
    assert root.price == pytest.approx(math.e)
    root.is_found(4.0)
    root.price = 0.01
    assert root.could_add(4.0) == pytest.approx(0.04)


def test_a_curve_is_met_in_few_steps_where_it_is_nearly_straight():
    price, attempts = searched(lambda p: 5.0 - math.log(p), 1.0)

    assert price == pytest.approx(math.exp(5.0), rel=1e-6)
    assert attempts <= 8
