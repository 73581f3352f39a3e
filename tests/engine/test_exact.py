"""Columns of decimals keep every digit, and their quotients are the floats nearest to them."""

from decimal import Decimal as D
from fractions import Fraction

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from engine.domain.exact import finer, product, quotients, ratios, sums_by, total, units
from engine.domain.rows import Decimals

WHOLE = st.integers(-(2**62) + 1, 2**62 - 1)
HUGE = st.integers(-(10**40), 10**40)


def column(numbers):
    try:
        return np.array(numbers, dtype=np.int64)
    except OverflowError:
        return np.array(numbers, dtype=object)


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=5), max_size=5))
def test_units_are_the_decimals_themselves(values):
    found = units(Decimals.of(values))

    assert [Fraction(int(each), 10**found.decimals) for each in found.whole] == [Fraction(value) for value in values]


def test_units_of_numbers_that_no_column_of_64_bits_holds_keep_their_digits():
    values = [D("1E+5"), D("1.000000000000000000000000001"), D("-12345678901234567890.5")]

    found = units(Decimals.of(values))

    assert [Fraction(each, 10**found.decimals) for each in found.whole] == [Fraction(value) for value in values]


@example([6505065639], Fraction(1, 10**9))  # 6,505,065,639 * 10^9 lies midway between two floats: the even one is meant
@example([7261791607], Fraction(1, 10**9))
@example([2**54 - 1], Fraction(1))  # midway below a power of 2
@given(st.lists(WHOLE, min_size=1, max_size=5), st.fractions(min_value=Fraction(1, 10**9), max_value=10**25))
def test_quotients_are_the_nearest_floats(numbers, divisor):
    assert quotients(column(numbers), divisor).tolist() == [float(Fraction(n) / divisor) for n in numbers]


@example([(4252622820030923640, 636092)])  # of 64 bits, and rounded twice where it is made a float first
@given(st.lists(st.tuples(HUGE, st.integers(0, 10**30)), min_size=1, max_size=5))
def test_ratios_are_the_nearest_floats_and_0_over_0(pairs):
    found = ratios(column([a for a, _ in pairs]), column([b for _, b in pairs]))

    assert found.tolist() == [float(Fraction(a, b)) if b else 0.0 for a, b in pairs]


@given(st.lists(st.tuples(WHOLE, WHOLE, st.integers(0, 2)), min_size=1, max_size=6))
def test_products_and_sums_lose_nothing(rows):
    left, right = column([a for a, _, _ in rows]), column([b for _, b, _ in rows])
    owner = np.array([k for _, _, k in rows], dtype=np.intp)

    assert [int(each) for each in product(left, right)] == [a * b for a, b, _ in rows]
    assert [int(each) for each in finer(left, 4)] == [a * 10**4 for a, _, _ in rows]
    assert total(left) == sum(a for a, _, _ in rows)
    assert [int(each) for each in sums_by(left, owner, 3)] == [sum(a for a, _, k in rows if k == i) for i in range(3)]
