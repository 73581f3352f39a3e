"""What stands in for a name is what follows it most closely, worked out by hand on a risk model of one factor."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from engine.domain.market import Mark, Security, Substitute
from engine.monitor.replacement import replacements


@pytest.fixture
def model(market):
    """Variance of the factor 0.04. Exposure and specific variance: A 1, 0.01; B 1, 0.01; C 1.5, 0; D as A, its twin;

    E 1.5, 0.01; F 1, 0. C and F are of another sector than the others, and C is on the firm's list for A.
    """
    names = list("ABCDEF")
    securities = {
        name: Security(
            security_id=name, ticker=name, name=name, sector="Two" if name in "CF" else "One",
            identical_group="TWINS" if name in "AD" else None,
        )
        for name in names
    }  # fmt: skip
    marks = {name: Mark(price=Decimal(10), on=market.as_of) for name in names}
    risk = replace(
        market.risk,
        security_ids=tuple(names),
        factors=("market",),
        exposures=np.array([[1.0], [1.0], [1.5], [1.0], [1.5], [1.0]]),
        factor_covariance=np.array([[0.04]]),
        specific_variance=np.array([0.01, 0.01, 0.0, 0.01, 0.01, 0.0]),
    )
    listed = (Substitute(security_id=names[0], substitute_id=names[2], rank=1),)
    return names, replace(market, securities=securities, marks=marks, risk=risk, substitutes=listed)


def test_the_firm_s_own_choice_comes_first_then_the_sector_then_the_least_tracking_error(model):
    # Against A: B 0.01 + 0.01 = 0.02; E 0.5^2 x 0.04 + 0.01 + 0.01 = 0.03; F 0.01, the least, of another sector.
    _, market = model

    assert [one.security_id for one in replacements("A", market)] == ["C", "B", "E", "F"]
    unlisted = replace(market, substitutes=())
    assert [one.security_id for one in replacements("A", unlisted)] == ["B", "E", "F", "C"]


def test_a_replacement_states_how_well_it_follows(model):
    # C for A: 0.5^2 x 0.04 + 0.01 = 0.02, 14.14 %, of which factors 0.01, 10 %; B for A: 0.01 + 0.01, all specific.
    # Correlations: A and B 0.04 / 0.05 = 0.8; A and C 0.06 / sqrt(0.05 x 0.09) = 0.8944.
    _, market = model
    by_name = {one.security_id: one for one in replacements("A", market)}

    b, c = by_name["B"], by_name["C"]
    assert (b.tracking_error, c.tracking_error) == (pytest.approx(0.02**0.5), pytest.approx(0.02**0.5))
    assert (b.correlation, c.correlation) == (pytest.approx(0.8), pytest.approx(0.06 / (0.05 * 0.09) ** 0.5))
    assert (b.factor_distance, c.factor_distance) == (pytest.approx(0.0), pytest.approx(0.1))
    assert (b.same_sector, c.same_sector) == (True, False)
    assert (b.named_rank, c.named_rank) == (None, 1)


def test_the_twin_is_never_proposed(model):
    _, market = model

    assert "D" not in {one.security_id for one in replacements("A", market, most=9)}


def test_without_a_sector_nothing_is_of_the_same(model):
    _, market = model
    bare = {name: replace(security, sector="") for name, security in market.securities.items()}

    assert not any(one.same_sector for one in replacements("A", replace(market, securities=bare)))


def test_what_is_barred_or_cannot_be_traded_is_not_proposed(model):
    _, market = model
    frozen = {**market.securities, "C": replace(market.securities["C"], tradable=False)}

    assert [one.security_id for one in replacements("A", market, barred={"B", "E"})] == ["C", "F"]
    assert [one.security_id for one in replacements("A", replace(market, securities=frozen))] == ["B", "E", "F"]
    assert len(replacements("A", market, most=1)) == 1


def test_nothing_is_proposed_for_a_name_that_the_risk_model_does_not_know(model):
    _, market = model

    assert replacements("NOBODY", market) == ()
