"""A made-up account of realistic size, the same for the same seed: a portfolio bought over 30 months."""

from decimal import Decimal

import numpy as np

from benchmarks.world import AS_OF, MODEL, made_world
from engine.domain.accounts import Account, AccountBook, AccountSnapshot, Household, Lot, Registration
from engine.domain.identifiers import AccountId, HouseholdId, LotId
from engine.domain.market import MarketSnapshot

_DAYS = 900


def synthetic(
    *, names: int = 500, factors: int = 30, lots: int = 2000, value: float = 5e6, seed: int = 0, drift: float = 0.12
) -> tuple[AccountSnapshot, MarketSnapshot]:
    """Return an account whose lots were bought over 30 months on price paths that a factor model made.

    drift: of the market, a year; below zero most lots stand at a loss.
    """
    rng = np.random.default_rng(seed)
    world = made_world(rng, names=names, factors=factors, days=_DAYS, drift=drift)
    share = world.weights / world.weights.sum()
    bought = [k if k < names else int(rng.choice(names, p=share)) for k in range(lots)]
    count = np.bincount(bought, minlength=names)
    unheld = rng.random(names) < 0.1
    held = []
    for i in bought:
        day = int(rng.integers(0, _DAYS - 35))
        target = value * world.weights[i] / count[i] * rng.uniform(0.5, 1.5)
        if not unheld[i]:
            held.append((i, day, max(round(target / world.path[-1, i]), 1)))
    made = tuple(
        Lot(
            account_id=AccountId("A"),
            lot_id=LotId(f"L{k:05d}"),
            security_id=world.ids[i],
            quantity=Decimal(shares),
            cost_per_share=Decimal(f"{world.path[day, i]:.4f}"),
            acquired=world.dates[day],
        )
        for k, (i, day, shares) in enumerate(held)
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
    snapshot = AccountSnapshot(as_of=AS_OF, household=household, book=book, household_books=(book,))
    return snapshot, world.market
