"""What stands in for a name is what follows it most closely, worked out by hand on a risk model of one factor."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from engine.domain.market import Mark, Security, Substitute
from engine.monitor.replacement import replacements


@pytest.fixture
def model(market):
    """Variance of the factor 0.04. A: exposure 1, specific 0.01; B: 1, 0.01; C: 1.5, 0; D: as A, and its twin."""
    names = list("ABCD")
    securities = {
        name: Security(
            security_id=name, ticker=name, name=name, sector="Two" if name == "C" else "One",
            identical_group="TWINS" if name in "AD" else None,
        )
        for name in names
    }  # fmt: skip
    marks = {name: Mark(price=Decimal(10), on=market.as_of) for name in names}
    risk = replace(
        market.risk,
        security_ids=tuple(names),
        factors=("market",),
        exposures=np.array([[1.0], [1.0], [1.5], [1.0]]),
        factor_covariance=np.array([[0.04]]),
        specific_variance=np.array([0.01, 0.01, 0.0, 0.01]),
    )
    listed = (Substitute(security_id=names[0], substitute_id=names[2], rank=1),)
    return names, replace(market, securities=securities, marks=marks, risk=risk, substitutes=listed)


def test_the_least_tracking_error_comes_first_and_the_twin_never(model):
    # C for A: 0.5^2 x 0.04 + 0.01 = 0.02, 14.14 %; B for A: 0.01 + 0.01, the same 14.14 %: by name then.
    # Correlations: A and B 0.04 / 0.05 = 0.8; A and C 0.06 / sqrt(0.05 x 0.09) = 0.8944.
    (a, b, c, _), market = model
    found = replacements(a, market)

    assert [one.security_id for one in found] == sorted([b, c])
    by_name = {one.security_id: one for one in found}
    assert by_name[b].tracking_error == pytest.approx(0.02**0.5)
    assert by_name[c].tracking_error == pytest.approx(0.02**0.5)
    assert by_name[b].correlation == pytest.approx(0.8)
    assert by_name[c].correlation == pytest.approx(0.06 / (0.05 * 0.09) ** 0.5)
    assert by_name[b].factor_distance == pytest.approx(0.0)
    assert by_name[c].factor_distance == pytest.approx(0.1)
    assert (by_name[b].same_sector, by_name[c].same_sector) == (True, False)
    assert (by_name[b].named_rank, by_name[c].named_rank) == (None, 1)


def test_what_is_barred_or_cannot_be_traded_is_not_proposed(model):
    (a, b, c, _), market = model
    frozen = {**market.securities, c: replace(market.securities[c], tradable=False)}

    assert [one.security_id for one in replacements(a, market, barred={b})] == [c]
    assert [one.security_id for one in replacements(a, replace(market, securities=frozen))] == [b]
    assert len(replacements(a, market, most=1)) == 1


def test_nothing_is_proposed_for_a_name_that_the_risk_model_does_not_know(model):
    _, market = model

    assert replacements("NOBODY", market) == ()
