"""Splits, transfers, gifts and lots older than the history, by hand, in the household's day-by-day replay."""

from datetime import date
from decimal import Decimal as D

import pytest

from engine.domain.errors import DataError
from engine.domain.plans import Term


def left(ledger) -> list[tuple[str, str, D, D]]:
    return [(lot.account_id, lot.lot_id, lot.quantity, lot.basis) for lot in ledger.lots]


def caught_by(loss) -> list[tuple[str, str, D, D]]:
    return [(m.transaction_id, m.account_id, m.quantity, m.basis_increase) for m in loss.matches]


def test_a_split_multiplies_shares_and_leaves_basis_and_dates_alone(story):
    story.buy("2023-01-03", 10, 90)
    story.split("2024-06-03", 3)
    story.sell("2024-06-04", 12, 35)

    ledger = story.ledger()

    assert left(ledger) == [("taxable", "t1", 18, 540)]
    assert ledger.lots[0].acquired == date(2023, 1, 3)
    assert ledger.realised[0].gain == 60  # 12 x 35 - 12 x 30


def test_shares_sold_before_a_split_are_replaced_by_twice_as_many_bought_after_it(story):
    """10 sold at a loss of 20 each; a 2-for-1 makes them 20: of 15 bought back 15 carry 10 each, 5 stay allowed."""
    story.buy("2023-01-03", 11, 100)
    story.sell("2024-06-03", 10, 80)
    story.split("2024-06-10", 2)
    story.buy("2024-06-17", 15, 40)

    ledger = story.ledger()

    assert (ledger.losses[0].quantity, ledger.losses[0].disallowed, ledger.losses[0].allowed) == (10, 150, 50)
    assert caught_by(ledger.losses[0]) == [("t4", "taxable", 15, 150)]
    assert left(ledger) == [("taxable", "t1", 2, 100), ("taxable", "t4", 15, 750)]


def test_shares_bought_before_a_split_replace_with_as_many_as_they_are_on_the_day_of_the_sale(story):
    story.buy("2023-01-03", 20, 100, lot="old")
    story.buy("2024-05-20", 4, 90)
    story.split("2024-05-27", 2)
    story.sell("2024-06-03", 40, 45, lot="old")

    ledger = story.ledger()

    assert caught_by(ledger.losses[0]) == [("t2", "taxable", 8, 40)]  # 8 of 40 shares at a loss of 5
    assert left(ledger) == [("taxable", "t2", 8, 400)]


def test_a_split_known_only_from_a_sibling_account_still_reaches_a_loss_whose_account_is_empty(story):
    story.buy("2023-01-03", 10, 100)
    story.buy("2023-01-03", 5, 100, account="joint")
    story.sell("2024-06-03", 10, 80)
    story.split("2024-06-10", 2, account="joint")
    story.buy("2024-06-17", 20, 40)

    assert story.ledger().losses[0].disallowed == 200


def test_one_split_posted_by_two_custodians_some_days_apart_is_one_split(story):
    story.buy("2023-01-03", 11, 100)
    story.buy("2023-01-03", 5, 100, account="joint")
    story.sell("2024-06-03", 10, 80)
    story.split("2024-06-10", 2)
    story.split("2024-06-12", 2, account="joint")
    story.buy("2024-06-17", 10, 40)

    ledger = story.ledger()

    assert (ledger.losses[0].disallowed, ledger.losses[0].allowed) == (100, 100)
    assert left(ledger)[0] == ("joint", "t2", 10, 500)


@pytest.mark.parametrize(("second", "disallowed"), [("2024-06-17", 200), ("2024-06-18", 100)])
def test_rows_of_one_ratio_are_one_split_within_a_week_and_two_beyond(story, second, disallowed):
    """10 sold at a loss of 20 each; 20 bought back: after one 2-for-1 all that was sold, after two one half of it."""
    story.buy("2023-01-03", 11, 100)
    story.buy("2023-01-03", 5, 100, account="joint")
    story.sell("2024-06-03", 10, 80)
    story.split("2024-06-10", 2)
    story.split(second, 2, account="joint")
    story.buy("2024-06-20", 20, 40)

    assert story.ledger().losses[0].disallowed == disallowed


def test_a_split_of_one_security_leaves_the_open_loss_of_its_twin_alone(story):
    story.groups = {"GOOG": "alphabet", "GOOGL": "alphabet"}
    story.buy("2023-01-03", 10, 100, security="GOOG")
    story.buy("2023-01-03", 10, 100, security="GOOGL")
    story.sell("2024-06-03", 10, 80, security="GOOG")
    story.split("2024-06-10", 2, security="GOOGL")
    story.buy("2024-06-17", 10, 80, security="GOOG")

    assert story.ledger().losses[0].disallowed == 200


