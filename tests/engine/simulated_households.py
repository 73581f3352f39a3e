"""Households that live for 120 days: prices move, dividends are reinvested, accounts are planned, traded, read again.

A household has two or three accounts, among them perhaps an IRA or a Roth IRA, and nine names of which two may be
substantially identical. Its reinvestments are arranged long before, as a dividend calendar is. Every few days some of
its accounts are planned as of that day, each in sight of those before it, and all trades are done at that day's prices.
A custodian that knows nothing of wash sales keeps the books; at the end the ledger reads the whole history.

    python -m tests.engine.simulated_households 500
"""

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal as D

import numpy as np

from engine.domain.accounts import (
    Account,
    AccountBook,
    AccountSnapshot,
    Household,
    Lot,
    Registration,
    Transaction,
    TransactionType,
)
from engine.domain.market import Mark, MarketSnapshot, Model, RiskModel, Security
from engine.domain.plans import Plan, PlanStatus
from engine.domain.settings import PlanSettings, WashSalePolicy
from engine.plan.decided import plan_transactions
from engine.plan.propose import propose_plan
from engine.tax.wash_sales import ledger

START = date(2025, 10, 1)  # the year turns in the middle
DAYS = 120
NAMES = tuple("ABCDEFGHI")
SETTINGS = PlanSettings(
    risk_aversion=20.0,
    cost_bp=1.0,
    min_cash=0.0,
    max_cash=0.3,
    max_active_weight=None,
    max_sector_active=None,
    min_trade_usd=D(300),
)


@dataclass(frozen=True, kw_only=True)
class Life:
    """What became of one household: what the ledger disallows, what the plans announced, and the losses they took."""

    plans: int
    harvested: D
    announced: D
    disallowed: D
    kept_back: int  # loss lots that a lock held back, over all plans


def live(seed: int, *, policy: WashSalePolicy = WashSalePolicy.BLOCK) -> Life:
    """Return what 120 days of one household come to."""
    rng = random.Random(seed)
    prices = {name: D(rng.randrange(20, 200)) for name in NAMES}
    securities = {
        name: Security(
            security_id=name, ticker=name, name=name, sector="Any",
            identical_group="TWINS" if name in "AB" and seed % 2 else None,
        )
        for name in NAMES
    }  # fmt: skip
    books = [_opened(rng, f"A{k}", k, prices) for k in range(rng.choice((2, 2, 3)))]
    plans, harvested, announced, kept_back = 0, D(0), D(0), 0
    for day in range(DAYS):
        as_of = START + timedelta(day)
        prices = {name: max((p * D(str(round(rng.gauss(1, 0.03), 4)))).quantize(D("0.01")), D(1))
                  for name, p in prices.items()}  # fmt: skip
        books = [_reinvested(book, as_of) for book in books]
        if rng.random() < 0.9:
            continue
        market = _market(as_of, prices, securities)
        today: list[tuple[int, Plan]] = []
        for k in rng.sample(range(len(books)), rng.randint(1, len(books))):
            pending = [row for other, plan in today for row in plan_transactions(plan, label=str(other), on=as_of)]
            snapshot = AccountSnapshot(
                as_of=as_of,
                household=Household(household_id="H", name="Simulated", advisor="Ann"),
                book=books[k],
                household_books=tuple(books),
                pending=tuple(pending),
            )
            plan, _ = propose_plan(snapshot, market, replace(SETTINGS, wash_sales=policy), inputs_hash="")
            assert plan.status is not PlanStatus.INFEASIBLE, plan.conflicts
            today.append((k, plan))
            plans += 1
            harvested += plan.tax.harvested_loss
            announced += plan.tax.disallowed
            kept_back += sum(lot.code == "wash_sale_lock" for lot in plan.not_harvested)
        for k, plan in today:
            books[k] = _traded(books[k], plan, as_of, label=f"{day}.{k}")
    groups = {name: security.group for name, security in securities.items()}
    found = ledger(books, as_of=START + timedelta(DAYS), groups=groups)
    assert _lots(found.lots) == _lots(lot for book in books for lot in book.lots) or policy is WashSalePolicy.ALLOW
    return Life(
        plans=plans,
        harvested=harvested,
        announced=announced,
        disallowed=sum((loss.disallowed for loss in found.losses), D(0)),
        kept_back=kept_back,
    )


