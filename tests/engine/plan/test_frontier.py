"""Along the frontier, less tracking error never costs less."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D
from itertools import pairwise

import pytest

from engine.domain.errors import DataError
from engine.domain.settings import PlanSettings
from engine.plan.frontier import frontier
from engine.plan.propose import propose_plan

LONG_AGO = date(2024, 1, 5)


@pytest.mark.parametrize("seed", [300, 301, 303, 305, 308, 313, 316, 319])
def test_as_risk_aversion_rises_tracking_error_never_rises_and_tax_never_falls(random_case, seed):
    snapshot, market, settings, _ = random_case(seed)
    # Tax is the only other part of the objective: without costs, tilts and priced breaches the rule is strict.
    market = replace(market, securities={n: replace(s, cost_bp=D(0)) for n, s in market.securities.items()})
    settings = replace(settings, cost_bp=0.0, tilt={}, breach_penalty=0.0)

    points = frontier(snapshot, market, settings, points=9)

    gap_usd = [p.gap_bp / 1e4 * 2e6 for p in points]
    assert len(points) == 9
    for (low, high), slack in zip(pairwise(points), gap_usd, strict=False):
        assert high.risk_aversion > low.risk_aversion
        assert high.tracking_error <= low.tracking_error + 1e-6
        assert float(high.tax_usd) >= float(low.tax_usd) - 1.0 - slack


def test_points_are_spread_evenly_on_a_log_scale_around_the_setting(random_case):
    snapshot, market, settings, _ = random_case(300)

    points = frontier(snapshot, market, replace(settings, risk_aversion=60.0), points=5)

    expected = [2.0, 60 / 30**0.5, 60.0, 60 * 30**0.5, 1800.0]
    assert [p.risk_aversion for p in points] == pytest.approx(expected)


def test_the_middle_point_is_the_plan_of_the_setting(random_case):
    snapshot, market, settings, _ = random_case(300)
    plan, _ = propose_plan(snapshot, market, replace(settings, whole_shares=False), inputs_hash="")

    middle = frontier(snapshot, market, settings, points=3)[1]

    assert middle.tracking_error == pytest.approx(plan.after.tracking_error, abs=1e-6)
    assert float(middle.tax_usd) == pytest.approx(float(plan.tax.liability), abs=1.0)


def test_points_of_a_two_name_account_by_hand(market_of, account_of):
    # A 70 %, B 30 % of 100,000 USD, target half each, D = 0.05; every share of A at a gain of half its value, long-term
    # at 25 %: 12.5 cents a dollar. Selling s leaves 0.1 (0.2 - s)^2 of variance, and with risk aversion g
    # 0.2 g (0.2 - s) = 0.125. At g = 10 that leaves 0.0625 of active weight: TE sqrt(0.1) x 0.0625 = 1.9764 %, and
    # sells 13,750 USD, taxed at 1,718.75. At g = 1/3 the tax is never worth it; at g = 300 the weight left is 0.208 %.
    market = market_of({"A": 100, "B": 100}, {"A": "0.5", "B": "0.5"}, specific=0.05)
    account = account_of(0, ("a", "A", 700, 50, LONG_AGO), ("b", "B", 300, 100, LONG_AGO))
    settings = PlanSettings(
        risk_aversion=10.0, cost_bp=0.0, min_cash=0.0, max_cash=0.0, max_active_weight=None, max_sector_active=None
    )

    points = frontier(account, market, settings, points=3)

    assert [p.tracking_error for p in points] == pytest.approx([0.0632456, 0.0197642, 0.000658808], abs=1e-7)
    assert [float(p.tax_usd) for p in points] == pytest.approx([0.0, 1718.75, 2473.96], abs=0.01)


def test_an_infeasible_account_has_no_points(random_case):
    snapshot, market, settings, _ = random_case(14)

    assert frontier(snapshot, market, settings, points=3) == ()


def test_no_points_at_all_cannot_be_asked_for(random_case):
    snapshot, market, settings, _ = random_case(300)

    with pytest.raises(DataError, match="at least 1 point, found 0"):
        frontier(snapshot, market, settings, points=0)
