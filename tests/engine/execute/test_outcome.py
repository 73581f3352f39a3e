"""What a plan said and what its fills did, for the small account worked out by hand in tests/engine/conftest.py."""

import math
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from engine.domain.accounts import Registration, Transaction, TransactionType
from engine.domain.identifiers import AccountId, LotId, PlanId, SecurityId, TransactionId
from engine.execute.fills import FilledOrder
from engine.execute.orders import orders_if_approved
from engine.execute.outcome import predicted, realised

ON = date(2026, 11, 20)
AT_THE_PLANS_PRICES = {"ALFA": ("100", "100"), "BETA": ("95", "100"), "GAMA": ("190", "50")}


@pytest.fixture
def filled(plan, snapshot, market):
    """filled(ALFA=(shares, price), ...) are the plan's orders with these fills."""

    def make(**fills):
        orders = orders_if_approved(PlanId("p"), plan, snapshot.account, market.securities, snapshot.lots)
        given = {**AT_THE_PLANS_PRICES, **fills}
        return tuple(
            FilledOrder(order=order, quantity=Decimal(given[order.ticker][0]), price=Decimal(given[order.ticker][1]))
            for order in orders
        )

    return make


def test_the_plans_own_figures_are_its_tax_its_costs_and_its_tracking_error(plan, market):
    said = predicted(plan, market)

    # 14.50 USD of costs on 29,000 traded are 5 bp.
    assert (said.tax, said.cost_bp, said.tracking_error) == (Decimal(-750), 5.0, 0.02760435)


def test_a_plan_reckons_each_security_at_its_own_cost_and_no_trades_at_none(plan, market):
    dear = replace(market.securities["ALFA"], cost_bp=Decimal(20))

    said = predicted(plan, replace(market, securities={**market.securities, "ALFA": dear}))

    assert said.cost_bp == pytest.approx((10_000 * 20 + 19_000 * 5) / 29_000)
    assert predicted(replace(plan, trades=()), market).cost_bp == 0.0


def test_fills_at_the_plans_prices_do_what_the_plan_said_and_cost_nothing(plan, snapshot, market, filled):
    did = realised(plan, snapshot, market, filled(), ON)

    assert (did.tax, did.cost_bp) == (Decimal(-750), 0.0)
    assert did.tracking_error == pytest.approx(0.2 * math.sqrt(0.01905), abs=1e-12)


def test_worse_prices_are_a_cost_and_change_the_tax(plan, snapshot, market, filled):
    did = realised(plan, snapshot, market, filled(ALFA=("100", "99"), BETA=("95", "101")), ON)

    # Lost: 100 x 1 on the sale and 95 x 1 on the purchase, of 29,000. The loss is 3,100, long-term: 25 % of it.
    assert did.cost_bp == pytest.approx(195 / 29_000 * 10_000)
    assert did.tax == Decimal(-775)


def test_what_was_not_bought_is_missing_from_the_tracking_error(plan, snapshot, market, filled):
    did = realised(plan, snapshot, market, filled(BETA=("0", "100")), ON)

    # ALFA off by -10 %, GAMA by -0.5 %, BETA on its target.
    assert did.tracking_error == pytest.approx(0.2 * math.sqrt(0.010025), abs=1e-12)


def test_what_was_never_filled_costs_nothing_and_realises_nothing(plan, snapshot, market, filled):
    did = realised(plan, snapshot, market, filled(ALFA=("0", "100"), BETA=("0", "100"), GAMA=("0", "50")), ON)

    assert (did.tax, did.cost_bp) == (0, 0.0)
    assert did.tracking_error == pytest.approx(0.02, abs=1e-12)  # GAMA alone is off, by 10 %


def test_cash_that_comes_and_goes_counts_in_the_weights(plan, snapshot, market, filled):
    flows = replace(plan, settings=replace(plan.settings, deposit=Decimal(26_000), withdrawal=Decimal(1000)))

    # Of 125,000: ALFA 24 % for 40 %, BETA 47.6 % for 50 %, GAMA 7.6 % for 10 %.
    did = realised(flows, snapshot, market, filled(), ON)
    assert did.tracking_error == pytest.approx(0.2 * math.sqrt(0.16**2 + 2 * 0.024**2), abs=1e-12)


def test_sales_that_the_account_made_before_are_not_the_plans(plan, snapshot, market, filled):
    earlier = Transaction(
        transaction_id=TransactionId("OLD"), account_id=AccountId("A"), trade_date=date(2026, 3, 2),
        security_id=SecurityId("ALFA"), type=TransactionType.SELL, quantity=Decimal(10), price=Decimal(500),
        lot_id=LotId("a2"), basis=Decimal(900),
    )  # fmt: skip
    known = replace(snapshot, book=replace(snapshot.book, transactions=(earlier,)))

    assert realised(plan, known, market, filled(), ON).tax == Decimal(-750)


def test_a_retirement_account_realises_no_tax(plan, snapshot, market, filled):
    account = replace(snapshot.account, registration=Registration.IRA)
    ira = replace(snapshot, book=replace(snapshot.book, account=account))

    assert realised(plan, ira, market, filled(), ON).tax == 0


def test_gains_that_net_are_taxed_as_the_year_nets(plan, snapshot, market, filled):
    # 2,000 of long-term gains so far: the loss of 3,000 takes them back (25 %), and 1,000 of ordinary income (40 %).
    account = replace(snapshot.account, ytd_lt_gain=Decimal(2000))
    busy = replace(snapshot, book=replace(snapshot.book, account=account))
    netting = replace(plan, settings=replace(plan.settings, net_taxes=True))

    assert realised(netting, busy, market, filled(), ON).tax == Decimal(-900)
