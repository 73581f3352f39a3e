"""What an action makes of an account, in numbers worked by hand, and what the ledger makes of the rows that book it."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.accounts import AccountBook, TransactionType
from engine.domain.errors import DataError
from engine.domain.market import ActionKind, CorporateAction
from engine.tax.corporate_actions import book_action
from engine.tax.history import read_history
from engine.tax.unbooked import unbooked
from tests.engine.tax.conftest import Story

DAY = date(2026, 6, 15)
AS_OF = date(2026, 6, 30)


def merger(*, shares="0.5", cash=None, taxable=False, price=None, successor="NEW"):
    return CorporateAction(
        security_id="OLD", ex_date=DAY, kind=ActionKind.MERGER, value=D(shares), taxable=taxable,
        successor=successor, cash=None if cash is None else D(cash), price=None if price is None else D(price),
    )  # fmt: skip


def cash_merger(cash):
    return CorporateAction(security_id="OLD", ex_date=DAY, kind=ActionKind.MERGER, value=D(0), cash=D(cash))


def new_id():
    return CorporateAction(
        security_id="OLD", ex_date=DAY, kind=ActionKind.TICKER_CHANGE, value=D(1), successor="NEW"
    )  # fmt: skip


def spin_off(*, shares="0.25", part="0.1875", price=None):
    return CorporateAction(
        security_id="OLD", ex_date=DAY, kind=ActionKind.SPIN_OFF, value=D(shares), successor="NEW",
        basis_fraction=D(part), price=None if price is None else D(price),
    )  # fmt: skip


def book_of(story, account="taxable") -> AccountBook:
    return next(book for book in story.books() if book.account.account_id == account)


def lots_of(book):
    return {lot.lot_id: (lot.security_id, lot.quantity, lot.basis) for lot in book.lots}


# 100 shares of OLD give 50 of NEW at 80 USD and 1,000 USD in money: worth 5,000 in all.
#
#     basis    gain realised   recognised: no more than 1,000   basis of NEW = basis - 1,000 + recognised
BOOT = [
    ("1000",  "4000",         "1000",                          "1000"),
    ("3000",  "2000",         "1000",                          "3000"),
    ("4500",   "500",          "500",                          "4000"),
    ("5000",     "0",            "0",                          "4000"),
    ("6000", "-1000",            "0",                          "5000"),
]  # fmt: skip


@pytest.mark.parametrize(("basis", "realised", "recognised", "after"), BOOT)
def test_money_beside_shares_is_taxed_up_to_the_gain_and_a_loss_is_not_recognised(
    story, basis, realised, recognised, after
):
    assert D(realised) == 5000 - D(basis)
    story.holds("L", "2024-01-10", 100, D(basis) / 100, security="OLD")

    done = book_action(book_of(story), merger(cash="10", price="80"), price=None, as_of=AS_OF)

    assert lots_of(done) == {"L": ("NEW", D(50), D(after))}
    assert done.lots[0].acquired == date(2024, 1, 10)
    assert done.account.cash == 1000
    assert (done.account.ytd_st_gain, done.account.ytd_lt_gain) == (0, D(recognised))


def test_a_lot_with_a_loss_shelters_no_gain_of_another(story):
    story.holds("A", "2026-02-01", 100, 10, security="OLD")
    story.holds("B", "2024-01-10", 100, 60, security="OLD")

    done = book_action(book_of(story), merger(cash="10", price="80"), price=None, as_of=AS_OF)

    assert lots_of(done) == {"A": ("NEW", D(50), D(1000)), "B": ("NEW", D(50), D(5000))}
    assert (done.account.ytd_st_gain, done.account.ytd_lt_gain) == (1000, 0)


def test_an_ira_pays_no_tax_on_the_money(story):
    story.holds("L", "2024-01-10", 100, 10, security="OLD", account="ira")

    done = book_action(book_of(story, "ira"), merger(cash="10", price="80"), price=None, as_of=AS_OF)

    assert (done.account.cash, done.account.ytd_lt_gain) == (1000, 0)


def test_a_spin_off_divides_the_basis_as_form_8937_says_and_keeps_the_holding_period(story):
    story.holds("L", "2024-01-10", 100, 50, security="OLD", wash=40, start="2023-11-20")

    done = book_action(book_of(story), spin_off(), price=None, as_of=AS_OF)

    # 18.75 % of 5,000 and of the 40 that a wash sale added move to 25 shares: 937.50 + 7.50.
    assert lots_of(done) == {"L": ("OLD", D(100), D("4095")), "L+NEW": ("NEW", D(25), D("945"))}
    parent, child = done.lots
    assert (parent.cost_per_share, parent.wash_adjustment) == (D("40.625"), D("32.5"))
    assert (child.cost_per_share, child.wash_adjustment) == (D("37.5"), D("7.5"))
    assert (child.acquired, child.holding_start) == (date(2024, 1, 10), date(2023, 11, 20))
    assert (done.account.cash, done.account.ytd_lt_gain) == (0, 0)


def test_a_fraction_of_a_share_is_sold_from_the_oldest_lot(story):
    story.holds("A", "2025-12-01", 50, 20, security="OLD")
    story.holds("B", "2024-01-10", 53, 30, security="OLD")

    done = book_action(book_of(story), merger(price="80"), price=None, as_of=AS_OF)

    # 103 shares make 51.5. Lot B: 26.5 with 1,590; half a share of it, basis 30, is sold for 40.
    assert lots_of(done) == {"B": ("NEW", D(26), D(1560)), "A": ("NEW", D(25), D(1000))}
    assert (done.account.cash, done.account.ytd_lt_gain) == (40, 10)


def test_a_fraction_that_is_more_than_the_oldest_lot_takes_from_the_next_too(story):
    story.holds("B", "2024-01-10", "0.4", 30, security="OLD")
    story.holds("A", "2024-01-10", "0.6", 30, security="OLD")
    story.holds("C", "2025-12-01", "1.6", 20, security="OLD")

    done = book_action(book_of(story), merger(price="80"), price=None, as_of=AS_OF)

    # 2.6 shares make 1.3. Lot A gives its 0.3 (cost 60 a share; of two of one day the first by id), lots B and C stay.
    assert lots_of(done) == {"B": ("NEW", D("0.2"), D(12)), "C": ("NEW", D("0.8"), D(32))}
    assert (done.account.cash, done.account.ytd_lt_gain) == (24, 6)
    story.lots = story.lots[1:]

    # 2.2 make 1.1: lot A of 0.3 gives a third of itself.
    done = book_action(book_of(story), merger(price="80"), price=None, as_of=AS_OF)
    assert lots_of(done) == {"A": ("NEW", D("0.2"), D(12)), "C": ("NEW", D("0.8"), D(32))}

    story.holds("E", "2023-01-10", "0.1", 30, security="OLD")
    story.lots = [lot for lot in story.lots if lot.lot_id != "A"]

    # 1.7 make 0.85, no whole share: all is sold, lot E's 0.05 and lot C's 0.8.
    done = book_action(book_of(story), merger(price="80"), price=None, as_of=AS_OF)
    assert (lots_of(done), done.account.cash) == ({}, 68)


def test_the_price_that_the_issuer_states_goes_before_the_close(story):
    story.holds("L", "2024-01-10", 100, 45, security="OLD")

    stated = book_action(book_of(story), merger(cash="10", price="80"), price=D(90), as_of=AS_OF)
    closed = book_action(book_of(story), merger(cash="10"), price=D(90), as_of=AS_OF)

    assert (stated.account.ytd_lt_gain, closed.account.ytd_lt_gain) == (500, 1000)  # 5,000 or 5,500 for 4,500


def test_a_gain_of_last_year_joins_none_of_this_years(story):
    story.holds("L", "2024-01-10", 100, 10, security="OLD")
    for action in (merger(cash="10", price="80"), cash_merger("50")):
        done = book_action(book_of(story), action, price=None, as_of=date(2027, 1, 4))

        assert (done.account.ytd_st_gain, done.account.ytd_lt_gain) == (0, 0)
        assert done.account.cash > 0


def test_money_on_shares_that_a_wash_sale_tacked_is_a_gain_of_the_whole_holding_period(story):
    story.holds("L", "2026-02-01", 100, 10, security="OLD", start="2025-01-10")

    done = book_action(book_of(story), merger(cash="10", price="80"), price=None, as_of=AS_OF)

    assert (done.account.ytd_st_gain, done.account.ytd_lt_gain) == (0, 1000)


# Ten shares that cost the donor 60, long ago, and were worth 25 when they were given this March (1015(a), 1223(2)).
@pytest.mark.parametrize(("cash", "short", "long"), [("20", -50, 0), ("40", 0, 0), ("70", 0, 100)])
def test_a_gift_that_is_merged_away_for_money_has_two_bases_and_two_holding_periods(story, cash, short, long):
    story.holds("L", "2020-01-10", 10, 60, security="OLD", gift=(25, "2026-03-02"))

    done = book_action(book_of(story), cash_merger(cash), price=None, as_of=AS_OF)

    assert (done.account.ytd_st_gain, done.account.ytd_lt_gain) == (short, long)


@pytest.mark.parametrize(("worth", "after"), [("55", "90"), ("5", "0")])  # 5,500 or 500 less 1,000, over 50 shares
def test_what_a_gift_was_worth_follows_its_basis_through_an_exchange_and_is_never_below_nothing(story, worth, after):
    story.holds("L", "2020-01-10", 100, 60, security="OLD", gift=(worth, "2026-03-02"))

    done = book_action(book_of(story), merger(cash="10", price="80"), price=None, as_of=AS_OF)

    assert lots_of(done) == {"L": ("NEW", D(50), D(5000))}
    assert (done.lots[0].gift_price, done.lots[0].gift_date) == (D(after), date(2026, 3, 2))


def test_what_a_gift_was_worth_is_divided_by_a_spin_off_as_its_basis_is(story):
    story.holds("L", "2020-01-10", 100, 50, security="OLD", gift=(25, "2026-03-02"))

    parent, child = book_action(book_of(story), spin_off(), price=None, as_of=AS_OF).lots

    assert (parent.gift_price, child.gift_price) == (D("20.3125"), D("18.75"))  # 2,500 = 2,031.25 + 25 * 18.75


@pytest.mark.parametrize("lot_id", ["L", "L" * 61])
def test_a_new_lot_takes_no_name_that_is_taken_or_too_long(story, lot_id):
    story.holds(lot_id, "2024-01-10", 100, 50, security="OLD")
    story.holds("L+NEW", "2024-03-01", 7, 9, security="OTHER")

    done = book_action(book_of(story), spin_off(), price=None, as_of=AS_OF)

    held = lots_of(done)
    assert held["L+NEW"] == ("OTHER", D(7), D(63))
    assert sorted(name for name, _, _ in held.values()) == ["NEW", "OLD", "OTHER"]
    assert max(map(len, held)) <= 64


def test_an_exchange_is_told_by_what_went_with_its_past_and_what_came(story):
    story.holds("L", "2024-01-10", 100, 60, security="OLD", start="2023-11-20", wash=4)
    story.buy("2026-06-10", 5, 30, security="X", lot="M")
    story.sell("2026-06-20", 5, 30, security="X", lot="M")

    done = book_action(book_of(story), merger(cash="10", price="80"), price=None, as_of=AS_OF)

    first, out, came, last = done.transactions
    assert (first.trade_date, last.trade_date) == (date(2026, 6, 10), date(2026, 6, 20))
    assert (out.type, out.trade_date, out.security_id, out.lot_id) == (TransactionType.EXCHANGE_OUT, DAY, "OLD", "L")
    assert (out.quantity, out.price, out.basis, out.cash) == (100, 50, 6004, 1000)  # worth 50 a share, 10 of it money
    assert (out.acquired, out.holding_start) == (date(2024, 1, 10), date(2023, 11, 20))
    assert (came.type, came.trade_date, came.security_id, came.lot_id) == (TransactionType.EXCHANGE_IN, DAY, "NEW", "L")
    assert (came.quantity, came.basis, came.origin) == (50, 5004, out.transaction_id)
    assert len({row.transaction_id for row in done.transactions}) == 4


def test_an_exchange_without_money_tells_of_none(story):
    story.holds("L", "2024-01-10", 100, 60, security="OLD", gift=(25, "2026-03-02"))

    out, _ = book_action(book_of(story), merger(), price=None, as_of=AS_OF).transactions

    assert (out.cash, out.gift_price, out.gift_date) == (None, 25, date(2026, 3, 2))


def test_costs_are_written_without_needless_zeros_and_without_an_exponent(story):
    story.holds("L", "2024-01-10", 100, "60.00", security="OLD", wash="40.00")
    story.holds("M", "2024-01-10", 100, "50.00", security="OLD")

    done = book_action(book_of(story), merger(), price=None, as_of=AS_OF)
    spun = book_action(book_of(story), spin_off(), price=None, as_of=AS_OF)

    assert {lot.lot_id: str(lot.cost_per_share) for lot in done.lots} == {"L": "120", "M": "100"}
    assert [str(lot.wash_adjustment) for lot in spun.lots if lot.wash_adjustment is not None] == ["32.5", "7.5"]
    assert [str(row.basis) for row in done.transactions] == ["6040", "6040", "5000", "5000"]


def test_a_new_id_pays_no_fraction_and_changes_nothing_but_the_name(story):
    story.holds("L", "2024-01-10", "10.437", 30, security="OLD", gift=(25, "2025-01-02"))

    done = book_action(book_of(story), new_id(), price=None, as_of=AS_OF)

    assert done.lots == (replace(book_of(story).lots[0], security_id="NEW"),)
    assert done.account == book_of(story).account


def test_a_merger_for_money_is_a_sale_lot_by_lot(story):
    story.holds("A", "2024-01-10", 10, 30, security="OLD")
    story.holds("B", "2026-02-01", 10, 60, security="OLD")

    done = book_action(book_of(story), cash_merger("45.5"), price=None, as_of=AS_OF)

    assert done.lots == ()
    assert (done.account.cash, done.account.ytd_lt_gain, done.account.ytd_st_gain) == (910, 155, -145)


def test_a_taxable_merger_sells_at_all_that_came_and_begins_a_new_holding_period(story):
    story.holds("A", "2024-01-10", 10, 60, security="OLD")

    done = book_action(book_of(story), merger(cash="10", price="80", taxable=True), price=None, as_of=AS_OF)

    assert lots_of(done) == {"A+NEW": ("NEW", D(5), D(400))}
    assert done.lots[0].acquired == DAY
    assert (done.account.cash, done.account.ytd_lt_gain) == (100, -100)  # 500 received for 600


def test_an_action_is_booked_once(story):
    story.holds("L", "2024-01-10", 100, 50, security="OLD")
    for action in (spin_off(), merger(price="80"), new_id(), cash_merger("45")):
        done = book_action(book_of(story), action, price=None, as_of=AS_OF)

        assert unbooked(done, [action], as_of=AS_OF) == ()
        with pytest.raises(DataError, match="needs no booking"):
            book_action(done, action, price=None, as_of=AS_OF)


# What an account shows, and whether a spin-off of 15 June is known to it.
KNOWN = [
    (lambda story: None, False),
    (lambda story: story.holds("C", "2024-01-10", 25, 9, security="NEW"), True),
    (lambda story: story.holds("C", "2024-01-11", 25, 9, security="NEW"), False),  # held for itself
    (lambda story: story.holds("C", "2026-06-20", 25, 9, security="NEW"), False),  # bought since
    (lambda story: story.sell("2026-06-14", 5, 30, security="NEW", basis=20), False),  # sold before
    (lambda story: story.move_in("2026-06-18", 25, account="taxable", security="NEW", lot="C", basis=900), True),
    (lambda story: story.move_in("2026-06-22", 25, account="taxable", security="NEW", lot="C", basis=900), True),
    (lambda story: story.move_in("2026-06-08", 25, account="taxable", security="NEW", lot="C", basis=900), True),
    (lambda story: story.move_in("2026-06-23", 25, account="taxable", security="NEW", lot="C", basis=900), False),
    (lambda story: story.move_in("2026-06-25", 25, account="taxable", security="NEW", lot="C", basis=900), False),
    (lambda story: story.sell("2026-06-16", "0.5", 30, security="NEW", basis=20), True),  # the fraction, in money
    (lambda story: story.buy("2026-06-16", 5, 30, security="NEW", kind=TransactionType.EXCHANGE_IN, lot="C"), True),
    (lambda story: story.buy("2026-06-16", 100, 0, security="OLD", kind=TransactionType.SPIN_OFF, lot="L"), True),
    (lambda story: story.buy("2026-06-16", 5, 30, security="NEW", lot="C"), False),  # bought like any other share
    (lambda story: story.buy("2026-06-10", 5, 30, security="OLD", lot="M"), False),
]


@pytest.mark.parametrize(("shown", "known"), KNOWN)
def test_a_spin_off_that_the_custodian_has_booked_is_recognised(story, shown, known):
    story.holds("L", "2024-01-10", 100, 50, security="OLD")
    shown(story)

    assert (unbooked(book_of(story), [spin_off()], as_of=AS_OF) == ()) is known


def test_nothing_is_to_be_booked_before_its_day_or_for_shares_bought_since(story):
    story.holds("L", "2024-01-10", 100, 50, security="OLD")

    assert unbooked(book_of(story), [spin_off()], as_of=date(2026, 6, 14)) == ()
    story.lots = [replace(story.lots[0], acquired=DAY)]
    assert unbooked(book_of(story), [spin_off()], as_of=AS_OF) == ()


def test_a_spin_off_is_not_looked_for_for_ever_but_a_name_that_ended_is(story):
    story.holds("L", "2024-01-10", 100, 50, security="OLD")
    late = date(2026, 9, 1)

    assert unbooked(book_of(story), [spin_off(), merger(price="80")], as_of=late) == (merger(price="80"),)


@pytest.mark.parametrize(("as_of", "waits"), [(date(2026, 7, 15), True), (date(2026, 7, 16), False)])
def test_a_spin_off_is_looked_for_for_thirty_days(story, as_of, waits):
    story.holds("L", "2024-01-10", 100, 50, security="OLD")

    assert bool(unbooked(book_of(story), [spin_off()], as_of=as_of)) is waits


def test_what_is_to_be_booked_comes_by_day(story):
    story.holds("L", "2024-01-10", 100, 50, security="OLD")
    before = replace(spin_off(), ex_date=date(2026, 6, 12), successor="OTHER")

    assert unbooked(book_of(story), [merger(), before], as_of=AS_OF) == (before, merger())


# Shares bought on the day or later: who got the new ones for them is not known of a name that is gone.
@pytest.mark.parametrize("acquired", ["2026-06-15", "2026-06-20"])
def test_a_merger_is_not_booked_beside_shares_bought_since_and_a_spin_off_is(story, acquired):
    story.holds("L", "2024-01-10", 100, 50, security="OLD")
    story.holds("M", acquired, 10, 50, security="OLD")

    with pytest.raises(DataError, match="lot M of OLD is of that day or later"):
        book_action(book_of(story), merger(price="80"), price=None, as_of=AS_OF)
    done = book_action(book_of(story), spin_off(), price=None, as_of=AS_OF)
    assert lots_of(done) == {"L": ("OLD", D(100), D("4062.5")), "M": ("OLD", D(10), D(500)),
                             "L+NEW": ("NEW", D(25), D("937.5"))}  # fmt: skip


@pytest.mark.parametrize("on", ["2026-06-15", "2026-06-16"])
def test_what_was_traded_since_is_the_custodians_to_book(story, on):
    story.holds("L", "2024-01-10", 100, 50, security="OLD")
    story.sell(on, 10, 55, security="OLD", lot="L", basis=500)

    with pytest.raises(DataError, match="t1 of OLD is of that day or later"):
        book_action(book_of(story), spin_off(), price=None, as_of=AS_OF)


def test_a_price_that_is_wanted_and_missing_is_asked_for(story):
    story.holds("L", "2024-01-10", 101, 50, security="OLD")

    with pytest.raises(DataError, match=r"needs a price of NEW on that day for 0\.5 of a share"):
        book_action(book_of(story), merger(), price=None, as_of=AS_OF)


def test_the_ledger_follows_what_was_booked(story):
    story.buy("2026-05-20", 40, 60, security="OLD")
    story.holds("t1", "2026-05-20", 40, 60, security="OLD")
    story.holds("old", "2024-01-10", 60, 30, security="OLD")
    done = book_action(book_of(story), merger(), price=None, as_of=AS_OF)
    story.lots, story.rows = list(done.lots), list(done.transactions)

    lots = {lot.lot_id: (lot.security_id, lot.quantity, lot.basis, lot.acquired) for lot in story.ledger().lots}

    assert lots == {
        "t1": ("NEW", D(20), D(2400), date(2026, 5, 20)),
        "old": ("NEW", D(30), D(1800), date(2024, 1, 10)),
    }
    assert read_history(story.books(), as_of=AS_OF).imbalance == {}


def test_shares_that_came_in_a_merger_are_no_purchase_that_catches_a_loss(story):
    story.holds("old", "2024-01-10", 60, 30, security="OLD")
    story.buy("2024-01-10", 10, 100, security="NEW", lot="N")
    done = book_action(book_of(story), merger(), price=None, as_of=AS_OF)
    story.lots, story.rows = list(done.lots), list(done.transactions)
    story.sell("2026-06-20", 10, 80, security="NEW", lot="N")

    assert [(loss.loss, loss.disallowed) for loss in story.ledger().losses] == [(200, 0)]


def test_shares_bought_before_a_merger_still_catch_a_loss_after_it(story):
    story.buy("2024-01-10", 10, 100, security="NEW", lot="N")
    story.buy("2026-06-01", 8, 30, security="OLD", lot="O")
    story.holds("O", "2026-06-01", 8, 30, security="OLD")
    done = book_action(book_of(story), merger(), price=None, as_of=AS_OF)
    story.lots, story.rows = list(done.lots), list(done.transactions)
    story.sell("2026-06-20", 10, 80, security="NEW", lot="N")

    assert [(loss.loss, loss.disallowed) for loss in story.ledger().losses] == [(200, 80)]  # 4 of the 10 shares


def test_a_loss_in_a_merger_for_money_is_washed_by_a_purchase_of_a_twin(story):
    story.groups = {"OLD": "G", "TWIN": "G"}
    story.buy("2026-06-20", 4, 40, security="TWIN")
    story.holds("L", "2024-01-10", 10, 60, security="OLD")
    done = book_action(book_of(story), cash_merger("45"), price=None, as_of=AS_OF)
    story.lots, story.rows = list(done.lots), list(done.transactions)

    assert [(loss.loss, loss.disallowed) for loss in story.ledger().losses] == [(150, 60)]


def test_an_exchange_locks_as_what_it_was_bought_as(story):
    story.groups = {"OLD": "NEW"}  # the market's group while a wash sale can reach over the merger
    story.holds("old", "2024-01-10", 60, 30, security="OLD")
    story.holds("O", "2026-06-10", 8, 30, security="OLD")
    done = book_action(book_of(story), merger(), price=None, as_of=AS_OF)
    story.lots, story.rows = list(done.lots), list(done.transactions)

    assert story.locks("2026-06-30") == {("NEW", "no_loss_sale", "O"): "2026-07-11"}


shares = st.decimals("0.001", 5000, places=3)
costs = st.decimals("0.01", 900, places=4)
parts = st.decimals("0.0001", "0.9999", places=6)
ratios = st.decimals("0.01", 12, places=5)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(shares, costs, st.none() | costs), min_size=1, max_size=6), ratios, parts, st.none() | costs)
def test_basis_and_money_in_are_basis_and_money_out(held, ratio, part, cash):
    """Basis before + gain recognised = basis after + money received, and no share comes or goes."""
    story = Story()  # a fixture is not made anew for each example
    for number, (quantity, cost, wash) in enumerate(held):
        story.holds(f"L{number}", "2024-01-10", quantity, cost, security="OLD", wash=wash)
    before = book_of(story)
    basis = sum(lot.basis for lot in before.lots)
    total = sum(lot.quantity for lot in before.lots) * ratio
    slack = D("1e-6") * len(held)

    for action in (
        spin_off(shares=str(ratio), part=str(part), price="33"),
        merger(shares=str(ratio), price="33", cash=cash),
    ):
        done = book_action(before, action, price=None, as_of=AS_OF)
        fractions = [row for row in done.transactions if row.type is TransactionType.SELL]
        gains = done.account.ytd_st_gain + done.account.ytd_lt_gain
        assert abs(basis + gains - sum(lot.basis for lot in done.lots) - done.account.cash) < slack
        came = sum((lot.quantity for lot in done.lots if lot.security_id == "NEW"), D(0))
        assert came == came.to_integral_value()
        assert abs(came + sum(row.quantity for row in fractions) - total) < slack
        assert all(lot.cost_per_share >= 0 for lot in done.lots)
