"""Trial portfolios against a dense solution of the same problem."""

import numpy as np
import pytest

from engine.domain.market import RiskModel
from engine.risk.trial_portfolios import OF_EACH_KIND, following, patternless


def model(names, factors=3, seed=1):
    dice = np.random.default_rng(seed)
    root = dice.normal(size=(factors, factors))
    return RiskModel(
        security_ids=tuple(f"S{i}" for i in range(names)),
        factors=tuple(f"f{k}" for k in range(factors)),
        exposures=dice.normal(size=(names, factors)),
        factor_covariance=root @ root.T / 50,
        specific_variance=dice.uniform(0.02, 0.2, names),
    )


def test_patternless_portfolios_sum_to_zero_and_stake_the_same():
    found = np.array(patternless(50))

    assert found.shape == (OF_EACH_KIND, 50)
    assert found.sum(axis=1) == pytest.approx(0, abs=1e-12)
    assert np.abs(found).sum(axis=1) == pytest.approx(1)


def test_a_following_portfolio_lacks_a_sixth_of_the_names_and_no_other_has_less_risk():
    """Lagrange: the gradient of the variance is the same for every name that may be held."""
    risk = model(20)
    covariance = risk.exposures @ risk.factor_covariance @ risk.exposures.T + np.diag(risk.specific_variance)
    usable = np.arange(2, 20)
    part = covariance[np.ix_(usable, usable)]

    for active in following(risk, usable):
        gone = np.isclose(active, -1 / 18)
        gradient = part @ active

        assert gone.sum() == 3
        assert active.sum() == pytest.approx(0, abs=1e-12)
        assert np.ptp(gradient[~gone]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("names", "kinds"), [(0, 0), (1, 0), (5, 1), (6, 2)])
def test_with_few_names_there_are_fewer_portfolios(names, kinds):
    risk = model(6)

    found = len(patternless(names)) + len(following(risk, np.arange(names)))

    assert found == kinds * OF_EACH_KIND
