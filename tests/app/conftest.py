"""The firm written by hand in databases of its own, the real command, and a stand-in Salesforce in its own process."""

import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from app import cli, wiring
from app.ports import Services
from app.settings import Settings
from app.steps import people, plan, review
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.config import read_config
from engine.domain.lifecycle import Role, User
from tests.app.dask_process import Cluster

HAND_FIRM = Path(__file__).with_name("hand_firm")
LOTSMITH = str(Path(sys.executable).with_name("lotsmith"))
AFTER_THE_CLOSE = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)  # of the firm's day
PATIENCE_S = 20.0
_STARTS = 4
PEOPLE = {
    "maya": ("Maya Manager", "manager@lotsmith.example", {Role.PORTFOLIO_MANAGER}),
    "ada": ("Ada Advisor", "advisor@lotsmith.example", {Role.ADVISOR}),
    "alan": ("Alan Approver", "approver@lotsmith.example", {Role.APPROVER}),
    "cora": ("Cora Compliance", "compliance@lotsmith.example", {Role.COMPLIANCE}),
    "pia": ("Pia Both", "both@lotsmith.example", {Role.PORTFOLIO_MANAGER, Role.APPROVER}),
}


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command answered: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A firm's database and exports. config: the file that says how Salesforce is reached, None where it is not."""

    folder: Path
    config: Path | None = None

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder / 'firm.db'}"

    @property
    def environment(self) -> dict[str, str]:
        connected = {} if self.config is None else {"LOTSMITH_CONFIG": str(self.config)}
        return {"LOTSMITH_DB": self.url, "LOTSMITH_EXPORTS": str(self.folder / "exports"), **connected}

    def shell(self, *arguments: str) -> Said:
        """Run the real command in a process of its own."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("LOTSMITH_")}
        done = subprocess.run(
            [LOTSMITH, *arguments], env={**inherited, **self.environment, "OMP_NUM_THREADS": "1"}, cwd=self.folder,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Said(code=done.returncode, out=done.stdout, err=done.stderr)

    def run(self, *arguments: str) -> Said:
        """Run a command as the process does, in this one: in a tenth of the time."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name in [name for name in os.environ if name.startswith("LOTSMITH_")]:
                patch.delenv(name)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            code = cli.run(list(arguments))
        return Said(code=code, out=out.getvalue(), err=err.getvalue())

    def services(self, at: datetime = AFTER_THE_CLOSE) -> Services:
        """Return the services that the app works with, its clock standing still."""
        connections = {} if self.config is None else {"salesforce": {"config": self.config.with_suffix(".json")}}
        settings = Settings(database_url=self.url, exports=self.folder / "exports", user=None, connections=connections)
        return replace(wiring.connect(settings), now=lambda: at)


@pytest.fixture(scope="session")
def imported(tmp_path_factory) -> Path:
    """A database that the real command has imported the firm into, with a person for each role."""
    desk = Desk(folder=tmp_path_factory.mktemp("imported"))
    said = desk.shell("import", str(HAND_FIRM))
    assert (said.code, said.out) == (0, ""), said.err
    assert "Hand-written firm: 3 accounts, 6 securities." in said.err
    services = desk.services()
    people.add_people(
        services,
        [
            (User(user_id=user_id, name=name, roles=frozenset(roles)), email)
            for user_id, (name, email, roles) in PEOPLE.items()
        ],
    )
    services.database.close()
    return desk.folder / "firm.db"


@pytest.fixture(scope="session")
def new_desk(imported, tmp_path_factory) -> Callable[..., Desk]:
    """new_desk(config=...) is a desk on its own copy of the imported firm."""

    def make(config: Path | None = None) -> Desk:
        folder = tmp_path_factory.mktemp("desk")
        shutil.copy(imported, folder / "firm.db")
        return Desk(folder=folder, config=config)

    return make


@pytest.fixture(scope="session")
def hand_firm() -> Path:
    """The firm folder written by hand."""
    return HAND_FIRM


@pytest.fixture
def desk(new_desk) -> Desk:
    return new_desk()


@pytest.fixture
def services(desk) -> Iterator[Services]:
    """The services of the desk, closed afterwards."""
    found = desk.services()
    yield found
    found.database.close()


@pytest.fixture
def dask(tmp_path):
    """A Dask scheduler without workers; dask.start_worker() gives it one."""
    made = Cluster(tmp_path)
    yield made
    made.close()


@pytest.fixture
def person(services):
    return services.users.user


@pytest.fixture
def in_review(services, person):
    """in_review(account, **settings) is a plan that maya made and put before the reviewers."""

    def put(account_id="T1", **changes):
        settings = replace(plan.default_settings(services, account_id), **changes)
        plan_id = plan.keep(services, plan.what_if(services, account_id, settings), actor="maya")
        review.submit(services, plan_id, actor=person("maya"))
        return plan_id

    return put


@pytest.fixture(scope="session")
def plan_of() -> Callable[..., str]:
    """plan_of(desk, account, *options) computes and keeps a plan and returns its id."""

    def compute(desk: Desk, *arguments: str) -> str:
        said = desk.run("plan", *arguments, "--json")
        assert said.code == 0, said.err
        return str(json.loads(said.out)["plan_id"])

    return compute


