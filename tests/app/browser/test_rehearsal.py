"""A portfolio manager tries a policy on the whole book, looks at who is hit, and takes the figures along."""

import csv
import io
import re
import zipfile

import pytest
from playwright.sync_api import expect

from data.database import open_database
from data.plans import PlanStore
from tests.app.browser.doing import become, go, settled

pytestmark = pytest.mark.browser

LONG_MS = 240_000  # processes are started for it, and compile what nobody has compiled before


def ask(page, value):
    """Say that the drift of a name may be so much, and start."""
    page.get_by_role("combobox", name="Setting", exact=True).click()
    page.get_by_role("option", name=re.compile("max_active_weight")).click()
    settled(page)
    box = page.get_by_role("textbox", name=re.compile("New value"))
    box.fill(value)
    box.press("Enter")
    settled(page)
    page.get_by_role("button", name="Rehearse tonight's book").click()


def tile(page, label):
    return page.get_by_test_id("stMetric").filter(has_text=label)


def test_a_policy_is_tried_on_the_whole_book_and_its_figures_are_taken_along(app, page):
    go(page, f"{app.url}/rehearsal")
    expect(page.get_by_text("Nothing was rehearsed yet")).to_be_visible()
    ask(page, "often")
    expect(page.get_by_text("max_active_weight: expected a finite number, found 'often'")).to_be_visible()

    ask(page, "0.002")
    expect(tile(page, "Accounts that trade")).to_be_visible(timeout=LONG_MS)
    settled(page)

    assert "rehearsal=" in page.url
    expect(page.get_by_text("max_active_weight = 0.002 in all settings").first).to_be_visible()
    expect(page.get_by_text("Tried on the whole firm, 12 accounts")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    with page.expect_download() as download:
        page.get_by_role("button", name="Excel", exact=True).click()
    with zipfile.ZipFile(download.value.path()) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
    assert rows
    assert sheet.count("<row ") == len(rows) + 1
    assert [float(row["changed_usd"]) for row in rows] == sorted((float(r["changed_usd"]) for r in rows), reverse=True)
    store = PlanStore(open_database(app.database))
    assert store.heads() == ()

    page.get_by_role("tab", name="Adopting it").click()
    settled(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Changed files").click()
    with zipfile.ZipFile(download.value.path()) as parts:
        texts = [parts.read(name).decode() for name in parts.namelist() if name.startswith("settings/")]
    assert texts
    assert all("max_active_weight = 0.002" in text for text in texts)


def test_a_row_opens_its_account_and_the_link_leads_back_to_the_rehearsal(app, page):
    go(page, f"{app.url}/rehearsal")
    link = page.url
    assert "rehearsal=" in link
    table = page.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 52)
    page.wait_for_timeout(200)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url("**/account?account=*")

    go(page, link)

    expect(tile(page, "Median tracking error after")).to_be_visible()
    assert page.get_by_test_id("stException").count() == 0


def test_who_may_not_plan_the_book_is_told_so_and_sees_nothing_of_it(app, page):
    go(page, f"{app.url}/rehearsal")
    become(page, "Alan")

    expect(page.get_by_text("A portfolio manager tries a policy on the whole book")).to_be_visible()
    assert page.get_by_test_id("stMetric").count() == 0
    assert page.get_by_role("button", name="Rehearse tonight's book").count() == 0
