"""What an edit changed, on the small account by hand."""

from dataclasses import replace
from decimal import Decimal as D

import pytest

from engine.domain.accounts import Registration
from engine.domain.plans import Side, bp_usd
from engine.review.difference import Change, difference, in_dollars, year_gain
from tests.engine.conftest import purchase


@pytest.fixture
def edited(plan):
    """95 BETA become 40, the purchase of 190 GAMA is dropped, and 10 ALFA would be bought beside: 5.25 bp worse."""
    return replace(
        plan,
        trades=(plan.trades[0], purchase("BETA", 40), replace(purchase("GAMA", 1), security_id="NEW")),
        objective=replace(plan.objective, total=plan.objective.total + 5.25),
        tax=replace(plan.tax, liability=D(-700)),
        after=replace(plan.after, tracking_error=plan.after.tracking_error + 0.001),
        edited=("BETA", "GAMA", "NEW"),
    )


def test_each_trade_is_added_removed_or_changed_and_most_dollars_come_first(plan, edited):
    told = [
        (one.security_id, one.change, one.shares_before, one.shares_after, one.usd_before, one.usd_after)
        for one in difference(plan, edited).trades
    ]

    assert told == [  # 190 x 50 = 9,500 gone, 55 x 100 = 5,500 less, 1 x 50 more
        ("GAMA", Change.REMOVED, 190, 0, 9500, 0),
        ("BETA", Change.CHANGED, 95, 40, 9500, 4000),
        ("NEW", Change.ADDED, 0, 1, 0, 50),
    ]


def test_a_sale_is_below_zero_and_turned_into_a_purchase_it_is_one_change(plan):
    other = replace(plan, trades=(purchase("ALFA", 30), *plan.trades[1:]))

    (one,) = difference(plan, other).trades

    assert (one.change, one.shares_before, one.shares_after) == (Change.CHANGED, -100, 30)
    assert (one.usd_before, one.usd_after) == (-10_000, 3_000)


def test_the_cost_is_what_the_objective_loses_of_the_accounts_value(plan, edited):
    found = difference(plan, edited)

    assert found.cost_bp == pytest.approx(5.25)
    assert found.cost_usd == D("52.50")  # of 100,000
    assert found.tax == D(50)
    assert found.tracking_error == pytest.approx(0.001)


@pytest.mark.parametrize("changed", [{"inputs_hash": "1" * 64}, {"settings": None}])
def test_plans_of_other_inputs_or_settings_do_not_compare_in_cost(plan, edited, changed):
    if "settings" in changed:
        changed = {"settings": replace(plan.settings, risk_aversion=50.0)}

    found = difference(plan, replace(edited, **changed))

    assert (found.cost_bp, found.cost_usd) == (None, None)
    assert len(found.trades) == 3


def test_a_plan_does_not_differ_from_itself(plan):
    assert difference(plan, plan).trades == ()
    assert difference(plan, plan).cost_usd == 0


@pytest.mark.parametrize(("bp", "usd"), [(1.92, "19.20"), (-0.005, "-0.05"), (0.00004, "0.00")])
def test_basis_points_of_100_000_in_dollars(plan, bp, usd):
    assert in_dollars(plan, bp) == D(usd)


@pytest.mark.parametrize(("flow", "usd"), [({"deposit": 20_000}, 63), ({"withdrawal": 20_000}, 42)])
def test_a_basis_point_is_of_the_value_after_the_flow(plan, edited, flow, usd):
    # 5.25 bp of 100,000 with 20 % of it put in, or taken out: of 120,000, or of 80,000.
    settings = replace(plan.settings, **{name: D(amount) for name, amount in flow.items()})

    found = difference(replace(plan, settings=settings), replace(edited, settings=settings))

    assert found.cost_usd == usd
    assert bp_usd(replace(plan, settings=settings), 5.25) == usd


def test_the_years_gain_counts_what_was_realised_and_what_the_plan_adds(snapshot, plan):
    account = replace(snapshot.account, ytd_st_gain=D(1000), ytd_lt_gain=D(4500))
    assert plan.trades[0].side is Side.SELL

    assert year_gain(account, plan) == D(2500)  # 1,000 + 4,500 - 3,000 taken by the plan
    assert year_gain(replace(account, registration=Registration.IRA), plan) is None
