"""A firm of six names and four accounts, the stand-in that serves it, and a clock that only moves when it is told."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import requests

from connectors.addepar.client import AddeparClient
from connectors.addepar.config import AddeparConfig
from connectors.addepar.mapping import AddeparMapping, mapping_from_table
from connectors.sandbox.addepar import addepar_app
from connectors.sandbox.addepar_endpoints import AddeparSandbox
from connectors.sandbox.addepar_firm import addepar_firm
from connectors.sandbox.addepar_gate import FIRM_ID, KEY, SECRET
from connectors.sandbox.loopback import listening
from engine.domain.accounts import (
    Account,
    AccountBook,
    FirmReference,
    Household,
    Lot,
    Registration,
    Transaction,
    TransactionType,
)
from engine.domain.market import Model, PriceHistory, Security

AS_OF = date(2026, 3, 2)
TICKERS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
D = Decimal


@dataclass(slots=True)
class Clock:
    """Seconds that pass only by sleeping, and what was slept."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    reference: FirmReference
    books: tuple[AccountBook, ...]

    @property
    def accounts(self) -> tuple[Account, ...]:
        return tuple(book.account for book in self.books)


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """The running stand-in, its firm, and a client's way in."""

    url: str
    sandbox: AddeparSandbox
    clock: Clock
    firm: Firm

    def config(self, **changes: Any) -> AddeparConfig:
        given = {"base_url": f"{self.url}/api", "firm_id": FIRM_ID, "key": KEY, "secret": SECRET, **changes}
        return AddeparConfig(**given)

    def client(self, **changes: Any) -> AddeparClient:
        kept, spent = changes.pop("kept", None), changes.pop("spent", None)
        return AddeparClient(self.config(**changes), clock=self.clock, sleep=self.clock.sleep, kept=kept, spent=spent)

    def control(self, what: str, body: Any) -> None:
        """Put a fault in."""
        answer = requests.post(f"{self.url}/sandbox/{what}", data=json.dumps(body), timeout=5)
        assert answer.status_code == 200, answer.text


def security(ticker: str) -> Security:
    return Security(
        security_id=f"S-{ticker}", ticker=ticker, name=f"{ticker} Corp", sector="Tech", cusip=f"{ticker}000000"
    )


def account(number: int, household: str, *, cash: str, registration: Registration = Registration.TAXABLE) -> Account:
    return Account(
        account_id=f"A{number}", household_id=household, registration=registration, custodian="Custodian One",
        account_number=f"88-{number:04}", model_id="M", cash=D(cash), st_rate=D("0.408"), lt_rate=D("0.238"),
        ytd_st_gain=D("-120.5"), ytd_lt_gain=D("33.25"), st_carryforward=D(10), lt_carryforward=D(20),
        settings="default",
    )  # fmt: skip


def lot(number: int, name: str, ticker: str, quantity: str, cost: str, acquired: str, **more: Any) -> Lot:
    return Lot(
        account_id=f"A{number}", lot_id=name, security_id=f"S-{ticker}", quantity=D(quantity), cost_per_share=D(cost),
        acquired=date.fromisoformat(acquired), **more,
    )  # fmt: skip


def trade(
    number: int, name: str, on: str, ticker: str, kind: TransactionType, quantity: str, price: str, **more: Any
) -> Transaction:
    return Transaction(
        transaction_id=name, account_id=f"A{number}", trade_date=date.fromisoformat(on), security_id=f"S-{ticker}",
        type=kind, quantity=D(quantity), price=D(price), **more,
    )  # fmt: skip


