"""The wash-sale ledger at the edges of the rule, worked by hand."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest

from engine.domain.errors import DataError
from engine.domain.plans import Term
from engine.tax.wash_sales import ledger
from tests.engine.tax.figures import bases, caught_by, outcome


@pytest.mark.parametrize(
    ("bought", "disallowed"),
    [
        ("2024-05-14", 0),  # 31 days before 14 June
        ("2024-05-15", 200),  # 30 days before
        ("2024-06-14", 200),  # the same day
        ("2024-07-14", 200),  # 30 days after
        ("2024-07-15", 0),  # 31 days after
    ],
)
def test_the_window_is_30_days_before_to_30_days_after_the_sale_and_no_day_more(story, bought, disallowed):
    story.buy("2023-01-03", 100, 10, lot="old")
    story.buy(bought, 100, 9)
    story.sell("2024-06-14", 100, 8, lot="old")

    assert story.ledger().losses[0].disallowed == disallowed


@pytest.mark.parametrize(
    ("sold", "last_day", "first_free_day"),
    [
        ("2024-01-31", "2024-03-01", "2024-03-02"),  # over a leap day
        ("2023-01-31", "2023-03-02", "2023-03-03"),
        ("2024-12-20", "2025-01-19", "2025-01-20"),  # over the turn of the year
    ],
)
def test_days_are_counted_on_the_calendar_over_leap_days_and_years(story, sold, last_day, first_free_day):
    story.buy("2022-01-03", 2, 10)
    story.sell(sold, 2, 8)
    story.buy(last_day, 1, 9)
    story.buy(first_free_day, 1, 9)

    assert caught_by(story.ledger().losses[0]) == [("t3", 1, 2)]


def test_a_sale_at_a_gain_or_at_cost_is_no_wash_sale(story):
    story.buy("2024-01-03", 100, 10)
    story.sell("2024-06-03", 50, 11)
    story.sell("2024-06-04", 50, 10)
    story.buy("2024-06-05", 100, 10)

    ledger = story.ledger()

    assert ledger.losses == ()
    assert [piece.gain for piece in ledger.realised] == [50, 0]
    assert bases(ledger) == {"t4": D(1000)}


def test_losses_and_gains_of_one_sale_are_apart(story):
    """FIFO sells 10 at cost 12 (loss 20) and 10 at cost 9 (gain 10): the loss is 20, not 10."""
    story.buy("2023-01-03", 10, 12)
    story.buy("2023-01-04", 10, 9)
    story.sell("2024-06-03", 20, 10)

    ledger = story.ledger()

    assert [(loss.quantity, loss.proceeds, loss.basis, loss.loss) for loss in ledger.losses] == [(10, 100, 120, 20)]
    assert [piece.gain for piece in ledger.realised] == [-20, 10]


def test_fewer_shares_bought_back_than_sold_leave_the_rest_of_the_loss_allowed(story):
    story.buy("2023-01-03", 100, 10)
    story.sell("2024-06-03", 100, 7)
    story.buy("2024-06-10", 30, 7)

    ledger = story.ledger()

    assert outcome(ledger.losses[0]) == (90, 0, 210)
    assert bases(ledger) == {"t3": D(300)}  # 210 paid and 90 disallowed


def test_more_shares_bought_back_than_sold_leave_a_lot_in_two_parts(story):
    """40 sold at a loss of 3 each; of the 100 bought ten days later 40 carry it and the old holding period."""
    story.buy("2023-01-03", 40, 10)
    story.sell("2024-06-03", 40, 7)
    story.buy("2024-06-13", 100, 7)

    lots = story.ledger().lots

    assert [(lot.lot_id, lot.quantity, lot.basis, lot.acquired, lot.holding_start) for lot in lots] == [
        ("t3", 40, 400, date(2024, 6, 13), date(2023, 1, 13)),
        ("t3", 60, 420, date(2024, 6, 13), None),
    ]


def test_the_earliest_sale_meets_the_earliest_replacement_share_by_share(story):
    """Sold 60 (loss 2 a share) and 60 (loss 3); bought 50, 50, 50: the first sale takes 50 + 10, the second 40 + 20."""
    story.buy("2023-01-03", 120, 10)
    story.sell("2024-06-03", 60, 8)
    story.sell("2024-06-04", 60, 7)
    for day in ("2024-06-10", "2024-06-11", "2024-06-12"):
        story.buy(day, 50, 7)

    ledger = story.ledger()

    assert [caught_by(loss) for loss in ledger.losses] == [
        [("t4", 50, 100), ("t5", 10, 20)],
        [("t5", 40, 120), ("t6", 20, 60)],
    ]
    assert bases(ledger) == {"t4": D(450), "t5": D(490), "t6": D(410)}


def test_losses_of_one_day_go_in_the_order_in_which_their_shares_were_acquired(story):
    """Reg. 1.1091-1(b): the row of the newer lot comes first in the file, and yet the older lot's loss is caught."""
    story.buy("2023-01-03", 10, 10, lot="old")
    story.buy("2023-02-01", 10, 12, lot="new")
    story.sell("2024-06-03", 10, 8, lot="new")
    story.sell("2024-06-03", 10, 8, lot="old")
    story.buy("2024-06-10", 10, 8)

    losses = {loss.transaction_id: loss for loss in story.ledger().losses}

    assert outcome(losses["t4"]) == (20, 0, 0)
    assert outcome(losses["t3"]) == (0, 0, 40)


