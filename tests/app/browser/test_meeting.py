"""The advisor's day in a real browser: one household alone on screen, the slider, why, a proposal, and the PDF."""

import re
import time

import pytest
from playwright.sync_api import expect
from pypdf import PdfReader

from data.database import open_database
from data.firm import FirmStore
from data.orders import OrderStore
from data.plans import PlanStore
from engine.domain.lifecycle import PlanState
from tests.app.browser.doing import become, go, settled

pytestmark = pytest.mark.browser

HOUSEHOLD = "H00002"  # two taxable accounts, A00002 and A00003
ANSWERED_S = 2.0


@pytest.fixture
def database(app):
    found = open_database(app.database)
    yield found
    found.close()


@pytest.fixture
def names(database):
    """The name of each household by its id."""
    return {each.household_id: each.name for each in FirmStore(database).households()}


def become_advisor(app, page):
    go(page, f"{app.url}/data")
    become(page, "Ada Advisor")


def begin(page, name):
    """Go to the meeting by the menu, as a reload would make another person of the advisor, and begin it."""
    page.get_by_role("link", name="Client meeting").click()
    settled(page)
    expect(page.get_by_role("heading", name="Client meeting")).to_be_visible()
    page.get_by_role("combobox", name=re.compile("Household")).click()
    page.get_by_role("option", name=re.compile(re.escape(name))).click()
    settled(page)
    page.get_by_role("button", name="Begin the meeting").click()
    settled(page)
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def chosen_tax(page):
    """Return the tax of the plan that the slider stands at, as it is told: the fourth amount after the three cards."""
    return page.get_by_test_id("stMetric").filter(has_text="this year").nth(3).inner_text().split("\n")


def test_an_advisor_answers_explains_proposes_and_hands_over_without_a_trade(app, page, database, names):
    become_advisor(app, page)
    begin(page, names[HOUSEHOLD])
    page.get_by_text(re.compile("^Taxable account [0-9]+, ")).nth(1).click()
    settled(page)
    assert "account=A00003" in page.url

    # The slider: each step another answer, in the time that a conversation allows.
    slider = page.get_by_role("slider", name="What matters more?")
    taken, told = [], chosen_tax(page)
    for _ in range(3):
        before = told
        slider.focus()
        began = time.monotonic()
        page.keyboard.press("ArrowLeft")
        while (told := chosen_tax(page)) == before and time.monotonic() - began < 20:
            page.wait_for_timeout(20)
        taken.append(time.monotonic() - began)
        settled(page)
        assert told != before
    assert min(taken) < ANSWERED_S
    assert "lean=7" in page.url
    expect(page.get_by_role("heading", name="Your choice: 3 of 10 toward less tax")).to_be_visible()
    label, amount = chosen_tax(page)[0], chosen_tax(page)[-1]

    # Why: any trade has its sentence, and what it is worth.
    expect(
        page.get_by_text(re.compile(r"(Sells|Buys) [\d,]+ shares? of .*of the account \(target")).first
    ).to_be_visible()
    trades = page.get_by_role("combobox", name=re.compile("Trade, the largest first"))
    trades.press("ArrowDown")  # by keyboard: a list that a click opens while the page still scrolls closes again
    second = page.get_by_role("option").nth(1)
    does = {"Sell": "Sells", "Buy": "Buys"}[second.inner_text().split()[0]]
    second.click()
    settled(page)
    expect(page.get_by_text(re.compile(rf"{does} [\d,]+ shares? of .*of the account \(target"))).to_be_visible()
    expect(page.get_by_text("Worth of this trade")).to_be_visible()

    # What it rests on is in sight without a click or a scroll.
    expect(page.get_by_text("Hypothetical, no promise · prices of 20 November 2026")).to_be_in_viewport()

    # The document says what the screen says.
    with page.expect_download() as download:
        page.get_by_role("button", name="PDF for the client").click()
    text = " ".join(" ".join(each.extract_text() for each in PdfReader(download.value.path()).pages).split())
    assert names[HOUSEHOLD] in text
    assert f"{label} {amount}" in text
    assert "Keep Balanced Match the index Your choice" in text
    assert "Hypothetical figures." in text
    assert "generated data" in text
    assert not [name for other, name in names.items() if other != HOUSEHOLD and name in text]

    # The proposal: proposed, with the note, and nothing is traded.
    page.get_by_role("textbox", name="Note for the file").fill("agreed in the meeting")
    page.get_by_role("textbox", name="Note for the file").press("Enter")
    settled(page)
    page.get_by_role("button", name="Save as a proposal").click()
    settled(page)
    expect(page.get_by_text("Nothing is traded before another person has checked and approved it.")).to_be_visible()
    [head] = PlanStore(database).heads(account_id="A00003")
    assert (head.state, head.note) == (PlanState.PROPOSED, "agreed in the meeting")
    assert OrderStore(database).orders(head.plan_id) == ()


