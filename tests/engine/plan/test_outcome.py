"""What given trades come to: market impact, the year's netted tax, and losses that a wash sale takes away."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D

import pytest

from engine.domain.accounts import AccountBook, Registration, Transaction, TransactionType
from engine.domain.plans import Verdict
from engine.domain.settings import PlanSettings, WashSalePolicy
from engine.plan.evaluate import evaluate_trades
from engine.plan.propose import propose_plan

LONG_AGO = date(2024, 1, 5)


@pytest.fixture
def market(market_of):
    return market_of({"A": 100, "B": 100}, {"A": "0.5", "B": "0.5"}, specific=0.05, A={"adv_usd": D(50_000)})


@pytest.fixture
def account(account_of):
    """70 % in A at a loss of a fifth of its cost, long term; 30 % in B; V = 100,000 USD, no cash."""
    return account_of(0, ("a", "A", 700, 125, LONG_AGO), ("b", "B", 300, 100, LONG_AGO))


@pytest.fixture
def settings():
    return PlanSettings(
        risk_aversion=10.0, cost_bp=0.0, min_cash=0.0, max_cash=1.0, max_active_weight=None, max_sector_active=None
    )


def evaluated(account, market, settings, **shares):
    trades = {name: D(quantity) for name, quantity in shares.items()}
    return evaluate_trades(account, market, settings, trades, inputs_hash="", edited=())[0]


def test_market_impact_costs_the_square_of_the_trade_and_takes_no_cash(account, market, settings):
    # 20,000 USD of A are 40 % of a day's 50,000: at 100 bp for a whole day's volume that moves the price by 40 bp, and
    # 40 bp of 20,000 USD are 80 USD, 8 bp of V. B has no known volume, so no impact.
    plan = evaluated(account, market, replace(settings, impact_bp=100.0), A=-200, B=200)

    assert plan.objective.cost == pytest.approx(8.0)
    assert {t.security_id: t.reason.cost_bp for t in plan.trades} == pytest.approx({"A": -8.0, "B": 0.0})
    assert plan.after.cash == 0


def test_a_loss_that_nets_against_short_term_gains_saves_tax_at_their_rate(account, market, settings):
    # 200 shares at a loss of 25 USD: 5,000 USD, long term. At the margin that is 25 %, 1,250 USD. This year has 10,000
    # USD of short-term gains, taxed at 40 %: netted, the loss saves 2,000 USD.
    book = replace(account.book, account=replace(account.account, ytd_st_gain=D(10_000)))
    snapshot = replace(account, book=book, household_books=(book,))

    apart = evaluated(snapshot, market, settings, A=-200, B=200)
    netted = evaluated(snapshot, market, replace(settings, net_taxes=True), A=-200, B=200)

    assert (apart.tax.liability, netted.tax.liability) == (D(-1_250), D(-2_000))
    assert netted.objective.tax == pytest.approx(-200.0)
    assert netted.trades[0].reason.tax_bp == pytest.approx(200.0)
    assert (
        "takes a loss of 5,000.00 USD, which saves 2,000.00 USD of tax of the year" in netted.trades[0].reason.sentence
    )


def test_a_loss_beyond_the_years_gains_and_the_allowance_is_worth_what_carrying_it_is(account, market, settings):
    # 17,500 USD of long-term loss and no gain: 3,000 USD come off income at 40 %, 1,200 USD; 14,500 USD are carried,
    # worth half of 25 %, 1,812.50 USD.
    plan = evaluated(account, market, replace(settings, net_taxes=True), A=-700)

    assert plan.tax.liability == D("-3012.5")


def bought_elsewhere(account, registration):
    """The household's other account bought 50 shares of A nine days ago and holds them."""
    day = account.as_of - timedelta(9)
    row = Transaction(
        transaction_id="T1", account_id="B", trade_date=day, security_id="A", type=TransactionType.BUY, quantity=D(50),
        price=D(100), lot_id="other"
    )  # fmt: skip
    lot = replace(
        account.lots[0], account_id="B", lot_id="other", quantity=D(50), cost_per_share=D(100), acquired=day
    )  # fmt: skip
    other = replace(account.account, account_id="B", registration=registration)
    return replace(
        account, household_books=(account.book, AccountBook(account=other, lots=(lot,), transactions=(row,)))
    )


