"""A firm, its gateway and a custodian in processes of their own: to start, kill, and look into."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.ports import Services
from app.steps import execute, inputs, plan, review
from engine.domain.lifecycle import Action

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60
PRICES = "ticker,close\nAAA,100\nBBB,100\nCCC,50\nDDD,20\nEEE,40\nFFF,45\n"


def toml(value: Any) -> str:
    """A value as TOML writes it; a table in one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {json.dumps(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)


@dataclass(kw_only=True)
class Floor:
    """Everything between an approved plan and its fills. version: the FIX that custodian One speaks."""

    services: Services
    folder: Path
    environment: Mapping[str, str]
    port: int
    version: str = "FIX.4.4"
    app_port: int = 0
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, delay: float = 0.0) -> subprocess.Popen[bytes]:
        """Start the custodian, the gateway or the desk."""
        commands = {
            "custodian": ["connectors.sandbox.custodian", "--port", str(self.port), "--dir", str(self.folder / "there"),
                          "--custodian", f"ONE={self.version}", "--delay", str(delay)],
            "gateway": ["app.gateway", str(self.folder / "gateway")],
            "desk": ["app.desk"],
        }  # fmt: skip
        with (self.folder / f"{name}.err").open("ab") as errors:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", *commands[name]], cwd=ROOT, env=dict(self.environment), stderr=errors
            )
        return self.running[name]

    @staticmethod
    def free_port() -> int:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return int(free.getsockname()[1])

    def kill(self, name: str) -> None:
        self.running[name].kill()
        self.running[name].wait()

    @staticmethod
    def wait_until(condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"waited {PATIENCE_S} s for {what}"
            time.sleep(0.05)

    def faults(self, **given: Any) -> None:
        (self.folder / "there" / "faults.json").write_text(json.dumps(given))

    def there(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the custodian's own records."""
        path = self.folder / "there" / "custodian.db"
        if not path.exists():
            return []
        db = sqlite3.connect(path, timeout=30)
        try:
            return db.execute(query).fetchall()
        except sqlite3.OperationalError:  # it has not made its tables yet
            return []
        finally:
            db.close()

    def approve(self, account_id: str, **changes: Any) -> str:
        """Return a plan that maya made, with some settings changed, and alan approved."""
        settings = replace(inputs.default_settings(self.services, account_id), **changes)
        plan_id = plan.keep(self.services, plan.what_if(self.services, account_id, settings), actor="maya")
        review.submit(self.services, plan_id, actor=self.user("maya"))
        review.decide(
            self.services, plan_id, Action.APPROVE, actor=self.user("alan"), comment="", seen=plan_id
        )  # fmt: skip
        return plan_id

    def send(self, *plan_ids: str) -> None:
        execute.send(self.services, plan_ids, actor=self.user("alan"))

    def user(self, name: str) -> Any:
        return self.services.users.user(name)

    def state(self, plan_id: str) -> str:
        return self.services.plans.get(plan_id).state

    def close(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()
        self.services.database.close()


@pytest.fixture
def new_floor(new_desk, tmp_path):
    """new_floor(version=..., key=value...) is a floor on the hand-written firm; keys are of custodian One's profile."""
    made = []

    def make(
        version: str = "FIX.4.4", oldest_s: int = 1_000_000_000, reached: int | None = None, **profile: Any
    ) -> Floor:
        port = Floor.free_port()
        keys = {"route": "session", "host": "127.0.0.1", "port": reached or port, "version": version, **profile}
        lines = [f"{key} = {toml(value)}" for key, value in keys.items()]
        config = tmp_path / "lotsmith.toml"
        head = ["[sign_in]", "practice = true", "[fix]", f"max_order_age_s = {oldest_s}", "reconnect_s = 1"]
        config.write_text("\n".join([*head, "[fix.destinations.One]", *lines]) + "\n")
        (tmp_path / "there").mkdir()
        (tmp_path / "there" / "prices.csv").write_text(PRICES)
        desk = new_desk()
        services = replace(desk.services(), connections=tomllib.loads(config.read_text()))
        environment = {
            **os.environ, **desk.environment, "LOTSMITH_CONFIG": str(config), "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        floor = Floor(
            services=services, folder=tmp_path, environment=environment, port=port, version=version
        )  # fmt: skip
        made.append(floor)
        return floor

    make.free_port = Floor.free_port
    yield make
    for floor in made:
        floor.close()


@pytest.fixture
def later():
    """later(floor, days=...) is the floor's services on another day."""

    def go(floor: Floor, **passed: float) -> Services:
        now = floor.services.now() + timedelta(**passed)
        return replace(floor.services, now=lambda: now)

    return go
