"""Books read as one timeline: what no row bought, and what does not add up, in shares worked by hand."""

from datetime import date
from decimal import Decimal as D

import pytest

from engine.tax.history import read_history

PLACE = ("taxable", "X")


def history(story):
    return read_history(story.books(), as_of=date(2024, 12, 31))


def test_a_book_that_shows_what_its_rows_left_adds_up(story):
    story.buy("2024-01-03", 10, 100, lot="a")
    story.sell("2024-06-03", 4, 110, lot="a")
    story.holds("a", "2024-01-03", 6, 100)

    assert dict(history(story).imbalance) == {}


@pytest.mark.parametrize(("shown", "excess"), [(7, 1), ("5.5", "-0.5")])
def test_a_book_with_more_or_fewer_shares_than_its_rows_left_is_out_by_the_difference(story, shown, excess):
    story.buy("2024-01-03", 10, 100, lot="a")
    story.sell("2024-06-03", 4, 110, lot="a")
    story.holds("a", "2024-01-03", shown, 100)

    assert dict(history(story).imbalance) == {PLACE: D(excess)}


def test_a_bought_lot_that_is_not_in_the_book_is_missing(story):
    story.buy("2024-01-03", 10, 100, lot="a")

    assert dict(history(story).imbalance) == {PLACE: D(-10)}


def test_less_than_a_thousandth_of_a_share_is_rounding(story):
    story.buy("2024-01-03", "10.0004", 100, lot="a")
    story.holds("a", "2024-01-03", 10, 100)

    assert dict(history(story).imbalance) == {}


def test_a_split_of_which_the_book_knows_nothing_shows_in_todays_shares(story):
    story.buy("2024-01-03", 10, 100, lot="a")
    story.split("2024-06-03", 3)
    story.holds("a", "2024-01-03", 10, 100)

    assert dict(history(story).imbalance) == {PLACE: D(-20)}


def test_what_a_sale_without_a_lot_took_from_before_the_history_is_unseen_and_no_imbalance(story):
    story.buy("2024-01-03", 10, 100, lot="a")
    story.sell("2024-06-03", 15, 110, basis=1500)
    story.holds("a", "2024-01-03", 10, 100)

    assert dict(history(story).unseen) == {PLACE: D(15)}
    assert dict(history(story).imbalance) == {}


def test_lots_that_no_row_made_are_older_than_the_history_and_prove_nothing(story):
    story.holds("old", "2019-01-03", 10, 100)

    assert [lot.lot_id for lot in history(story).opening] == ["old"]
    assert dict(history(story).imbalance) == {}


def test_a_purchase_without_a_lot_made_the_lot_of_its_day(story):
    story.buy("2024-01-03", 10, 100)
    story.holds("custodian-7", "2024-01-03", 10, 100)

    assert dict(history(story).made) == {"t1": "custodian-7"}
    assert history(story).opening == ()


def test_a_purchase_without_a_lot_leaves_alone_the_lot_that_another_purchase_of_its_day_names(story):
    story.buy("2024-01-03", 10, 100)
    story.buy("2024-01-03", 5, 100, lot="named")
    story.holds("named", "2024-01-03", 5, 100)
    story.holds("custodian-7", "2024-01-03", 10, 100)

    assert dict(history(story).made) == {"t1": "custodian-7", "t2": "named"}


def test_a_lot_that_a_sale_names_may_still_be_the_one_that_a_nameless_purchase_made(story):
    story.buy("2024-01-03", 10, 100)
    story.sell("2024-06-03", 4, 110, lot="custodian-7")
    story.holds("custodian-7", "2024-01-03", 6, 100)

    assert dict(history(story).made) == {"t1": "custodian-7"}
    assert dict(history(story).imbalance) == {}


def test_unseen_shares_are_counted_in_shares_of_the_first_day(story):
    """12 bought, split 2-for-1 and all 24 still there: the 6 sold after the split were 3 on the first day."""
    story.buy("2024-01-03", 12, 100, lot="a")
    story.split("2024-05-06", 2)
    story.sell("2024-06-03", 6, 55, basis=300)
    story.holds("a", "2024-01-03", 24, 50)

    assert dict(history(story).unseen) == {PLACE: D(3)}


def test_a_transfer_out_and_in_of_the_same_shares_within_30_days_is_one_move(story):
    story.buy("2024-01-03", 10, 100, lot="a")
    story.move_out("2024-06-03", 10, lot="a")
    story.move_in("2024-07-03", 10, lot="b")

    assert dict(history(story).moves) == {"t3": "t2"}


@pytest.mark.parametrize(
    "arrival",
    [
        {"on": "2024-07-04", "quantity": 10},  # 31 days on the way
        {"on": "2024-06-05", "quantity": 9},
        {"on": "2024-06-05", "quantity": 10, "account": "taxable"},
        {"on": "2024-06-05", "quantity": 10, "account": "ira"},  # a contribution is no change of custodian
        {"on": "2024-06-05", "quantity": 10, "security": "Y"},
    ],
)
def test_another_time_number_registration_or_security_is_another_transfer(story, arrival):
    story.buy("2024-01-03", 10, 100, lot="a")
    story.move_out("2024-06-03", 10, lot="a")
    story.move_in(**arrival, lot="b")

    assert dict(history(story).moves) == {}
