"""The what-if lab in a real browser: what is tuned is in the link, the frontier can be taken, a repair is one click."""

import re

import pytest
from playwright.sync_api import expect

from tests.app.browser.test_what_if import TAXED, enter, metric, settled, unfold, what_if

pytestmark = pytest.mark.browser

FIGURES = ("Trades", "Tracking error", "Tax", "Losses harvested", "Turnover", "Cash after")


def figures(page):
    return [metric(page, label) for label in FIGURES]


def closer(page):
    return page.get_by_role("slider", name="Follow the target more closely")


def open_link(app, page, query):
    page.goto(f"{app.url}/what-if?account={TAXED}&{query}")
    settled(page)


def test_a_link_opened_by_somebody_else_shows_the_same_plan_and_reload_and_back_keep_it(app, page, chromium):
    what_if(app, page, TAXED)
    own = figures(page)
    closer(page).focus()
    closer(page).press("ArrowRight")
    settled(page)
    unfold(page, "Trading")
    enter(page, "Most trades", "120")
    tuned = figures(page)
    assert tuned != own
    assert re.search(r"set=risk_aversion%3A125%2Cmax_trades%3A120$", page.url)

    other = chromium.new_context().new_page()
    other.goto(page.url)
    settled(other)
    assert figures(other) == tuned
    assert closer(other).get_attribute("aria-valuetext") == "125"
    other.context.close()

    page.reload()
    settled(page)
    assert figures(page) == tuned
    page.go_back()
    settled(page)
    page.go_back()
    settled(page)
    assert figures(page) == own
    assert closer(page).get_attribute("aria-valuetext") == "100"


def test_a_point_of_the_frontier_is_taken_by_a_click(app, page):
    what_if(app, page, TAXED)
    before = figures(page)

    page.locator(".js-plotly-plot .scatterlayer .trace").first.locator("path.point").nth(2).click(force=True)
    settled(page)

    # The scale runs from 100 / 30 to 100 x 30 in twenty points: the third is 100 / 30 x 900 ** (2 / 19) = 6.82.
    assert "set=risk_aversion%3A6.821" in page.url
    assert figures(page) != before
    expect(page.get_by_text("Changed: risk_aversion 100.0 → 6.821")).to_be_visible()


def test_the_cheapest_way_out_is_applied_by_one_click(app, page):
    open_link(app, page, "set=withdrawal:100000,max_turnover:0.01")
    expect(page.get_by_text("These rules cannot all be obeyed.")).to_be_visible()

    page.get_by_role("button", name=re.compile(r"Apply it: Turnover, one way 1 % → ")).click()
    settled(page)

    expect(page.get_by_text("These rules cannot all be obeyed.")).to_have_count(0)
    assert int(metric(page, "Trades")) > 0
    assert float(re.search(r"max_turnover%3A([\d.]+)", page.url)[1]) > 0.01


def test_a_link_that_makes_no_sense_says_what_is_wrong_with_it_and_how_to_go_on(app, page):
    open_link(app, page, "set=max_trade:5")
    expect(page.get_by_text("unknown setting max_trade; did you mean max_trades?")).to_be_visible()

    page.get_by_role("button", name="Start from the account's own settings").click()
    settled(page)

    assert int(metric(page, "Trades")) > 0
    assert "set=" not in page.url


def test_money_out_and_a_gift_are_one_click_each_and_in_the_link(app, page):
    what_if(app, page, TAXED)
    page.get_by_role("button", name="Withdraw", exact=True).click()
    page.get_by_role("menuitem").nth(2).click()
    page.wait_for_url(re.compile(r"set=withdrawal%3A\d+0000?$"))
    settled(page)

    page.get_by_role("button", name="Gift", exact=True).click()
    page.get_by_role("menuitem").nth(1).click()
    page.wait_for_url(re.compile(r"gift=\d+"))
    expect(page.get_by_text(re.compile(r"of tax avoided against selling them"))).to_be_visible()
    expect(
        page.get_by_text("This plan cannot be kept: it is of the account as it would be after a gift")
    ).to_be_visible()
    expect(page.get_by_role("button", name="Keep and compare")).to_have_count(0)

    page.get_by_role("button", name="Take back").click()
    settled(page)
    assert "gift=" not in page.url
    expect(page.get_by_role("button", name="Keep and compare")).to_be_enabled()


def test_a_trade_that_is_clicked_says_why_in_numbers_and_why_these_lots(app, page):
    what_if(app, page, TAXED)

    table = page.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    table.click(position={"x": 40, "y": 52})
    settled(page)

    expect(page.get_by_text(re.compile(r"^Sell \d"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"Lots go by tax per dollar sold, least first\."))).to_be_visible()
    expect(page.get_by_text(re.compile(r"^(No rule binds on this name|Rules that bind on it)"))).to_be_visible()


def test_kept_plans_are_compared_by_a_link_with_differences_marked_and_can_be_renamed(app, page, chromium):
    what_if(app, page, TAXED)
    for name, press in (("as it is", None), ("closer", "ArrowRight")):
        if press:
            closer(page).focus()
            closer(page).press(press)
            settled(page)
        page.get_by_role("textbox", name="Name this plan").fill(name)
        page.get_by_role("button", name="Keep and compare").click()
        settled(page)
    expect(page.get_by_text("Settings that differ")).to_be_visible()
    expect(page.get_by_text("Trades that differ")).to_be_visible()
    assert re.search(r"compare=[0-9a-f]{10}%2C[0-9a-f]{10}", page.url)

    unfold(page, "Names and notes")
    first = page.get_by_role("textbox", name=re.compile("^Name of ")).first
    first.fill("Baseline")
    first.press("Enter")
    settled(page)

    other = chromium.new_context().new_page()
    other.goto(page.url)
    settled(other)
    expect(other.get_by_role("button", name="Review Baseline")).to_be_visible()
    expect(other.get_by_role("button", name="Review closer")).to_be_visible()
    other.context.close()
