"""Take a picture of every page, light and dark, of a demo firm that this script makes, serves and puts to work.

Needs Debian's chromium. The pictures lie beside this file, PAGE-light.png and PAGE-dark.png.

    make screenshots
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, sync_playwright

from app import wiring
from app.settings import Settings
from app.steps import execute, plan, review
from app.steps.people import DEMO_PEOPLE
from app.steps.policy import Asked, change_of
from app.steps.rehearsal import Sample, rehearse
from app.steps.workers import local
from benchmarks.pages import served
from engine.domain.lifecycle import Action, Role, User

_HERE: Final = Path(__file__).parent
_SIZE: Final = {"width": 1280, "height": 800}
_ACCOUNTS: Final = 40
_SHOWN: Final = "A00003"
_HOUSEHOLD: Final = "H00002"
_SENT, _WAITING = ("A00004", "A00010"), ("A00003", "A00020", "A00025")
_QUIET: Final = (
    "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"
    " && document.querySelectorAll('h1').length > 0"
)
_DRAWN_MS: Final = 3500


def main() -> None:
    """Take every picture."""
    with tempfile.TemporaryDirectory(prefix="lotsmith-pictures-") as folder:
        home = Path(folder)
        with served(home, accounts=_ACCOUNTS) as (url, database), sync_playwright() as playwright:
            waiting = _work(database, home / "exports")
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for scheme in ("light", "dark"):
                page = browser.new_context(viewport=_SIZE, color_scheme=scheme).new_page()
                for name, path in _pages(waiting).items():
                    _take(page, f"{url}/{path}", _HERE / f"{name}-{scheme}.png")
            browser.close()


def _pages(waiting: str) -> dict[str, str]:
    return {
        "book": "book",
        "account": f"account?account={_SHOWN}",
        "account-lots": f"account?account={_SHOWN}&tab=Tax+lots",
        "what-if": f"what-if?account={_SHOWN}",
        "meeting": f"meeting?household={_HOUSEHOLD}&meeting=on",
        "review": "review",
        "plan": f"review?plan={waiting}",
        "orders": "orders",
        "wash-sales": f"wash-sales?household={_HOUSEHOLD}",
        "audit": "audit",
        "data": "data",
        "rehearsal": "rehearsal",
    }


def _work(database: str, exports: Path) -> str:
    """Plan some accounts: some plans are sent, some wait for an approver; return the id of one that waits.

    Another policy is rehearsed beside them.
    """
    services = wiring.connect(Settings(database_url=database, exports=exports, user=None, connections={}))
    maker, approver = _person(Role.PORTFOLIO_MANAGER), _person(Role.APPROVER)
    made = dict(plan.plan_book(services, [*_SENT, *_WAITING], actor=maker.user_id))
    plans = {account: found for account, found in made.items() if " " not in found}
    for plan_id in plans.values():
        review.submit(services, plan_id, actor=maker)
    sent = [plans[account] for account in _SENT if account in plans]
    for plan_id in sent:
        review.decide(services, plan_id, Action.APPROVE, actor=approver, comment="", seen=plan_id)
    execute.send(services, sent, actor=approver)
    waiting = next(plans[account] for account in _WAITING if account in plans)
    change = change_of(services, Asked(settings={"max_active_weight": "0.004"}))
    rehearse(services, change, Sample(), actor=maker, workers=local(os.cpu_count() or 1))
    services.database.close()
    return waiting


def _person(role: Role) -> User:
    return next(person for person, _ in DEMO_PEOPLE if role in person.roles)


def _take(page: Page, url: str, file: Path) -> None:
    page.goto(url)
    page.wait_for_function(_QUIET)
    page.wait_for_timeout(_DRAWN_MS)
    page.wait_for_function(_QUIET)
    page.screenshot(path=file)


if __name__ == "__main__":
    main()
