"""What-if in a real browser: a setting is obeyed at once, one out of use says why, and a step of each is told."""

import re

import pytest
from playwright.sync_api import expect

from tests.app.browser.doing import go, settled

pytestmark = pytest.mark.browser

TAXED, UNTAXED = "A00003", "A00005"


def what_if(app, page, account):
    """Open the lab and wait for the frontier too, which follows the plan and draws the page once more."""
    go(page, f"{app.url}/what-if?account={account}")
    expect(page.get_by_text("is being worked out and follows here")).to_have_count(0)
    settled(page)


def enter(page, label, value):
    field = page.get_by_role("spinbutton", name=label)
    field.fill(value)
    field.press("Enter")
    settled(page)


def unfold(page, title):
    page.get_by_text(title, exact=True).first.click()
    settled(page)


def metric(page, label):
    return page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue").inner_text()


def test_a_limit_set_on_screen_is_obeyed_and_named_as_changed_until_it_is_put_back(app, page):
    what_if(app, page, TAXED)
    before = int(metric(page, "Trades"))
    unfold(page, "Trading")
    enter(page, "Most trades", "150")

    assert 0 < int(metric(page, "Trades")) <= 150 < before
    expect(page.get_by_text("Changed: max_trades none → 150")).to_be_visible()

    page.get_by_role("button", name="Back to the account's own settings").click()
    settled(page)
    assert int(metric(page, "Trades")) == before


def test_rules_that_cannot_all_be_obeyed_are_named_with_the_cheapest_way_out(app, page):
    what_if(app, page, TAXED)
    enter(page, "Withdrawal, $", "100000")
    unfold(page, "Limits")
    enter(page, "Turnover, one way, %", "1")

    expect(page.get_by_text("These rules cannot all be obeyed.")).to_be_visible()
    expect(page.get_by_text(re.compile(r"Turnover, one way, max_turnover = 1 %"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"Cheapest way out: Raise max_turnover from 1\.00% to"))).to_be_visible()


def test_where_no_tax_is_paid_tax_settings_are_out_of_use_and_say_so(app, page):
    what_if(app, page, UNTAXED)
    unfold(page, "Taxes and lots")

    expect(
        page.get_by_text(re.compile("This account pays no tax: Net gains over the year, .* not in use"))
    ).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Gains budget of the year, $")).to_be_disabled()
    expect(page.get_by_role("spinbutton", name="Withdrawal, $")).to_be_enabled()


def test_a_step_of_each_setting_is_told_in_a_picture_and_a_table(app, page):
    what_if(app, page, TAXED)
    unfold(page, "What each setting would change")

    expect(page.get_by_text("Each setting alone, a step tighter and a step looser")).to_be_visible()
    expect(page.get_by_text("a step tighter", exact=True)).to_be_visible()
    page.get_by_role("radio", name="Objective").click()
    settled(page)
    expect(page.get_by_text("change of the objective, bp (above zero: worse)")).to_be_visible()
    assert page.get_by_test_id("stException").count() == 0