def test_shares_on_their_way_split_too(story):
    story.buy("2023-01-03", 20, 100, lot="a")
    story.move_out("2024-06-03", 10, lot="a")
    story.split("2024-06-04", 2)

    ledger = story.ledger()

    assert [(lot.quantity, lot.basis) for lot in ledger.departed] == [(20, 1000)]
    assert left(ledger) == [("taxable", "a", 20, 1000)]


def test_two_splits_months_apart_are_two(story):
    story.buy("2023-01-03", 10, 120)
    story.split("2024-01-08", 2)
    story.split("2024-06-10", 2)

    assert left(story.ledger()) == [("taxable", "t1", 40, 1200)]


def test_a_reverse_split_leaves_no_dust_and_the_lot_can_be_sold_to_the_last_share(story):
    story.buy("2023-01-03", 10, 6)
    story.split("2024-01-08", "0.333333333333333333")
    story.sell("2024-06-03", "3.333333333333", 30)

    ledger = story.ledger()

    assert ledger.lots == ()
    assert sum(piece.basis for piece in ledger.realised) == 60


def test_a_split_on_the_day_of_a_trade_comes_before_it_whatever_the_order_of_the_rows(story):
    story.buy("2023-01-03", 10, 100)
    story.sell("2024-06-03", 20, 55)
    story.split("2024-06-03", 2)

    ledger = story.ledger()

    assert ledger.lots == ()
    assert ledger.realised[0].gain == 100


def test_a_move_between_two_accounts_is_neither_sale_nor_purchase(story):
    story.buy("2023-01-03", 10, 100, lot="a")
    story.move_out("2024-06-03", 10, lot="a")
    story.move_in("2024-06-05", 10, lot="b")

    ledger = story.ledger()

    assert (ledger.realised, ledger.departed) == ((), ())
    assert left(ledger) == [("joint", "b", 10, 1000)]
    assert ledger.lots[0].acquired == date(2023, 1, 3)


def test_shares_that_moved_replace_what_they_could_have_replaced_at_home(story):
    """Bought on 20 May, moved on 28 May, and sold elsewhere at a loss on 3 June: caught in the account they are in."""
    story.buy("2023-01-03", 10, 100, lot="old")
    story.buy("2024-05-20", 10, 90, lot="new")
    story.move_out("2024-05-28", 10, lot="new")
    story.move_in("2024-05-29", 10, lot="moved")
    story.sell("2024-06-03", 10, 80, lot="old")

    ledger = story.ledger()

    assert caught_by(ledger.losses[0]) == [("t2", "joint", 10, 200)]
    assert left(ledger) == [("joint", "moved", 10, 1100)]


def test_shares_that_moved_in_this_month_but_were_bought_long_ago_replace_nothing(story):
    story.buy("2023-01-03", 20, 100, lot="old")
    story.move_out("2024-05-28", 10, lot="old")
    story.move_in("2024-05-29", 10, lot="moved")
    story.sell("2024-06-03", 10, 80, lot="old")

    assert story.ledger().losses[0].disallowed == 0


def test_shares_still_on_their_way_are_the_households_and_catch_its_losses(story):
    story.buy("2023-01-03", 10, 100, lot="old")
    story.buy("2024-05-20", 10, 90, lot="new")
    story.move_out("2024-06-01", 10, lot="new")
    story.sell("2024-06-03", 10, 80, lot="old")

    ledger = story.ledger()

    assert ledger.losses[0].disallowed == 200
    assert [(lot.lot_id, lot.basis) for lot in ledger.departed] == [("new", 1100)]


def test_shares_of_another_security_on_their_way_neither_catch_nor_split_with_this_one(story):
    story.buy("2023-01-03", 10, 100, lot="old")
    story.buy("2024-05-20", 10, 90, lot="other", security="Y")
    story.move_out("2024-06-01", 10, lot="other", security="Y")
    story.sell("2024-06-03", 10, 80, lot="old")
    story.buy("2024-06-04", 1, 80)
    story.split("2024-06-05", 2)

    ledger = story.ledger()

    assert caught_by(ledger.losses[0]) == [("t5", "taxable", 1, 20)]
    assert [(lot.lot_id, lot.quantity, lot.basis) for lot in ledger.departed] == [("other", 10, 900)]


def test_shares_of_one_purchase_catch_in_both_accounts_that_they_lie_in(story):
    story.buy("2023-01-03", 10, 100, lot="old")
    story.buy("2024-05-20", 10, 90, lot="new")
    story.move_out("2024-05-28", 4, lot="new")
    story.move_in("2024-05-29", 4, lot="moved")
    story.sell("2024-06-03", 10, 80, lot="old")

    ledger = story.ledger()

    assert sorted(caught_by(ledger.losses[0])) == [("t2", "joint", 4, 80), ("t2", "taxable", 6, 120)]
    assert left(ledger) == [("joint", "moved", 4, 440), ("taxable", "new", 6, 660)]


