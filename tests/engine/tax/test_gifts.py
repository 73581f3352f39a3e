"""Shares received as a gift: two bases, two holding periods, no purchase. Figures of the IRS, or worked by hand."""

from datetime import date
from decimal import Decimal as D

import pytest

from engine.domain.accounts import Lot
from engine.domain.plans import Term
from engine.tax.gifts import basis_at, held_from_at

# 100 shares that the donor bought for 10,000 and that were worth 8,000 on the day of the gift: the amounts of the
# example in IRS Pub. 551, "Property Received as a Gift" (there an acre of land).
GIVEN = {"lot": "g", "basis": 10_000, "gift": (80, "2024-06-03")}
PUB_551 = [
    (120, 2_000),  # more than the donor's basis: a gain of 2,000
    (70, -1_000),  # less than the value of that day: a loss of 1,000
    (90, 0),  # between the two: neither
    (100, 0),
    (80, 0),
]


@pytest.mark.parametrize(("price", "gain"), PUB_551)
def test_pub_551_a_gift_worth_less_than_its_donor_s_basis(story, price, gain):
    story.move_in("2024-06-03", 100, **GIVEN)
    story.sell("2024-09-03", 100, price, account="joint", lot="g")

    (piece,) = story.ledger().realised

    assert (piece.gain, piece.proceeds) == (D(gain), D(100 * price))


def test_treas_reg_1_1015_1_a_2_sold_between_value_and_basis_there_is_neither_gain_nor_loss(story):
    """Adjusted basis 100,000, value on the day of the gift 90,000, sold for 95,000."""
    story.move_in("2024-06-03", 1000, lot="g", basis=100_000, gift=(90, "2024-06-03"))
    story.sell("2024-09-03", 1000, 95, account="joint", lot="g")

    found = story.ledger()

    assert ([piece.gain for piece in found.realised], found.losses) == ([D(0)], ())


@pytest.mark.parametrize(("price", "gain"), [(120, 2_000), (90, -1_000), (70, -3_000)])
@pytest.mark.parametrize("worth", [100, 130])
def test_a_gift_worth_its_donor_s_basis_or_more_keeps_that_basis_both_ways(story, worth, price, gain):
    story.move_in("2024-06-03", 100, lot="g", basis=10_000, gift=(worth, "2024-06-03"))
    story.sell("2024-09-03", 100, price, account="joint", lot="g")

    (piece,) = story.ledger().realised

    assert piece.gain == D(gain)


# The donor bought on 10 January 2023; the gift is of 3 June 2024, and 4 June 2024 is the first day that counts as held.
@pytest.mark.parametrize(
    ("sold", "price", "expected"),
    [
        ("2024-09-03", 120, Term.LONG),  # a gain: held since the donor bought
        ("2024-09-03", 70, Term.SHORT),  # a loss: held since the gift
        ("2025-06-03", 70, Term.SHORT),
        ("2025-06-04", 70, Term.LONG),
        ("2024-09-03", 90, Term.LONG),
    ],
)
def test_the_donor_s_time_counts_with_the_donor_s_basis_and_the_gift_s_day_with_its_value(story, sold, price, expected):
    """26 U.S.C. 1223(2) and IRS Pub. 544. The book still shows one share, and by it since when they were held."""
    story.move_in("2024-06-03", 100, **GIVEN)
    story.sell(sold, 99, price, account="joint", lot="g")
    story.holds("g", "2023-01-10", 1, 100, account="joint", gift=(80, "2024-06-03"))

    (piece,) = story.ledger().realised

    assert piece.term is expected


def test_of_a_gift_worth_its_donor_s_basis_the_donor_s_time_counts_for_a_loss_too(story):
    story.move_in("2024-06-03", 100, lot="g", basis=10_000, gift=(100, "2024-06-03"))
    story.sell("2024-09-03", 99, 70, account="joint", lot="g")
    story.holds("g", "2023-01-10", 1, 100, account="joint", gift=(100, "2024-06-03"))

    (piece,) = story.ledger().realised

    assert piece.term is Term.LONG


def test_a_wash_sale_takes_the_loss_against_the_value_of_the_gift_and_adds_the_time_since_it(story):
    """100 given at 80 and sold at 70: 1,000 lost, not 3,000. 40 bought 10 days later take 400: 40 x 72 + 400 = 3,280.

    They count as held since 13 June 2024: from the day of the gift to the sale, and again from the purchase.
    """
    story.move_in("2024-06-03", 100, **GIVEN)
    story.sell("2024-09-03", 100, 70, account="joint", lot="g")
    story.buy("2024-09-13", 40, 72, lot="new")

    found = story.ledger()

    (loss,) = found.losses
    assert (loss.basis, loss.loss, loss.disallowed, loss.allowed) == (D(8_000), D(1_000), D(400), D(600))
    assert [(lot.basis, lot.holding_start) for lot in found.lots] == [(D(3_280), date(2024, 6, 13))]