def test_purchases_before_the_sale_are_used_up_before_those_after_it(story):
    story.buy("2023-01-03", 10, 10, lot="old")
    story.buy("2024-05-20", 4, 9)
    story.sell("2024-06-03", 10, 8, lot="old")
    story.buy("2024-06-10", 10, 8)

    assert caught_by(story.ledger().losses[0]) == [("t2", 4, 8), ("t4", 6, 12)]


def test_a_share_that_caught_one_loss_catches_no_other(story):
    """Reg. 1.1091-1(e): ten shares bought between two losing sales of ten serve the first of them only."""
    story.buy("2023-01-03", 20, 10, lot="old")
    story.sell("2024-06-03", 10, 8, lot="old")
    story.buy("2024-06-10", 10, 8)
    story.sell("2024-06-14", 10, 7, lot="old")

    assert [outcome(loss) for loss in story.ledger().losses] == [(20, 0, 0), (0, 0, 30)]


def test_reinvested_dividends_are_purchases(story):
    story.buy("2023-01-03", 100, 10)
    story.reinvest("2024-05-20", "1.25", 8)
    story.sell("2024-06-03", 100, 8)
    story.reinvest("2024-06-20", "1.5", 8)

    loss = story.ledger().losses[0]

    assert caught_by(loss) == [("t2", D("1.25"), D("2.5")), ("t4", D("1.5"), D(3))]
    assert outcome(loss) == (D("5.5"), 0, D("194.5"))


def test_the_whole_household_counts_and_a_sibling_account_takes_the_loss_into_its_basis(story):
    story.buy("2023-01-03", 100, 10)
    story.sell("2024-06-03", 100, 7)
    story.buy("2024-06-10", 100, 7, account="joint")

    ledger = story.ledger()

    assert outcome(ledger.losses[0]) == (300, 0, 0)
    assert [(lot.account_id, lot.basis) for lot in ledger.lots] == [("joint", 1000)]


def test_where_an_ira_buys_first_it_takes_the_loss_for_good_and_a_later_taxable_purchase_only_the_rest(story):
    story.buy("2023-01-03", 100, 10)
    story.sell("2024-06-03", 100, 7)
    story.reinvest("2024-06-04", 20, 7, account="ira")
    story.buy("2024-06-10", 100, 7)

    loss = story.ledger().losses[0]

    assert outcome(loss) == (300, 60, 0)
    assert caught_by(loss) == [("t3", 20, 0), ("t4", 80, 240)]


def test_a_loss_inside_an_ira_is_no_loss_and_washes_nothing(story):
    story.buy("2023-01-03", 100, 10, account="ira")
    story.sell("2024-06-03", 100, 7, account="ira")
    story.buy("2024-06-10", 100, 7)

    ledger = story.ledger()

    assert (ledger.losses, ledger.realised) == ((), ())
    assert bases(ledger) == {"t3": D(700)}


def test_one_identical_group_is_one_security_and_others_are_strangers(story):
    story.groups = {"GOOG": "alphabet", "GOOGL": "alphabet"}
    story.buy("2023-01-03", 10, 100, security="GOOG")
    story.sell("2024-06-03", 10, 80, security="GOOG")
    story.buy("2024-06-04", 10, 80, security="MSFT")
    story.buy("2024-06-10", 10, 80, security="GOOGL")

    ledger = story.ledger()

    assert caught_by(ledger.losses[0]) == [("t4", 10, 200)]
    assert bases(ledger) == {"t3": D(800), "t4": D(1000)}


