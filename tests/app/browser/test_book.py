"""A portfolio manager's morning: filter the queue, look at an account and come back, save a view, plan and propose."""

import re

import pytest
from playwright.sync_api import expect

from data.database import open_database
from data.plans import PlanStore
from engine.domain.lifecycle import PlanState
from tests.app.browser.doing import settled

pytestmark = pytest.mark.browser

SHOWN = re.compile(r"Shown.* of 12")


def tile(page, name):
    return page.get_by_role("button", name=name)


def count(page, name):
    """Return the number that a tile tells of."""
    said = re.search(r"(\d+)(?: of 12)?\s+\$", tile(page, name).inner_text())
    assert said, name
    return int(said[1])


def shows(page, accounts):
    """Wait until so many accounts are shown."""
    expect(tile(page, SHOWN)).to_contain_text(re.compile(rf"\b{accounts} of 12"))


def click(page, row, x):
    """Click into a row of the queue as a hand does: get there first."""
    queue = page.get_by_test_id("stDataFrame").last
    queue.scroll_into_view_if_needed()
    box = queue.bounding_box()
    page.mouse.move(box["x"] + x, box["y"] + 52 + 31 * row)
    page.wait_for_timeout(200)
    page.mouse.down()
    page.mouse.up()


def open_book(page, app, query=""):
    page.goto(f"{app.url}/book{query}")
    settled(page)


def test_a_tile_filters_and_the_filter_is_still_there_after_a_look_at_an_account(app, page):
    open_book(page, app)
    harvestable = count(page, "Harvestable")
    tile(page, "Harvestable").click()
    settled(page)

    assert harvestable < 12
    shows(page, harvestable)
    assert "why=harvestable" in page.url
    click(page, 0, 100)
    page.wait_for_url("**/account?account=*")
    settled(page)
    page.go_back()
    settled(page)
    expect(page.get_by_role("heading", name="Book", exact=True)).to_be_visible()
    shows(page, harvestable)

    page.get_by_role("link", name="Account").click()
    settled(page)
    page.get_by_role("link", name="Book").click()
    settled(page)
    shows(page, harvestable)
    page.reload()
    settled(page)
    shows(page, harvestable)


def test_a_link_shows_a_colleague_the_same_view(app, page):
    open_book(page, app, "?why=harvestable&q=family&map=true")
    seen = count(page, SHOWN)
    assert page.get_by_role("textbox", name="Search").input_value() == "family"
    expect(page.locator(".barlayer .point").first).to_be_visible()

    tile(page, SHOWN).click()
    settled(page)
    assert count(page, SHOWN) == 12 > seen


def test_a_cell_of_the_map_filters_the_queue(app, page):
    open_book(page, app, "?map=true&map_by=accounts")
    cell = page.locator(".barlayer .point").first
    expect(cell).to_be_visible()
    accounts = int(cell.text_content())
    box = cell.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 5)
    page.wait_for_url("**drift=**")
    settled(page)

    assert "saves=" in page.url
    assert count(page, SHOWN) == accounts


def test_a_view_is_saved_shown_again_and_deleted(app, page):
    open_book(page, app, "?why=out+of+balance")
    seen = count(page, SHOWN)
    tile(page, "Save view").click()
    page.get_by_role("textbox", name="Name").fill("to rebalance")
    page.get_by_role("button", name="Save", exact=True).click()
    settled(page)
    tile(page, SHOWN).click()
    settled(page)
    assert count(page, SHOWN) == 12

    tile(page, "to rebalance").first.click()
    settled(page)
    assert count(page, SHOWN) == seen < 12
    tile(page, "Save view").click()
    tile(page, "Delete to rebalance").click()
    settled(page)
    expect(tile(page, "to rebalance")).to_have_count(0)


def test_two_accounts_are_planned_and_proposed_together(app, page):
    open_book(page, app, "?why=harvestable")
    for row in (0, 1):
        click(page, row, 15)
        settled(page)
    tile(page, "Plan 2 marked").click()

    propose = tile(page, re.compile("Propose [12] draft"))
    propose.click()
    expect(page.get_by_text(re.compile(r"[12] plans? proposed"))).to_be_visible()
    states = [head.state for head in PlanStore(open_database(app.database)).heads()]
    assert states.count(PlanState.PROPOSED) >= 1
    tile(page, "Dismiss").click()
    settled(page)
    expect(tile(page, "Dismiss")).to_have_count(0)
