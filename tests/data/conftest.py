"""Both databases for every storage test, and a small firm by hand."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path

import numpy as np
import psycopg
import pytest

from data.database import Database, open_database
from data.firm import FirmStore
from data.plans import PlanStore
from data.snapshots import inputs_hash, market_document, snapshot_document
from engine.domain.accounts import (
    Account,
    AccountBook,
    FirmReference,
    Household,
    Lot,
    Registration,
    Restriction,
    Rule,
    Transaction,
    TransactionType,
)
from engine.domain.lifecycle import Action, Role, User
from engine.domain.market import Model, PriceHistory, RiskModel, Security, Substitute
from engine.domain.plans import (
    LotSale,
    Metrics,
    Objective,
    Plan,
    PlanStatus,
    Reason,
    Run,
    Side,
    TaxSummary,
    Term,
    Trade,
    Unrealised,
)
from engine.domain.settings import PlanSettings
from engine.plan.document import plan_document

WITHOUT_POSTGRES = "LOTSMITH_TESTS_WITHOUT_POSTGRES"
_numbers = count(1)


@pytest.fixture(scope="session")
def postgres_folder() -> Iterator[Path]:
    """A PostgreSQL server of our own, reached by a socket in this folder. It dies with the tests, however they end."""
    if os.environ.get(WITHOUT_POSTGRES):
        pytest.skip(f"{WITHOUT_POSTGRES} is set")
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not programs:
        pytest.fail(
            "no PostgreSQL in /usr/lib/postgresql/*/bin: install Debian's package postgresql, or set "
            f"{WITHOUT_POSTGRES}=1 to leave these tests out"
        )
    memory = Path("/dev/shm")  # five times as fast as a disk, where there is room
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2**30
    folder = Path(tempfile.mkdtemp(prefix="lotsmith-pg-", dir=memory if roomy else "/tmp"))
    unprivileged = []
    if os.geteuid() == 0:  # the server refuses to run as root
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        unprivileged = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    run = ["setpriv", *unprivileged, "--pdeathsig", "INT"]
    made = subprocess.run(
        [*run, programs[-1].with_name("initdb"), "-D", folder / "db", "-U", "postgres", "-A", "trust", "-E", "UTF8",
         "--locale=C", "--no-sync"],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    options = ["listen_addresses=", f"unix_socket_directories={folder}", "fsync=off", "full_page_writes=off",
               "synchronous_commit=off", "max_connections=60"]  # fmt: skip
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*run, programs[-1], "-D", folder / "db", *(part for option in options for part in ("-c", option))],
            stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip
    try:
        _wait(folder, server)
        yield folder
    finally:
        server.send_signal(signal.SIGQUIT)  # at once: nothing here is worth writing to disk
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(folder: Path, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert server.poll() is None, (folder / "log").read_text()
        try:
            psycopg.connect(host=str(folder), user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("PostgreSQL did not start:\n" + (folder / "log").read_text())


@contextmanager
def _postgres(folder: Path, name: str, template: str) -> Iterator[str]:
    """Make a database, yield its URL, and drop it."""
    with psycopg.connect(host=str(folder), user="postgres", dbname="postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        yield f"postgresql://postgres@/{name}?host={folder}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def migrated_postgres(postgres_folder) -> Iterator[str]:
    with _postgres(postgres_folder, "migrated", "template0") as url:
        open_database(url).close()
        yield "migrated"


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "migrated.db"
    open_database(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def kind(request) -> str:
    return request.param


@pytest.fixture
def empty_url(kind, request, tmp_path) -> Iterator[str]:
    """The URL of a database that nothing was written to yet."""
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'folder' / 'lotsmith.db'}"
    else:
        with _postgres(request.getfixturevalue("postgres_folder"), f"test_{next(_numbers)}", "template0") as url:
            yield url


@pytest.fixture
def url(kind, request, tmp_path) -> Iterator[str]:
    """The URL of a database whose schema is up to date."""
    if kind == "sqlite":
        yield f"sqlite:///{shutil.copy(request.getfixturevalue('migrated_sqlite'), tmp_path / 'lotsmith.db')}"
    else:
        template = request.getfixturevalue("migrated_postgres")
        with _postgres(request.getfixturevalue("postgres_folder"), f"test_{next(_numbers)}", template) as url:
            yield url


@pytest.fixture
def database(url) -> Iterator[Database]:
    opened = open_database(url)
    yield opened
    opened.close()


AS_OF = date(2026, 3, 31)
AT = datetime(2026, 4, 1, 13, 30, 0, 250_001, tzinfo=UTC)


@pytest.fixture
def at() -> datetime:
    return AT


def account(account_id: str, household_id: str, **changes) -> Account:
    values = {
        "account_id": account_id,
        "household_id": household_id,
        "registration": Registration.TAXABLE,
        "custodian": "North",
        "account_number": "N-" + account_id,
        "model_id": "M1",
        "cash": Decimal("1000.50"),
        "st_rate": Decimal("0.408"),
        "lt_rate": Decimal("0.238"),
        "ytd_st_gain": Decimal("-12.00"),
        "ytd_lt_gain": Decimal("0"),
        "st_carryforward": Decimal("0.0"),
        "lt_carryforward": Decimal("1E+3"),
    }
    return Account(**(values | changes))


def book(account_id: str, household_id: str, **changes) -> AccountBook:
    return AccountBook(
        account=account(account_id, household_id, **changes),
        lots=(
            Lot(
                account_id=account_id,
                lot_id=f"{account_id}-L1",
                security_id="AAA",
                quantity=Decimal("100.000"),
                cost_per_share=Decimal("10.10"),
                acquired=date(2024, 2, 29),
                wash_adjustment=Decimal("3.30"),
                holding_start=date(2024, 1, 15),
            ),
            Lot(
                account_id=account_id,
                lot_id=f"{account_id}-L2",
                security_id="BBB",
                quantity=Decimal("5"),
                cost_per_share=Decimal("0.1234567890123456789"),
                acquired=date(2025, 6, 1),
            ),
        ),
        transactions=(
            Transaction(
                transaction_id=f"{account_id}-T1",
                account_id=account_id,
                trade_date=date(2024, 2, 29),
                security_id="AAA",
                type=TransactionType.BUY,
                quantity=Decimal("100.000"),
                price=Decimal("10.10"),
                lot_id=f"{account_id}-L1",
            ),
        ),
    )


def reference(**changes) -> FirmReference:
    days = (date(2026, 3, 30), date(2026, 3, 31), date(2026, 4, 1))
    values = {
        "as_of": AS_OF,
        "currency": "USD",
        "name": "Example & Söhne",
        "securities": (
            Security(security_id="BBB", ticker="B", name="Bee", sector="Energy", tags=("oil", "coal")),
            Security(
                security_id="AAA",
                ticker="A",
                name="Ay",
                sector="Tech",
                cusip="037833100",
                identical_group="G",
                lot_size=Decimal("1.0"),
                tradable=False,
                cost_bp=Decimal("2.50"),
                adv_usd=Decimal("1E+9"),
            ),
            Security(security_id="CCC", ticker="C", name="Never priced", sector="Tech", tradable=True),
        ),
        "prices": (
            PriceHistory(
                security_id="BBB",
                dates=days,
                closes=(Decimal("7.0"), Decimal("7.10"), Decimal("8")),
                adjusted=(None, Decimal("3.55"), None),
            ),
            PriceHistory(security_id="AAA", dates=days[:1], closes=(Decimal("20.000"),), adjusted=(Decimal("19.9"),)),
            PriceHistory(security_id="CCC", dates=days[2:], closes=(Decimal("1"),), adjusted=(None,)),
        ),
        "models": (
            Model(model_id="M2", weights=()),
            Model(model_id="M1", weights=(("BBB", Decimal("0.60")), ("AAA", Decimal("0.4")))),
        ),
        "households": (
            Household(household_id="H2", name="Zwei", advisor="kim"),
            Household(household_id="H1", name="Eins", advisor="kim", segment="core"),
        ),
        "restrictions": (
            Restriction(scope="A1", target="tag:oil", rule=Rule.DO_NOT_BUY, value=None, until=AS_OF, reason="IPS"),
            Restriction(
                scope="firm", target="CCC", rule=Rule.MAX_WEIGHT, value=Decimal("0.010"), until=None, reason="size"
            ),
            Restriction(
                scope="H1", target="AAA", rule=Rule.DO_NOT_SELL, value=None, until=date(2026, 3, 30), reason="over"
            ),
            Restriction(scope="A2", target="AAA", rule=Rule.DO_NOT_HOLD, value=None, until=None, reason="other"),
        ),
        "substitutes": (Substitute(security_id="AAA", substitute_id="BBB", rank=1),),
        "settings": {"cautious": "[plan]\nrisk_aversion = 300\n", "base": "[plan]\n"},
    }
    return FirmReference(**(values | changes))


def risk_model() -> RiskModel:
    return RiskModel(
        security_ids=("BBB", "AAA"),
        factors=("market",),
        exposures=np.array([[0.1 + 0.2], [-0.0]]),
        factor_covariance=np.array([[0.04]]),
        specific_variance=np.array([1e-300, 0.09]),
        quality="by hand",
    )


@pytest.fixture
def firm_reference() -> FirmReference:
    return reference()


@pytest.fixture
def firm_books() -> tuple[AccountBook, ...]:
    return (
        book("A2", "H1", registration=Registration.IRA, settings="cautious"),
        book("A1", "H1"),
        book("A3", "H2", cash=Decimal("-0.00")),
    )


@pytest.fixture
def risk() -> RiskModel:
    return risk_model()


@pytest.fixture
def firm(database, firm_reference, firm_books) -> FirmStore:
    """The firm by hand, imported."""
    store = FirmStore(database)
    store.replace(firm_reference, firm_books, actor="ops", at=AT)
    return store


@pytest.fixture
def store(database) -> PlanStore:
    return PlanStore(database)


@pytest.fixture
def draft(firm, store, risk):
    """draft(account_id, actor=..., ...) saves a plan that sells 10 AAA of lot L1 and buys 20 BBB; returns its id.

    AAA: 10 x 20 = 200, cost 10 x 10.10 = 101, gain 99. BBB: 20 x 7.10 = 142.
    """

    def save(account_id: str = "A1", *, actor: str = "pam", buy: int = 20, **more) -> str:
        document, inputs = plan_by_hand(firm, risk, account_id, buy=buy)
        return store.save(document, **inputs, actor=actor, at=AT, **more)

    return save


def plan_by_hand(firm: FirmStore, risk: RiskModel, account_id: str, *, buy: int = 20):
    """Return the document of that plan, and its inputs as PlanStore.save takes them."""
    snapshot = snapshot_document(firm.snapshot(account_id))
    market = market_document(firm.market_parts().with_risk(risk))
    run = Run(solver="by hand", fallback=False, solve_ms=1.0, total_ms=2.0)
    document = plan_document(_plan(account_id, inputs_hash(snapshot, market), buy), run)
    household_id = "H2" if account_id == "A3" else "H1"
    return document, {"snapshot": snapshot, "market": market, "household_id": household_id}


@pytest.fixture
def people() -> dict[str, User]:
    roles = {
        "pam": [Role.PORTFOLIO_MANAGER],
        "ann": [Role.ADVISOR],
        "abe": [Role.APPROVER],
        "amy": [Role.APPROVER],
        "robot": [Role.SYSTEM],
    }
    return {name: User(user_id=name, name=name.title(), roles=frozenset(held)) for name, held in roles.items()}


@pytest.fixture
def advance(store, people):
    """advance(plan_id, *actions) takes a plan through its life, each step by somebody who may."""
    who = {"propose": "pam", "submit": "pam", "fill": "robot", "reconcile": "robot", "expire": "robot"}

    def step(plan_id: str, *actions: str) -> str:
        for action in actions:
            store.move(plan_id, Action(action), people[who.get(action, "abe")], at=AT, comment="ok")
        return plan_id

    return step


def _plan(account_id: str, inputs: str, buy: int) -> Plan:
    reason = Reason(risk_bp=1.0, tax_bp=-0.5, cost_bp=-0.1, worth_bp=None, rules=(), sentence="By hand.")
    nothing = Unrealised(st_gain=Decimal(0), st_loss=Decimal(0), lt_gain=Decimal(0), lt_loss=Decimal(0))
    metrics = Metrics(
        nav=Decimal("3036.00"),
        cash=Decimal("1000.50"),
        tracking_error=0.1,
        active_share=0.2,
        sectors=(),
        unrealised=nothing,
    )
    lot = LotSale(lot_id=f"{account_id}-L1", quantity=Decimal(10), term=Term.LONG, gain=Decimal(99))
    return Plan(
        account_id=account_id,
        as_of=AS_OF,
        inputs_hash=inputs,
        engine_version="1",
        settings=PlanSettings(),
        status=PlanStatus.FEASIBLE,
        trades=(
            Trade(
                security_id="AAA",
                side=Side.SELL,
                quantity=Decimal(10),
                price=Decimal(20),
                amount=Decimal(200),
                lots=(lot,),
                reason=reason,
            ),
            Trade(
                security_id="BBB",
                side=Side.BUY,
                quantity=Decimal(buy),
                price=Decimal("7.10"),
                amount=buy * Decimal("7.10"),
                lots=(),
                reason=reason,
            ),
        ),
        before=metrics,
        after=metrics,
        tax=TaxSummary(
            st_gain=Decimal(0),
            lt_gain=Decimal(99),
            liability=Decimal("23.56"),
            harvested_loss=Decimal(0),
            disallowed=Decimal(0),
        ),
        objective=Objective(total=1.0, risk=0.5, tax=0.4, cost=0.1, tilt=0.0, breach=0.0, lower_bound=0.9, gap=0.1),
        checks=(),
        not_harvested=(),
        binding=(),
    )
