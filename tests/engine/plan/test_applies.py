"""A setting that can change nothing says why."""

from dataclasses import replace
from decimal import Decimal as D

import pytest

from engine.domain.accounts import Registration
from engine.domain.settings import PlanSettings, WashSalePolicy
from engine.plan.applies import inapplicable


@pytest.fixture
def market(market_of):
    return market_of({"A": 100}, {"A": 1}, exposures=[[1.0]], A={"adv_usd": D(1_000_000)})


def test_in_a_taxable_account_only_what_is_switched_off_has_no_effect(market, account_of):
    account = account_of(0).account

    assert inapplicable(PlanSettings(), account, market) == {
        "carryforward_value": "gains are not netted, and no loss is deferred"
    }
    for changes in ({"net_taxes": True}, {"wash_sales": WashSalePolicy.ALLOW}):
        assert inapplicable(PlanSettings(**changes), account, market) == {}


@pytest.mark.parametrize("registration", [Registration.IRA, Registration.ROTH])
def test_where_no_tax_is_paid_tax_settings_have_no_effect(market, account_of, registration):
    found = inapplicable(PlanSettings(net_taxes=True), account_of(0, registration=registration).account, market)

    assert set(found.values()) == {"this account pays no tax"}
    assert {"tax_weight", "net_taxes", "max_net_gain", "wash_sales", "harvest_min_loss_usd"} <= found.keys()
    assert not {"risk_aversion", "cost_bp", "max_turnover", "withdrawal", "lot_method"} & found.keys()


def test_bounds_step_aside_when_everything_is_to_be_sold(market, account_of):
    found = inapplicable(PlanSettings(liquidate=True), account_of(0).account, market)

    assert {name for name, reason in found.items() if reason == "everything is to be sold"} >= {
        "min_cash", "max_cash", "max_active_weight", "max_sector_active", "max_tracking_error", "max_names",
        "max_turnover", "max_net_gain",
    }  # fmt: skip
    assert not {"max_trades", "tax_weight", "net_taxes"} & found.keys()


def test_what_inputs_lack_cannot_be_set(market_of, account_of):
    bare = market_of({"A": 100}, {"A": 1})
    account = account_of(0, st_rate="0.1", lt_rate="0.2").account

    found = inapplicable(PlanSettings(enforce=True), account, replace(bare))

    assert found["impact_bp"] == "no security states its average daily volume"
    assert found["max_factor_active"] == "the risk model has no factors"
    assert found["net_taxes"] == "the account's short-term rate is below its long-term rate"
    assert found["breach_penalty"] == "broken limits are forced back, not priced"
