"""How long until an account's first picture stands on the screen? A real chromium; the page itself reads the clock.

The first picture of the what-if page is the plan with its place on the chart; the frontier itself follows. Twice: in
a browser that never saw the app ("empty_cache_ms"), and in one that has its files from a visit before
("second_visit_ms"). Measures an app that runs already, and whose server was asked for each page before
("server_cold_ms"). For an account of 3,000 names:

    python -m benchmarks.wide_account folder && lotsmith import folder && lotsmith scan
    lotsmith serve --sandbox --port 8600 &
    python -m benchmarks.pages_account --url http://127.0.0.1:8600 --account A
"""

import argparse
import json
import os
import platform
import shutil
from typing import Final

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from benchmarks.timing import progress, spread

TARGET_MS: Final = 2000.0
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


def waits(browser: Browser, url: str, account: str, *, runs: int) -> dict[str, object]:
    """Return the waits for each page's first picture; the first visit, to a cold server, stands apart."""
    found: dict[str, object] = {"target_ms": TARGET_MS}
    for path in _PATHS:
        page = f"{url}/{path.format(account)}"
        first, *empty = [_in_new_browser(browser, page, visits=1)[0] for _ in range(runs + 1)]
        _, *second = _in_new_browser(browser, page, visits=runs + 1)
        found[path.format(account)] = {
            "server_cold_ms": round(first, 1),
            "empty_cache_ms": spread(empty, 1),
            "second_visit_ms": spread(second, 1),
        }
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
    options = asked.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        progress(options.account)
        found = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        print(json.dumps(found | waits(browser, options.url, options.account, runs=options.runs), indent=2))
        browser.close()


if __name__ == "__main__":
    main()
