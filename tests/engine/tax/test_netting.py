"""Netting worked by hand at rates 40 % short-term, 20 % long-term, carryforwards worth half; and line by line.

Schedule D and its worksheet for losses carried over (Instructions for Schedule D; IRS Pub. 550) are written down here
as they are printed, and know nothing of the code.
"""

from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given, settings
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
        (0, -1000, (-3000, 0, 0, 0), -100),  # carried as a long-term loss, at half of 20 %
        (-2000, -5000, (0, 0, 0, 0), -1600),  # 2,000 ST and 1,000 LT deducted, 4,000 LT carried: 1,200 + 400
        (-5000, -2000, (0, 0, 0, 0), -1800),  # 3,000 ST deducted, 2,000 of each carried: 1,200 + 400 + 200
        (0, -5000, (-2000, 0, 0, 0), -800),  # from -800 to -1,600: 1,000 LT deducted, 4,000 LT carried
        (0, 10000, (0, 0, 10000, 0), 2600),  # meets the ST carryforward, which was worth 1,200 + 1,400
        (0, 0, (0, 0, 9000, 9000), 0),  # what is carried in is worth the same before and after
        (4000, -4000, (0, 0, 0, 0), 0),  # across: nothing left to tax
        (-4000, 4000, (1000, 1000, 0, 0), -200),  # from 400 + 200 of tax to 400 on the 2,000 LT that are left
    ],
)  # fmt: skip
def test_gains_and_losses_net_by_term_then_across_then_against_income(
    st_gain: int, lt_gain: int, ytd: tuple[int, int, int, int], expected: int
) -> None:
    assert netted(st_gain, lt_gain, ytd) == expected


class Return(NamedTuple):
    """A year's return: tax on the gains, the loss deducted from other income, and the losses carried over."""

    tax: Decimal
    deducted: int
    st_carryover: int
    lt_carryover: int


def schedule_d(st_gain: int, lt_gain: int, st_carried_in: int, lt_carried_in: int) -> Return:
    """Fill in Schedule D and the carryover worksheet, with enough other income for every deduction."""
    line_7 = st_gain - st_carried_in
    line_15 = lt_gain - lt_carried_in
    line_16 = line_7 + line_15
    if line_16 >= 0:
        net_capital_gain = max(min(line_15, line_16), 0)  # taxed at the long-term rate
        return Return(LT * net_capital_gain + ST * (line_16 - net_capital_gain), 0, 0, 0)
    line_21 = min(-line_16, 3000)
    worksheet_5, worksheet_6 = max(-line_7, 0), max(line_15, 0)
    worksheet_7 = line_21 + worksheet_6
    worksheet_8 = max(worksheet_5 - worksheet_7, 0)
    worksheet_9, worksheet_10 = max(-line_15, 0), max(line_7, 0)
    worksheet_11 = max(line_21 - worksheet_5, 0)
    worksheet_13 = max(worksheet_9 - worksheet_10 - worksheet_11, 0)
    return Return(Decimal(0), line_21, worksheet_8, worksheet_13)


def cost(filed: Return) -> Decimal:
    carried = filed.st_carryover * ST + filed.lt_carryover * LT
    return filed.tax - filed.deducted * ST - HALF * carried


def test_pub_550_of_a_loss_of_7000_they_deduct_3000_and_carry_4000_over_and_of_2000_nothing() -> None:
    """As the worksheet says it, and as the liability values it: 1,200 for the deduction and 4,000 at half the rate."""
    assert schedule_d(-7000, 0, 0, 0) == (0, 3000, 4000, 0)
    assert netted(-7000, 0) == -(3000 * ST + HALF * 4000 * ST)
    assert schedule_d(0, -7000, 0, 0) == (0, 3000, 0, 4000)
    assert netted(0, -7000) == -(3000 * ST + HALF * 4000 * LT)
    assert schedule_d(-2000, 0, 0, 0) == (0, 2000, 0, 0)
    assert netted(-2000, 0) == -2000 * ST


edges = st.sampled_from([-6001, -6000, -3001, -3000, -2999, -1, 0, 1, 2999, 3000, 3001, 6000])
amounts = st.one_of(st.integers(-20000, 20000), edges)
carried_in = st.one_of(st.integers(0, 20000), edges.map(abs))


@settings(max_examples=400)
@given(amounts, amounts, amounts, amounts, carried_in, carried_in)
def test_the_liability_of_a_plan_is_the_difference_between_two_filed_returns(
    st_gain: int, lt_gain: int, st_so_far: int, lt_so_far: int, st_in: int, lt_in: int
) -> None:
    without = schedule_d(st_so_far, lt_so_far, st_in, lt_in)
    filed = schedule_d(st_so_far + st_gain, lt_so_far + lt_gain, st_in, lt_in)

    assert netted(st_gain, lt_gain, (st_so_far, lt_so_far, st_in, lt_in)) == cost(filed) - cost(without)


@given(amounts, amounts, amounts, amounts)
def test_doing_nothing_changes_nothing_and_two_steps_are_one(a: int, b: int, c: int, d: int) -> None:
    assert netted(0, 0, (a, b, 0, 0)) == 0
    assert netted(c, d, (a, b, 0, 0)) == netted(a + c, b + d) - netted(a, b)


@given(amounts, amounts, st.integers(0, 20000))
def test_a_loss_never_costs_tax(a: int, b: int, loss: int) -> None:
    assert netted(-loss, 0, (a, b, 0, 0)) <= 0
    assert netted(0, -loss, (a, b, 0, 0)) <= 0
