"""A market of three securities, two of them substantially identical, for tables of values written by hand."""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

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
