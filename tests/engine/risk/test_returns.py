"""Daily returns from prices, by hand."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D

import numpy as np
import pytest

from engine.domain.market import ActionKind, CorporateAction
from engine.risk.returns import daily_returns

MONDAY = date(2026, 11, 16)
WEEK = [MONDAY + timedelta(days=k) for k in range(5)]
FRIDAY = WEEK[-1]
nan = float("nan")


@pytest.fixture
def returns_of(make_history, make_security):
    """Return a function from {name: [(day, close)]} to the matrix of returns, a column a name."""

    def build(prices, *, as_of=FRIDAY, adjusted=None):
        histories = [
            make_history(name, [day for day, _ in rows], [close for _, close in rows], (adjusted or {}).get(name))
            for name, rows in prices.items()
        ]
        return daily_returns(histories, [make_security(name) for name in prices], as_of=as_of)

    return build


def week(*closes):
    return list(zip(WEEK, closes, strict=True))


def test_a_return_is_the_change_of_the_close_and_names_are_in_order(returns_of):
    found = returns_of({"B": week(100, 110, 99, 99, 108.9), "A": week(50, 55, 55, 44, 44)})

    assert found.security_ids == ("A", "B")
    assert found.matrix == pytest.approx(np.array([[0.1, 0.1], [0, -0.1], [-0.2, 0], [0, 0.1]]), abs=1e-12)


def test_a_day_without_a_price_has_no_return_to_it_or_from_it(returns_of):
    gap = [row for row in week(100, 110, 0, 121, 121) if row[1]]

    found = returns_of({"A": gap, "B": week(10, 10, 10, 10, 10), "C": week(10, 10, 10, 10, 10)})

    np.testing.assert_allclose(found.matrix[:, 0], [0.1, nan, nan, 0.0], atol=1e-12)


def test_adjusted_closes_count_where_both_days_have_one_and_closes_elsewhere(returns_of):
    """2-for-1 on Wednesday: the close falls from 102 to 51, the adjusted close stays."""
    found = returns_of(
        {"A": week(100, 102, 51, 51, 52.02)},
        adjusted={"A": [None, D(51), D(51), D(51), None]},
    )

    assert found.matrix[:, 0] == pytest.approx([0.02, 0.0, 0.0, 0.02], abs=1e-12)


def test_a_day_on_which_few_names_traded_is_no_trading_day(returns_of):
    """One of three has a stray price on a Sunday: nobody's return is broken by it."""
    sunday = MONDAY - timedelta(days=1)
    prices = {name: week(100, 110, 110, 110, 110) for name in "ABC"}
    prices["A"] = [(sunday, 500), *prices["A"]]

    found = returns_of(prices)

    assert found.matrix.shape == (4, 3)
    assert found.matrix[0] == pytest.approx([0.1, 0.1, 0.1])


def test_a_day_on_which_half_the_names_traded_is_a_trading_day(returns_of):
    """A has no price on Wednesday: its return is missing there, and B's is not."""
    prices = {"A": [row for row in week(100, 110, 0, 110, 110) if row[1]], "B": week(10, 10, 11, 11, 11)}

    found = returns_of(prices)

    np.testing.assert_allclose(found.matrix[:, 1], [0.0, 0.1, 0.0, 0.0], atol=1e-12)


def test_prices_after_the_day_asked_for_are_not_known_yet(returns_of):
    found = returns_of({"A": week(100, 110, 110, 110, 999)}, as_of=WEEK[3])

    assert found.matrix[:, 0] == pytest.approx([0.1, 0.0, 0.0])


def test_a_name_whose_first_price_is_in_the_future_is_left_out(returns_of):
    found = returns_of({"A": week(1, 1, 1, 1, 1), "B": [(FRIDAY, 10)]}, as_of=WEEK[3])

    assert found.security_ids == ("A",)


def test_a_security_in_no_list_is_left_out(make_history, make_security):
    rows = week(1, 1, 1, 1, 1)
    histories = [make_history(name, WEEK, [close for _, close in rows]) for name in "AB"]

    assert daily_returns(histories, [make_security("B")], as_of=FRIDAY).security_ids == ("B",)


def test_prices_older_than_three_years_are_left_out(returns_of):
    """1,096 days before 20 November 2026 is 20 November 2023."""
    days = [date(2023, 11, 19), date(2023, 11, 20), date(2023, 11, 21)]

    found = returns_of({"A": list(zip(days, [50, 100, 110], strict=True))})

    assert found.matrix[:, 0] == pytest.approx([0.1])