def test_a_chain_of_wash_sales_carries_the_loss_on_until_nobody_buys_back(story):
    """Bought at 10, sold at 8 (-20), back at 9 (basis 110), sold at 7 (-40), back at 6 (100), sold at 5: -50 at last.

    Cash out 100 + 90 + 60, cash in 80 + 70 + 50: 50 lost in all.
    """
    story.buy("2024-01-02", 10, 10)
    story.sell("2024-02-01", 10, 8)
    story.buy("2024-02-12", 10, 9)
    story.sell("2024-03-04", 10, 7)
    story.buy("2024-03-14", 10, 6)
    story.sell("2024-06-03", 10, 5)

    ledger = story.ledger()

    assert [outcome(loss) for loss in ledger.losses] == [(20, 0, 0), (40, 0, 0), (0, 0, 50)]
    assert ledger.lots == ()


def test_the_tacked_time_of_a_chain_adds_up_and_turns_the_last_sale_long_term(story):
    """Held 2023-07-03 to 2024-02-01 (213 days), 11 days out, to 2024-03-04, 10 days out: the start is 2023-07-24."""
    story.buy("2023-07-03", 10, 10)
    story.sell("2024-02-01", 10, 8)
    story.buy("2024-02-12", 10, 9)
    story.sell("2024-03-04", 10, 7)
    story.buy("2024-03-14", 20, 6)

    first, second = story.ledger().lots
    story.sell("2024-07-25", 20, 7)
    last = [piece for piece in story.ledger().realised if piece.transaction_id == "t6"]

    assert (first.holding_start, second.holding_start) == (date(2023, 7, 24), None)
    assert [piece.term for piece in last] == [Term.LONG, Term.SHORT]


def test_a_replacement_bought_before_the_sale_goes_on_from_the_start_of_the_shares_sold(story):
    story.buy("2023-01-03", 10, 10, lot="old")
    story.buy("2024-05-20", 10, 9)
    story.sell("2024-06-03", 10, 8, lot="old")

    assert story.ledger().lots[0].holding_start == date(2023, 1, 3)


def test_a_replacement_held_for_longer_than_the_shares_sold_loses_none_of_its_own_time(story):
    """Bought on 20 May and 27 May; those of 27 May go at a loss on 3 June: the others have been held from 20 May."""
    story.buy("2024-05-20", 10, 9)
    story.buy("2024-05-27", 10, 10, lot="newer")
    story.sell("2024-06-03", 10, 8, lot="newer")

    ledger = story.ledger()

    assert outcome(ledger.losses[0]) == (20, 0, 0)
    assert ledger.lots[0].basis == 110
    assert (ledger.lots[0].holding_start or ledger.lots[0].acquired) == date(2024, 5, 20)


def test_shares_bought_in_the_window_and_sold_before_the_loss_have_no_basis_left_to_adjust(story):
    story.buy("2023-01-03", 10, 10, lot="old")
    story.buy("2024-05-20", 10, 9, lot="new")
    story.sell("2024-05-28", 10, 11, lot="new")
    story.sell("2024-06-03", 10, 8, lot="old")

    assert outcome(story.ledger().losses[0]) == (0, 0, 20)


def test_a_sale_of_everything_on_one_day_replaces_nothing(story):
    story.buy("2023-01-03", 10, 10, lot="old")
    story.buy("2024-05-20", 10, 9, lot="new")
    story.sell("2024-06-03", 10, 8, lot="old")
    story.sell("2024-06-03", 10, 8, lot="new")

    assert [outcome(loss) for loss in story.ledger().losses] == [(0, 0, 20), (0, 0, 10)]


def test_a_loss_whose_window_is_still_open_is_allowed_until_somebody_buys(story):
    story.buy("2023-01-03", 10, 10)
    story.sell("2024-06-03", 10, 8)
    story.buy("2024-06-10", 10, 8)

    assert outcome(story.ledger("2024-06-09").losses[0]) == (0, 0, 20)
    assert outcome(story.ledger("2024-06-10").losses[0]) == (20, 0, 0)


def test_books_of_two_households_or_of_none_are_refused(story):
    first, *others = story.books()
    stranger = replace(first, account=replace(first.account, household_id="J"))

    with pytest.raises(DataError, match="expected the accounts of one household, found H, J"):
        ledger([stranger, *others], as_of=date(2024, 6, 3), groups={})
    with pytest.raises(DataError, match="found none"):
        ledger([], as_of=date(2024, 6, 3), groups={})
