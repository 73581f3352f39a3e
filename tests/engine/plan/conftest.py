"""Small accounts: built by hand from a few words, or at random from a seed with every feature mixed in."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D
from typing import Any

import numpy as np
import pytest

from engine.domain.accounts import (
    Account,
    AccountBook,
    AccountSnapshot,
    Household,
    Lot,
    Registration,
    Restriction,
    Rule,
    Transaction,
    TransactionType,
)
from engine.domain.market import Mark, MarketSnapshot, Model, RiskModel, Security
from engine.domain.plans import Lock
from engine.domain.settings import LotMethod, PlanSettings
from engine.plan.propose import household_locks

AS_OF = date(2026, 11, 20)
LONG_AGO = date(2024, 1, 5)
LATELY = date(2026, 8, 3)

Case = tuple[AccountSnapshot, MarketSnapshot, PlanSettings, tuple[Lock, ...]]


@pytest.fixture
def as_of() -> date:
    return AS_OF


@pytest.fixture(scope="session")
def market_of() -> Callable[..., MarketSnapshot]:
    return _market


@pytest.fixture(scope="session")
def account_of() -> Callable[..., AccountSnapshot]:
    return _account


@pytest.fixture(scope="session")
def random_case() -> Callable[..., Case]:
    return _random_case


def _market(
    prices: Mapping[str, Any],
    targets: Mapping[str, Any],
    *,
    specific: Any = 0.04,
    exposures: Any = None,
    covariance: Any = None,
    **securities: Mapping[str, Any],
) -> MarketSnapshot:
    """Prices and target weights by name; keyword NAME={...} sets fields of one security (default sector: Any)."""
    names = tuple(sorted(prices))
    f = np.zeros((len(names), 0)) if exposures is None else np.asarray(exposures, float)
    return MarketSnapshot(
        as_of=AS_OF,
        securities={
            n: Security(**{"security_id": n, "ticker": n, "name": n, "sector": "Any", **securities.get(n, {})})
            for n in names
        },
        marks={n: Mark(price=D(str(prices[n])), on=AS_OF) for n in names},
        models={"M": Model(model_id="M", weights=tuple((n, D(str(w))) for n, w in targets.items()))},
        substitutes=(),
        risk=RiskModel(
            security_ids=names,
            factors=tuple(f"f{k}" for k in range(f.shape[1])),
            exposures=f,
            factor_covariance=np.eye(f.shape[1]) if covariance is None else np.asarray(covariance, float),
            specific_variance=np.broadcast_to(np.asarray(specific, float), (len(names),)).copy(),
        ),
    )


def _account(
    cash: Any,
    *lots: tuple[str, str, Any, Any, date],
    registration: Registration = Registration.TAXABLE,
    restrictions: tuple[Restriction, ...] = (),
    st_rate: str = "0.4",
    lt_rate: str = "0.25",
    **fields: Any,
) -> AccountSnapshot:
    """Lots as (lot id, name, shares, cost a share, acquired)."""
    account = Account(
        account_id="A", household_id="H", registration=registration, custodian="One", account_number="1", model_id="M",
        cash=D(str(cash)), st_rate=D(st_rate), lt_rate=D(lt_rate), **{
            "ytd_st_gain": D(0), "ytd_lt_gain": D(0), "st_carryforward": D(0), "lt_carryforward": D(0), **fields},
    )  # fmt: skip
    held = tuple(
        Lot(
            account_id="A",
            lot_id=lot_id,
            security_id=name,
            quantity=D(str(shares)),
            cost_per_share=D(str(cost)),
            acquired=acquired,
        )
        for lot_id, name, shares, cost, acquired in lots
    )
    book = AccountBook(account=account, lots=held, transactions=())
    return AccountSnapshot(
        as_of=AS_OF,
        household=Household(household_id="H", name="Hand", advisor="Ann"),
        book=book,
        household_books=(book,),
        restrictions=restrictions,
    )


def _random_case(seed: int, *, most_names: int = 12, pairs: bool = True) -> Case:
    """Return an account of 4 or more names with a random mix of the features; it may be infeasible.

    pairs: whether two of its names may be substantially identical.
    """
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(4, most_names + 1)), int(rng.integers(0, 4))
    names = [f"N{i:02d}" for i in range(n)]

    def perhaps(share: float) -> bool:
        return bool(rng.random() < share)

    prices = {name: round(float(rng.uniform(5, 200)), 2) for name in names}
    weights = rng.dirichlet(np.ones(n))
    targets = {name: round(float(w), 6) for name, w in zip(names, weights, strict=True)}
    targets[names[0]] = round(1 - sum(list(targets.values())[1:]), 6)
    paired = perhaps(0.35) and pairs
    securities = {
        name: {
            "sector": "Odd" if i % 2 else "Even",
            "identical_group": "PAIR" if paired and i < 2 else None,
            "tradable": False if perhaps(0.05) else None,
            "cost_bp": D(int(rng.integers(0, 30))) if perhaps(0.2) else None,
        }
        for i, name in enumerate(names)
    }
    market = _market(
        prices,
        targets,
        specific=rng.uniform(0.01, 0.15, n),
        exposures=rng.normal(0, 1, (n, k)),
        covariance=np.diag(rng.uniform(0.001, 0.03, k)),
        **securities,
    )
    held = rng.dirichlet(np.ones(n)) * (rng.random(n) < 0.8)
    lots = []
    for i, name in enumerate(names):
        for j in range(int(rng.integers(1, 4))):
            shares = round(1e6 * held[i] / 3 / prices[name])
            if shares > 0:
                cost = round(prices[name] * float(rng.uniform(0.6, 1.6)), 2)
                lots.append((f"{name}.{j}", name, shares, cost, LONG_AGO if perhaps(0.5) else LATELY + timedelta(j)))
    restrictions = [
        Restriction(scope="firm", target=names[int(rng.integers(n))], rule=rule, value=None, until=None, reason="Test")
        for rule in (Rule.DO_NOT_BUY, Rule.DO_NOT_SELL, Rule.DO_NOT_HOLD)
        if perhaps(0.25)
    ]
    if perhaps(0.2):
        restrictions.append(
            Restriction(scope="A", target="sector:Odd", rule=Rule.MAX_WEIGHT, value=D("0.5"), until=None, reason="Test")
        )
    if perhaps(0.2):
        restrictions.append(
            Restriction(scope="H", target=names[1], rule=Rule.MIN_WEIGHT, value=D("0.05"), until=None, reason="Test")
        )
    other = _other_account(market, names, buys=perhaps(0.3), sells_at_a_loss=perhaps(0.3))
    value = sum(shares * prices[name] for _, name, shares, _, _ in lots)
    registration = Registration.IRA if perhaps(0.1) else Registration.TAXABLE
    snapshot = _account(
        round(value * float(rng.uniform(0, 0.08))), *lots, registration=registration, restrictions=tuple(restrictions)
    )
    snapshot = replace(snapshot, household_books=(snapshot.book, other))
    settings = PlanSettings(
        risk_aversion=float(rng.choice([5.0, 50.0, 300.0])),
        cost_bp=float(rng.choice([0.0, 5.0, 40.0])),
        max_active_weight=float(rng.choice([0.02, 0.1])) if perhaps(0.7) else None,
        max_sector_active=float(rng.choice([0.02, 0.1])) if perhaps(0.5) else None,
        max_factor_active=0.3 if perhaps(0.2) else None,
        max_turnover=float(rng.uniform(0.03, 0.3)) if perhaps(0.3) else None,
        max_net_gain=D(int(rng.integers(-20_000, 40_000))) if perhaps(0.3) else None,
        min_trade_usd=D(int(rng.integers(1_000, 40_000))) if perhaps(0.4) else D(0),
        harvest_min_loss_usd=D(3_000) if perhaps(0.2) else D(0),
        lot_method=LotMethod(str(rng.choice([str(m) for m in LotMethod]))) if perhaps(0.4) else LotMethod.OPTIMAL,
        deposit=D(int(value * 0.1)) if perhaps(0.15) else D(0),
        withdrawal=D(int(value * 0.1)) if perhaps(0.15) else D(0),
        exclude=(names[-1],) if perhaps(0.15) else (),
        tilt={names[0]: 0.002, "sector:Odd": -0.001} if perhaps(0.2) else {},
        enforce=perhaps(0.1),
        gap_tolerance_bp=0.001,
    )
    return snapshot, market, settings, household_locks(snapshot, market)


def _other_account(market: MarketSnapshot, names: list[str], *, buys: bool, sells_at_a_loss: bool) -> AccountBook:
    """Return the household's other account: it may have bought the fourth name and sold the third at a loss lately."""
    account = _account(1000).account
    rows, lots = [], []
    price = market.marks[names[2]].price
    if buys:
        rows.append(_row("T1", TransactionType.BUY, names[3], market.marks[names[3]].price, lot_id="B1"))
        lots.append(
            Lot(
                account_id="B",
                lot_id="B1",
                security_id=names[3],
                quantity=D(10),
                cost_per_share=market.marks[names[3]].price,
                acquired=AS_OF - timedelta(9),
            )
        )
    if sells_at_a_loss:
        rows.append(_row("T2", TransactionType.SELL, names[2], price, lot_id="gone", basis=20 * price))
    return AccountBook(account=replace(account, account_id="B"), lots=tuple(lots), transactions=tuple(rows))


def _row(label: str, kind: TransactionType, name: str, price: D, **fields: Any) -> Transaction:
    return Transaction(
        transaction_id=label,
        account_id="B",
        trade_date=AS_OF - timedelta(9),
        security_id=name,
        type=kind,
        quantity=D(10),
        price=price,
        **fields,
    )
