"""Is the compiled core ready? Plan a made-up account of two names, so that nobody waits for machine code.

The first time on a machine this compiles for about a minute and keeps the result on disk; after that it loads what was
kept, in less than a second.
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np

from engine.domain.accounts import Account, AccountBook, AccountSnapshot, Household, Lot, Registration
from engine.domain.identifiers import AccountId, HouseholdId, LotId, ModelId, SecurityId
from engine.domain.market import Mark, MarketSnapshot, Model, RiskModel, Security
from engine.domain.settings import PlanSettings
from engine.plan.exchange import exchanged
from engine.plan.problem import build_problem
from engine.plan.propose import propose_plan
from engine.plan.search import search

_DAY = date(2026, 1, 5)
_BOUGHT = date(2024, 1, 5)


def warm() -> None:
    """Compile, or load, everything that a plan runs as machine code."""
    names = (SecurityId("A"), SecurityId("B"))
    account_id, household_id, model_id = AccountId("warm"), HouseholdId("warm"), ModelId("warm")
    nothing = Decimal(0)
    account = Account(
        account_id=account_id,
        household_id=household_id,
        registration=Registration.TAXABLE,
        custodian="",
        account_number="",
        model_id=model_id,
        cash=Decimal(100),
        st_rate=Decimal("0.4"),
        lt_rate=Decimal("0.25"),
        ytd_st_gain=nothing,
        ytd_lt_gain=nothing,
        st_carryforward=nothing,
        lt_carryforward=nothing,
    )
    lots = tuple(
        Lot(
            account_id=account_id,
            lot_id=LotId(f"{name}{cost}"),
            security_id=name,
            quantity=Decimal(20),
            cost_per_share=Decimal(cost),
            acquired=_BOUGHT,
        )
        for name in names
        for cost in (80, 120)
    )
    book = AccountBook(account=account, lots=lots, transactions=())
    market = MarketSnapshot(
        as_of=_DAY,
        securities={name: Security(security_id=name, ticker=name, name=name, sector=name) for name in names},
        marks={name: Mark(price=Decimal(100), on=_DAY) for name in names},
        models={model_id: Model(model_id=model_id, weights=((names[0], Decimal("0.6")), (names[1], Decimal("0.4"))))},
        substitutes=(),
        risk=RiskModel(
            security_ids=names,
            factors=("market",),
            exposures=np.ones((2, 1)),
            factor_covariance=np.array([[0.03]]),
            specific_variance=np.array([0.05, 0.06]),
        ),
    )
    household = Household(household_id=household_id, name="", advisor="")
    snapshot = AccountSnapshot(as_of=_DAY, household=household, book=book, household_books=(book,))
    settings = PlanSettings(max_active_weight=None, max_sector_active=0.5, max_turnover=0.5, min_trade_usd=Decimal(10))
    propose_plan(snapshot, market, settings, inputs_hash="")
    counted = build_problem(snapshot, market, replace(settings, max_trades=1), locks=())
    found = search(counted)
    if found is not None:  # its own plan may leave nothing to exchange
        exchanged(counted, found, np.ones(len(found.table.col), dtype=bool), target=-np.inf)


if __name__ == "__main__":
    warm()