def test_a_transfer_from_outside_brings_the_stated_basis_and_is_no_purchase(story):
    story.buy("2023-01-03", 10, 100, lot="old")
    story.move_in("2024-05-29", 10, lot="gift-from-aunt", basis=700)
    story.sell("2024-06-03", 10, 80, lot="old")

    ledger = story.ledger()

    assert ledger.losses[0].disallowed == 0
    assert left(ledger) == [("joint", "gift-from-aunt", 10, 700)]
    assert ledger.lots[0].acquired is None


def test_shares_given_away_leave_with_their_basis_and_realise_nothing(story):
    story.buy("2023-01-03", 10, 100, lot="a")
    story.give("2024-06-03", 4, lot="a")

    ledger = story.ledger()

    assert ledger.realised == ()
    assert [(lot.quantity, lot.basis) for lot in ledger.departed] == [(4, 400)]
    assert left(ledger) == [("taxable", "a", 6, 600)]


def test_shares_given_away_on_the_day_of_the_sale_replace_nothing(story):
    story.buy("2023-01-03", 10, 100, lot="old")
    story.buy("2024-05-20", 10, 90, lot="new")
    story.give("2024-06-03", 10, lot="new")
    story.sell("2024-06-03", 10, 80, lot="old")

    assert story.ledger().losses[0].disallowed == 0


def test_a_lot_older_than_the_history_keeps_what_its_book_states(story):
    story.holds("old", "2019-03-01", 10, 50, wash=30, start="2018-11-20")

    lot = story.ledger().lots[0]

    assert (lot.basis, lot.acquired, lot.holding_start) == (530, date(2019, 3, 1), date(2018, 11, 20))


def test_a_lot_that_the_book_shows_and_no_row_bought_counts_as_bought_on_its_day(story):
    """The history of a second custodian begins late; its open lot was bought ten days after the loss."""
    story.buy("2023-01-03", 10, 100)
    story.sell("2024-06-03", 10, 80)
    story.holds("seen-only", "2024-06-13", 10, 75, account="joint")

    ledger = story.ledger()

    assert caught_by(ledger.losses[0]) == [("seen-only", "joint", 10, 200)]
    assert left(ledger) == [("joint", "seen-only", 10, 950)]


def test_a_lot_that_carries_a_wash_sale_of_its_custodian_catches_no_second_loss(story):
    story.buy("2023-01-03", 10, 100)
    story.sell("2024-06-03", 10, 80)
    story.holds("adjusted", "2024-06-13", 10, 75, account="joint", wash=200, start="2023-01-13")

    assert story.ledger().losses[0].disallowed == 0


def test_the_sale_of_a_lot_older_than_the_history_takes_the_basis_of_its_row(story):
    story.sell("2024-06-03", 10, 80, lot="ancient", basis=1000)
    story.buy("2024-06-10", 4, 80)

    ledger = story.ledger()

    assert (ledger.losses[0].loss, ledger.losses[0].disallowed) == (200, 80)
    assert ledger.realised[0].term is None
    assert left(ledger) == [("taxable", "t2", 4, 400)]
    assert ledger.lots[0].holding_start is None  # nobody told how long the shares sold had been held


def test_the_sale_of_part_of_an_older_lot_takes_basis_and_date_of_the_rest(story):
    story.holds("old", "2019-03-01", 30, 50)
    story.sell("2024-06-03", 10, 45, lot="old")

    ledger = story.ledger()

    assert (ledger.losses[0].basis, ledger.losses[0].loss) == (500, 50)
    assert ledger.realised[0].term is Term.LONG
    assert left(ledger) == [("taxable", "old", 30, 1500)]


def test_an_older_lot_that_split_since_its_sale_had_half_the_shares_at_twice_the_basis(story):
    story.holds("old", "2019-03-01", 60, 25)
    story.sell("2024-06-03", 10, 45, lot="old")
    story.split("2024-06-10", 2)

    ledger = story.ledger()

    assert ledger.losses[0].loss == 50
    assert left(ledger) == [("taxable", "old", 60, 1500)]


def test_an_older_lot_sold_between_two_splits_knows_only_the_later_one(story):
    """60 shares at 25 today; before the second split they were 20 at 75: 10 sold at 45 lose 30 each."""
    story.holds("old", "2019-03-01", 60, 25)
    story.split("2024-01-08", 2)
    story.sell("2024-06-03", 10, 45, lot="old")
    story.split("2024-06-10", 3)

    assert story.ledger().losses[0].loss == 300


