"""The scan of one account worked by hand (conftest.py), the dollars at stake, and the queue that scans make."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D
from math import sqrt

import numpy as np
import pytest

from engine.domain.accounts import AccountBook, Registration, Transaction, TransactionType
from engine.domain.market import Mark
from engine.domain.settings import PlanSettings
from engine.monitor.scan import Reason, dollars_at_stake, queue, scan_account

# Bands that the account is inside of: active weights up to 5 %, sectors up to 4 %, 5 % of cash.
WIDE = PlanSettings(max_active_weight=0.05, max_sector_active=0.04, min_cash=0.04, max_cash=0.06)

# market -0.052, oil -0.04: 0.052^2 x 0.04 + 2 x 0.052 x 0.04 x 0.01 + 0.04^2 x 0.09 = 0.00029376;
# specific: 0.04^2 x 0.01 + 0.05^2 x 0.04 + 0.04^2 x 0.09 = 0.00026
VARIANCE = 0.00055376


def scan(snapshot, market, settings=WIDE, **last):
    """Return the scan; last: yesterday's prices."""
    marks = {name: Mark(price=D(price), on=market.as_of - timedelta(days=1)) for name, price in last.items()}
    return scan_account(snapshot, market, settings, last_marks=marks or None)


def with_account(snapshot, **changes):
    book = replace(snapshot.book, account=replace(snapshot.account, **changes))
    return replace(snapshot, book=book, household_books=(book,))


def with_sibling_row(snapshot, market, kind, days_ago, name="GAMA"):
    """The household's IRA traded some days ago."""
    row = Transaction(
        transaction_id="t1",
        account_id="B",
        trade_date=market.as_of - timedelta(days=days_ago),
        security_id=name,
        type=kind,
        quantity=D(1),
        price=D(20),
    )
    account = replace(snapshot.account, account_id="B", account_number="2", registration=Registration.IRA)
    return replace(
        snapshot, household_books=(snapshot.book, AccountBook(account=account, lots=(), transactions=(row,)))
    )


def in_line(snapshot, market):
    """The same account with a model that is what it holds, but for the cash, and losses at none of its marks."""
    weights = (("ALFA", D("0.42")), ("BETA", D("0.27")), ("GAMA", D("0.31")))
    model = replace(market.models["M"], weights=weights)
    lots = tuple(replace(lot, cost_per_share=D(10)) for lot in snapshot.lots)
    book = replace(snapshot.book, lots=lots)
    return replace(snapshot, book=book, household_books=(book,)), replace(market, models={"M": model})


def test_the_figures_of_the_account_are_those_of_the_hand_calculation(snapshot, market):
    found = scan(snapshot, market)

    assert (found.nav, found.cash_weight, found.cash_band) == (100_000, 0.05, (0.04, 0.06))
    assert found.tracking_error == pytest.approx(sqrt(VARIANCE), rel=1e-12)
    assert found.max_active_weight == pytest.approx(0.05)
    assert found.harvest.tax_saved == 1450
    assert found.data_age_days == 0
    assert not found.fenced


def test_the_tracking_error_is_that_of_the_full_covariance_matrix(snapshot, market):
    f = market.risk.exposures
    covariance = f @ market.risk.factor_covariance @ f.T + np.diag(market.risk.specific_variance)
    active = np.array([0.04, -0.05, -0.04])

    assert scan(snapshot, market).tracking_error == pytest.approx(sqrt(active @ covariance @ active), rel=1e-12)


def test_an_account_inside_every_band_with_nothing_to_harvest_has_no_reason(snapshot, market):
    found = scan(*in_line(snapshot, market))

    assert found.reasons == ()
    assert found.dollars_at_stake == 0
    assert queue([found]) == ()


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"max_active_weight": 0.04}, [Reason.OUT_OF_BALANCE]),
        ({"max_sector_active": 0.03}, [Reason.OUT_OF_BALANCE]),
        ({"max_factor_active": 0.05}, [Reason.OUT_OF_BALANCE]),
        ({"max_factor_active": 0.06}, []),
        ({"min_cash": 0.05}, []),  # exactly the least cash is enough
        ({"min_cash": 0.051}, [Reason.CASH_LOW]),
        ({"max_cash": 0.05}, []),
        ({"max_cash": 0.049}, [Reason.CASH_HIGH]),
        ({"gains_budget": D(0)}, []),
    ],
)
def test_each_band_has_its_reason(snapshot, market, changes, reasons):
    lots = tuple(replace(lot, cost_per_share=D(10)) for lot in snapshot.lots)  # nothing to harvest
    account = replace(snapshot, book=replace(snapshot.book, lots=lots))

    assert list(scan(account, market, replace(WIDE, **changes)).reasons) == reasons


