"""A made-up account of realistic size, the same for the same seed: what the benchmarks plan for."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from engine.domain.accounts import Account, AccountBook, AccountSnapshot, Household, Lot, Registration
from engine.domain.identifiers import AccountId, HouseholdId, LotId, ModelId, SecurityId
from engine.domain.market import Mark, MarketSnapshot, Model, RiskModel, Security

AS_OF = date(2026, 11, 20)
SECTORS = 11
MODEL = ModelId("M")


def synthetic(
    *, names: int = 500, factors: int = 30, lots: int = 2000, value: float = 5e6, seed: int = 0, drift: float = 0.12
) -> tuple[AccountSnapshot, MarketSnapshot]:
    """Return an account whose lots were bought over 30 months on price paths that a factor model made.

    drift: of the market, a year; below zero most lots stand at a loss.
    """
    rng = np.random.default_rng(seed)
    ids = [SecurityId(f"S{i:04d}") for i in range(names)]
    sector = np.arange(names) % SECTORS
    exposures = np.column_stack([np.clip(rng.normal(1, 0.25, names), 0.3, 2), rng.normal(0, 1, (names, factors - 1))])
    for k in range(min(SECTORS, factors - 1)):
        exposures[:, k + 1] = sector == k
    volatility = np.concatenate([[0.16], np.full(factors - 1, 0.05)])
    volatility[1 + SECTORS :] = 0.015
    specific = np.exp(rng.normal(np.log(0.24), 0.3, names))
    weights = np.sort(rng.lognormal(0, 1.2, names))[::-1]
    weights = np.round(weights / weights.sum(), 8)
    weights[0] = round(1 - weights[1:].sum(), 8)

    days = 900
    step = rng.normal(0, volatility / np.sqrt(252), (days, factors)) @ exposures.T
    step += rng.normal(0, specific / np.sqrt(252), (days, names)) + drift / 252
    path = rng.uniform(20, 400, names) * np.exp(np.cumsum(step - np.var(step, axis=0) / 2, axis=0))
    names_bought = [k if k < names else int(rng.choice(names, p=weights / weights.sum())) for k in range(lots)]
    count = np.bincount(names_bought, minlength=names)
    unheld = rng.random(names) < 0.1
    held = []
    for i in names_bought:
        bought = int(rng.integers(0, days - 35))
        target = value * weights[i] / count[i] * rng.uniform(0.5, 1.5)
        if not unheld[i]:
            held.append((i, bought, max(round(target / path[-1, i]), 1)))
    dates = [AS_OF - timedelta(days=days - 1 - d) for d in range(days)]
    made = tuple(
        Lot(
            account_id=AccountId("A"),
            lot_id=LotId(f"L{k:05d}"),
            security_id=ids[i],
            quantity=Decimal(shares),
            cost_per_share=Decimal(f"{path[bought, i]:.4f}"),
            acquired=dates[bought],
        )
        for k, (i, bought, shares) in enumerate(held)
    )
    account = Account(
        account_id=AccountId("A"),
        household_id=HouseholdId("H"),
        registration=Registration.TAXABLE,
        custodian="One",
        account_number="1",
        model_id=MODEL,
        cash=Decimal(round(value * 0.02)),
        st_rate=Decimal("0.42"),
        lt_rate=Decimal("0.27"),
        ytd_st_gain=Decimal(0),
        ytd_lt_gain=Decimal(0),
        st_carryforward=Decimal(0),
        lt_carryforward=Decimal(0),
    )
    book = AccountBook(account=account, lots=made, transactions=())
    household = Household(household_id=HouseholdId("H"), name="Synthetic", advisor="Nobody")
    market = MarketSnapshot(
        as_of=AS_OF,
        securities={
            name: Security(security_id=name, ticker=name, name=name, sector=f"Sector {sector[i]:02d}")
            for i, name in enumerate(ids)
        },
        marks={name: Mark(price=Decimal(f"{path[-1, i]:.2f}"), on=AS_OF) for i, name in enumerate(ids)},
        models={
            MODEL: Model(
                model_id=MODEL, weights=tuple((n, Decimal(f"{w:.8f}")) for n, w in zip(ids, weights, strict=True))
            )
        },
        substitutes=(),
        risk=RiskModel(
            security_ids=tuple(ids),
            factors=tuple(f"f{k}" for k in range(factors)),
            exposures=exposures,
            factor_covariance=np.diag(volatility**2),
            specific_variance=specific**2,
        ),
    )
    return AccountSnapshot(as_of=AS_OF, household=household, book=book, household_books=(book,)), market