def build_firm() -> Firm:
    securities = tuple(security(ticker) for ticker in TICKERS)
    prices = tuple(
        PriceHistory(
            security_id=f"S-{ticker}",
            dates=(date(2026, 2, 27), AS_OF),
            closes=(D(100 + 10 * n), D("100.0625") + 10 * n),
            adjusted=(D(99 + 10 * n), D("100.0625") + 10 * n),
        )
        for n, ticker in enumerate(TICKERS)
    )
    kinds = TransactionType
    books = (
        AccountBook(
            account=account(1, "H1", cash="1E+3"),
            lots=(
                lot(1, "L1", "AAA", "20", "40.125", "2024-05-06"),
                lot(1, "L2", "AAA", "7.333333", "123.4567", "2026-01-20", wash_adjustment=D("55.01"),
                    holding_start=date(2025, 11, 3)),
                lot(1, "L3", "BBB", "3", "0.1", "2025-06-30"),
            ),
            transactions=(
                trade(1, "T1", "2024-05-06", "AAA", kinds.BUY, "10", "80.25", lot_id="L1"),
                trade(1, "T2", "2025-01-15", "AAA", kinds.SPLIT, "2", "0"),
                trade(1, "T3", "2025-06-30", "BBB", kinds.REINVEST, "3", "0.1", lot_id="L3"),
                trade(1, "T4", "2025-11-03", "AAA", kinds.BUY, "5", "130", lot_id="L0"),
                trade(1, "T5", "2026-01-15", "AAA", kinds.SELL, "5", "119", lot_id="L0", basis=D(650)),
                trade(1, "T6", "2026-01-20", "AAA", kinds.BUY, "7.333333", "123.4567", lot_id="L2"),
            ),
        ),
        AccountBook(
            account=account(2, "H1", cash="0.01", registration=Registration.IRA),
            lots=(lot(2, "L1", "CCC", "30", "90", "2023-02-01"),),
            transactions=(
                trade(2, "T7", "2023-02-01", "CCC", kinds.TRANSFER_IN, "90", "30", basis=D(2700)),
                trade(2, "T8", "2023-08-01", "CCC", kinds.SPLIT, "0.5", "0"),
                trade(2, "T9", "2024-08-01", "CCC", kinds.TRANSFER_OUT, "15", "95"),
            ),
        ),
        AccountBook(
            account=account(3, "H2", cash="250.75"),
            lots=(
                lot(3, "L1", "DDD", "12", "131", "2025-09-09"),
                lot(3, "L2", "EEE", "1", "150", "2025-09-09"),
                lot(3, "L3", "DDD", "0.5", "133", "2025-10-10"),
            ),
            transactions=(trade(3, "T10", "2025-09-09", "DDD", kinds.BUY, "12", "131"),),
        ),
        AccountBook(account=account(4, "H2", cash="5000"), lots=(), transactions=()),
    )  # fmt: skip
    reference = FirmReference(
        as_of=AS_OF,
        currency="USD",
        name="Test Firm",
        securities=securities,
        prices=prices,
        models=(Model(model_id="M", weights=tuple((f"S-{t}", D(w)) for t, w in (("AAA", "0.5"), ("BBB", "0.5")))),),
        households=(
            Household(household_id="H1", name="The Ashes", advisor="Ann"),
            Household(household_id="H2", name="The Birches", advisor="Bob", segment="private"),
        ),
        settings={"default": "[plan]\n"},
    )
    return Firm(reference=reference, books=books)


@pytest.fixture(scope="session")
def running() -> Iterator[StandIn]:
    firm, clock = build_firm(), Clock()
    sandbox = AddeparSandbox(addepar_firm(firm.reference, firm.books), clock=clock)
    with listening(addepar_app(sandbox)) as url:
        yield StandIn(url=url, sandbox=sandbox, clock=clock, firm=firm)


@pytest.fixture
def stand_in(running: StandIn) -> StandIn:
    """The stand-in with the documented allowances and no faults; its clock is the clients' too, and starts at 0."""
    running.clock.now = 0.0
    running.clock.slept.clear()
    running.sandbox.reset()
    return running


@pytest.fixture
def mapping() -> AddeparMapping:
    return mapping_from_table({}, source="test")
