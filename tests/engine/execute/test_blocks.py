"""Orders of one custodian, security and side travel together, named by their members."""

import dataclasses
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.domain.errors import DataError
from engine.domain.plans import Side
from engine.execute.blocks import build_blocks


@pytest.fixture
def day(order):
    """Three accounts at two custodians: two buys of X meet at Alpha, everything else stands alone."""
    return (
        order("O1", "10", account_id="A1"),
        order("O2", "5", account_id="A2"),
        order("O3", "7", account_id="A3", custodian="Beta"),
        order("O4", "4", account_id="A1", security="W", side=Side.SELL, lots=(("L1", "4"),)),
        order("O5", "3", account_id="A2", security="Y"),
    )


def test_each_custodian_side_and_security_is_one_block_with_sales_first(day):
    found = [
        (b.custodian, b.side, b.security_id, b.quantity, [o.cl_ord_id for o in b.allocations])
        for b in build_blocks(day)
    ]

    assert found == [
        ("Alpha", Side.SELL, "W", 4, ["O4"]),
        ("Alpha", Side.BUY, "X", 15, ["O1", "O2"]),
        ("Alpha", Side.BUY, "Y", 3, ["O5"]),
        ("Beta", Side.BUY, "X", 7, ["O3"]),
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_order_of_accounts_does_not_matter(day, data):
    shuffled = data.draw(st.permutations(day))

    assert build_blocks(shuffled) == build_blocks(day)


def test_a_block_with_other_members_has_another_name(order):
    one, two, three = (order(f"O{n}", "10", account_id=f"A{n}") for n in (1, 2, 3))

    names = {build_blocks(members)[0].cl_ord_id for members in ((one, two), (one, three), (one,), (one, two, three))}

    assert len(names) == 4
    assert all(re.fullmatch(r"B[A-Z2-7]{19}", name) for name in names)


def test_no_orders_make_no_blocks():
    assert build_blocks(()) == ()


def test_one_order_given_twice_is_refused(order):
    with pytest.raises(DataError, match="found one twice"):
        build_blocks([order("O1", "10"), order("O1", "10")])


def test_a_security_under_two_tickers_is_refused(order):
    renamed = dataclasses.replace(order("O2", "5", account_id="A2"), ticker="XX")

    with pytest.raises(DataError, match="one ticker"):
        build_blocks([order("O1", "10"), renamed])
