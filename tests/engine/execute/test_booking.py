"""Filled orders change lots, cash and history exactly as a bookkeeper would."""

import dataclasses
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.domain.accounts import Registration, Transaction, TransactionType
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, SecurityId, TransactionId
from engine.domain.plans import Side
from engine.execute.booking import booked
from engine.execute.fills import FilledOrder

TODAY = date(2024, 3, 4)


def filled(order, quantity, price):
    return FilledOrder(order=order, quantity=Decimal(quantity), price=Decimal(price))


def test_a_purchase_makes_a_lot_named_like_its_order_and_takes_the_cash(book, order):
    after = booked(book(cash="1000"), [filled(order("O1", "4"), "4", "99.5")], TODAY)

    (lot,) = after.lots
    assert (lot.lot_id, lot.quantity, lot.cost_per_share, lot.acquired) == ("O1", 4, Decimal("99.5"), TODAY)
    assert after.account.cash == Decimal(602)  # 1000 - 4 x 99.50
    (row,) = after.transactions
    assert (row.transaction_id, row.type, row.lot_id, row.basis) == ("O1", TransactionType.BUY, "O1", None)


def test_a_sale_removes_a_whole_lot_splits_the_next_and_writes_one_row_a_lot(book, order, lot):
    before = book(lot("L1", "10", "50", adjustment="20"), lot("L2", "8", "60", adjustment="12"), cash="0")
    sale = order("O1", "16", side=Side.SELL, lots=(("L1", "10"), ("L2", "6")))

    after = booked(before, [filled(sale, "16", "70")], TODAY)

    (left,) = after.lots
    assert (left.lot_id, left.quantity, left.cost_per_share) == ("L2", 2, Decimal(60))
    assert left.wash_adjustment == Decimal(3)  # 12 x 2 / 8
    assert left.acquired == date(2020, 5, 6)
    assert after.account.cash == Decimal(1120)  # 16 x 70
    assert [(r.transaction_id, r.lot_id, r.quantity, r.basis) for r in after.transactions] == [
        ("O1-1", "L1", 10, Decimal(520)),  # 10 x 50 + 20
        ("O1-2", "L2", 6, Decimal(369)),  # 6 x 60 + 9
    ]
    assert {r.price for r in after.transactions} == {Decimal(70)}


def test_a_partial_fill_takes_the_first_lots_of_the_instruction(book, order, lot):
    before = book(lot("L1", "10", "50"), lot("L2", "8", "60"), cash="0")
    sale = order("O1", "18", side=Side.SELL, lots=(("L2", "8"), ("L1", "10")))

    after = booked(before, [filled(sale, "9", "70")], TODAY)

    assert [(lot.lot_id, lot.quantity) for lot in after.lots] == [("L1", 9)]
    assert after.lots[0].wash_adjustment is None
    assert [(r.lot_id, r.quantity, r.basis) for r in after.transactions] == [
        ("L2", 8, Decimal(480)),
        ("L1", 1, Decimal(50)),
    ]


def test_an_unfilled_order_changes_nothing(book, order, lot):
    before = book(lot("L1", "10", "50"))

    assert booked(before, [filled(order("O1", "4"), "0", "99")], TODAY) == before


def test_new_rows_stand_by_date_among_the_old(book, order):
    def row(name, day):
        return Transaction(
            transaction_id=TransactionId(name),
            account_id=AccountId("A1"),
            trade_date=day,
            security_id=SecurityId("X"),
            type=TransactionType.BUY,
            quantity=Decimal(1),
            price=Decimal(1),
        )

    history = (row("T1", date(2024, 3, 1)), row("T2", date(2024, 3, 5)))
    before = dataclasses.replace(book(), transactions=history)

    after = booked(before, [filled(order("O1", "4"), "4", "99")], TODAY)

    assert [r.transaction_id for r in after.transactions] == ["T1", "O1", "T2"]


def test_booking_an_order_again_is_refused(book, order, lot):
    sale = order("O1", "2", side=Side.SELL, lots=(("L1", "2"),))
    purchase = order("O2", "2", security="Y")
    fills = [filled(sale, "2", "70"), filled(purchase, "2", "70")]
    after = booked(book(lot("L1", "10", "50")), fills, TODAY)

    for fill in fills:
        with pytest.raises(DataError, match="booked already"):
            booked(after, [fill], TODAY)


