"""Tracking error against the sum over all pairs, and active weights by hand."""

from dataclasses import replace
from decimal import Decimal as D
from math import sqrt

import numpy as np
import pytest

from engine.domain.errors import DataError
from engine.domain.market import RiskModel
from engine.risk.measure import active_weights, factor_active, tracking_error


def random_model(seed: int) -> RiskModel:
    dice = np.random.default_rng(seed)
    n, k = dice.integers(1, 8), dice.integers(0, 4)
    root = dice.normal(size=(k, k))
    return RiskModel(
        security_ids=tuple(f"S{i}" for i in range(n)),
        factors=tuple(f"f{i}" for i in range(k)),
        exposures=dice.normal(size=(n, k)),
        factor_covariance=root @ root.T,
        specific_variance=dice.uniform(0, 0.2, n),
    )


@pytest.mark.parametrize("seed", range(25))
def test_tracking_error_squared_is_the_sum_over_all_pairs_of_weights_times_covariance(seed):
    risk = random_model(seed)
    active = np.random.default_rng(seed + 1000).normal(size=len(risk.security_ids))
    variance = 0.0
    for i in range(len(active)):
        for j in range(len(active)):
            covariance = risk.specific_variance[i] if i == j else 0.0
            for f in range(len(risk.factors)):
                for g in range(len(risk.factors)):
                    covariance += risk.exposures[i, f] * risk.factor_covariance[f, g] * risk.exposures[j, g]
            variance += active[i] * covariance * active[j]

    assert tracking_error(risk, active) == pytest.approx(sqrt(variance), rel=1e-10)


def test_two_names_by_hand():
    """Betas 1 and 2 to a factor of 20 %, specific 10 % and 30 %, 5 % from one into the other.

    Factor: (-0.05 + 0.10)^2 x 0.04 = 0.0001; specific: 0.0025 x (0.01 + 0.09) = 0.00025. Square root of 0.00035.
    """
    risk = RiskModel(
        security_ids=("A", "B"),
        factors=("market",),
        exposures=np.array([[1.0], [2.0]]),
        factor_covariance=np.array([[0.04]]),
        specific_variance=np.array([0.01, 0.09]),
    )

    assert tracking_error(risk, np.array([-0.05, 0.05])) == pytest.approx(sqrt(0.00035), rel=1e-12)
    assert factor_active(risk, np.array([-0.05, 0.05])) == pytest.approx([0.05])


def test_no_active_weight_has_no_tracking_error():
    risk = random_model(3)

    assert tracking_error(risk, np.zeros(len(risk.security_ids))) == 0.0


def test_active_weights_of_another_length_are_refused():
    risk = random_model(3)
    n = len(risk.security_ids)

    with pytest.raises(ValueError, match=rf"expected shape \({n},\), found \({n + 1},\)"):
        tracking_error(risk, np.zeros(n + 1))


def test_active_weights_are_holdings_less_model_in_the_order_of_the_risk_model(snapshot, market):
    """tests/engine/conftest.py: ALFA and BETA are on target, GAMA is not held and has a target of 10 %."""
    names, active = active_weights(snapshot, market)

    assert names == ("ALFA", "BETA", "GAMA")
    assert active == pytest.approx([0.0, 0.0, -0.1], abs=1e-15)


def change(snapshot, **account):
    return replace(snapshot, book=replace(snapshot.book, account=replace(snapshot.account, **account)))


def test_an_account_worth_nothing_is_refused(snapshot, market):
    with pytest.raises(DataError, match="account A: expected a value above 0, found 0"):
        active_weights(change(snapshot, cash=D(-90_000)), market)


def test_an_unknown_model_is_refused(snapshot, market):
    with pytest.raises(DataError, match="account A: model GROWTH does not exist"):
        active_weights(change(snapshot, model_id="GROWTH"), market)


def test_a_holding_without_a_price_is_refused(snapshot, market):
    marks = {name: mark for name, mark in market.marks.items() if name != "BETA"}

    with pytest.raises(DataError, match="found none for BETA"):
        active_weights(snapshot, replace(market, marks=marks))


def test_names_that_the_risk_model_does_not_cover_are_all_named(snapshot, market):
    risk = replace(
        market.risk,
        security_ids=("ALFA",),
        exposures=np.zeros((1, 0)),
        specific_variance=np.array([0.04]),
    )

    with pytest.raises(DataError, match="found nothing for BETA, GAMA"):
        active_weights(snapshot, replace(market, risk=risk))
