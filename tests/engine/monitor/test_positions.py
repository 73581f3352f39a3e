"""What can be measured of an account, by hand, whatever is missing around it."""

from dataclasses import replace
from decimal import Decimal as D

import numpy as np
import pytest

from engine.monitor.positions import measure


def with_account(snapshot, *, lots=None, **changes):
    book = replace(snapshot.book, account=replace(snapshot.account, **changes))
    return replace(snapshot, book=replace(book, lots=book.lots if lots is None else lots))


def test_shares_values_and_worth_add_up_over_lots(snapshot, market):
    found = measure(snapshot, market)

    assert found.shares == {"ALFA": 400, "BETA": 500, "GAMA": 1500}
    assert found.values == {"ALFA": 40_000, "BETA": 25_000, "GAMA": 30_000}
    assert found.nav == 100_000
    assert found.active == pytest.approx([0.04, -0.05, -0.04], abs=1e-15)


def test_a_target_not_held_and_a_holding_not_targeted_are_active_by_all_they_are(snapshot, market):
    """BETA alone is held, 25,000 of 30,000; ALFA and GAMA are the model."""
    model = replace(market.models["M"], weights=(("ALFA", D("0.6")), ("GAMA", D("0.4"))))
    account = with_account(snapshot, lots=(snapshot.lots[2],))

    found = measure(account, replace(market, models={"M": model}))

    assert found.active == pytest.approx([-0.6, 25 / 30, -0.4], abs=1e-15)
    assert (found.weight[0], found.target[1]) == (0.0, 0.0)  # ALFA, BETA


@pytest.mark.parametrize("cash", [-95_000, -96_000])
def test_an_account_worth_nothing_has_no_weights(snapshot, market, cash):
    found = measure(with_account(snapshot, cash=D(cash)), market)

    assert found.weight.tolist() == [0.0, 0.0, 0.0]
    assert (found.active == 0).all()


def test_an_account_worth_half_a_dollar_has_weights(snapshot, market):
    found = measure(
        with_account(snapshot, cash=D("0.25"), lots=(replace(snapshot.lots[1], quantity=D("0.0025")),)), market
    )

    assert found.weight[0] == 0.5  # ALFA
    assert found.active == pytest.approx([0.14, -0.30, -0.34], abs=1e-15)


def test_what_has_no_price_no_listing_or_no_risk_is_named_and_left_out(snapshot, market):
    """GAMA has no price, BETA no risk; the model also wants DELT, of which nobody has heard."""
    weights = (*market.models["M"].weights, ("DELT", D(0)))
    risk = replace(
        market.risk,
        security_ids=("ALFA", "GAMA"),
        exposures=market.risk.exposures[[0, 2]],
        specific_variance=market.risk.specific_variance[[0, 2]],
    )
    gaps = replace(
        market,
        models={"M": replace(market.models["M"], weights=weights)},
        marks={name: mark for name, mark in market.marks.items() if name != "GAMA"},
        risk=risk,
    )

    found = measure(snapshot, gaps)

    assert (found.unpriced, found.unknown, found.uncovered) == (("GAMA",), ("DELT",), ("BETA", "DELT"))
    assert found.nav == 70_000
    assert found.active == pytest.approx(np.array([40 / 70 - 0.36, -0.34]), abs=1e-15)


def test_an_account_without_a_known_model_has_no_targets(snapshot, market):
    found = measure(with_account(snapshot, model_id="GROWTH"), market)

    assert not found.targeted.any()
    assert found.active == pytest.approx([0.40, 0.25, 0.30], abs=1e-15)
