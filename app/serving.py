"""Open the app: Streamlit in a process of its own, and for practice a stand-in Salesforce and custodian beside it."""

import csv
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final

import click

from app import wiring
from app.settings import Settings, child_environment
from app.supervision import kept_running
from connectors.fix.destinations import session_destinations
from engine.domain.errors import DataError

_ROOT: Final = Path(__file__).parents[1]
_PATIENCE_S: Final = 30.0
_POLL_S: Final = 0.1


def serve_app(settings: Settings, *, port: int, sandbox: bool, database_url: str | None) -> None:
    """Run the app on a local port until it is interrupted. Raises DataError for a port that is taken.

    sandbox: what the firm's own settings connect is left alone, so that nothing practised reaches it.
    """
    _require_free(port)
    settings = settings if database_url is None else replace(settings, database_url=database_url)
    environment = child_environment(settings)
    home = settings.exports.absolute().parent
    _dress(home)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service manager's way of saying Ctrl-C
    with ExitStack() as stack:
        if sandbox:
            if settings.connections:
                click.echo("Practice: the connections of LOTSMITH_CONFIG are left alone", err=True)
                settings = replace(settings, connections={})
            environment["LOTSMITH_CONFIG"] = str(stack.enter_context(_stand_ins(settings, environment, app_port=port)))
        for beside in _beside(settings, home):
            stack.enter_context(
                kept_running(_module(beside), environment, folder=home, say=partial(click.echo, err=True))
            )
        command = _module(["app.web", f"--port={port}"])
        app = stack.enter_context(_running(command, environment, folder=home))
        click.echo(f"Lotsmith is at http://127.0.0.1:{port}  (Ctrl-C ends it)", err=True)
        try:
            app.wait()
        except KeyboardInterrupt:
            click.echo("ended", err=True)


def _beside(settings: Settings, home: Path) -> list[list[str]]:
    """Return what runs beside the app where a custodian is reached by a live session: the gateway and the desk."""
    if not session_destinations(settings.connections.get("fix", {})):
        return []
    return [["app.gateway", str(home / "gateway")], ["app.desk"]]


@contextmanager
def _stand_ins(settings: Settings, environment: dict[str, str], *, app_port: int) -> Iterator[Path]:
    """Start the stand-ins and yield the configuration that leads to them."""
    exports = settings.exports
    folder = exports.parent / "stand-ins"
    folder.mkdir(parents=True, exist_ok=True)
    (org, page), prices = _free_ports(2, but=app_port), folder / "prices.csv"
    day = _write_prices(settings, prices)
    salesforce = ["connectors.sandbox.salesforce", f"--port={org}", f"--page-port={page}", f"--dir={folder}",
                  f"--call=http://127.0.0.1:{app_port}/webhooks/salesforce"]  # fmt: skip
    custodian = ["connectors.sandbox.custodian_folder", f"--dir={exports}", f"--prices={prices}"]
    if day is not None:
        custodian.append(f"--day={day}")  # else a demo firm would grow old at its first fill
    with (
        _running(_module(salesforce), environment, folder=folder),
        _running(_module(custodian), environment, folder=folder),
    ):
        connection = folder / "connection.json"
        _wait_for(org)
        config = folder / "lotsmith.toml"
        config.write_text(
            f"[salesforce]\nconfig = {json.dumps(str(connection))}\n[sign_in]\npractice = true\n", encoding="utf-8"
        )
        click.echo(f"Stand-in Salesforce for reviewers: http://127.0.0.1:{page}", err=True)
        yield config


def _write_prices(settings: Settings, file: Path) -> date | None:
    """Tell the stand-in custodian what the market pays, the firm's own marks by ticker; return their day."""
    services = wiring.connect(settings)
    parts = None if services.firm.is_empty() else services.firm.market_parts()
    services.database.close()
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["ticker", "close"])
        if parts is not None:
            rows.writerows([parts.securities[name].ticker, mark.price] for name, mark in parts.marks.items())
    return None if parts is None else parts.as_of


def _module(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", *arguments]


def _dress(folder: Path) -> None:
    """Put the look where Streamlit seeks it: in the folder it runs in, beside the firm's own secrets.toml."""
    (folder / ".streamlit").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_ROOT / "streamlit_config.toml", folder / ".streamlit" / "config.toml")


@contextmanager
def _running(command: list[str], environment: dict[str, str], *, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=environment, cwd=folder)  # noqa: S603  our own modules, no shell
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _free_ports(count: int, *, but: int) -> list[int]:
    """Return different free ports, never the one that is kept for the app: it is not listening there yet."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count + 1)]  # held together, so all differ
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        ports = [int(probe.getsockname()[1]) for probe in probes]
    return [port for port in ports if port != but][:count]


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise DataError(f"port {port}: expected a free one, found another program there; choose with --port")


def _wait_for(port: int) -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(_POLL_S)
    raise DataError(f"the stand-in Salesforce did not answer on port {port} within {_PATIENCE_S:.0f} s")