def test_shares_given_are_no_purchase_and_catch_no_loss(story):
    """26 U.S.C. 1091(a) asks for a purchase or a taxable exchange; a lot that no row tells of is a gift."""
    story.buy("2024-01-03", 10, 100, lot="old")
    story.sell("2024-06-03", 10, 60, lot="old")
    story.holds("g", "2024-06-01", 10, 90, account="joint", gift=(65, "2024-06-10"))

    found = story.ledger()

    (loss,) = found.losses
    assert (loss.loss, loss.disallowed) == (D(400), D(0))
    assert story.locks("2024-06-12") == {("X", "no_buy", "t2"): "2024-07-04"}


def test_part_of_a_gift_has_its_part_of_both_bases_after_a_move_and_a_split(story):
    """100 given, basis 10,000, worth 8,000; 40 move and split 2-for-1: 80 for 4,000 or 3,200, which is 40 a share."""
    story.move_in("2024-06-03", 100, account="taxable", **GIVEN)
    story.move_out("2024-06-10", 40, lot="g")
    story.split("2024-06-11", 2)
    story.move_in("2024-06-12", 80, lot="h")
    story.sell("2024-09-03", 10, 35, account="joint", lot="h")

    found = story.ledger()

    (loss,) = found.losses
    assert (loss.basis, loss.loss) == (D(400), D(50))
    assert [(lot.lot_id, lot.quantity, lot.basis, lot.gift_value, lot.gift_date) for lot in found.lots] == [
        ("h", D(70), D(3_500), D(2_800), date(2024, 6, 3)),
        ("g", D(120), D(6_000), D(4_800), date(2024, 6, 3)),
    ]


def test_the_lot_of_the_book_tells_of_a_gift_where_the_transfer_does_not_and_counts_in_shares_of_today(story):
    """100 came for 10,000; after a 2-for-1 the book says 40 a share on the day of the gift, which was 80 then."""
    story.move_in("2024-06-03", 100, lot="g", basis=10_000)
    story.sell("2024-07-01", 50, 70, account="joint", lot="g")
    story.split("2024-08-01", 2, account="joint")
    story.holds("g", "2023-01-10", 100, 50, account="joint", gift=(40, "2024-06-03"))

    (loss,) = story.ledger().losses

    assert (loss.basis, loss.loss) == (D(4_000), D(500))


def test_a_sale_that_states_the_donor_s_basis_loses_against_the_value_of_the_gift(story):
    """Of a lot that no row brought 100 were sold at 70 and 1 is left: the row says 10,000, the book 80 a share."""
    story.sell("2024-09-03", 100, 70, account="joint", lot="g", basis=10_000)
    story.holds("g", "2023-01-10", 1, 100, account="joint", gift=(80, "2024-06-03"))

    found = story.ledger()

    assert [(piece.gain, piece.term) for piece in found.realised] == [(D(-1_000), Term.SHORT)]


def lot(**more) -> Lot:
    """10 shares, the donor's for 100 each, worth 80 each on the day of the gift."""
    known = {"account_id": "A", "lot_id": "g", "security_id": "X", "quantity": D(10), "cost_per_share": D(100)}
    given = {"acquired": date(2023, 1, 10), "gift_price": D(80), "gift_date": date(2024, 6, 3)}
    return Lot(**(known | given | more))


@pytest.mark.parametrize(
    ("price", "basis", "held_from"),
    [
        (120, 1000, date(2023, 1, 10)),
        (100, 1000, date(2023, 1, 10)),
        (90, 900, date(2023, 1, 10)),
        (80, 800, date(2023, 1, 10)),
        (70, 800, date(2024, 6, 3)),
    ],
)
def test_basis_and_holding_period_of_a_lot_follow_the_price(price, basis, held_from):
    assert (basis_at(lot(), D(price)), held_from_at(lot(), D(price))) == (D(basis), held_from)


@pytest.mark.parametrize(("price", "basis"), [(120, 1050), (104, 1040), (86, 860), (84, 850)])
def test_what_a_wash_sale_adds_is_added_to_both_bases(price, basis):
    """1,000 + 50 for a gain, 800 + 50 for a loss (IRS Pub. 551: adjustments while the shares were held)."""
    assert basis_at(lot(wash_adjustment=D(50)), D(price)) == D(basis)


def test_a_lot_knows_both_price_and_day_of_a_gift_or_neither():
    with pytest.raises(ValueError, match="lot g: gift_price and gift_date must both be given or neither"):
        lot(gift_date=None)
