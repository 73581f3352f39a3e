"""What the authorities worked out themselves: each of their examples, in our words and with their numbers.

IRS Publication 550 (the section on wash sales, all that concerns stock held long; the ledger knows no options and no
short sales), Treas. Reg. 1.1091-1(h) and 1.1091-2(a), Rev. Rul. 2008-5, 56-602, 70-231 and 66-7, IRS Publication 544.
"""

from datetime import date

import pytest

from engine.domain.plans import Term
from engine.tax.holding import long_term_on, term
from tests.engine.tax.figures import bases, caught_by, outcome


def test_pub_550_example_1_shares_bought_back_at_800_after_a_loss_of_250_cost_1050(story):
    """100 shares for 1,000 go for 750, and 100 are bought within 30 days for 800."""
    story.buy("2024-03-01", 100, 10)
    story.sell("2024-06-03", 100, "7.50")
    story.buy("2024-06-20", 100, 8)

    ledger = story.ledger()

    assert outcome(ledger.losses[0]) == (250, 0, 0)
    assert bases(ledger) == {"t3": 1050}


def test_pub_550_example_2_ten_shares_awarded_as_pay_are_replaced_by_the_next_award(story):
    """An award is income at its market price: an acquisition in a fully taxable trade."""
    story.buy("2023-06-01", 10, 40)
    story.sell("2024-05-20", 10, 33)
    story.buy("2024-06-03", 10, 35)

    ledger = story.ledger()

    assert outcome(ledger.losses[0]) == (70, 0, 0)
    assert bases(ledger) == {"t3": 420}


def test_pub_550_more_or_less_stock_bought_than_sold_75_of_100_shares_lose_750_of_1000(story):
    """Bought 100 for 5,000, 50 for 2,750 and 25 for 1,125; the first 100 go for 4,000 within 30 days of the others."""
    story.buy("2009-09-24", 100, 50)
    story.buy("2009-12-18", 50, 55)
    story.buy("2009-12-28", 25, 45)
    story.sell("2010-01-07", 100, 40)

    ledger = story.ledger()

    assert outcome(ledger.losses[0]) == (750, 0, 250)
    assert bases(ledger) == {"t2": 3250, "t3": 1375}


def test_pub_550_and_rev_rul_70_231_the_loss_of_one_block_does_not_reduce_the_gains_of_others_sold_that_day(story):
    """Blocks of 100 at 158, 100 and 95 a share go at 125; 250 are bought 17 days later. 33 a share are not deductible.

    The gains of 25 and 30 a share are taxed in full, and 100 of the 250 shares carry the loss.
    """
    story.buy("1967-03-01", 100, 158)
    story.buy("1967-06-01", 100, 100)
    story.buy("1967-09-01", 100, 95)
    story.sell("1969-12-22", 300, 125)
    story.buy("1970-01-08", 250, 120)

    ledger = story.ledger()

    assert [(loss.quantity, *outcome(loss)) for loss in ledger.losses] == [(100, 3300, 0, 0)]
    assert [piece.gain for piece in ledger.realised] == [0, 2500, 3000]
    assert bases(ledger) == {"t5": 250 * 120 + 3300}


@pytest.mark.parametrize(("account", "for_good", "basis"), [("joint", 0, 1000), ("ira", 300, 700), ("roth", 300, 700)])
def test_pub_550_a_purchase_by_the_spouse_or_for_an_ira_or_a_roth_ira_makes_it_a_wash_sale(
    story, account, for_good, basis
):
    story.buy("2023-01-03", 100, 10)
    story.sell("2024-06-03", 100, 7)
    story.buy("2024-06-10", 100, 7, account=account)

    ledger = story.ledger()

    assert outcome(ledger.losses[0]) == (300, for_good, 0)
    assert bases(ledger) == {"t3": basis}


@pytest.mark.parametrize(("groups", "disallowed"), [({}, 0), ({"X": "M", "XW": "M"}, 200)])
def test_pub_550_warrants_sold_at_a_loss_are_replaced_by_the_stock_only_where_the_two_are_substantially_identical(
    story, groups, disallowed
):
    story.groups = groups
    story.buy("2023-01-03", 100, 10, security="XW")
    story.sell("2024-06-03", 100, 8, security="XW")
    story.buy("2024-06-03", 100, 30)

    assert story.ledger().losses[0].disallowed == disallowed


def test_pub_550_a_holding_period_includes_that_of_the_shares_whose_loss_was_not_deductible(story):
    story.buy("2023-07-03", 100, 10)
    story.sell("2024-06-03", 100, 8)
    story.buy("2024-06-03", 100, 8)
    story.sell("2024-07-08", 100, 9)

    last = story.ledger().realised[-1]

    assert (last.gain, last.term) == (-100, Term.LONG)  # 900 - (800 + 200)


