"""A demo firm of twelve accounts, served as `make demo` serves it, and a real chromium that looks at it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

PATIENCE_S = 30
START_S = 120  # an app that starts is compiled, on a machine that may be at work on something else
expect.set_options(timeout=PATIENCE_S * 1000)  # a machine at work on something else is slow, not wrong
LOTSMITH = str(Path(sys.executable).with_name("lotsmith"))


@dataclass(frozen=True, kw_only=True)
class App:
    """A running app: where it listens, its database and the folder of its exports."""

    url: str
    database: str
    exports: Path


@pytest.fixture(scope="session")
def scanned(tmp_path_factory):
    """The database of the demo firm, imported and scanned."""
    home = tmp_path_factory.mktemp("firm")
    environment = _environment(home)
    _lotsmith(environment, "demo", "--accounts", "12", "--to", str(home / "folder"))
    _lotsmith(environment, "import", str(home / "folder"))
    _lotsmith(environment, "scan")
    return home / "firm.db"


@pytest.fixture(scope="module")
def app(scanned, tmp_path_factory):
    """The app on its own copy of the scanned firm."""
    home = tmp_path_factory.mktemp("app")
    shutil.copy(scanned, home / "firm.db")
    with _app(home, _environment(home)) as running:
        yield running


@pytest.fixture(scope="module")
def connected_app(scanned, tmp_path_factory):
    """The app on its own copy of the scanned firm, connected to a stand-in Addepar that serves that firm."""
    home = tmp_path_factory.mktemp("connected")
    shutil.copy(scanned, home / "firm.db")
    port, config = _free_port(), home / "lotsmith.toml"
    config.write_text(
        f'[addepar]\nbase_url = "http://127.0.0.1:{port}/api"\nfirm_id = "1"\nkey = "sandbox-key"\n'
        'secret = "sandbox-secret"\n[addepar.holdings]\nlot = "lot_number"\n'
    )
    stand_in = [sys.executable, "-m", "connectors.sandbox.addepar", "--firm-folder", str(scanned.with_name("folder")),
                "--port", str(port)]  # fmt: skip
    with subprocess.Popen(stand_in) as process:
        try:
            with _app(home, {**_environment(home), "LOTSMITH_CONFIG": str(config)}, "--port") as running:
                yield running
        finally:
            process.terminate()


@pytest.fixture
def empty_app(tmp_path):
    """The app before any firm was brought in, with one person to use it."""
    environment = _environment(tmp_path)
    _lotsmith(
        environment, "user", "add", "mia", "--name", "Mia Moss", "--email", "m@example.com", "--role",
        "portfolio_manager",
    )  # fmt: skip
    with _app(tmp_path, environment) as running:
        yield running


@pytest.fixture(scope="module")
def chromium():
    executable = shutil.which("chromium")
    assert executable, "Debian's chromium is not installed"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, tmp_path):
    """A page that fails the test when the browser is sent to another host or the script breaks."""
    context = chromium.new_context(viewport={"width": 1500, "height": 1100})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    broken = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("request", lambda request: broken.append(request.url) if "127.0.0.1" not in request.url else None)
    yield page
    page.screenshot(path=tmp_path / "last.png", full_page=True)
    context.close()
    assert [each for each in broken if not each.startswith(("data:", "blob:"))] == []


def _environment(home):
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("LOTSMITH_")},
        "LOTSMITH_DB": f"sqlite:///{home / 'firm.db'}",
        "LOTSMITH_EXPORTS": str(home / "exports"),
        "OMP_NUM_THREADS": "1",
    }


@contextmanager
def _app(home, environment, *how):
    port = _free_port()
    with _serving(environment, [*(how or ("--sandbox", "--port")), str(port)], port, home / "serve.log"):
        yield App(url=f"http://127.0.0.1:{port}", database=environment["LOTSMITH_DB"], exports=home / "exports")


def _lotsmith(environment, *arguments):
    done = subprocess.run([LOTSMITH, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def _serving(environment, how, port, log):
    with log.open("w") as out:
        process = subprocess.Popen(
            [LOTSMITH, "serve", *how],
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            _wait(f"http://127.0.0.1:{port}/_stcore/health", process, log)
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


def _wait(url, process, log):
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        with suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise AssertionError(f"no app at {url}: {log.read_text()}")


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
