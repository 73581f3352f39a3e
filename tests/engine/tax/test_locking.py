"""What the household may not do on a day, and from which day on it may, by the calendar."""

from datetime import date
from decimal import Decimal as D

import pytest

from engine.domain.accounts import Transaction, TransactionType


def pending(kind: TransactionType, *, account="taxable", price=80, quantity=10, lot=None, security="X") -> Transaction:
    return Transaction(
        transaction_id="p1",
        account_id=account,
        trade_date=date(2020, 1, 1),  # not known yet: seen as if executed on the day asked for
        security_id=security,
        type=kind,
        quantity=D(quantity),
        price=D(price),
        lot_id=lot,
    )


@pytest.mark.parametrize(
    ("as_of", "locked"),
    [
        ("2024-06-02", False),  # the day before the sale
        ("2024-06-03", True),  # the sale
        ("2024-07-03", True),  # 30 days after
        ("2024-07-04", False),  # the 31st day: the first free one
    ],
)
def test_after_a_loss_nobody_in_the_household_buys_until_the_31st_day_after_the_sale(story, as_of, locked):
    story.buy("2023-01-03", 10, 100)
    story.sell("2024-06-03", 10, 80)

    assert story.locks(as_of) == ({("X", "no_buy", "t2"): "2024-07-04"} if locked else {})


@pytest.mark.parametrize(
    ("as_of", "locked"),
    [
        ("2024-05-03", False),  # 31 days before a purchase that is arranged
        ("2024-05-04", True),  # 30 days before it
        ("2024-06-03", True),
        ("2024-07-03", True),
        ("2024-07-04", False),
    ],
)
@pytest.mark.parametrize("account", ["taxable", "joint", "ira", "roth"])
def test_30_days_each_side_of_a_purchase_in_any_account_no_loss_is_taken(story, account, as_of, locked):
    story.buy("2024-06-03", 10, 100, account=account)

    assert story.locks(as_of) == ({("X", "no_loss_sale", "t1"): "2024-07-04"} if locked else {})


def test_a_reinvested_dividend_locks_like_a_purchase(story):
    story.reinvest("2024-06-03", "0.3", 100)

    assert story.locks("2024-06-10") == {("X", "no_loss_sale", "t1"): "2024-07-04"}


@pytest.mark.parametrize(
    ("account", "basis", "as_of", "locked"),
    [
        ("taxable", 1000, "2024-05-03", False),  # 31 days before the sale
        ("taxable", 1000, "2024-05-04", True),
        ("taxable", 800, "2024-05-04", False),  # at no loss
        ("taxable", None, "2024-05-04", False),  # nobody says whether it loses
        ("ira", 1000, "2024-05-04", False),  # a loss inside an IRA is none
    ],
)
def test_a_sale_at_a_loss_that_is_arranged_stops_purchases_from_30_days_before_it(story, account, basis, as_of, locked):
    story.buy("2023-01-03", 10, 100, account=account)
    story.sell("2024-06-03", 10, 80, account=account, basis=None if basis is None else D(basis))

    assert story.locks(as_of) == ({("X", "no_buy", "t2"): "2024-07-04"} if locked else {})


def test_a_sale_at_a_gain_and_a_loss_inside_an_ira_lock_nothing(story):
    story.buy("2023-01-03", 10, 100)
    story.buy("2023-01-03", 10, 100, account="ira")
    story.sell("2024-06-03", 10, 120)
    story.sell("2024-06-03", 10, 80, account="ira")

    assert story.locks("2024-06-10") == {}


def test_a_sale_above_its_price_but_below_its_basis_after_a_wash_sale_is_a_loss(story):
    """Sold at -20 each, bought back at 80: basis 100. Sold at 90 that is a loss again, and it locks."""
    story.buy("2023-01-03", 10, 100)
    story.sell("2024-04-01", 10, 80)
    story.buy("2024-04-15", 10, 80)
    story.sell("2024-06-03", 10, 90)

    assert story.locks("2024-06-10") == {("X", "no_buy", "t4"): "2024-07-04"}


