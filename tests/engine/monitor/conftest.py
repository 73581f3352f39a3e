"""One account by hand, worth 100,000 USD: weights, drift and risk in round numbers.

           shares  price    value  weight  target  active   market   oil   specific variance
ALFA Tech     400    100   40,000    0.40    0.36   +0.04      1.0   0.0                0.01
BETA Tech     500     50   25,000    0.25    0.30   -0.05      1.2   0.0                0.04
GAMA Fuel   1,500     20   30,000    0.30    0.34   -0.04      0.8   1.0                0.09
cash                        5,000    0.05
"""

from datetime import date
from decimal import Decimal as D

import numpy as np
import pytest

from engine.domain.accounts import Account, AccountBook, AccountSnapshot, Household, Lot, Registration
from engine.domain.market import Mark, MarketSnapshot, Model, RiskModel, Security

AS_OF = date(2026, 11, 20)
SECTORS = {"ALFA": "Tech", "BETA": "Tech", "GAMA": "Fuel"}
PRICES = {"ALFA": D(100), "BETA": D(50), "GAMA": D(20)}


@pytest.fixture
def market() -> MarketSnapshot:
    return MarketSnapshot(
        as_of=AS_OF,
        securities={
            name: Security(security_id=name, ticker=name, name=name, sector=sector, tags=(sector.lower(),))
            for name, sector in SECTORS.items()
        },
        marks={name: Mark(price=price, on=AS_OF) for name, price in PRICES.items()},
        models={"M": Model(model_id="M", weights=(("ALFA", D("0.36")), ("BETA", D("0.30")), ("GAMA", D("0.34"))))},
        substitutes=(),
        risk=RiskModel(
            security_ids=("ALFA", "BETA", "GAMA"),
            factors=("market", "oil"),
            exposures=np.array([[1.0, 0.0], [1.2, 0.0], [0.8, 1.0]]),
            factor_covariance=np.array([[0.04, 0.01], [0.01, 0.09]]),
            specific_variance=np.array([0.01, 0.04, 0.09]),
        ),
    )


@pytest.fixture
def snapshot() -> AccountSnapshot:
    """Long-term loss of 1,000 in a1, gains in a2 and b1, short-term loss of 3,000 in g1."""
    account = Account(
        account_id="A",
        household_id="H",
        registration=Registration.TAXABLE,
        custodian="One",
        account_number="1",
        model_id="M",
        cash=D(5_000),
        st_rate=D("0.4"),
        lt_rate=D("0.25"),
        ytd_st_gain=D(0),
        ytd_lt_gain=D(0),
        st_carryforward=D(0),
        lt_carryforward=D(0),
    )
    lots = (
        lot("a1", "ALFA", 100, 110, date(2025, 11, 19)),  # a year and a day ago: long-term
        lot("a2", "ALFA", 300, 90, date(2024, 1, 5)),
        lot("b1", "BETA", 500, 40, date(2024, 1, 5)),
        lot("g1", "GAMA", 1500, 22, date(2025, 11, 20)),  # a year ago to the day: short-term
    )
    book = AccountBook(account=account, lots=lots, transactions=())
    household = Household(household_id="H", name="Hand", advisor="Ann")
    return AccountSnapshot(as_of=AS_OF, household=household, book=book, household_books=(book,))


def lot(lot_id: str, name: str, quantity: int, cost: int, acquired: date) -> Lot:
    return Lot(
        account_id="A", lot_id=lot_id, security_id=name, quantity=D(quantity), cost_per_share=D(cost), acquired=acquired
    )
