"""Every loss that stays says what keeps it."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D

import pytest

from engine.domain.accounts import AccountBook, Registration, Restriction, Rule, Transaction, TransactionType
from engine.domain.settings import LotMethod, PlanSettings, WashSalePolicy
from engine.plan.propose import propose_plan

LONG_AGO = date(2024, 1, 5)


@pytest.fixture
def market(market_of):
    return market_of({"A": 100, "B": 100, "C": 100}, {"A": "0.4", "B": "0.3", "C": "0.3"}, specific=0.05)


@pytest.fixture
def account(account_of):
    """On its model, A at a loss of a tenth: 2.5 cents of tax saved a dollar sold; V = 100,000 USD, no cash."""
    return account_of(
        0, ("a", "A", 400, "111.12", LONG_AGO), ("b", "B", 300, 100, LONG_AGO), ("c", "C", 300, 100, LONG_AGO)
    )


@pytest.fixture
def settings():
    return PlanSettings(cost_bp=0.0, min_cash=0.0, max_cash=0.05, max_active_weight=None, max_sector_active=None)


def reason(account, market, settings, lot="a"):
    plan, _ = propose_plan(account, market, settings, inputs_hash="")
    return {n.lot_id: n.code for n in plan.not_harvested}.get(lot), plan


def restricted(account, *rules):
    return replace(
        account,
        restrictions=tuple(
            Restriction(scope="A", target=name, rule=rule, value=None, until=None, reason="Test")
            for rule, name in rules
        ),
    )


def test_risk_keeps_it(account, market, settings):
    # At a risk aversion of 1,000 the sale of u costs 1,000 x 0.05 u^2 and more for what it buys: u <= 0.0278 / 100.
    code, _ = reason(account, market, replace(settings, risk_aversion=1000.0))

    assert code == "risk_outweighs"


def test_costs_keep_it(account, market, settings):
    # 300 bp each way is more than the 2.8 cents of tax that a dollar sold saves.
    code, _ = reason(account, market, replace(settings, cost_bp=300.0))

    assert code == "cost_outweighs"


def test_no_tax_keeps_it(account, market, settings):
    code, _ = reason(account, market, replace(settings, tax_weight=0.0))

    assert code == "no_tax_value"


def test_a_restriction_keeps_it(account, market, settings):
    code, plan = reason(restricted(account, (Rule.DO_NOT_SELL, "A")), market, settings)

    assert code == "restricted"
    assert plan.not_harvested[0].sentence == ("A, loss of 4,448.00 USD: it may not be sold (do_not_sell A).")


def test_a_threshold_keeps_it(account, market, settings):
    code, _ = reason(account, market, replace(settings, harvest_min_loss_usd=D(4_448) + D("0.01")))

    assert code == "below_threshold"


def test_a_recent_purchase_keeps_it(account, market, settings):
    lots = (*account.lots, replace(account.lots[0], lot_id="a2", quantity=D(1), acquired=account.as_of - timedelta(30)))
    book = replace(account.book, lots=lots)

    code, _ = reason(replace(account, book=book, household_books=(book,)), market, settings)

    assert code == "wash_sale_lock"


def test_thirty_one_days_after_a_purchase_it_is_free(account, market, settings):
    lots = (*account.lots, replace(account.lots[0], lot_id="a2", quantity=D(1), acquired=account.as_of - timedelta(31)))
    book = replace(account.book, lots=lots)

    code, plan = reason(replace(account, book=book, household_books=(book,)), market, settings)

    assert code != "wash_sale_lock"
    assert plan.trades


def test_the_plans_own_purchase_keeps_it(account, market, settings):
    # A is far below its target, so it is bought.
    little = replace(account.lots[0], quantity=D(10))
    book = replace(account.book, lots=(little, *account.lots[1:]))

    code, _ = reason(replace(account, book=book, household_books=(book,)), market, settings)

    assert code == "bought_in_plan"


def test_a_lot_method_keeps_it(account, market, settings):
    # FIFO would have to sell the first lot, a loss of 10 USD that the threshold keeps.
    lots = (
        replace(account.lots[0], lot_id="first", quantity=D(10), cost_per_share=D(101), acquired=date(2023, 1, 3)),
        *account.lots,
    )
    book = replace(account.book, lots=lots)
    settings = replace(settings, lot_method=LotMethod.FIFO, harvest_min_loss_usd=D(100))

    code, _ = reason(replace(account, book=book, household_books=(book,)), market, settings)

    assert code == "lot_method"


def test_a_turnover_cap_keeps_it(account, market, settings):
    code, _ = reason(account, market, replace(settings, risk_aversion=0.1, max_turnover=0.02, max_cash=1.0))

    assert code == "turnover_cap"


def test_an_account_that_pays_no_tax_has_no_losses_to_harvest(account, market, settings):
    book = replace(account.book, account=replace(account.account, registration=Registration.ROTH))

    _, plan = reason(replace(account, book=book, household_books=(book,)), market, settings)

    assert plan.not_harvested == ()


def test_every_loss_is_either_sold_or_explained(random_case):
    for seed in range(60, 75):
        snapshot, market, settings, _ = random_case(seed)
        plan, _ = propose_plan(snapshot, market, settings, inputs_hash="")
        if plan.conflicts or not snapshot.account.registration.is_taxable:
            continue
        sold = {sale.lot_id: sale.quantity for t in plan.trades for sale in t.lots}
        price = {name: mark.price for name, mark in market.marks.items()}
        losing = {
            lot.lot_id: (lot.quantity - sold.get(lot.lot_id, 0)) * (lot.cost_per_share - price[lot.security_id])
            for lot in snapshot.lots
        }
        explained = {n.lot_id: n.loss for n in plan.not_harvested}
        assert explained == {lot: loss for lot, loss in losing.items() if loss > 0}


def test_a_limit_on_trades_keeps_it(account, market, settings):
    # Both A and B stand at a loss and may be sold for cash; the one trade allowed goes to A, whose loss is the larger.
    lots = (account.lots[0], replace(account.lots[1], cost_per_share=D(105)), account.lots[2])
    book = replace(account.book, lots=lots)
    free = replace(settings, risk_aversion=0.1, max_cash=1.0)

    code, plan = reason(replace(account, book=book, household_books=(book,)), market, replace(free, max_trades=1), "b")

    assert [t.security_id for t in plan.trades] == ["A"]
    assert code == "max_trades"


def test_a_year_that_it_does_not_help_keeps_it(account, market, settings):
    # 3,000 USD of loss come off income and what is beyond is worth nothing: the loss of the year so far is larger.
    book = replace(account.book, account=replace(account.account, ytd_lt_gain=D(-20_000)))
    settings = replace(settings, net_taxes=True, carryforward_value=0.0)

    code, plan = reason(replace(account, book=book, household_books=(book,)), market, settings)

    assert code == "no_tax_value"
    assert "netted with the rest of the year the loss saves no tax" in plan.not_harvested[0].sentence


def test_a_limit_on_the_tracking_error_keeps_it(account, market, settings):
    # Without the limit all of A would go: its tax is worth 2.8 cents a dollar, its risk, 0.1 x 0.05 x 0.4^2, next to
    # nothing.
    free = replace(settings, risk_aversion=0.1, max_cash=1.0)
    without, _ = reason(account, market, free)
    limited, _ = reason(account, market, replace(free, max_tracking_error=0.02))

    assert (without, limited) == (None, "max_tracking_error")


def test_a_loss_that_an_ira_would_take_away_says_so(account, market, settings):
    # The household's IRA bought as many shares as the account holds, nine days ago.
    day = account.as_of - timedelta(9)
    row = Transaction(
        transaction_id="T1", account_id="B", trade_date=day, security_id="A", type=TransactionType.BUY, quantity=D(400),
        price=D(100), lot_id="ira"
    )  # fmt: skip
    lot = replace(account.lots[0], account_id="B", lot_id="ira", cost_per_share=D(100), acquired=day)
    ira = replace(account.account, account_id="B", registration=Registration.IRA)
    other = AccountBook(account=ira, lots=(lot,), transactions=(row,))
    snapshot = replace(account, household_books=(account.book, other))

    code, plan = reason(snapshot, market, replace(settings, wash_sales=WashSalePolicy.ALLOW))

    assert code == "disallowed"
    assert plan.not_harvested[0].loss == D(4_448)