def test_a_loss_that_a_wash_sale_defers_counts_in_no_gain_and_is_worth_what_carrying_it_is(account, market, settings):
    # 200 shares lose 25 USD each. 50 of them are caught: 1,250 USD go into the basis of the other account's shares,
    # worth half of 25 % some day, 156.25 USD. The year counts 3,750 USD, which save 937.50 USD now.
    snapshot = bought_elsewhere(account, Registration.TAXABLE)

    plan = evaluated(snapshot, market, replace(settings, wash_sales=WashSalePolicy.ALLOW), A=-200, B=200)

    assert (plan.tax.lt_gain, plan.tax.harvested_loss, plan.tax.disallowed) == (D(-3_750), D(3_750), D(1_250))
    assert plan.tax.liability == D("-937.5")
    assert plan.objective.tax == pytest.approx(-(937.50 + 156.25) / 10)
    told = "losses of 1,250.00 USD are disallowed: 1,250.00 USD go into the basis of shares that the household bought"
    assert {c.rule: (c.verdict, c.detail) for c in plan.checks}["wash_sales"] == (Verdict.PASS, f"{told} lately")
    on = account.as_of - timedelta(9)
    assert (
        "a wash sale disallows 1,250.00 USD of the loss: 1,250.00 USD go into the basis of 50 shares that account B "
        f"buys on {on}" in plan.trades[0].reason.sentence
    )
    [match] = plan.trades[0].washed
    assert (match.lot_id, match.transaction_id, match.account_id, match.on) == ("a", "T1", "B", on)
    assert (match.quantity, match.disallowed, match.deferred) == (50, 1_250, True)


def test_a_deferred_loss_that_is_taken_to_be_worth_nothing_still_goes_into_the_basis(account, market, settings):
    snapshot = bought_elsewhere(account, Registration.TAXABLE)
    worthless = replace(settings, wash_sales=WashSalePolicy.ALLOW, carryforward_value=0.0)

    plan = evaluated(snapshot, market, worthless, A=-200, B=200)

    assert plan.objective.tax == pytest.approx(-93.75)
    assert "1,250.00 USD go into the basis" in {c.rule: c.detail for c in plan.checks}["wash_sales"]


def test_a_loss_that_an_ira_purchase_catches_is_lost_for_good(account, market, settings):
    snapshot = bought_elsewhere(account, Registration.IRA)

    plan = evaluated(snapshot, market, replace(settings, wash_sales=WashSalePolicy.ALLOW), A=-200, B=200)

    assert (plan.tax.lt_gain, plan.tax.disallowed) == (D(-3_750), D(1_250))
    assert plan.objective.tax == pytest.approx(-93.75)
    assert (
        "1,250.00 USD are lost for good to purchases in retirement accounts"
        in {c.rule: c.detail for c in plan.checks}["wash_sales"]
    )


def test_unrealised_losses_are_what_the_lots_leave_whether_or_not_a_wash_sale_divides_them(account, market, settings):
    snapshot = bought_elsewhere(account, Registration.TAXABLE)

    plan = evaluated(snapshot, market, replace(settings, wash_sales=WashSalePolicy.ALLOW), A=-200, B=200)

    assert (plan.before.unrealised.lt_loss, plan.after.unrealised.lt_loss) == (D(-17_500), D(-12_500))
    assert [(n.lot_id, n.loss) for n in plan.not_harvested] == [("a", D(12_500))]


def test_an_account_that_is_sold_out_is_not_held_to_its_bands(account, market, settings):
    strict = replace(settings, liquidate=True, max_cash=0.01, max_active_weight=0.01, max_sector_active=0.01)

    plan, _ = propose_plan(account, market, strict, inputs_hash="")

    assert {t.security_id: t.quantity for t in plan.trades} == {"A": D(700), "B": D(300)}
    assert {c.rule: c.verdict for c in plan.checks} == {
        "cash band": Verdict.PASS, "holdings": Verdict.PASS, "restrictions": Verdict.PASS, "wash_sales": Verdict.PASS,
        "liquidate": Verdict.PASS, "max_turnover": Verdict.PASS, "price age": Verdict.PASS,
    }  # fmt: skip
    assert "the account is sold out" in plan.trades[0].reason.sentence


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"max_trades": 1}, "2 trades; at most 1"),
        ({"max_names": 1}, "2 names held; at most 1"),
        # d = 0 but for what the trades leave: 0.2 - 0.1 in A, -0.2 + 0.1 in B, so 0.05 x 0.02 and its root.
        ({"max_tracking_error": 0.01}, "tracking error 3.162% a year; limit 1.000%"),
    ],
)
def test_trades_beyond_a_limit_fail_its_check(account, market, settings, change, detail):
    plan = evaluated(account, market, replace(settings, **change), A=-100, B=100)

    (rule,) = change
    assert {c.rule: (c.verdict, c.detail) for c in plan.checks}[rule] == (Verdict.FAIL, detail)
