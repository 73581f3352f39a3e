"""A stand-in org behind a real TLS socket, the connection to it, and small plan documents."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from connectors.salesforce.config import SalesforceConfig, read_config
from connectors.salesforce.crm import PushReceipt, SalesforceCrm
from connectors.salesforce.mapping import Presentation
from connectors.sandbox.loopback import listening
from connectors.sandbox.org.faults import Fault, Kind
from connectors.sandbox.salesforce import StandIn, salesforce_stand_in, write_connection
from engine.domain.plans import Check, Verdict
from engine.plan.document import plan_id

ADVISOR = "advisor@lotsmith.example"
SHOWN = Presentation(
    household_name="The Hand family",
    account_name="Joint account",
    summary="Two trades.",
    makers=("Maya Manager",),
    tickers={"AAA": "AAA.A"},
    checks=(
        Check(rule="cash_band", verdict=Verdict.PASS, detail="cash 1.5 %"),
        Check(rule="wash_sale", verdict=Verdict.WARN, detail="the lock on AAA.A ends tomorrow"),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running stand-in, as its administrator sees it."""

    stand_in: StandIn
    address: str
    config: SalesforceConfig

    def crm(self, **changes: Any) -> SalesforceCrm:
        return SalesforceCrm(replace(self.config, **changes))

    def reviewer(self) -> SalesforceCrm:
        return SalesforceCrm(self.config.acting_as(ADVISOR))

    def rows(self, name: str) -> list[Mapping[str, Any]]:
        return list(self.stand_in.org.records.rows(name))

    def fail(self, kind: Kind, times: int, match: str = "", seconds: float = 0.0) -> None:
        self.stand_in.org.faults.order(Fault(kind=kind, times=times, match=match, seconds=seconds))

    def put(self, name: str, values: Mapping[str, Any], *, username: str, record_id: str | None = None) -> str:
        org = self.stand_in.org
        return org.records.put(name, values, user=org.users[username], record_id=record_id)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("salesforce")


@pytest.fixture
def server(keys: Path) -> Iterator[Server]:
    stand_in = salesforce_stand_in(keys)
    with listening(stand_in.app, certificate=stand_in.tls.certificate, private_key=stand_in.tls.key) as address:
        write_connection(stand_in, address, keys / "connection.json")
        config = replace(read_config(keys / "connection.json"), backoff_s=0.001)
        yield Server(stand_in=stand_in, address=address, config=config)


def _trade(security_id: str, side: str = "buy", quantity: float = 10, price: float = 25.5) -> dict[str, Any]:
    lots = (
        [{"lot_id": f"L-{security_id}", "quantity": quantity, "term": "ST", "gain": -12.25}] if side == "sell" else []
    )
    return {
        "security_id": security_id,
        "side": side,
        "quantity": quantity,
        "price": price,
        "amount": round(quantity * price, 2),
        "lots": lots,
        "reason": {
            "risk_bp": 1.5,
            "tax_bp": 0.5,
            "cost_bp": -0.1,
            "worth_bp": 1.25,
            "rules": [],
            "sentence": f"Brings {security_id} closer to its target.",
        },
    }


def _document(trades: Sequence[Mapping[str, Any]] | None = None, account_id: str = "A-1") -> dict[str, Any]:
    metrics = {
        "nav": 100000.5,
        "cash": 1500.25,
        "tracking_error": 0.03125,
        "active_share": 0.2,
        "sectors": {"Energy": 0.01},
        "unrealised": {"st_gain": 0, "st_loss": -12.25, "lt_gain": 0, "lt_loss": 0},
    }
    value: dict[str, Any] = {
        "plan_id": "",
        "account_id": account_id,
        "as_of": "2025-06-30",
        "inputs_hash": "ab" * 32,
        "engine_version": "0.1.0",
        "settings": {},
        "status": "optimal",
        "run": {"solver": "interior_point", "fallback": False, "solve_ms": 2.5, "total_ms": 4.0},
        "trades": list(trades if trades is not None else [_trade("AAA", "sell"), _trade("BBB", "buy", 4, 60)]),
        "before": metrics,
        "after": {**metrics, "cash": 1515.25, "tracking_error": 0.02},
        "tax": {"st_gain": -12.25, "lt_gain": 0, "liability": -4.9, "harvested_loss": 12.25, "disallowed": 0},
        "objective_bp": {
            "total": 12.5, "risk": 10.0, "tax": 2.0, "cost": 0.5, "tilt": 0.0, "breach": 0.0, "lower_bound": 12.4,
            "gap": 0.1,
        },
        "checks": [
            {"rule": "cash_band", "verdict": "pass", "detail": "cash 1.5 %"},
            {"rule": "wash_sale", "verdict": "warn", "detail": "one lock ends tomorrow"},
        ],
        "not_harvested": [],
        "binding": [],
        "conflicts": [],
        "repair": "",
        "edited": [],
    }  # fmt: skip
    value["plan_id"] = plan_id(value)
    return value


def _push(crm: SalesforceCrm, plan: Mapping[str, Any]) -> PushReceipt:
    return crm.push_plan(plan, SHOWN)


@pytest.fixture
def trade() -> Callable[..., dict[str, Any]]:
    """Make a trade of a plan document: trade(security_id, side, quantity, price)."""
    return _trade


@pytest.fixture
def document() -> Callable[..., dict[str, Any]]:
    """Make a plan document under its true hash: document(trades, account_id)."""
    return _document


@pytest.fixture(scope="session")
def shown() -> Presentation:
    """What every plan is shown with."""
    return SHOWN


@pytest.fixture
def push() -> Callable[..., PushReceipt]:
    """Push a plan with fixed names: push(crm, document)."""
    return _push