def test_a_loss_taken_away_by_a_wash_sale_still_locks(story):
    story.buy("2023-01-03", 10, 100)
    story.sell("2024-06-03", 10, 80)
    story.buy("2024-06-04", 10, 80)

    assert story.locks("2024-06-10") == {
        ("X", "no_buy", "t2"): "2024-07-04",
        ("X", "no_loss_sale", "t3"): "2024-07-05",
    }


def test_locks_name_the_identical_group_and_the_soonest_free_comes_first(story):
    story.groups = {"GOOG": "alphabet", "GOOGL": "alphabet"}
    story.buy("2024-06-10", 1, 100, security="MSFT")
    story.buy("2024-06-05", 1, 100, security="GOOGL", account="ira")
    story.buy("2024-06-03", 1, 100, security="GOOG")

    assert list(story.locks("2024-06-12").items()) == [
        (("alphabet", "no_loss_sale", "t3"), "2024-07-04"),
        (("alphabet", "no_loss_sale", "t2"), "2024-07-06"),
        (("MSFT", "no_loss_sale", "t1"), "2024-07-11"),
    ]


def test_shares_bought_and_gone_again_still_lock(story):
    story.buy("2024-06-03", 10, 100)
    story.sell("2024-06-05", 10, 110)

    assert story.locks("2024-06-10") == {("X", "no_loss_sale", "t1"): "2024-07-04"}


@pytest.mark.parametrize(("as_of", "locked"), [("2024-06-03", True), ("2024-07-03", True), ("2024-07-04", False)])
def test_a_recent_lot_without_a_row_locks_under_its_own_name(story, as_of, locked):
    story.holds("seen-only", "2024-06-03", 10, 100, account="ira")
    story.holds("old", "2023-06-03", 10, 100)

    assert story.locks(as_of) == ({("X", "no_loss_sale", "seen-only"): "2024-07-04"} if locked else {})


def test_a_move_between_accounts_locks_nothing(story):
    story.buy("2023-01-03", 10, 100, lot="a")
    story.move_out("2024-06-03", 10, lot="a")
    story.move_in("2024-06-04", 10, lot="b")

    assert story.locks("2024-06-10") == {}


def test_a_pending_purchase_locks_losses_from_today(story):
    story.holds("old", "2023-06-03", 10, 100)

    found = story.locks("2024-06-10", [pending(TransactionType.BUY, account="ira")])

    assert found == {("X", "no_loss_sale", "p1"): "2024-07-11"}


def test_a_pending_sale_of_a_loss_lot_locks_purchases_from_today(story):
    story.holds("old", "2023-06-03", 10, 100)
    sale = pending(TransactionType.SELL, lot="old")

    assert story.locks("2024-06-10", [sale]) == {("X", "no_buy", "p1"): "2024-07-11"}


def test_a_pending_sale_without_a_lot_takes_the_oldest_lot_of_the_book(story):
    """The older lot is worth less than it cost, the newer one more."""
    story.holds("newer", "2024-01-03", 10, 70)
    story.holds("older", "2023-06-03", 10, 100)

    assert story.locks("2024-06-10", [pending(TransactionType.SELL)]) == {("X", "no_buy", "p1"): "2024-07-11"}
    assert story.locks("2024-06-10", [pending(TransactionType.SELL, price=101)]) == {}


def test_a_pending_sale_of_a_gain_lot_locks_nothing(story):
    story.holds("old", "2023-06-03", 10, 70)

    assert story.locks("2024-06-10", [pending(TransactionType.SELL, lot="old")]) == {}


def test_the_ledger_states_the_same_locks(story):
    story.buy("2023-01-03", 10, 100)
    story.sell("2024-06-03", 10, 80)

    locks = story.ledger("2024-06-10").locks

    assert [(lock.household_id, lock.cause, lock.rule.value, lock.until) for lock in locks] == [
        ("H", "t2", "no_buy", date(2024, 7, 4))
    ]
