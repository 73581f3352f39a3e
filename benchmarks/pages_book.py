"""How long does a portfolio manager wait for the book? A real chromium drives the app, the page itself reads the clock.

Measures an app that runs already, on a firm that is scanned already; 5,000 accounts take their time to make. Where the
server has just started, the first session pays for what all later ones share, and is told apart.

    lotsmith demo --accounts 5000 --to folder && lotsmith import folder && lotsmith scan
    lotsmith serve --port 8600 &
    python -m benchmarks.pages_book --url http://127.0.0.1:8600
"""

import argparse
import json
import os
import platform
import shutil
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.timing import progress, spread

OPEN_TARGET_MS: Final = 2000.0
FILTER_TARGET_MS: Final = 500.0
_PATIENCE_MS: Final = 60_000
_VIEWPORT: Final = {"width": 1280, "height": 800}
_QUIET: Final = "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"
_TILES: Final = ("Harvestable", "Out of balance", "Cash high", "Data problem")
_SEARCHES: Final = ("trust", "family", "A012", "household", "partners")
# The queue's rows and the first tile, which says how many are shown; a grid tells its rows to screen readers.
_SHOWN: Final = """
window.__rows = () => document.querySelector('[data-testid=stDataFrame] canvas table')?.getAttribute('aria-rowcount');
window.__cell = () => document.querySelector('[data-testid=stDataFrame] canvas table tbody td:nth-child(2)')?.innerText;
window.__tile = () => document.querySelector('.st-key-tile-all')?.innerText;
"""
# From the start of the navigation to the frame after the one in which the first row and the tiles stand there.
_OPENED: Final = f"""{_SHOWN}
const look = () => (window.__cell() && window.__tile())
  ? requestAnimationFrame(() => {{ window.__opened = performance.now(); }}) : requestAnimationFrame(look);
requestAnimationFrame(look);
"""
# From the hand's release, or the last letter, to the frame in which tile and table both tell of other rows.
_WATCH: Final = f"""() => {{ {_SHOWN}
  const rows = window.__rows(), tile = window.__tile();
  window.__changed = undefined;
  const let_go = () => {{
    const began = performance.now();
    for (const kind of ['pointerup', 'input']) removeEventListener(kind, let_go, true);
    const look = () => (window.__rows() !== rows && window.__tile() !== tile)
      ? requestAnimationFrame(() => {{ window.__changed = performance.now() - began; }}) : requestAnimationFrame(look);
    requestAnimationFrame(look);
  }};
  for (const kind of ['pointerup', 'input']) addEventListener(kind, let_go, true);
}}"""


def book(page: Page, url: str, database: str) -> dict[str, Any]:  # noqa: ARG001  as benchmarks.pages calls each page
    """Return the waits for the first picture, a tile and a search: new browser contexts, a server that is warm."""
    browser = page.context.browser
    assert browser is not None
    return waits(browser, url, runs=12)


def waits(browser: Browser, url: str, *, runs: int) -> dict[str, Any]:
    """Return the waits over some runs; that of the very first session stands apart."""
    first, *opened = [_opened(browser, url) for _ in range(runs + 1)]
    page = browser.new_context(viewport=_VIEWPORT).new_page()
    page.set_default_timeout(_PATIENCE_MS)
    page.goto(f"{url}/book")
    _settled(page)
    tile = page.locator(".st-key-tile-all")
    shown = tile.inner_text().replace("\n", " ")
    clicked = [_clicked(page, _TILES[run // 2 % len(_TILES)]) for run in range(2 * runs)]
    searched = [_searched(page, _SEARCHES[run % len(_SEARCHES)]) for run in range(runs)]
    return {
        "shown": shown,
        "first_session_ms": round(first, 1),
        "open": {"target_ms": OPEN_TARGET_MS, "ms": spread(opened, 1)},
        "tile": {"target_ms": FILTER_TARGET_MS, "ms": spread(clicked, 1)},
        "search": {"target_ms": FILTER_TARGET_MS, "ms": spread(searched, 1)},
    }


def _opened(browser: Browser, url: str) -> float:
    context = browser.new_context(viewport=_VIEWPORT)
    page = context.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    page.add_init_script(_OPENED)
    page.goto(f"{url}/book")
    page.wait_for_function("window.__opened !== undefined")
    took: float = page.evaluate("window.__opened")
    _settled(page)
    context.close()
    return took


def _clicked(page: Page, reason: str) -> float:
    page.evaluate(_WATCH)
    page.get_by_role("button", name=reason).click()
    return _changed(page)


def _searched(page: Page, text: str) -> float:
    page.evaluate(_WATCH)
    page.get_by_role("textbox", name="Search").fill(text)
    return _changed(page)


def _changed(page: Page) -> float:
    page.wait_for_function("window.__changed !== undefined")
    took: float = page.evaluate("window.__changed")
    _settled(page)
    return took


def _settled(page: Page) -> None:
    page.wait_for_function(f"{_QUIET} && document.querySelectorAll('h1').length > 0")
    page.wait_for_timeout(300)
    page.wait_for_function(_QUIET)


def main() -> None:
    """Measure a running app and print what was found."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--url", required=True)
    asked.add_argument("--runs", type=int, default=12)
    options = asked.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        progress("book")
        found = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        print(json.dumps(found | {"book": waits(browser, options.url, runs=options.runs)}, indent=2))
        browser.close()


if __name__ == "__main__":
    main()
