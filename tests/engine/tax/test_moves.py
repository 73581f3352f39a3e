"""Shares that move between the household's accounts in rows that name no lot: their basis and past come along.

26 U.S.C. 1223(2); an account is no taxpayer, so nothing was sold and nothing bought. Figures worked by hand.
"""

from datetime import date
from decimal import Decimal as D

import pytest

from engine.tax.history import read_history


def moves(story):
    return dict(read_history(story.books(), as_of=date(2024, 12, 31)).moves)


def test_an_arrival_without_a_lot_continues_the_one_departure_that_fits(story):
    """10 bought at 100 are worth 1,000 of basis, and are held from the day of purchase, wherever they lie."""
    story.buy("2024-01-03", 10, 100)
    story.move_out("2024-06-03", 10)
    story.move_in("2024-06-05", 10)

    found = story.ledger()

    assert [(lot.account_id, lot.quantity, lot.basis, lot.acquired) for lot in found.lots] == [
        ("joint", D(10), D(1000), date(2024, 1, 3))
    ]
    assert found.departed == ()


def test_the_one_unexplained_lot_of_the_book_is_what_arrived_and_counts_once(story):
    story.buy("2024-01-03", 10, 100)
    story.move_out("2024-06-03", 10)
    story.move_in("2024-06-05", 10)
    story.holds("custodian-7", "2024-01-03", 10, 100, account="joint")

    assert [(lot.lot_id, lot.quantity, lot.basis) for lot in story.ledger().lots] == [("custodian-7", D(10), D(1000))]


def test_two_departures_that_fit_an_arrival_without_a_lot_leave_doubt_and_are_not_paired(story):
    story.buy("2024-01-03", 10, 100)
    story.buy("2024-02-05", 10, 90)
    story.move_out("2024-06-03", 10)
    story.move_out("2024-06-04", 10)
    story.move_in("2024-06-05", 10)

    assert moves(story) == {}


@pytest.mark.parametrize(
    "arrival",
    [
        {"on": "2024-07-04", "quantity": 10},  # 31 days on the way
        {"on": "2024-06-05", "quantity": 9},
        {"on": "2024-06-05", "quantity": 10, "account": "ira"},  # a contribution is no change of custodian
        {"on": "2024-06-05", "quantity": 10, "security": "Y"},
    ],
)
def test_another_time_number_registration_or_security_is_another_transfer(story, arrival):
    story.buy("2024-01-03", 10, 100)
    story.move_out("2024-06-03", 10)
    story.move_in(**arrival)

    assert moves(story) == {}


def test_shares_that_moved_without_a_lot_are_sold_with_their_own_basis(story):
    """10 bought at 100 moved and sold at 60: proceeds 600, basis 1,000, loss 400; nothing was bought in the window."""
    story.buy("2024-01-03", 10, 100)
    story.move_out("2024-06-03", 10)
    story.move_in("2024-06-05", 10)
    story.sell("2024-09-03", 10, 60, account="joint")

    (loss,) = story.ledger().losses
    assert (loss.basis, loss.loss, loss.disallowed) == (D(1000), D(400), D(0))


@pytest.mark.parametrize("posting", [["taxable"], ["joint"], ["ira"], ["taxable", "joint", "ira"]])
def test_shares_that_split_on_their_way_arrive_as_many_as_they_became_split_once(story, posting):
    """10 bought for 1,000 leave, split 2-for-1 and arrive as 20 worth the same 1,000, whoever posts the split."""
    story.buy("2024-01-03", 10, 100)
    story.move_out("2024-06-03", 10)
    for day, account in enumerate(posting, start=4):
        story.split(f"2024-06-0{day}", 2, account=account)
    story.move_in("2024-06-06", 20)

    found = story.ledger()

    assert [(lot.account_id, lot.quantity, lot.basis, lot.acquired) for lot in found.lots] == [
        ("joint", D(20), D(1000), date(2024, 1, 3))
    ]
    assert found.departed == ()


