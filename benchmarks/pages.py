"""How long does a person wait for a page? A real chromium drives the app, and the page itself reads the clock.

The demo firm is made, imported, scanned and served by this script; times run from the hand's release to the frame in
which what was asked for stands in the page. Needs Debian's chromium and playwright.

    python -m benchmarks.pages > pages.json
    python -m benchmarks.pages --only what_if --accounts 60
    python -m benchmarks.pages --only book --accounts 5000
"""

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Locator, Page, sync_playwright

from benchmarks.pages_book import book
from benchmarks.timing import progress, spread
from data.database import open_database
from data.firm import FirmStore
from engine.domain.accounts import Registration
from engine.domain.identifiers import AccountId

_ROOT: Final = Path(__file__).parents[1]
_LOTSMITH: Final = (sys.executable, "-c", "from app.cli import main; main()")
_PATIENCE_S: Final = 60.0
_TARGET_MS: Final = 300.0
_NAMES: Final = 460  # of the model's 500: the account of a large index
_STEPS: Final = 24
_QUIET: Final = "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"
# Notes when the hand lets go, then looks once a frame for the first change of the figures, and of the picture.
_WATCH: Final = """([charts]) => {
  const figures = () => [...document.querySelectorAll('[data-testid=stMetricValue]')].map(e => e.innerText).join('|');
  const picture = () => [...document.querySelectorAll(charts)].map(e => e.innerHTML).join('');
  const was = {figures: figures(), picture: picture()};
  const seen = window.__seen = {};
  const let_go = () => {
    const began = performance.now();
    removeEventListener('pointerup', let_go, true); removeEventListener('keydown', let_go, true);
    seen.began = began;
    const look = () => {
      const now = performance.now() - began;
      if (!seen.figures && figures() !== was.figures) seen.figures = now;
      if (!seen.picture && picture() !== was.picture) seen.picture = now;
      if (seen.figures && seen.picture) seen.both = Math.max(seen.figures, seen.picture);
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  };
  addEventListener('pointerup', let_go, true); addEventListener('keydown', let_go, true);
}"""


def what_if(page: Page, url: str, database: str) -> dict[str, Any]:
    """Return the wait after a slider is let go, and after a number is entered, until figures and frontier stand there.

    The account follows a model of 500 names and holds most of them.
    """
    account, names = _large_account(database)
    page.goto(f"{url}/what-if?account={account}")
    _settled(page)
    page.get_by_text("certified plans of fractional shares").wait_for()  # the frontier follows the first picture
    _settled(page)
    slider = page.get_by_role("slider", name="Follow the target more closely")
    released = [_slide(page, slider, k) for k in range(_STEPS)]
    page.get_by_text("Trading", exact=True).first.click()
    _settled(page)
    entered = [_enter(page, "Most trades", str(100 + 7 * k)) for k in range(_STEPS)]
    return {
        "account": account,
        "names_held": names,
        "target_ms": _TARGET_MS,
        "slider_released": _waits(released),
        "number_entered": _waits(entered),
    }


PAGES: Final[Mapping[str, Callable[[Page, str, str], dict[str, Any]]]] = {"what_if": what_if, "book": book}


def _slide(page: Page, slider: Locator, k: int) -> dict[str, float]:
    """Drag the slider's thumb to and fro, and let it go."""
    thumb = slider.bounding_box()
    track = slider.locator("xpath=ancestor::*[@data-testid='stSlider' or @data-testid='stSelectSlider'][1]")
    line = track.bounding_box()
    assert thumb is not None
    assert line is not None
    at = line["x"] + line["width"] * (0.3 + 0.4 * ((k * 7) % 11) / 10)
    y = thumb["y"] + thumb["height"] / 2
    page.mouse.move(thumb["x"], y)  # the control that a screen reader hears begins in the middle of what is seen
    page.mouse.down()
    page.mouse.move(at, y, steps=4)
    return _measured(page, page.mouse.up)


def _enter(page: Page, label: str, value: str) -> dict[str, float]:
    field = page.get_by_role("spinbutton", name=label)
    field.fill(value)
    return _measured(page, lambda: field.press("Enter"))


def _measured(page: Page, act: Callable[[], Any]) -> dict[str, float]:
    """Do something that ends with a release or a key, and return how long its effects took, in milliseconds."""
    page.evaluate(_WATCH, [".js-plotly-plot .plot-container .main-svg .scatterlayer"])
    act()
    with suppress(Exception):  # where nothing changed, there is nothing to time
        page.wait_for_function("window.__seen.both !== undefined", timeout=4000)
    seen: dict[str, float] = page.evaluate("window.__seen")
    _settled(page)
    return seen


def _waits(seen: list[dict[str, float]]) -> dict[str, Any]:
    return {
        f"{part}_ms": spread([each[part] for each in seen if part in each], 1)
        for part in ("figures", "picture", "both")
    }


def _settled(page: Page) -> None:
    page.wait_for_function(f"{_QUIET} && document.querySelectorAll('h1').length > 0")
    page.wait_for_timeout(400)
    page.wait_for_function(_QUIET)


def _large_account(database: str) -> tuple[AccountId, int]:
    """Return the first taxable account that holds most names of an index of 500, and how many."""
    firm = FirmStore(open_database(database))
    for account in firm.accounts():
        if account.registration is Registration.TAXABLE:
            held = len({lot.security_id for lot in firm.snapshot(account.account_id).lots})
            if held >= _NAMES:
                return account.account_id, held
    raise SystemExit(f"expected a taxable account with at least {_NAMES} names; make a firm of more accounts")


@contextmanager
def served(home: Path, *, accounts: int) -> Iterator[tuple[str, str]]:
    """Serve a new demo firm; yield the app's address and the database's."""
    database = f"sqlite:///{home / 'firm.db'}"
    environment = os.environ | {
        "LOTSMITH_DB": database,
        "LOTSMITH_EXPORTS": str(home / "exports"),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(_ROOT),
    }
    for step in (("demo", "--accounts", str(accounts), "--to", str(home / "folder")),
                 ("import", str(home / "folder")), ("scan",)):  # fmt: skip
        progress(f"lotsmith {step[0]}")
        subprocess.run([*_LOTSMITH, *step], env=environment, cwd=_ROOT, check=True, stdout=subprocess.DEVNULL)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (home / "serve.log").open("w") as log:
        process = subprocess.Popen(
            [*_LOTSMITH, "serve", "--sandbox", "--port", str(port)],
            env=environment, cwd=_ROOT, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            _wait(f"http://127.0.0.1:{port}/_stcore/health")
            yield f"http://127.0.0.1:{port}", database
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


def _wait(url: str) -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        with suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise SystemExit(f"no app at {url}")


def main() -> None:
    """Measure the pages asked for and print what was found."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--accounts", type=int, default=60)
    asked.add_argument("--only", choices=PAGES, action="append")
    options = asked.parse_args()
    found: dict[str, Any] = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    with (
        tempfile.TemporaryDirectory(prefix="lotsmith-pages-") as home,
        served(Path(home), accounts=options.accounts) as (url, database),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name in options.only or PAGES:
            progress(name)
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            page.set_default_timeout(_PATIENCE_S * 1000)
            found[name] = PAGES[name](page, url, database)
        browser.close()
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