def _opened(rng: random.Random, account_id: str, number: int, prices: dict[str, D]) -> AccountBook:
    """Return an account with old and new lots, and the reinvestments that are arranged for it until the end."""
    registration = Registration.TAXABLE if number == 0 else rng.choice(list(Registration))
    account = Account(
        account_id=account_id, household_id="H", registration=registration, custodian="One", account_number="1",
        model_id="M", cash=D(rng.randrange(0, 3000)), st_rate=D("0.4"), lt_rate=D("0.25"), ytd_st_gain=D(0),
        ytd_lt_gain=D(0), st_carryforward=D(0), lt_carryforward=D(0),
    )  # fmt: skip
    bought = [
        Transaction(
            transaction_id=f"{account_id}.open.{k}", account_id=account_id,
            trade_date=START - timedelta(rng.choice((5, 20, 29, 30, 31, 200, 364, 365, 400))),
            security_id=rng.choice(NAMES), type=TransactionType.BUY, quantity=D(rng.randrange(10, 60)), price=D(0),
            lot_id=f"{account_id}.open.{k}",
        )
        for k in range(14)
    ]  # fmt: skip
    bought = [
        replace(row, price=(prices[row.security_id] * D(str(round(rng.uniform(0.7, 1.5), 2)))).quantize(D("0.01")))
        for row in bought
    ]
    coming = [
        Transaction(
            transaction_id=f"{account_id}.div.{k}", account_id=account_id,
            trade_date=START + timedelta(rng.randrange(1, DAYS)), security_id=rng.choice(NAMES),
            type=TransactionType.REINVEST, quantity=D(rng.randrange(1, 40)) / 10, price=D(50),
            lot_id=f"{account_id}.div.{k}",
        )
        for k in range(rng.randrange(0, 4))
    ]  # fmt: skip
    rows = sorted([*bought, *coming], key=lambda row: row.trade_date)
    return AccountBook(account=account, lots=tuple(map(_lot, bought)), transactions=tuple(rows))


def _lot(row: Transaction) -> Lot:
    assert row.lot_id is not None
    return Lot(
        account_id=row.account_id, lot_id=row.lot_id, security_id=row.security_id, quantity=row.quantity,
        cost_per_share=row.price, acquired=row.trade_date,
    )  # fmt: skip


def _reinvested(book: AccountBook, as_of: date) -> AccountBook:
    """Return the book with the lots of today's reinvestments."""
    new = [_lot(row) for row in book.transactions if row.trade_date == as_of and row.type is TransactionType.REINVEST]
    return replace(book, lots=(*book.lots, *new))


def _traded(book: AccountBook, plan: Plan, on: date, *, label: str) -> AccountBook:
    """Return the book after a plan: lots sold as the plan says, one new lot a purchase."""
    rows = list(plan_transactions(plan, label=label, on=on))
    lots = {lot.lot_id: lot for lot in book.lots}
    cash = book.account.cash
    for row in rows:
        if row.type is TransactionType.BUY:
            cash -= row.quantity * row.price
            lots[row.transaction_id] = _lot(replace(row, lot_id=row.transaction_id))
            continue
        cash += row.quantity * row.price
        lot = lots.pop(row.lot_id)
        if lot.quantity > row.quantity:
            lots[row.lot_id] = replace(lot, quantity=lot.quantity - row.quantity)
    assert cash >= 0
    rows = [row if row.lot_id else replace(row, lot_id=row.transaction_id) for row in rows]
    history = sorted([*book.transactions, *rows], key=lambda row: row.trade_date)
    return AccountBook(account=replace(book.account, cash=cash), lots=tuple(lots.values()), transactions=tuple(history))


def _market(as_of: date, prices: dict[str, D], securities: dict[str, Security]) -> MarketSnapshot:
    weights = tuple((name, D(0) if name == NAMES[-1] else D(1) / 8) for name in NAMES)
    return MarketSnapshot(
        as_of=as_of,
        securities=securities,
        marks={name: Mark(price=price, on=as_of) for name, price in prices.items()},
        models={"M": Model(model_id="M", weights=weights)},
        substitutes=(),
        risk=RiskModel(
            security_ids=NAMES,
            factors=("market",),
            exposures=np.ones((len(NAMES), 1)),
            factor_covariance=np.array([[0.03]]),
            specific_variance=np.full(len(NAMES), 0.06),
        ),
    )


def _lots(lots) -> dict[tuple[str, str], tuple[D, D]]:
    return {(lot.account_id, lot.lot_id): (lot.quantity, lot.basis.quantize(D("1e-6"))) for lot in lots}


def main(arguments: Sequence[str]) -> int:
    """Let so many households live; print what they come to, and 1 where something was disallowed unannounced."""
    lives = [live(seed) for seed in range(int(arguments[0]))]
    disallowed, announced = sum(life.disallowed for life in lives), sum(life.announced for life in lives)
    sys.stdout.write(
        f"{len(lives)} households, {sum(life.plans for life in lives)} plans, "
        f"{sum(life.harvested for life in lives):,.2f} USD of losses taken, "
        f"{sum(life.kept_back for life in lives)} loss lots held back by locks, "
        f"{disallowed:,.2f} USD disallowed, {announced:,.2f} USD announced\n"
    )
    return int(disallowed != announced)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
