"""Every page opens, light and dark, for every person, and says that the firm is generated."""

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.app.browser.doing import go

pytestmark = pytest.mark.browser

LOTSMITH = str(Path(sys.executable).with_name("lotsmith"))
HAND_FIRM = Path(__file__).parents[1] / "hand_firm"
PAGES = {
    "": "Book",
    "book": "Book",
    "account?account=A00003": "Account",
    "what-if?account=A00003": "What-if",
    "meeting": "Client meeting",
    "rehearsal": "Rehearsal",
    "review": "Review",
    "orders": "Orders",
    "wash-sales": "Wash sales",
    "audit": "Audit log",
    "data": "Firm data",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_opens_without_an_error_and_carries_the_demo_label(app, page, scheme):
    page.emulate_media(color_scheme=scheme)
    for path, title in PAGES.items():
        go(page, f"{app.url}/{path}")

        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
        expect(page.get_by_text("Demo firm: generated data, no real client")).to_be_visible()
        assert page.get_by_test_id("stException").count() == 0
        assert page.get_by_test_id("stAlertContentError").count() == 0


def test_an_account_that_does_not_exist_is_named_and_breaks_nothing(app, page):
    go(page, f"{app.url}/account?account=NOBODY")

    expect(page.get_by_text("account NOBODY: no such account")).to_be_visible()
    assert page.get_by_test_id("stException").count() == 0


def test_the_first_page_of_an_account_has_its_names_too(app, page):
    go(page, f"{app.url}/account?account=A00003")

    expect(page.get_by_role("heading", name="By name")).to_be_visible()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()


def test_a_plan_that_does_not_exist_is_named_and_breaks_nothing(app, page):
    go(page, f"{app.url}/review?plan=beef")

    expect(page.get_by_text("beef").first).to_be_visible()
    assert page.get_by_test_id("stException").count() == 0


def test_the_ledger_document_downloaded_is_what_the_command_prints(app, page):
    go(page, f"{app.url}/wash-sales?household=H00002")
    with page.expect_download() as download:
        page.get_by_role("button", name="Ledger document").click()

    said = subprocess.run(
        [LOTSMITH, "--db", app.database, "washsales", "--household", "H00002", "--json"],
        capture_output=True,
        check=True,
    )
    assert download.value.path().read_bytes() == said.stdout


def test_the_audit_log_is_verified_on_request(app, page):
    go(page, f"{app.url}/audit")
    page.get_by_role("button", name="Verify the whole chain").click()

    expect(page.get_by_text("each sealed by the next")).to_be_visible()


def test_without_a_firm_every_page_says_so_and_a_folder_can_be_brought_in(empty_app, page):
    for path in PAGES:
        page.goto(f"{empty_app.url}/{path.partition('?')[0]}")

        expect(page.get_by_text("No firm yet. Bring one in")).to_be_visible()
        assert page.get_by_test_id("stException").count() == 0

    go(page, f"{empty_app.url}/data?tab=Bring+in+a+folder")
    page.locator("input[type=file]").set_input_files(HAND_FIRM)
    page.get_by_role("button", name="Check and bring in").click()

    expect(page.get_by_text("Hand-written firm")).to_be_visible()
    for tab, claim in (
        ("Data+quality", "No account has a data problem"),
        ("Corporate+actions", "Every account has booked"),
    ):
        go(page, f"{empty_app.url}/data?tab={tab}")
        expect(page.get_by_text("Not scanned yet: no account was looked at.")).to_be_visible()
        expect(page.get_by_text(claim)).to_have_count(0)
    go(page, f"{empty_app.url}/account?account=T1")
    expect(page.get_by_role("heading", name="By sector")).to_be_visible()