@pytest.mark.parametrize("lots", [(), (("L1", "3", "X"),), (("L1", "9", "Y"),)])
def test_shares_that_are_not_there_are_refused(book, order, lot, lots):
    sale = order("O1", "5", side=Side.SELL, lots=(("L1", "5"),))

    with pytest.raises(DataError, match="lot L1: expected 5 shares of X"):
        booked(book(*(lot(name, q, "1", security=s) for name, q, s in lots)), [filled(sale, "5", "70")], TODAY)


def test_another_accounts_order_and_an_excess_are_refused(book, order):
    with pytest.raises(DataError, match="is account A2's, found account A1"):
        booked(book(), [filled(order("O1", "5", account_id="A2"), "5", "70")], TODAY)
    with pytest.raises(DataError, match="at most 5 shares, found 6"):
        booked(book(), [filled(order("O1", "5"), "6", "70")], TODAY)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    held=st.lists(st.tuples(st.integers(1, 300), st.integers(0, 10**6)), min_size=1, max_size=5),
    data=st.data(),
)
def test_no_share_and_no_cent_of_basis_is_lost_in_a_sale(book, order, lot, held, data):
    lots = [lot(f"L{n}", str(q), "12.34", adjustment=str(Decimal(cents) / 100)) for n, (q, cents) in enumerate(held)]
    before = book(*lots, cash="0")
    total = sum(q for q, _ in held)
    sale = order("O1", str(total), side=Side.SELL, lots=tuple((f"L{n}", str(q)) for n, (q, _) in enumerate(held)))
    sold = data.draw(st.integers(1, total))

    after = booked(before, [filled(sale, str(sold), "20")], TODAY)

    assert sum(lot.quantity for lot in after.lots) == total - sold
    assert sum(row.quantity for row in after.transactions) == sold
    basis_left = sum((lot.basis for lot in after.lots), Decimal(0))
    basis_sold = sum((row.basis for row in after.transactions), Decimal(0))
    assert basis_left + basis_sold == sum(lot.basis for lot in lots)


def test_a_taxable_sale_adds_its_gains_to_the_year_by_term_and_an_ira_s_does_not(book, order, lot):
    """Ten shares bought at 50 in 2020 and four at 90 last month, all sold at 70: +200 long-term, -80 short-term."""
    old, new = lot("L1", "10", "50"), dataclasses.replace(lot("L2", "4", "90"), acquired=date(2024, 2, 5))
    before = book(old, new, cash="0")
    before = dataclasses.replace(
        before, account=dataclasses.replace(before.account, ytd_st_gain=Decimal(30), ytd_lt_gain=Decimal(7))
    )
    sale = order("O1", "14", side=Side.SELL, lots=(("L1", "10"), ("L2", "4")))

    after = booked(before, [filled(sale, "14", "70")], TODAY).account
    assert (after.ytd_st_gain, after.ytd_lt_gain) == (Decimal(-50), Decimal(207))

    ira = dataclasses.replace(before, account=dataclasses.replace(before.account, registration=Registration.IRA))
    untaxed = booked(ira, [filled(sale, "14", "70")], TODAY).account
    assert (untaxed.ytd_st_gain, untaxed.ytd_lt_gain) == (Decimal(30), Decimal(7))


@pytest.mark.parametrize(
    ("price", "basis", "short", "long"),
    [
        ("120", "400", "0", "80"),  # 4 sold of 10: above the donor's 100 a share the gain is long-term
        ("90", "360", "0", "0"),  # between the two neither gain nor loss
        ("70", "320", "-40", "0"),  # below the 80 of the day of the gift, in January, the loss is short-term
    ],
)
def test_a_gift_is_booked_with_the_basis_and_the_term_that_count_at_the_price(
    book, order, lot, price, basis, short, long
):
    received = dataclasses.replace(lot("L1", "10", "100"), gift_price=Decimal(80), gift_date=date(2024, 1, 15))
    sale = order("O1", "4", side=Side.SELL, lots=(("L1", "4"),))

    after = booked(book(received), [filled(sale, "4", price)], TODAY)

    assert [row.basis for row in after.transactions] == [Decimal(basis)]
    assert (after.account.ytd_st_gain, after.account.ytd_lt_gain) == (Decimal(short), Decimal(long))
    (left,) = after.lots
    assert (left.quantity, left.gift_price, left.gift_date) == (6, 80, date(2024, 1, 15))