def test_shares_that_arrive_before_their_account_posts_the_split_are_split_by_its_row_and_once(story):
    """The old custodian splits on the 4th, the new one still counts 10 on the 5th and makes them 20 on the 7th."""
    story.buy("2024-01-03", 10, 100)
    story.move_out("2024-06-03", 10)
    story.split("2024-06-04", 2)
    story.move_in("2024-06-05", 10)
    story.split("2024-06-07", 2, account="joint")

    found = story.ledger()

    assert [(lot.account_id, lot.quantity, lot.basis) for lot in found.lots] == [("joint", D(20), D(1000))]


def test_as_many_shares_as_left_are_others_once_their_account_has_posted_the_split(story):
    story.buy("2024-01-03", 10, 100)
    story.move_out("2024-06-03", 10)
    story.split("2024-06-04", 2, account="joint")
    story.move_in("2024-06-05", 10)

    assert moves(story) == {}


@pytest.mark.parametrize(
    ("left", "ratios", "arrives"),
    [
        (10, ["2", "1.5"], 30),  # two splits on one way
        ("10.5", ["3"], "31.5"),
        (10, ["0.3333333333333333"], "3.333333333333"),  # shares have twelve decimals
        (30, ["0.1"], 3),
    ],
)
def test_every_split_on_the_way_counts(story, left, ratios, arrives):
    story.buy("2024-01-03", left, 100, lot="a")
    story.move_out("2024-06-03", left, lot="a")
    for day, ratio in enumerate(ratios, start=4):
        story.split(f"2024-06-0{day}", ratio)
    story.move_in("2024-06-10", arrives, lot="b")

    found = story.ledger()

    assert [(lot.account_id, lot.quantity, lot.basis) for lot in found.lots] == [
        ("joint", D(str(arrives)), D(str(left)) * 100)
    ]


@pytest.mark.parametrize(
    ("split_on", "arrival"),
    [
        ("2024-06-03", {"on": "2024-06-05", "quantity": 20}),  # those that left that day were split already
        ("2024-06-05", {"on": "2024-06-04", "quantity": 20}),  # not split yet
        ("2024-06-04", {"on": "2024-07-04", "quantity": 20}),  # 31 days on the way
        ("2024-06-04", {"on": "2024-06-05", "quantity": 21}),
    ],
)
def test_a_split_that_did_not_meet_the_shares_makes_no_move(story, split_on, arrival):
    story.buy("2024-01-03", 10, 100)
    story.move_out("2024-06-03", 10)
    story.split(split_on, 2)
    story.move_in(**arrival)

    assert moves(story) == {}


def test_a_split_of_another_security_does_not_count(story):
    story.buy("2024-01-03", 10, 100)
    story.move_out("2024-06-03", 10)
    story.split("2024-06-04", 2, security="Y")
    story.move_in("2024-06-05", 20)

    assert moves(story) == {}


def test_one_departure_as_it_was_and_one_after_its_split_leave_doubt(story):
    """10 that left before a 2-for-1 and 20 that left after it are both 20 now."""
    story.buy("2024-01-03", 10, 100)
    story.buy("2024-02-05", 10, 90)
    story.move_out("2024-06-03", 10)
    story.split("2024-06-04", 2)
    story.move_out("2024-06-04", 20)
    story.move_in("2024-06-05", 20)

    assert moves(story) == {}


def test_shares_that_split_on_their_way_catch_a_loss_share_by_share_in_today_s_shares(story):
    """20 bought at 60 are 40 at 30 after a 2-for-1 and sold at 20: 10 a share lost. The 20 on their way, bought for 400
    nine days before, take 200 of it and arrive with a basis of 600.
    """
    story.buy("2023-01-03", 20, 60, account="joint", lot="old")
    story.buy("2024-06-01", 10, 40, lot="new")
    story.move_out("2024-06-03", 10, lot="new")
    story.split("2024-06-04", 2, account="joint")
    story.sell("2024-06-10", 40, 20, account="joint", lot="old")
    story.move_in("2024-06-12", 20, lot="here")

    found = story.ledger()

    (loss,) = found.losses
    assert (loss.loss, loss.disallowed) == (D(400), D(200))
    assert [(lot.lot_id, lot.quantity, lot.basis) for lot in found.lots] == [("here", D(20), D(600))]
