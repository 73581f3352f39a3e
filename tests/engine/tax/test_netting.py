"""Netting worked by hand at rates 40 % short-term, 20 % long-term, carryforwards worth half."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.tax.netting import YearToDate, netted_liability, plan_liability

ST, LT, HALF = Decimal("0.4"), Decimal("0.2"), Decimal("0.5")


def netted(st_gain: int, lt_gain: int, ytd: tuple[int, int, int, int] = (0, 0, 0, 0)) -> Decimal:
    year = YearToDate(
        st_gain=Decimal(ytd[0]),
        lt_gain=Decimal(ytd[1]),
        st_carryforward=Decimal(ytd[2]),
        lt_carryforward=Decimal(ytd[3]),
    )
    return netted_liability(Decimal(st_gain), Decimal(lt_gain), year, st_rate=ST, lt_rate=LT, carryforward_value=HALF)


def test_the_marginal_liability_is_rate_times_gain_of_each_term() -> None:
    assert plan_liability(Decimal(-1000), Decimal(500), st_rate=ST, lt_rate=LT) == Decimal(-300)


@pytest.mark.parametrize(
    ("st_gain", "lt_gain", "ytd", "expected"),
    [
        (1000, 500, (0, 0, 0, 0), 500),  # 400 + 100
        (-1000, 5000, (0, 0, 0, 0), 800),  # 4,000 left, all long-term
        (5000, -1000, (0, 0, 0, 0), 1600),  # 4,000 left, all short-term
        (-2000, 0, (0, 0, 0, 0), -800),  # under 3,000: against ordinary income
        (0, -2000, (0, 0, 0, 0), -800),  # a long-term loss too
        (-5000, 0, (0, 0, 0, 0), -1600),  # 3,000 x 0.4, and 2,000 carried at half of 0.4
        (0, -5000, (0, 0, 0, 0), -1400),  # 3,000 x 0.4, and 2,000 carried at half of 0.2
        (-1000, 0, (0, 4000, 0, 0), -200),  # the loss meets a long-term gain: worth 20 %
        (-1000, 0, (4000, 0, 0, 0), -400),
        (0, -1000, (4000, 0, 0, 0), -400),  # a long-term loss against a short-term gain: worth 40 %
        (3000, 0, (0, 0, 10000, 0), 600),  # covered by losses carried in: uses up carryforward worth half
        (1000, 0, (0, 0, 0, 500), 400),  # 500 taxed at 40 % = 200, and 500 x 0.4 of ordinary deduction forgone
        (-1000, 0, (-3000, 0, 0, 0), -200),  # the 3,000 are used already: carried at half
    ],
)  # fmt: skip
def test_gains_and_losses_net_by_term_then_across_then_against_income(
    st_gain: int, lt_gain: int, ytd: tuple[int, int, int, int], expected: int
) -> None:
    assert netted(st_gain, lt_gain, ytd) == expected


amounts = st.integers(-20000, 20000)


@given(amounts, amounts, amounts, amounts)
def test_doing_nothing_changes_nothing_and_two_steps_are_one(a: int, b: int, c: int, d: int) -> None:
    assert netted(0, 0, (a, b, 0, 0)) == 0
    assert netted(c, d, (a, b, 0, 0)) == netted(a + c, b + d) - netted(a, b)


@given(amounts, amounts, st.integers(0, 20000))
def test_a_loss_never_costs_tax(a: int, b: int, loss: int) -> None:
    assert netted(-loss, 0, (a, b, 0, 0)) <= 0
    assert netted(0, -loss, (a, b, 0, 0)) <= 0