def test_while_a_meeting_is_on_nothing_of_another_household_is_on_the_page(app, page, names):
    page.goto(f"{app.url}/meeting?household={HOUSEHOLD}&meeting=on")
    settled(page)
    expect(page.get_by_role("heading", name=names[HOUSEHOLD], exact=True)).to_be_visible()
    others = {part for other, name in names.items() if other != HOUSEHOLD for part in (other, name)}

    def strangers():
        shown = page.content()
        return sorted(other for other in others if other in shown)

    assert strangers() == []
    expect(page.get_by_test_id("stSidebar")).to_have_count(0)
    expect(page.get_by_text("Who you are")).to_have_count(0)

    # Nor in what opens on the way: every trade, an account that does not exist, what cannot be had.
    page.get_by_text(re.compile(r"^All \d+ trades$")).click()
    settled(page)
    assert strangers() == []
    page.goto(f"{app.url}/meeting?household={HOUSEHOLD}&meeting=on&account=A00001&lean=2&add=25000")
    settled(page)
    expect(page.get_by_role("heading", name=names[HOUSEHOLD], exact=True)).to_be_visible()
    assert strangers() == []
    page.goto(f"{app.url}/meeting?household={HOUSEHOLD}&meeting=on&take=900000000")
    settled(page)
    expect(page.get_by_text("This cannot all be done together")).to_be_visible()
    assert strangers() == []
    page.goto(f"{app.url}/meeting?household=H0000&meeting=on")
    page.get_by_text("This cannot be shown now.").wait_for()
    assert strangers() == []

    # Whoever leaves the page leaves the meeting, and the way out leads back to the door.
    page.goto(f"{app.url}/meeting?household={HOUSEHOLD}&meeting=on&lean=2&add=25000")
    settled(page)
    page.get_by_role("button", name="End the meeting").click()
    settled(page)
    expect(page.get_by_role("button", name="Begin the meeting")).to_be_visible()
    assert "meeting=on" not in page.url
    assert "add=" not in page.url
    page.goto(f"{app.url}/book?meeting=on&household={HOUSEHOLD}")
    settled(page)
    expect(page.get_by_role("heading", name="Book")).to_be_visible()
    expect(page.get_by_role("link", name="Client meeting")).to_be_visible()


def test_a_link_leads_to_the_same_view_after_a_reload(app, page, names):
    page.goto(f"{app.url}/meeting?household={HOUSEHOLD}&meeting=on&account=A00003&lean=4&add=30000&gains=60000")
    settled(page)
    told = chosen_tax(page)
    expect(page.get_by_role("spinbutton", name="add money, $")).to_have_value("30000")
    expect(page.get_by_role("spinbutton", name="agree on most net gains this year, $")).to_have_value("60000")
    expect(page.get_by_role("heading", name="Your choice: 6 of 10 toward less tax")).to_be_visible()

    page.reload()
    settled(page)
    assert chosen_tax(page) == told
    page.get_by_role("button", name="Show", exact=True).last.click()
    settled(page)
    assert "lean=20" in page.url
    page.go_back()
    settled(page)
    assert chosen_tax(page) == told
