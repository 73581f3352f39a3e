"""How long until an account's first picture stands on the screen? A real chromium; the page itself reads the clock.

The first picture of the what-if page is the plan with its place on the chart; the frontier itself follows. In turn, so
that all of them share what else the machine does: in a browser that never saw the app ("empty_cache_ms"), and again
with its files from that visit ("second_visit_ms"). Measures an app that runs already; the first round, on a server
that was not asked for these pages before, stands apart ("server_cold_ms"). Beside it, if it runs, the barest page that
Streamlit can show: what is above that is ours ("of_bare"). For an account of 3,000 names:

    python -m benchmarks.wide_account folder && lotsmith import folder && lotsmith scan
    lotsmith serve --sandbox --port 8600 &
    streamlit run benchmarks/bare_page.py --server.port 8700 --server.headless true &
    python -m benchmarks.pages_account --url http://127.0.0.1:8600 --account A --bare http://127.0.0.1:8700
"""

import argparse
import json
import os
import platform
import shutil
from collections.abc import Mapping
from statistics import median
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from benchmarks.timing import progress, spread

TARGET_MS: Final = 2000.0
_BARE: Final = "a bare page"
_PATIENCE_MS: Final = 60_000
_VIEWPORT: Final = {"width": 1280, "height": 800}
_PATHS: Final = ("account?account={}", "account?account={}&tab=Tax+lots", "what-if?account={}")
# From the start of the navigation to the frame after the one in which figures and a chart's marks stand there.
_OPENED: Final = """
const drawn = () => document.querySelector('[data-testid=stMetricValue]')
  && document.querySelector('.js-plotly-plot .point, .js-plotly-plot .points path');
const look = () => drawn()
  ? requestAnimationFrame(() => { window.__opened = performance.now(); }) : requestAnimationFrame(look);
requestAnimationFrame(look);
"""


def waits(browser: Browser, pages: Mapping[str, str], *, runs: int) -> dict[str, Any]:
    """Return the waits for the first picture of pages, addresses by name; those of a cold server stand apart."""
    rounds: list[dict[str, list[float]]] = []
    for run in range(runs + 1):
        progress(f"round {run + 1} of {runs + 1}")
        rounds.append({name: _in_new_browser(browser, page, visits=2) for name, page in pages.items()})
    cold, *warm = rounds
    found: dict[str, Any] = {"target_ms": TARGET_MS}
    for name in pages:
        first, second = ([each[name][visit] for each in warm] for visit in range(2))
        found[name] = {
            "server_cold_ms": round(cold[name][0], 1),
            "empty_cache_ms": spread(first, 1),
            "second_visit_ms": spread(second, 1),
        }
        if _BARE in pages:
            found[name] |= {"of_bare": round(median(first) / median(each[_BARE][0] for each in warm), 2)}
    return found


def _in_new_browser(browser: Browser, url: str, *, visits: int) -> list[float]:
    """Return the wait of each visit, every one in a page of its own, all with the cache of one new browser context."""
    context = browser.new_context(viewport=_VIEWPORT)
    waited = [_opened(context, url) for _ in range(visits)]
    context.close()
    return waited


def _opened(context: BrowserContext, url: str) -> float:
    page = context.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    page.add_init_script(_OPENED)
    page.goto(url)
    page.wait_for_function("window.__opened !== undefined")
    took: float = page.evaluate("window.__opened")
    page.close()
    return took


def main() -> None:
    """Measure a running app and print what was found."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--url", required=True)
    asked.add_argument("--account", required=True)
    asked.add_argument("--runs", type=int, default=10)
    asked.add_argument("--bare", help="where benchmarks/bare_page.py is served")
    options = asked.parse_args()
    pages = {path.format(options.account): f"{options.url}/{path.format(options.account)}" for path in _PATHS}
    if options.bare:
        pages = {_BARE: options.bare, **pages}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        found = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        print(json.dumps(found | waits(browser, pages, runs=options.runs), indent=2))
        browser.close()


if __name__ == "__main__":
    main()