def test_reg_1_1091_1_h_example_1_a_second_purchase_two_weeks_after_the_first_takes_away_its_loss(story):
    """100 shares for 10,000, then 100 for 9,000; 33 days after the first purchase the first 100 go for 9,000."""
    story.buy("1954-12-01", 100, 100)
    story.buy("1954-12-15", 100, 90)
    story.sell("1955-01-03", 100, 90)

    ledger = story.ledger()

    assert outcome(ledger.losses[0]) == (1000, 0, 0)
    assert bases(ledger) == {"t2": 10_000}


def test_reg_1_1091_1_h_example_2_50_and_25_shares_bought_before_the_sale_catch_500_and_250_of_a_loss_of_1000(story):
    """100 shares cost 5,000; 50 bought for 2,750 and 25 for 1,125 in the month before all 100 go for 4,000."""
    story.buy("1954-09-21", 100, 50)
    story.buy("1954-12-21", 50, 55)
    story.buy("1954-12-27", 25, 45)
    story.sell("1955-01-03", 100, 40)

    ledger = story.ledger()

    assert outcome(ledger.losses[0]) == (750, 0, 250)
    assert caught_by(ledger.losses[0]) == [("t2", 50, 500), ("t3", 25, 250)]
    assert bases(ledger) == {"t2": 3250, "t3": 1375}


def test_reg_1_1091_1_h_example_3_of_four_purchases_the_first_two_replace_100_shares_and_go_on_with_their_time(story):
    """100 shares for 5,000 held from 1954-09-15 to 1956-02-01, when they go for 4,000; on each of 15 to 18 February 50
    are bought for 2,000."""
    story.buy("1954-09-15", 100, 50)
    story.sell("1956-02-01", 100, 40)
    for day in (15, 16, 17, 18):
        story.buy(f"1956-02-{day}", 50, 40)

    ledger = story.ledger()

    assert outcome(ledger.losses[0]) == (1000, 0, 0)
    assert caught_by(ledger.losses[0]) == [("t3", 50, 500), ("t4", 50, 500)]
    assert bases(ledger) == {"t3": 2500, "t4": 2500, "t5": 2000, "t6": 2000}
    starts = [lot.holding_start for lot in ledger.lots]
    assert starts == [date(1954, 9, 29), date(1954, 9, 30), None, None]  # 14 and 15 days in which nothing was held


@pytest.mark.parametrize(
    ("bought_back_at", "basis"),
    [
        pytest.param(90, 110, id="example 1: bought back 10 dearer than sold"),
        pytest.param(70, 90, id="example 2: bought back 10 cheaper than sold"),
    ],
)
def test_reg_1_1091_2_the_new_basis_is_the_old_one_moved_by_the_difference_of_the_two_prices(
    story, bought_back_at, basis
):
    story.buy("1935-06-03", 1, 100)
    story.sell("1955-01-15", 1, 80)
    story.buy("1955-02-01", 1, bought_back_at)

    ledger = story.ledger()

    assert outcome(ledger.losses[0]) == (20, 0, 0)
    assert bases(ledger) == {"t3": basis}


@pytest.mark.parametrize("registration", ["ira", "roth"])
def test_rev_rul_2008_5_a_purchase_by_the_ira_loses_the_400_for_good_and_leaves_its_basis_alone(story, registration):
    story.buy("2006-05-01", 100, 10)
    story.sell("2007-12-20", 100, 6)
    story.buy("2007-12-21", 100, "6.10", account=registration)

    ledger = story.ledger()

    assert outcome(ledger.losses[0]) == (400, 400, 0)
    assert caught_by(ledger.losses[0]) == [("t3", 100, 0)]
    assert bases(ledger) == {"t3": 610}
    assert ledger.lots[0].holding_start is None
    assert ledger.losses[0].matches[0].holding_start is None


def test_rev_rul_56_602_selling_part_of_one_purchase_at_once_reduces_a_holding_and_replaces_nothing(story):
    story.buy("2024-06-03", 200, 10)
    story.sell("2024-06-14", 100, 8)

    ledger = story.ledger()

    assert outcome(ledger.losses[0]) == (0, 0, 200)
    assert bases(ledger) == {"t1": 1000}


def test_rev_rul_66_7_bought_on_the_last_day_of_april_is_held_for_longer_only_from_the_first_of_a_month():
    """30 April 1963 was long enough on 1 November, not on 31 October, when six months were asked; a year ends alike."""
    assert long_term_on(date(1963, 4, 30)) == date(1964, 5, 1)
    assert term(date(1963, 4, 30), date(1964, 4, 30)) is Term.SHORT


def test_pub_544_bought_on_5_february_2008_is_short_term_on_5_february_2009_and_long_term_a_day_later():
    assert term(date(2008, 2, 5), date(2009, 2, 5)) is Term.SHORT
    assert term(date(2008, 2, 5), date(2009, 2, 6)) is Term.LONG
