"""Shares from outside the household, and losses around the turn of a year. Figures worked by hand."""

from datetime import date
from decimal import Decimal as D

import pytest

from engine.domain.plans import Term


@pytest.mark.parametrize(
    ("sold", "expected"),
    [
        ("2024-03-01", Term.SHORT),  # bought on 1 March 2023: a year counted from 2 March ends with 1 March (Rul. 66-7)
        ("2024-03-02", Term.LONG),
    ],
)
def test_shares_that_arrive_keep_the_day_of_acquisition_that_the_book_states(story, sold, expected):
    """26 U.S.C. 1223(2): 10 shares, basis 1,000 in all, came in December; 4 sold at 130 gain 520 - 400 = 120."""
    story.move_in("2023-12-01", 10, lot="a", basis=1000)
    story.sell(sold, 4, 130, account="joint", lot="a")
    story.holds("a", "2023-03-01", 6, 100, account="joint")

    found = story.ledger()

    (piece,) = found.realised
    assert (piece.gain, piece.term) == (D(120), expected)
    assert [(lot.quantity, lot.basis, lot.acquired) for lot in found.lots] == [(D(6), D(600), date(2023, 3, 1))]


def test_a_loss_of_december_is_disallowed_in_its_own_year_by_a_purchase_of_january(story):
    """10 bought at 100, sold at 70 on 20 December: loss 300. 4 bought on 19 January, the 30th day after: 120 are lost
    to the old year and 4 x 72 + 120 = 408 is the new basis; a purchase on 20 January catches nothing.
    """
    story.buy("2023-02-01", 10, 100, lot="a")
    story.sell("2023-12-20", 10, 70, lot="a")
    story.buy("2024-01-19", 4, 72, lot="b")
    story.buy("2024-01-20", 5, 72, lot="c")

    found = story.ledger()

    (loss,) = found.losses
    assert (loss.trade_date, loss.disallowed, loss.allowed) == (date(2023, 12, 20), D(120), D(180))
    assert [(lot.lot_id, lot.basis) for lot in found.lots] == [("b", D(408)), ("c", D(360))]
