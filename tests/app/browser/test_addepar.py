"""A firm whose lot grouping has another name finds it, tries it on an account, saves it, and syncs: on the page."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.app.browser.doing import go, settled

pytestmark = pytest.mark.browser

ADDEPAR = "data?tab=Addepar"


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()
    settled(page)


def test_a_mapping_is_discovered_tested_and_saved_and_a_sync_reads_by_it(connected_app, page):
    go(page, f"{connected_app.url}/{ADDEPAR}")
    press(page, "Test")
    expect(page.get_by_text("holdings.lot = 'lot_number'")).to_be_visible()

    press(page, "Discover")
    expect(page.get_by_text("To be changed: holdings.lot = tax_lot")).to_be_visible()
    press(page, "Test")
    expect(page.get_by_text(" transactions, cash ")).to_be_visible()
    press(page, "Save 3 changed")
    expect(page.get_by_text("Mapping saved by maya")).to_be_visible()
    expect(page.get_by_text("The keys are those that are in use.")).to_be_visible()

    press(page, "Sync now")
    last = page.get_by_test_id("stMetric").filter(has_text="Last good sync")
    expect(last).to_contain_text("UTC", timeout=120_000)
    go(page, f"{connected_app.url}/account?account=A00003&tab=Tax+lots")
    expect(page.get_by_text("Lots as Addepar had them on")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_keeps_nobody_out(connected_app, page, scheme):
    page.emulate_media(color_scheme=scheme)
    go(page, f"{connected_app.url}/{ADDEPAR}")
    page.wait_for_timeout(1500)

    found = Axe().run(page).response["violations"]

    assert [rule["id"] for rule in found if rule["impact"] in {"serious", "critical"}] == []
