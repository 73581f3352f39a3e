"""One small account by hand: 100,000 USD, three names, one plan that harvests ALFA and buys BETA.

ALFA 400 @ 100 = 40,000 (lot a1: 100 bought at 130 a year and a day ago; lot a2: 300 at 90), BETA 500 @ 100 = 50,000,
cash 10,000; model ALFA 40 %, BETA 50 %, GAMA 10 %. The plan sells lot a1 (loss 3,000, long-term) and buys 190 GAMA @ 50
and 95 BETA @ 100: cash 10,000 + 10,000 - 9,500 - 9,500 - costs (5 bp of 29,000 = 14.50) = 985.50.

With 0.04 of specific variance each: before it GAMA alone is off, by 10 %, a tracking error of sqrt(0.04 x 0.01) = 2 %
and, with 10 % cash, an active share of 10 %. After it ALFA is off by -10 %, BETA by 9.5 %, GAMA by -0.5 %: sqrt(0.04 x
0.01905) = 2.760435 %, and with 0.9855 % cash (20 + 0.9855) / 2 = 10.49275 %. Objective: risk 100 x 0.04 x 0.01905 =
762 bp, tax -750 USD = -75 bp, cost 14.50 USD = 1.45 bp.
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import numpy as np
import pytest

from engine.domain.accounts import Account, AccountBook, AccountSnapshot, Household, Lot, Registration
from engine.domain.market import Mark, MarketSnapshot, Model, RiskModel, Security
from engine.domain.plans import (
    LotSale,
    Metrics,
    Objective,
    Plan,
    PlanStatus,
    Reason,
    Side,
    TaxSummary,
    Term,
    Trade,
    Unrealised,
)
from engine.domain.settings import PlanSettings

AS_OF = date(2026, 11, 20)
NAMES = ("ALFA", "BETA", "GAMA")
PRICES = {"ALFA": D(100), "BETA": D(100), "GAMA": D(50)}


@pytest.fixture
def market() -> MarketSnapshot:
    return MarketSnapshot(
        as_of=AS_OF,
        securities={name: Security(security_id=name, ticker=name, name=name, sector="Any") for name in NAMES},
        marks={name: Mark(price=price, on=AS_OF) for name, price in PRICES.items()},
        models={"M": Model(model_id="M", weights=(("ALFA", D("0.4")), ("BETA", D("0.5")), ("GAMA", D("0.1"))))},
        substitutes=(),
        risk=RiskModel(
            security_ids=NAMES,
            factors=(),
            exposures=np.zeros((3, 0)),
            factor_covariance=np.zeros((0, 0)),
            specific_variance=np.full(3, 0.04),
        ),
    )


@pytest.fixture
def snapshot() -> AccountSnapshot:
    account = Account(
        account_id="A",
        household_id="H",
        registration=Registration.TAXABLE,
        custodian="One",
        account_number="1",
        model_id="M",
        cash=D(10_000),
        st_rate=D("0.4"),
        lt_rate=D("0.25"),
        ytd_st_gain=D(0),
        ytd_lt_gain=D(0),
        st_carryforward=D(0),
        lt_carryforward=D(0),
    )
    lots = (
        lot("a1", "ALFA", 100, 130, date(2025, 11, 19)),
        lot("a2", "ALFA", 300, 90, date(2026, 1, 5)),
        lot("b1", "BETA", 500, 80, date(2024, 1, 5)),
    )
    book = AccountBook(account=account, lots=lots, transactions=())
    household = Household(household_id="H", name="Hand", advisor="Ann")
    return AccountSnapshot(as_of=AS_OF, household=household, book=book, household_books=(book,))


@pytest.fixture
def plan() -> Plan:
    return Plan(
        account_id="A",
        as_of=AS_OF,
        inputs_hash="0" * 64,
        engine_version="test",
        settings=PlanSettings(max_active_weight=None, max_sector_active=None),
        status=PlanStatus.OPTIMAL,
        trades=(
            sale("ALFA", LotSale(lot_id="a1", quantity=D(100), term=Term.LONG, gain=D(-3000))),
            purchase("BETA", 95),
            purchase("GAMA", 190),
        ),
        before=Metrics(
            nav=D(100_000),
            cash=D(10_000),
            tracking_error=0.02,
            active_share=0.1,
            sectors=(("Any", -0.1),),
            unrealised=Unrealised(st_gain=D(3000), st_loss=D(0), lt_gain=D(10_000), lt_loss=D(-3000)),
        ),
        after=Metrics(
            nav=D("99985.50"),
            cash=D("985.50"),
            tracking_error=0.02760435,
            active_share=0.1049275,
            sectors=(("Any", -0.01),),
            unrealised=Unrealised(st_gain=D(3000), st_loss=D(0), lt_gain=D(10_000), lt_loss=D(0)),
        ),
        tax=TaxSummary(st_gain=D(0), lt_gain=D(-3000), liability=D(-750), harvested_loss=D(3000), disallowed=D(0)),
        objective=Objective(
            total=688.45, risk=762.0, tax=-75.0, cost=1.45, tilt=0, breach=0, lower_bound=688.45, gap=0
        ),
        checks=(),
        not_harvested=(),
        binding=(),
    )


def lot(lot_id: str, name: str, quantity: int, cost: int, acquired: date) -> Lot:
    return Lot(
        account_id="A", lot_id=lot_id, security_id=name, quantity=D(quantity), cost_per_share=D(cost), acquired=acquired
    )


WHY = Reason(risk_bp=0.0, tax_bp=0.0, cost_bp=0.0, worth_bp=None, rules=(), sentence="Because.")


def purchase(name: str, quantity: int) -> Trade:
    price = PRICES[name]
    return Trade(
        security_id=name,
        side=Side.BUY,
        quantity=D(quantity),
        price=price,
        amount=quantity * price,
        lots=(),
        reason=WHY,
    )


def sale(name: str, *lots: LotSale) -> Trade:
    quantity = sum((part.quantity for part in lots), D(0))
    return replace(purchase(name, 1), side=Side.SELL, quantity=quantity, amount=quantity * PRICES[name], lots=lots)
