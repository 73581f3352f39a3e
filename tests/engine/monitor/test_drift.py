"""Drift by name, sector and factor on the account worked by hand in conftest.py."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D

import pytest

from engine.domain.accounts import Restriction, Rule
from engine.domain.settings import PlanSettings
from engine.monitor.drift import drift_by_factor, drift_by_name, drift_by_sector
from engine.monitor.positions import measure

OPEN = PlanSettings(max_active_weight=None, max_sector_active=None)


def by_name(snapshot, market, settings=OPEN):
    return {drift.security_id: drift for drift in drift_by_name(snapshot, measure(snapshot, market), settings).names}


def by_sector(snapshot, market, settings=OPEN):
    return drift_by_sector(drift_by_name(snapshot, measure(snapshot, market), OPEN), settings)


def outside(snapshot, market, settings) -> set[str]:
    return {name for name, drift in by_name(snapshot, market, settings).items() if drift.outside}


def restriction(target: str, rule: Rule, *, scope="A", until=None, value=None) -> Restriction:
    return Restriction(scope=scope, target=target, rule=rule, value=value, until=until, reason="Because.")


def test_each_name_drifts_by_its_weight_less_its_target_largest_first(snapshot, market):
    drifts = by_name(snapshot, market)

    assert list(drifts) == ["BETA", "ALFA", "GAMA"]
    assert [drift.weight for drift in drifts.values()] == [0.25, 0.40, 0.30]
    assert [drift.target for drift in drifts.values()] == [0.30, 0.36, 0.34]
    assert [drift.active for drift in drifts.values()] == pytest.approx([-0.05, 0.04, -0.04], abs=1e-15)


def test_a_name_held_outside_the_model_and_a_name_of_the_model_not_held_both_drift(snapshot, market):
    book = replace(snapshot.book, lots=snapshot.lots[:3])  # no GAMA: worth 70,000
    model = replace(market.models["M"], weights=(("ALFA", D("0.5")), ("GAMA", D("0.5"))))

    drifts = by_name(replace(snapshot, book=book), replace(market, models={"M": model}))

    active = {name: drift.active for name, drift in drifts.items()}
    assert active == pytest.approx({"GAMA": -0.5, "BETA": 25 / 70, "ALFA": 40 / 70 - 0.5}, abs=1e-12)


def test_lots_of_one_name_count_together(snapshot, market):
    assert by_name(snapshot, market)["ALFA"].weight == 0.4


@pytest.mark.parametrize(
    ("band", "expected"),
    [
        (0.039, {"ALFA", "BETA", "GAMA"}),
        (0.04, {"BETA"}),  # a drift of exactly the band is inside it
        (0.05, set()),
        (None, set()),
    ],
)
def test_a_name_beyond_its_band_is_outside_and_on_the_edge_it_is_not(snapshot, market, band, expected):
    assert outside(snapshot, market, replace(OPEN, max_active_weight=band)) == expected


def test_a_sector_is_the_sum_of_its_names_largest_first(snapshot, market):
    drifts = by_sector(snapshot, market)

    assert [drift.name for drift in drifts] == ["Fuel", "Tech"]
    assert [drift.active for drift in drifts] == pytest.approx([-0.04, -0.01], abs=1e-15)


@pytest.mark.parametrize(("band", "expected"), [(0.009, {"Fuel", "Tech"}), (0.02, {"Fuel"}), (0.04, set())])
def test_a_sector_beyond_its_band_is_outside(snapshot, market, band, expected):
    drifts = by_sector(snapshot, market, replace(OPEN, max_sector_active=band))

    assert {drift.name for drift in drifts if drift.outside} == expected


def test_a_factor_is_the_sum_of_exposure_times_active_weight(snapshot, market):
    """market: 1.0 x 0.04 - 1.2 x 0.05 - 0.8 x 0.04 = -0.052; oil: -0.04."""
    drifts = drift_by_factor(market, measure(snapshot, market), replace(OPEN, max_factor_active=0.05))

    assert [drift.name for drift in drifts] == ["market", "oil"]
    assert [drift.active for drift in drifts] == pytest.approx([-0.052, -0.04], abs=1e-15)
    assert [drift.outside for drift in drifts] == [True, False]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (restriction("ALFA", Rule.DO_NOT_SELL), {"BETA", "GAMA"}),  # overweight, and may not be sold
        (restriction("ALFA", Rule.DO_NOT_BUY), {"ALFA", "BETA", "GAMA"}),  # overweight: buying is not what it needs
        (restriction("BETA", Rule.DO_NOT_BUY), {"ALFA", "GAMA"}),
        (restriction("BETA", Rule.DO_NOT_HOLD), {"ALFA", "GAMA"}),
        (restriction("BETA", Rule.DO_NOT_SELL), {"ALFA", "BETA", "GAMA"}),
        (restriction("ALFA", Rule.DO_NOT_HOLD), {"ALFA", "BETA", "GAMA"}),  # has to go, and may
        (restriction("ALFA", Rule.MAX_WEIGHT, value=D("0.4")), {"ALFA", "BETA", "GAMA"}),
        (restriction("sector:Tech", Rule.DO_NOT_BUY), {"ALFA", "GAMA"}),
        (restriction("tag:fuel", Rule.DO_NOT_BUY), {"ALFA", "BETA"}),
        (restriction("BETA", Rule.DO_NOT_BUY, scope="H"), {"ALFA", "GAMA"}),
        (restriction("BETA", Rule.DO_NOT_BUY, scope="firm"), {"ALFA", "GAMA"}),
        (restriction("BETA", Rule.DO_NOT_BUY, scope="B"), {"ALFA", "BETA", "GAMA"}),  # of another account
    ],
)
def test_a_name_that_a_restriction_keeps_where_it_is_is_not_out_of_balance(snapshot, market, given, expected):
    limited = replace(snapshot, restrictions=(given,))

    assert outside(limited, market, replace(OPEN, max_active_weight=0.01)) == expected


@pytest.mark.parametrize(("days", "expected"), [(0, {"ALFA", "GAMA"}), (-1, {"ALFA", "BETA", "GAMA"})])
def test_a_restriction_holds_to_the_end_of_its_last_day(snapshot, market, days, expected):
    given = restriction("BETA", Rule.DO_NOT_BUY, until=market.as_of + timedelta(days=days))

    assert outside(replace(snapshot, restrictions=(given,)), market, replace(OPEN, max_active_weight=0.01)) == expected


def test_a_halted_name_and_an_excluded_underweight_are_not_out_of_balance(snapshot, market):
    halted = {**market.securities, "ALFA": replace(market.securities["ALFA"], tradable=False)}
    settings = replace(OPEN, max_active_weight=0.01, exclude=("sector:Fuel",))

    assert outside(snapshot, replace(market, securities=halted), settings) == {"BETA"}


def test_a_restricted_name_still_shows_its_drift_and_says_that_it_is_restricted(snapshot, market):
    limited = replace(snapshot, restrictions=(restriction("ALFA", Rule.DO_NOT_SELL),))

    drift = by_name(limited, market)["ALFA"]

    assert drift.restricted
    assert drift.active == pytest.approx(0.04)


def test_a_held_name_without_a_price_has_no_weight_and_is_left_out(snapshot, market):
    marks = {name: mark for name, mark in market.marks.items() if name != "GAMA"}

    drifts = by_name(snapshot, replace(market, marks=marks))

    assert set(drifts) == {"ALFA", "BETA"}
    assert drifts["ALFA"].weight == pytest.approx(40 / 70)
