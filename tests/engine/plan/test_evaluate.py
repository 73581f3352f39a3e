"""Trades edited by hand are judged as they are: their cost against the best plan, and every rule they break."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D

import pytest

from engine.domain.accounts import AccountBook, Restriction, Rule, Transaction, TransactionType
from engine.domain.errors import DataError
from engine.domain.plans import PlanStatus, Side, Verdict
from engine.domain.settings import LotMethod, PlanSettings
from engine.plan.evaluate import evaluate_trades
from engine.plan.propose import propose_plan

LONG_AGO = date(2024, 1, 5)


def signed(plan):
    return {t.security_id: t.quantity if t.side is Side.BUY else -t.quantity for t in plan.trades}


@pytest.fixture
def market(market_of):
    return market_of({"A": 100, "B": 100, "C": 100}, {"A": "0.5", "B": "0.5"}, specific=0.05, C={"sector": "Other"})


@pytest.fixture
def account(account_of):
    """70 % in A, half at a loss of 20 USD a share and half at a gain of 50, and 30 % in B; V = 100,000 USD."""
    return account_of(
        0, ("a1", "A", 400, 120, LONG_AGO), ("a2", "A", 300, 50, LONG_AGO), ("b1", "B", 300, 125, LONG_AGO)
    )


@pytest.fixture
def settings():
    return PlanSettings(
        risk_aversion=12.5, cost_bp=0.0, min_cash=0.0, max_cash=0.0, max_active_weight=None, max_sector_active=None
    )


def evaluated(account, market, settings, edited=("A",), **shares):
    trades = {name: D(quantity) for name, quantity in shares.items()}
    return evaluate_trades(account, market, settings, trades, inputs_hash="", edited=edited)[0]


@pytest.mark.parametrize("seed", [1, 2, 3, 8, 17, 28, 29, 32, 36, 44, 51, 54, 70])
def test_a_proposals_own_trades_come_to_the_same_plan(random_case, seed):
    snapshot, market, settings, _ = random_case(seed)
    proposed, _ = propose_plan(snapshot, market, settings, inputs_hash="")
    assert proposed.trades

    again, _ = evaluate_trades(snapshot, market, settings, signed(proposed), inputs_hash="", edited=())

    assert again.objective == proposed.objective
    assert [(t.security_id, t.side, t.quantity, t.lots) for t in again.trades] == [
        (t.security_id, t.side, t.quantity, t.lots) for t in proposed.trades
    ]
    assert (again.status, again.tax, again.after, again.checks) == (
        proposed.status, proposed.tax, proposed.after, proposed.checks
    )  # fmt: skip


def test_an_edit_costs_what_it_takes_from_the_objective(account, market, settings):
    # The best plan moves 22 % at -105 bp (see test_propose). Moving 20 % instead: no risk, tax -0.05 x 0.2 = -100 bp.
    plan = evaluated(account, market, settings, A=-200, B=200)

    assert plan.objective.total == pytest.approx(-100.0, abs=1e-6)
    assert plan.objective.gap == pytest.approx(5.0, abs=1e-3)
    assert plan.status is PlanStatus.FEASIBLE
    assert plan.edited == ("A",)


def test_an_edit_that_happens_to_be_the_best_plan_is_still_not_called_optimal(account, market, settings):
    plan = evaluated(account, market, settings, A=-220, B=220)

    assert plan.objective.gap == pytest.approx(0.0, abs=1e-3)
    assert plan.status is PlanStatus.FEASIBLE


def test_an_edit_that_breaks_a_rule_keeps_its_trades_and_names_the_rule(account, market, settings):
    # Nothing is bought with the 20,000 USD that the sale brings, and no cash may stay.
    plan = evaluated(account, market, settings, A=-200)

    assert plan.status is PlanStatus.INFEASIBLE
    assert [t.security_id for t in plan.trades] == ["A"]
    assert plan.conflicts == ("max_cash",)
    assert plan.checks[0].verdict is Verdict.FAIL


def test_a_security_outside_account_and_model_may_be_bought_by_hand(account, market, settings):
    plan = evaluated(account, market, settings, edited=("C",), A=-200, C=200)

    assert {t.security_id for t in plan.trades} == {"A", "C"}
    assert dict(plan.after.sectors) == pytest.approx({"Any": -0.2, "Other": 0.2})


def test_a_sale_of_more_than_is_held_is_refused(account, market, settings):
    with pytest.raises(DataError, match="A: expected a sale of at most 700 shares, found 701"):
        evaluated(account, market, settings, A=-701)


def test_a_loss_sold_inside_the_window_is_shown_with_what_the_ledger_disallows(account, market, settings):
    # The household's other account bought 50 shares of A nine days ago. The sale takes a2 first, which is free, then
    # 200 shares of a1 at a loss of 20 USD each, 4,000 in all; 50 shares' worth of it, 1,000 USD, is disallowed.
    bought = Transaction(
        transaction_id="T1",
        account_id="B",
        trade_date=account.as_of - timedelta(9),
        security_id="A",
        type=TransactionType.BUY,
        quantity=D(50),
        price=D(100),
        lot_id="other",
    )
    lot = replace(
        account.lots[0],
        account_id="B",
        lot_id="other",
        quantity=D(50),
        cost_per_share=D(100),
        acquired=bought.trade_date,
    )
    other = AccountBook(account=replace(account.account, account_id="B"), lots=(lot,), transactions=(bought,))
    snapshot = replace(account, household_books=(account.book, other))

    plan = evaluated(snapshot, market, replace(settings, max_cash=1.0), A=-500)

    assert {sale.lot_id: sale.quantity for sale in plan.trades[0].lots} == {"a2": D(300), "a1": D(200)}
    assert plan.tax.disallowed == D(1_000)
    assert plan.conflicts == ("wash_sales",)
    assert plan.status is PlanStatus.INFEASIBLE


def test_buying_what_is_substantially_identical_to_a_loss_sold_fails_the_wash_sale_check(account, market, settings):
    paired = {
        name: replace(security, identical_group="PAIR" if name != "C" else None)
        for name, security in market.securities.items()
    }

    # The 300 shares at a gain go first; another 100 are at a loss.
    plan = evaluated(account, replace(market, securities=paired), settings, A=-400, B=400)

    assert plan.conflicts == ("wash_sales",)


def test_each_rule_that_a_hand_made_plan_breaks_is_named(account, market, settings):
    # 40 % one way where 10 % is allowed, 15,000 USD of gain where 1,000 is (all of A's second lot), B at 70 % where its
    # limit is 60 %, and a trade of 100 USD where 500 is the least.
    wish = Restriction(scope="A", target="B", rule=Rule.MAX_WEIGHT, value=D("0.6"), until=None, reason="Test")
    strict = replace(settings, lot_method=LotMethod.FIFO, max_turnover=0.1, max_net_gain=D(1_000), min_trade_usd=D(500))
    newest = replace(account.lots[1], acquired=LONG_AGO - timedelta(30))  # FIFO sells the lot at a gain first
    book = replace(account.book, lots=(account.lots[0], newest, account.lots[2]))
    snapshot = replace(account, book=book, household_books=(book,), restrictions=(wish,))

    plan = evaluated(snapshot, market, strict, A=-300, B=399, C=1, edited=("B",))

    failed = {check.rule for check in plan.checks if check.verdict is Verdict.FAIL}
    assert failed == {"cash band", "max_turnover", "max_net_gain", "max_weight B", "min_trade_usd"}
    assert set(plan.conflicts) == {"min_cash", "max_turnover", "max_net_gain", "max_weight B", "min_trade_usd"}
