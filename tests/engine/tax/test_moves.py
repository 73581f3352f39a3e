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