@pytest.fixture(scope="session")
def hand(new_desk) -> tuple[Desk, Mapping[str, Said]]:
    """A desk, and what the real command said there: a scan, the plan of each account, the ledger."""
    desk = new_desk()
    said = {"scan": desk.shell("scan", "--json"), "washsales": desk.shell("washsales", "--json")}
    said |= {account: desk.shell("plan", account, "--json") for account in ("T1", "I1", "T2")}
    return desk, said


@pytest.fixture(scope="session")
def documents(hand) -> Mapping[str, Any]:
    """The JSON documents of `hand`."""
    return {name: json.loads(said.out) for name, said in hand[1].items()}


@dataclass(frozen=True, kw_only=True)
class Reviewers:
    """The stand-in Salesforce as its reviewers see it: one page. config leads Lotsmith to it."""

    config: Path
    page: str

    def rows(self) -> str:
        """Return the page as text."""
        return requests.get(self.page, timeout=PATIENCE_S).text

    @property
    def client(self) -> SalesforceClient:
        """The org as its administrator reaches it."""
        return SalesforceClient(read_config(self.config.with_suffix(".json")))

    def records(self, name: str, *fields: str) -> list[Mapping[str, Any]]:
        """Return these fields of every record of an object."""
        return list(self.client.rows(f"SELECT {', '.join(['Id', *fields])} FROM {name}"))

    def fail(self, kind: str, times: int = 1, match: str = "", seconds: float = 0.0) -> None:
        """Order a fault, over the wire."""
        fault = {"kind": kind, "times": times, "match": match, "seconds": seconds}
        self._sandbox("POST", fault)

    def heal(self) -> None:
        """Forget all faults."""
        self._sandbox("DELETE", None)

    def _sandbox(self, method: str, body: Any) -> None:
        config = read_config(self.config.with_suffix(".json"))
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                method, f"{config.address}/sandbox/faults", json=body, verify=config.ca_file, timeout=PATIENCE_S
            )
        assert answer.ok, answer.text

    def waits(self, plan_id: str) -> bool:
        """Return whether a plan waits for a reviewer."""
        return any(plan_id[:8] in form for form in self._forms())

    def shown(self, plan_id: str) -> str:
        """Return a plan's row in the list of all plans."""
        (row,) = (row for row in self.rows().split("All plans")[1].split("<tr>") if plan_id[:8] in row)
        return row

    def decide(
        self, plan_id: str, outcome: str, *, user: str, comment: str = "", wanted: Mapping[str, int] | None = None
    ) -> None:
        """Fill in the form of a plan and press one of its buttons. wanted: shares by security."""
        (form,) = (form for form in self._forms() if plan_id[:8] in form)
        fields = {name: re.search(rf'name="{name}" value="([^"]+)"', form)[1] for name in ("item", "plan")}
        for security_id, shares in (wanted or {}).items():
            label = re.search(rf'<input name="([^"]+)"[^>]*aria-label="Requested quantity of {security_id}"', form)
            fields[label[1]] = str(shares)
        answer = requests.post(
            f"{self.page}/decide",
            data={**fields, "user": user, "comment": comment, "outcome": outcome},
            timeout=PATIENCE_S,
        )
        assert answer.ok, answer.text

    def _forms(self) -> list[str]:
        return self.rows().split("All plans")[0].split("<article>")[1:]


@pytest.fixture(scope="session")
def reviewers(tmp_path_factory) -> Iterator[Reviewers]:
    """A stand-in Salesforce in a process of its own, for as long as the tests run."""
    folder = tmp_path_factory.mktemp("salesforce")
    process, page_port = _started(folder)
    try:
        # Real back-off is for a real org; a test that waits for it learns nothing.
        connection = folder / "connection.json"
        patient = {**json.loads(connection.read_text()), "backoff_s": 0.001, "attempts": 2}
        connection.write_text(json.dumps(patient))
        read_config(connection)
        config = folder / "connection.toml"
        config.write_text(f"[salesforce]\nconfig = {json.dumps(str(connection))}\n")
        yield Reviewers(config=config, page=f"http://127.0.0.1:{page_port}")
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@pytest.fixture
def unreachable(reviewers, tmp_path) -> Path:
    """The configuration of a Salesforce that is down: the same one, at a port where nobody listens."""
    connection = json.loads(reviewers.config.with_suffix(".json").read_text())
    folder = reviewers.config.parent
    key, ca = (str(folder / connection[name]) for name in ("private_key_file", "ca_file"))
    down = {**connection, "private_key_file": key, "ca_file": ca, "address": f"https://127.0.0.1:{_free_port()}"}
    (tmp_path / "down.json").write_text(json.dumps(down))
    config = tmp_path / "down.toml"
    config.write_text(f"[salesforce]\nconfig = {json.dumps(str(tmp_path / 'down.json'))}\n")
    return config


def _started(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start the stand-in; return its process and the port of its page. A port that was free can be taken meanwhile."""
    for _ in range(_STARTS):
        port, page_port = _free_port(), _free_port()
        command = [sys.executable, "-m", "connectors.sandbox.salesforce", f"--port={port}", f"--page-port={page_port}",
                   f"--dir={folder}"]  # fmt: skip
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        if _listens(port, process) and _listens(page_port, process):
            return process, page_port
        process.terminate()
        process.wait(PATIENCE_S)
    pytest.fail(f"the stand-in Salesforce did not start: {(folder / 'log').read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Wait until a process listens; say whether it does, or has ended before."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False
