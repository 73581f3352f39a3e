"""A block's fills are shared pro rata by largest remainder, at one average price, and never beyond an order."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.domain.errors import DataError
from engine.domain.plans import Side
from engine.execute.fills import allocate, average_price, first_lots


def shares(block, fills):
    return [filled.quantity for filled in allocate(block, fills)]


@pytest.fixture
def three(order, block):
    """Orders of 100, 60 and 40 shares: 50 %, 30 % and 20 % of 200."""
    return block(
        order("O1", "100", account_id="A1"), order("O2", "60", account_id="A2"), order("O3", "40", account_id="A3")
    )


@pytest.mark.parametrize(
    ("filled", "expected"),
    [
        ("200", [100, 60, 40]),
        ("100", [50, 30, 20]),
        ("101", [51, 30, 20]),  # 50.5, 30.3, 20.2: the half gets the share
        ("7", [4, 2, 1]),  # 3.5, 2.1, 1.4: the half first, nothing left for 1.4
        ("3", [1, 1, 1]),  # 1.5, 0.9, 0.6: wholes 1, 0, 0; then 0.9 and 0.6
        ("1", [1, 0, 0]),  # 0.5, 0.3, 0.2
    ],
)
def test_shares_go_pro_rata_and_the_rest_to_the_largest_remainder(three, fill, filled, expected):
    assert shares(three, [fill("E1", filled, "100")]) == expected


def test_equal_remainders_go_by_order_id(order, block, fill):
    pair = block(order("O9", "5", account_id="A1"), order("O2", "5", account_id="A2"))

    assert shares(pair, [fill("E1", "3", "100")]) == [1, 2]


def test_every_account_gets_the_average_price(three, fill):
    # (120 x 10.00 + 60 x 10.10 + 20 x 10.25) / 200 = (1200 + 606 + 205) / 200 = 10.055
    fills = [fill("E1", "120", "10.00"), fill("E2", "60", "10.10"), fill("E3", "20", "10.25")]

    assert {filled.price for filled in allocate(three, fills)} == {Decimal("10.055")}


def test_an_average_price_has_six_decimals(fill):
    # (1 x 10 + 2 x 10.01) / 3 = 30.02 / 3 = 10.00666...
    assert average_price([fill("E1", "1", "10"), fill("E2", "2", "10.01")]) == Decimal("10.006667")


def test_an_execution_reported_twice_counts_once(three, fill):
    assert shares(three, [fill("E1", "100", "10"), fill("E1", "100", "10")]) == [50, 30, 20]


def test_an_execution_reported_with_two_contents_is_refused(three, fill):
    with pytest.raises(DataError, match="expected one content, found two"):
        allocate(three, [fill("E1", "100", "10"), fill("E1", "99", "10")])


def test_no_fill_leaves_every_order_empty(three):
    assert shares(three, []) == [0, 0, 0]


def test_more_shares_than_ordered_and_anothers_fill_are_refused(three, fill):
    with pytest.raises(DataError, match="at most 200 shares filled, found 201"):
        allocate(three, [fill("E1", "150", "10"), fill("E2", "51", "10")])
    with pytest.raises(DataError, match="found one of B2"):
        allocate(three, [fill("E1", "1", "10", block="B2")])


def test_fractional_orders_share_in_their_own_fraction(order, block, fill):
    # 1.5 and 0.6 of 2.1, filled 1.0: 0.714..., 0.285... in tenths: 0.7 + 0.2, the last tenth to 0.085...
    pair = block(order("O1", "1.5", account_id="A1"), order("O2", "0.6", account_id="A2"))

    assert shares(pair, [fill("E1", "1", "10")]) == [Decimal("0.7"), Decimal("0.3")]


def test_round_orders_share_in_single_shares(order, block, fill):
    pair = block(order("O1", "10", account_id="A1"), order("O2", "20", account_id="A2"))

    assert shares(pair, [fill("E1", "10", "100")]) == [3, 7]  # 3.33 and 6.67


@pytest.mark.parametrize(
    ("sold", "expected"),
    [
        ("18", [("L1", 5), ("L2", 8), ("L3", 5)]),
        ("13", [("L1", 5), ("L2", 8)]),
        ("7", [("L1", 5), ("L2", 2)]),
        ("2", [("L1", 2)]),
        ("0", []),
    ],
)
def test_a_part_of_a_sale_takes_the_first_lots_of_its_instructions(order, sold, expected):
    sale = order("O1", "18", side=Side.SELL, lots=(("L1", "5"), ("L2", "8"), ("L3", "5")))

    assert [(lot.lot_id, lot.quantity) for lot in first_lots(sale, Decimal(sold))] == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(wanted=st.lists(st.integers(1, 5000), min_size=1, max_size=30), data=st.data())
def test_allocations_sum_to_the_fill_stay_within_one_share_and_never_exceed_the_order(order, block, fill, wanted, data):
    orders = [order(f"O{n:02}", str(q), account_id=f"A{n}") for n, q in enumerate(wanted)]
    filled = data.draw(st.integers(1, sum(wanted)))

    got = shares(block(*orders), [fill("E1", str(filled), "10")])

    assert sum(got) == filled
    for quantity, share in zip(wanted, got, strict=True):
        assert 0 <= share <= quantity
        assert share == int(share)
        assert abs(Fraction(int(share)) - Fraction(filled * quantity, sum(wanted))) < 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(st.integers(1, 500), min_size=2, max_size=8), data=st.data())
def test_who_gets_what_does_not_depend_on_the_order_of_accounts(order, block, fill, wanted, data):
    orders = [order(f"O{n}", str(q), account_id=f"A{n}") for n, q in enumerate(wanted)]
    fills = [fill("E1", str(data.draw(st.integers(1, sum(wanted)))), "10")]
    shuffled = data.draw(st.permutations(orders))

    def by_order(members):
        return {f.order.cl_ord_id: f.quantity for f in allocate(block(*members), fills)}

    assert by_order(shuffled) == by_order(orders)