def test_a_wild_return_is_cut_to_eight_robust_sigmas_of_its_name(returns_of):
    """Returns of -1 %, 0 and +1 % in turn: median 0, median deviation 1 %, sigma 1.4826 %, cut at 11.86 %."""
    price, rows = 100.0, []
    for k in range(61):
        rows.append((FRIDAY - timedelta(days=61 - k), price))
        price *= (0.99, 1.0, 1.01)[k % 3]
    rows.append((FRIDAY, price * 10))

    found = returns_of({"A": rows})

    assert found.matrix[-1, 0] == pytest.approx(8 * 1.4826 * 0.01, rel=1e-3)
    assert np.abs(found.matrix[:-1, 0]).max() == pytest.approx(0.01, rel=1e-6)


def test_a_price_that_never_moves_has_returns_of_zero(returns_of):
    assert returns_of({"A": week(7, 7, 7, 7, 7)}).matrix[:, 0].tolist() == [0, 0, 0, 0]


def test_a_price_of_zero_makes_no_return_out_of_nothing(returns_of):
    found = returns_of({"A": week(10, 0, 10, 10, 10), "B": week(1, 1, 1, 1, 1)})

    np.testing.assert_allclose(found.matrix[:, 0], [-1.0, nan, 0.0, 0.0], atol=1e-12)


def days_on(first, count, step=1):
    return [first + timedelta(days=step * k) for k in range(count)]


def test_each_row_carries_the_day_that_it_ends_on(returns_of):
    assert returns_of({"A": week(1, 2, 3, 4, 5)}).days == tuple(WEEK[1:])


def test_a_price_that_stands_still_for_five_days_is_missing_and_so_is_the_jump_that_ends_it(returns_of):
    """The memory of a price: after the halt the close catches up with six days at once."""
    still = list(zip(days_on(MONDAY, 9), [100, 110, 110, 110, 110, 110, 110, 140, 147], strict=True))

    found = returns_of({"A": still}, as_of=still[-1][0])

    np.testing.assert_allclose(found.matrix[:, 0], [0.1, nan, nan, nan, nan, nan, nan, 0.05], atol=1e-12)


def test_a_price_that_stands_still_for_four_days_stays(returns_of):
    quiet = list(zip(days_on(MONDAY, 8), [100, 110, 110, 110, 110, 110, 121, 121], strict=True))

    found = returns_of({"A": quiet}, as_of=quiet[-1][0])

    assert found.matrix[:, 0] == pytest.approx([0.1, 0, 0, 0, 0, 0.1, 0])


def test_the_last_price_of_a_name_that_is_gone_repeated_for_ever_is_no_calm(returns_of):
    gone = list(zip(days_on(MONDAY, 9), [100, 110, 99, *[99] * 6], strict=True))

    found = returns_of({"A": gone}, as_of=gone[-1][0])

    np.testing.assert_allclose(found.matrix[:, 0], [0.1, -0.1, *[nan] * 6], atol=1e-12)


def test_a_price_that_never_moves_in_all_its_history_is_as_calm_as_it_looks(returns_of):
    cash = list(zip(days_on(MONDAY, 9), [1] * 9, strict=True))

    assert returns_of({"A": cash}, as_of=cash[-1][0]).matrix[:, 0].tolist() == [0.0] * 8


def test_days_without_a_trade_do_not_make_the_ordinary_moves_of_a_name_look_wild(returns_of):
    """Ten days of 20 without a move, one of 0.1 %, nine of 1 to 3 %: the median of all absolute returns is 0.05 %."""
    moves = [-0.001, 0.03, -0.02, 0.02, -0.03, 0.01, -0.01, 0.02, -0.02, 0.03]
    steps = [step for move in moves for step in (0.0, move)]
    price, rows = 100.0, [(MONDAY - timedelta(days=len(steps)), 100.0)]
    for k, step in enumerate(steps):
        price *= 1 + step
        rows.append((MONDAY - timedelta(days=len(steps) - 1 - k), price))

    found = returns_of({"A": rows}, as_of=MONDAY).matrix[:, 0]

    assert [found.max(), found.min()] == pytest.approx([0.03, -0.03], abs=1e-6)


@pytest.mark.parametrize(("step", "per_year"), [(1, 252), (7, 365.25 / 7), (28, 365.25 / 28)])
def test_a_year_has_252_daily_rows_and_as_many_weekly_ones_as_weeks(returns_of, step, per_year):
    rows = [(day, 100 + k % 2) for k, day in enumerate(days_on(MONDAY - timedelta(days=step * 20), 21, step))]

    assert returns_of({"A": rows}, as_of=MONDAY).per_year == pytest.approx(per_year)


