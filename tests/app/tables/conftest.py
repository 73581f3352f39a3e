"""What tables are made of: a market of three securities, two of them substantially identical, and a plan."""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from app.steps import plan
from engine.domain.market import Mark, MarketSnapshot, RiskModel, Security

AS_OF = date(2026, 11, 20)


@pytest.fixture
def market():
    """S1 is ABC at 50, S2 and S3 are the two share classes XYZ at 20 and XYZB, which has no price."""
    securities = {
        "S1": Security(security_id="S1", ticker="ABC", name="Alphabet Soup", sector="Food"),
        "S3": Security(security_id="S3", ticker="XYZB", name="Xylophones B", sector="Toys", identical_group="XYLO"),
        "S2": Security(security_id="S2", ticker="XYZ", name="Xylophones A", sector="Toys", identical_group="XYLO"),
    }
    nothing = np.zeros((0, 0))
    return MarketSnapshot(
        as_of=AS_OF,
        securities=securities,
        marks={"S1": Mark(price=Decimal(50), on=AS_OF), "S2": Mark(price=Decimal(20), on=AS_OF)},
        models={},
        substitutes=(),
        risk=RiskModel(
            security_ids=(), factors=(), exposures=nothing, factor_covariance=nothing, specific_variance=np.zeros(0)
        ),
    )


@pytest.fixture
def harvest(services):
    """T1's plan: it sells 12 AAA at 100 from the lot bought at 140, and buys 400 USD each of BBB, CCC and DDD."""
    return plan.what_if(services, "T1", plan.default_settings(services, "T1"))
