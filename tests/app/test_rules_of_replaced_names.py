"""What is ruled of a name that ended is ruled of what it became: CCC merged into BBB, half a share for one.

The firm of test_corporate_actions.py, its merger booked. What names CCC must do what the same would do of BBB.
"""

from dataclasses import replace
from decimal import Decimal as D

import pytest

from app.steps import corporate_actions
from app.steps.inputs import inputs_of
from app.steps.policy import Asked, change_of
from app.steps.rehearsal import Sample, rehearse
from engine.domain.accounts import Restriction, Rule
from engine.domain.settings import PlanSettings
from engine.monitor.scan import scan_account
from engine.plan.propose import propose_plan
from engine.review.checker import failures, second_opinion
from tests.app.test_corporate_actions import folder, manager, services
from tests.app.test_nightly import hands
from tests.app.test_rehearsal import by_account

__all__ = ["folder", "services"]
FREE = PlanSettings(max_active_weight=None, max_sector_active=None)


@pytest.fixture
def inputs(services):
    corporate_actions.book_all(services, actor=manager(services))
    return inputs_of(services, "T1")


def trades(inputs, settings, *rules):
    """Return what T1 trades, shares signed, and hold the plan before the second checker."""
    snapshot = replace(inputs.snapshot, restrictions=rules)
    plan, _ = propose_plan(snapshot, inputs.market, settings, inputs_hash="")
    assert failures(second_opinion(plan, snapshot, inputs.market)) == ()
    return {t.security_id: t.quantity if t.side == "buy" else -t.quantity for t in plan.trades}


def rule(target, kind, value=None):
    return Restriction(scope="firm", target=target, rule=kind, value=value and D(value), until=None, reason="r")


def test_an_exclusion_sells_what_the_excluded_name_became(inputs):
    """250 BBB of T1's own, and 250 that came for 500 CCC."""
    found = trades(inputs, replace(FREE, exclude=("CCC",)))

    assert found["BBB"] == -500
    assert found == trades(inputs, replace(FREE, exclude=("BBB",)))


@pytest.mark.parametrize(
    ("tilt", "as_if"),
    [
        ({"CCC": 0.01}, {"BBB": 0.01}),
        ({"CCC": 0.01, "BBB": -0.01}, {"BBB": -0.01}),  # what is said of the name itself goes first
    ],
)
def test_a_tilt_leans_towards_what_the_name_became(inputs, tilt, as_if):
    found = trades(inputs, replace(FREE, tilt=tilt))

    assert found == trades(inputs, replace(FREE, tilt=as_if))
    assert found != trades(inputs, FREE)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(Rule.DO_NOT_HOLD, None), (Rule.DO_NOT_SELL, None), (Rule.MAX_WEIGHT, "0.10"), (Rule.MIN_WEIGHT, "0.60")],
)
def test_a_restriction_holds_for_what_its_name_became(inputs, kind, value):
    settings = replace(FREE, enforce=True)

    found = trades(inputs, settings, rule("CCC", kind, value))

    assert found == trades(inputs, settings, rule("BBB", kind, value))
    if kind is not Rule.DO_NOT_SELL:
        assert found != trades(inputs, settings)


def test_a_scan_counts_no_purchase_of_what_an_excluded_name_became(inputs):
    def seen(name):
        return scan_account(inputs.snapshot, inputs.market, replace(FREE, exclude=(name,)), last_marks={})

    assert seen("CCC") == seen("BBB")


def test_a_rehearsal_adds_and_lifts_rules_of_a_name_that_ended(services, inputs):
    asked = Asked(
        settings={"max_active_weight": "none", "max_sector_active": "none"},
        restrict=(("firm", "CCC", "do_not_hold"),),
    )

    found = rehearse(services, change_of(services, asked), Sample(), actor=manager(services), workers=hands())

    t1 = by_account(found.then)["T1"]
    price = inputs.market.marks["BBB"].price
    assert dict(t1.trades)["BBB"] == -500 * float(price)