def test_an_older_lot_bought_between_two_splits_catches_with_the_shares_it_was_on_that_day(story):
    """6 shares today were 2 on their day: they catch 2 of the 10 sold a week before."""
    story.buy("2023-01-03", 11, 100)
    story.split("2024-01-08", 2)
    story.sell("2024-06-03", 20, 40)
    story.holds("seen-only", "2024-06-10", 6, 14)
    story.split("2024-08-05", 3)

    ledger = story.ledger()

    assert caught_by(ledger.losses[0]) == [("seen-only", "taxable", 2, 20)]
    assert left(ledger) == [("taxable", "t1", 6, 100), ("taxable", "seen-only", 6, 104)]


def test_a_transfer_in_that_names_no_lot_leaves_it_to_the_book_to_say_what_came(story):
    story.move_in("2024-06-03", 10, account="taxable", basis=700)
    story.holds("came", "2022-05-02", 10, 55)

    assert left(story.ledger()) == [("taxable", "came", 10, 550)]


def test_a_taxable_sale_whose_basis_is_nowhere_is_an_error_that_names_it(story):
    story.sell("2024-06-03", 10, 80)

    with pytest.raises(DataError, match=r"transaction t1 of account taxable: sells 10 shares of X .* column basis"):
        story.ledger()


def test_a_sale_in_an_ira_needs_no_basis(story):
    story.sell("2024-06-03", 10, 80, account="ira")

    assert story.ledger().realised == ()


def test_a_sale_without_a_lot_takes_first_what_the_book_had_before_the_history_then_the_oldest_purchase(story):
    """The book still shows 5 of the 10 bought: 15 sold are 10 from before the history, at their row's basis, and 5."""
    story.buy("2024-01-03", 10, 100, lot="new")
    story.sell("2024-06-03", 15, 110, basis=1500)
    story.holds("new", "2024-01-03", 5, 100)

    ledger = story.ledger()

    assert [(piece.quantity, piece.basis) for piece in ledger.realised] == [(10, 1000), (5, 500)]
    assert left(ledger) == [("taxable", "new", 5, 500)]


def test_shares_from_before_the_history_are_taken_once(story):
    """15 older shares go at 100 a share in two sales of 10; the second one finds 5 of them, and 5 of the purchase."""
    story.buy("2024-01-03", 10, 90, lot="new")
    story.sell("2024-06-03", 10, 110, basis=1000)
    story.sell("2024-06-04", 10, 110, basis=1000)
    story.holds("new", "2024-01-03", 5, 90)

    ledger = story.ledger()

    assert [(piece.quantity, piece.basis) for piece in ledger.realised] == [(10, 1000), (5, 500), (5, 450)]
    assert left(ledger) == [("taxable", "new", 5, 450)]


def test_shares_from_before_the_history_that_split_between_two_sales_are_taken_once(story):
    """Of 15 older shares 10 go before a 2-for-1; the other 5 are the first 10 of the 16 sold after it."""
    story.buy("2024-01-03", 10, 90, lot="new")
    story.sell("2024-06-03", 10, 110, basis=1000)
    story.split("2024-06-10", 2)
    story.sell("2024-06-17", 16, 55, basis=800)
    story.holds("new", "2024-01-03", 14, 45)

    ledger = story.ledger()

    assert [(piece.quantity, piece.basis) for piece in ledger.realised] == [(10, 1000), (10, 500), (6, 270)]
    assert left(ledger) == [("taxable", "new", 14, 630)]


def test_within_a_day_shares_come_before_they_go_whatever_the_order_of_the_rows(story):
    """All on one day, written last to first: bought, moved to the joint account, sold there."""
    story.sell("2024-06-03", 20, 60, account="joint", lot="b")
    story.move_in("2024-06-03", 20, lot="b")
    story.move_out("2024-06-03", 20, lot="a")
    story.buy("2024-06-03", 20, 50, lot="a")

    ledger = story.ledger()

    assert (ledger.lots, ledger.departed) == ((), ())
    assert [(piece.account_id, piece.gain) for piece in ledger.realised] == [("joint", 200)]


def test_rows_after_the_day_of_the_ledger_do_not_exist_yet(story):
    story.buy("2024-01-03", 10, 100)
    story.sell("2024-06-03", 10, 80)

    assert left(story.ledger("2024-06-02")) == [("taxable", "t1", 10, 1000)]
    assert left(story.ledger("2024-06-03")) == []


def test_a_sale_without_a_lot_is_first_in_first_out_by_the_day_of_acquisition_not_by_tacked_time(story):
    """The shares of June go on from 2022 by a wash sale, and yet those of January 2024 are the older ones."""
    story.buy("2022-03-01", 10, 100, lot="gone")
    story.buy("2024-01-03", 10, 90, lot="january")
    story.sell("2024-06-03", 10, 80, lot="gone")
    story.buy("2024-06-10", 10, 80, lot="june")
    story.sell("2024-09-03", 10, 95)

    ledger = story.ledger()

    assert ledger.realised[-1].lot_id == "january"
    assert left(ledger) == [("taxable", "june", 10, 1000)]