def test_no_return_is_taken_across_a_hole_in_the_history_of_all_names(returns_of):
    """Three months of prices were never delivered; a closure of a week, as in September 2001, is no hole."""
    days = [*days_on(date(2026, 1, 5), 4), *days_on(date(2026, 1, 15), 3), *days_on(date(2026, 4, 20), 3)]
    rows = list(zip(days, [100, 110, 121, 100, 110, 121, 133.1, 300, 330, 363], strict=True))

    found = returns_of({"A": rows}, as_of=days[-1])

    assert found.days == (*days[1:7], *days[8:])
    assert found.matrix[:, 0] == pytest.approx([0.1, 0.1, 100 / 121 - 1, 0.1, 0.1, 0.1, 0.1, 0.1])


@pytest.mark.parametrize(("gap", "taken"), [(7, True), (8, False)])
def test_a_step_may_be_six_days_longer_than_usual(returns_of, gap, taken):
    days = [*days_on(date(2026, 1, 5), 4), *days_on(date(2026, 1, 8 + gap), 3)]

    found = returns_of({"A": list(zip(days, [100, 110, 121, 100, 110, 121, 133.1], strict=True))}, as_of=days[-1])

    assert (days[4] in found.days) is taken


def test_share_classes_of_one_company_carry_its_word(make_history, make_security):
    names = [replace(make_security(name), identical_group=group) for name, group in [("A", "G"), ("B", None)]]

    found = daily_returns([make_history(name, WEEK, [1, 2, 3, 4, 5]) for name in "AB"], names, as_of=FRIDAY)

    assert found.groups == ("G", "")


def action(day, kind, value, name="A"):
    return CorporateAction(security_id=name, ex_date=day, kind=ActionKind(kind), value=D(str(value)))


@pytest.fixture
def returns_with(make_history, make_security):
    """Return the returns of one name over a week of closes, with actions."""

    def build(closes, *actions, adjusted=None, days=WEEK):
        history = make_history("A", days, closes, adjusted)
        return daily_returns([history], [make_security("A")], as_of=FRIDAY, actions=actions).matrix[:, 0]

    return build


def test_a_split_between_two_closes_is_no_return(returns_with):
    """2-for-1 on Wednesday: 102 is 51 of the new shares, then 51 to 52.02 is 2 %."""
    found = returns_with([100, 102, 51, 51, 52.02], action(WEEK[2], "split", 2))

    assert found == pytest.approx([0.02, 0.0, 0.0, 0.02], abs=1e-12)


def test_a_dividend_is_earned_on_its_ex_date(returns_with):
    """100, then 99 with 2 USD paid: 1 %. A 10-for-1 split with 0.10 a new share on one day: 100 -> 10 x (9.9 + 0.1)."""
    assert returns_with([100, 99, 99, 100, 100], action(WEEK[1], "dividend", 2))[0] == pytest.approx(0.01, abs=1e-12)
    both = [action(WEEK[1], "split", 10), action(WEEK[1], "dividend", "0.1")]
    assert returns_with([100, 9.9, 9.9, 10, 10], *both)[0] == pytest.approx(0.0, abs=1e-12)
    assert returns_with([100, 9.9, 9.9, 10, 10], *reversed(both))[0] == pytest.approx(0.0, abs=1e-12)


def test_actions_between_two_sessions_count_on_the_next_in_the_order_of_their_days(returns_with):
    """2 USD paid on Tuesday, 2-for-1 on Wednesday and again on Thursday, where 0.25 is paid: 2 + 4 x (24.5 + 0.25)."""
    days = [WEEK[0], WEEK[3], WEEK[4]]
    paid, again = action(WEEK[1], "dividend", 2), action(WEEK[3], "dividend", "0.25")
    splits = action(WEEK[2], "split", 2), action(WEEK[3], "split", 2)

    assert returns_with([100, 24.5, 24.5], again, *splits, paid, days=days)[0] == pytest.approx(0.01, abs=1e-12)


def test_no_action_counts_before_the_first_session_or_after_the_last_or_of_another_name(returns_with):
    early, late = WEEK[0] - timedelta(days=3), WEEK[-1] + timedelta(days=1)
    none = action(early, "split", 2), action(late, "split", 2), action(WEEK[2], "split", 2, name="B")

    assert returns_with([100, 101, 101, 102, 103], *none) == pytest.approx([0.01, 0.0, 1 / 101, 1 / 102], abs=1e-12)


def test_adjusted_closes_know_the_actions_already(returns_with):
    adjusted = [D(50), D(51), D(51), D(51), D("52.02")]

    found = returns_with([100, 102, 51, 51, 52.02], action(WEEK[2], "split", 2), adjusted=adjusted)

    assert found == pytest.approx([0.02, 0.0, 0.0, 0.02], abs=1e-12)