def test_losses_free_to_harvest_are_a_reason_and_losses_all_behind_a_lock_are_not(snapshot, market):
    only_gama = replace(snapshot.book, lots=(*snapshot.lots[1:],))  # without the loss in ALFA
    account = replace(snapshot, book=only_gama, household_books=(only_gama,))
    wide = replace(WIDE, max_active_weight=None, max_sector_active=None)

    assert scan(account, market, wide).reasons == (Reason.HARVESTABLE,)
    assert scan(with_sibling_row(account, market, TransactionType.BUY, 10), market, wide).reasons == ()


def test_a_market_move_is_a_reason(snapshot, market):
    assert scan(*in_line(snapshot, market), ALFA=80).reasons == (Reason.MARKET_MOVE,)
    assert scan(*in_line(snapshot, market), ALFA=100).reasons == ()


@pytest.mark.parametrize(
    ("ytd_st", "ytd_lt", "left", "reasons"),
    [(3000, 1000, 1000, ()), (3000, 2000, 0, ()), (3000, 2001, -1, (Reason.GAINS_BUDGET,)), (-500, 500, 5000, ())],
)
def test_a_gains_budget_that_is_overspent_is_a_reason(snapshot, market, ytd_st, ytd_lt, left, reasons):
    account, level = in_line(with_account(snapshot, ytd_st_gain=D(ytd_st), ytd_lt_gain=D(ytd_lt)), market)

    found = scan(account, level, replace(WIDE, gains_budget=D(5000)))

    assert (found.gains_left, found.reasons) == (left, reasons)


def test_without_a_gains_budget_none_is_left_or_spent(snapshot, market):
    assert scan(with_account(snapshot, ytd_lt_gain=D(10**6)), market).gains_left is None


@pytest.mark.parametrize(("days_ago", "reasons"), [(27, ()), (28, (Reason.LOCK_ENDING,)), (30, (Reason.LOCK_ENDING,))])
def test_a_lock_that_ends_within_three_days_is_a_reason(snapshot, market, days_ago, reasons):
    """Bought 28 days ago: free on the 31st day, in three days."""
    account, level = in_line(snapshot, market)

    assert scan(with_sibling_row(account, level, TransactionType.BUY, days_ago), level).reasons == reasons


def test_a_lock_on_a_name_that_the_account_neither_holds_nor_follows_is_not_its_business(snapshot, market):
    account = with_sibling_row(snapshot, market, TransactionType.BUY, 10, name="DELT")

    assert scan(account, market).locks == ()


def test_a_lock_shows_its_cause_and_first_free_day(snapshot, market):
    [lock] = scan(with_sibling_row(snapshot, market, TransactionType.BUY, 10), market).locks

    assert (lock.identical_group, lock.cause, lock.until) == ("GAMA", "t1", date(2026, 12, 11))


def test_a_data_problem_is_a_reason_and_a_fence_shows(snapshot, market):
    marks = {name: mark for name, mark in market.marks.items() if name != "GAMA"}

    found = scan(snapshot, replace(market, marks=marks))

    assert Reason.DATA_PROBLEM in found.reasons
    assert found.fenced


def test_a_warning_is_a_reason_and_no_fence(snapshot, market):
    account, level = in_line(snapshot, market)
    old = {name: replace(mark, on=mark.on - timedelta(days=9)) for name, mark in level.marks.items()}

    found = scan(account, replace(level, marks=old))

    assert found.reasons == (Reason.DATA_PROBLEM,)
    assert not found.fenced
    assert found.data_age_days == 9


