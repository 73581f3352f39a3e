"""The lots given away are those whose gain would cost most per dollar, and the account is planned without them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest

from engine.domain.accounts import Registration, Restriction, Rule
from engine.domain.errors import DataError
from engine.domain.settings import PlanSettings
from engine.plan.gifting import best_gifts, without
from engine.plan.propose import propose_plan

LONG_AGO, LATELY = date(2024, 1, 5), date(2026, 8, 3)


@pytest.fixture
def market(market_of):
    return market_of({"A": 100, "B": 50}, {"A": "0.6", "B": "0.4"})


@pytest.fixture
def account(account_of):
    """A at 20 and at 60, B at 5 of a price of 50, one young lot, one loss."""
    return account_of(
        1_000,
        ("a20", "A", 30, 20, LONG_AGO), ("a60", "A", 100, 60, LONG_AGO), ("b5", "B", 40, 5, LONG_AGO),
        ("young", "A", 50, 1, LATELY), ("loss", "B", 60, 70, LONG_AGO),
    )  # fmt: skip


def given(gifts):
    return [(gift.lot.lot_id, gift.quantity) for gift in gifts]


def test_long_term_lots_go_by_gain_per_dollar_and_the_last_in_whole_shares(account, market):
    # b5 gains 90 cents a dollar and is worth 2,000; a20 80 cents, 3,000; 1,050 are left for ten shares of a60.
    gifts = best_gifts(account, market, usd=D(6_050))

    assert given(gifts) == [("b5", 40), ("a20", 30), ("a60", 10)]
    assert [gift.value for gift in gifts] == [2_000, 3_000, 1_000]
    assert [gift.gain for gift in gifts] == [1_800, 2_400, 400]
    rate = account.account.lt_rate
    assert sum(gift.tax for gift in gifts) == 4_600 * rate > 0


def test_neither_a_young_lot_nor_a_loss_is_given_however_much_is_asked(account, market):
    assert given(best_gifts(account, market, usd=D(10**6))) == [("b5", 40), ("a20", 30), ("a60", 100)]


def test_what_may_not_be_sold_is_not_given(account, market):
    kept = Restriction(scope="A", target="A", rule=Rule.DO_NOT_SELL, value=None, until=None, reason="Test")

    assert given(best_gifts(replace(account, restrictions=(kept,)), market, usd=D(9_000))) == [("b5", 40)]


def test_where_no_tax_is_paid_a_gift_saves_none(account_of, market):
    ira = account_of(0, ("b5", "B", 40, 5, LONG_AGO), registration=Registration.IRA)

    assert [gift.tax for gift in best_gifts(ira, market, usd=D(9_000))] == [0]


def test_the_account_without_a_gift_has_the_rest_of_a_lot_with_its_share_of_the_wash_adjustment(account, market):
    lots = tuple(replace(lot, wash_adjustment=D(200)) if lot.lot_id == "a60" else lot for lot in account.lots)
    account = replace(account, book=replace(account.book, lots=lots))

    after = without(account, best_gifts(account, market, usd=D(7_500)))  # b5, a20 and 25 of a60

    left = {lot.lot_id: lot for lot in after.lots}
    assert set(left) == {"a60", "young", "loss"}
    assert (left["a60"].quantity, left["a60"].wash_adjustment) == (75, D(150))
    assert after.book in after.household_books
    assert account.book not in after.household_books


def test_a_plan_of_the_account_without_a_gift_sells_none_of_it(account, market):
    after = without(account, best_gifts(account, market, usd=D(6_000)))

    plan, _ = propose_plan(after, market, replace(PlanSettings(), liquidate=True), inputs_hash="")

    sold = {sale.lot_id: sale.quantity for trade in plan.trades for sale in trade.lots}
    assert sold == {"a60": 90, "young": 50, "loss": 60}


def test_a_gift_of_nothing_is_refused(account, market):
    with pytest.raises(DataError, match=r"gift: expected an amount above 0 USD, found 0"):
        best_gifts(account, market, usd=D(0))