def test_the_age_of_the_data_is_that_of_its_newest_price_of_a_holding(snapshot, market):
    marks = {
        "ALFA": replace(market.marks["ALFA"], on=market.as_of - timedelta(days=4)),
        "BETA": replace(market.marks["BETA"], on=market.as_of - timedelta(days=2)),
        "GAMA": replace(market.marks["GAMA"], on=market.as_of - timedelta(days=3)),
    }
    cash_only = replace(snapshot, book=replace(snapshot.book, lots=()))

    assert scan(snapshot, replace(market, marks=marks)).data_age_days == 2
    assert scan(cash_only, market).data_age_days is None


def test_a_wash_sale_ledger_that_cannot_be_computed_fences_and_the_rest_is_computed(snapshot, market):
    sale = Transaction(
        transaction_id="t9",
        account_id="A",
        trade_date=market.as_of,
        security_id="ALFA",
        type=TransactionType.SELL,
        quantity=D(5),
        price=D(100),
        lot_id="nobody-knows",
    )
    book = replace(snapshot.book, transactions=(sale,))

    found = scan(replace(snapshot, book=book, household_books=(book,)), market)

    assert found.problems[0].code == "no_wash_sale_ledger"
    assert "t9" in found.problems[0].sentence
    assert found.fenced
    assert found.nav == 100_000


def test_every_gap_at_once_never_raises(snapshot, market):
    empty = replace(market, securities={}, marks={}, models={})
    account = replace(snapshot, book=replace(snapshot.book, account=replace(snapshot.account, cash=D(-1))))

    found = scan(account, empty)

    assert {problem.code for problem in found.problems} == {
        "no_mark",
        "unknown_security",
        "unknown_model",
        "no_value",
        "negative_cash",
    }
    assert (found.tracking_error, found.cash_weight, found.names) == (0.0, 0.0, ())


@pytest.mark.parametrize(
    ("cash", "nav", "weight"), [("-95000", 0, 0.0), ("-95001", -1, 0.0), ("-94999.5", D("0.5"), -189_999.0)]
)
def test_cash_is_a_share_of_what_the_account_is_worth_and_of_nothing_none(snapshot, market, cash, nav, weight):
    found = scan(with_account(snapshot, cash=D(cash)), market)

    assert (found.nav, found.cash_weight) == (nav, weight)


def test_an_account_worth_less_than_nothing_has_no_risk_at_stake():
    assert dollars_at_stake(D(-100_000), 0.02, D(0), settings=WIDE) == 0


def test_the_dollars_at_stake_are_the_plans_own_risk_and_tax_terms():
    """100 x 0.02^2 x 100,000 = 4,000 and 0.5 x 1,450 = 725."""
    settings = replace(WIDE, risk_aversion=100.0, tax_weight=0.5)

    found = dollars_at_stake(D(100_000), 0.02, D(1450), settings=settings)

    assert float(found) == pytest.approx(4725, abs=1e-6)


def test_risk_is_at_stake_only_where_the_account_is_out_of_a_band(snapshot, market):
    """100 x 0.00055376 x 100,000 = 5,537.60 of risk, and 1,450 of tax."""
    inside = scan(snapshot, market)
    outside = scan(snapshot, market, replace(WIDE, max_active_weight=0.04))
    too_much_cash = scan(snapshot, market, replace(WIDE, max_cash=0.04))

    assert inside.dollars_at_stake == 1450
    assert float(outside.dollars_at_stake) == pytest.approx(6987.60, abs=1e-6)
    assert float(too_much_cash.dollars_at_stake) == pytest.approx(6987.60, abs=1e-6)


def test_the_queue_has_fenced_accounts_first_then_the_most_dollars_then_the_larger_account(snapshot, market):
    base = scan(snapshot, market)

    def named(name, **changes):
        return replace(base, account=replace(base.account, account_id=name), **changes)

    unpriced = replace(market, marks={name: mark for name, mark in market.marks.items() if name != "GAMA"})
    fenced = replace(scan(snapshot, unpriced), dollars_at_stake=D(1))
    scans = [
        named("small", dollars_at_stake=D(100), nav=D(10)),
        named("large", dollars_at_stake=D(100), nav=D(20)),
        named("b", dollars_at_stake=D(500)),
        named("a", dollars_at_stake=D(500)),
        named("quiet", dollars_at_stake=D(900), reasons=()),
        fenced,
    ]

    assert [found.account.account_id for found in queue(scans)] == ["A", "a", "b", "large", "small"]
