"""From drift to FIX orders in a real browser: queue, account, tune, compare, propose, approve, send, reconcile."""

import re
from collections import Counter
from decimal import Decimal

import pytest
import simplefix
from playwright.sync_api import expect

from data.database import open_database
from data.plans import PlanStore
from tests.app.browser.doing import become, settled

pytestmark = pytest.mark.browser

MAYA, ALAN = "Maya Manager", "Alan Approver"


def press(page, name):
    page.get_by_role("button", name=name).first.click()
    settled(page)


def keep(page, name):
    page.get_by_role("textbox", name="Name this plan").fill(name)
    page.get_by_role("textbox", name="Name this plan").press("Enter")
    settled(page)
    press(page, "Keep and compare")


def fix_messages(content):
    parser = simplefix.FixParser()
    parser.append_buffer(content)
    messages = []
    while (message := parser.get_message()) is not None:
        messages.append(message)
    return messages


def test_a_person_takes_an_account_from_drift_to_fix_orders(app, page):
    page.goto(app.url)
    settled(page)
    expect(page.get_by_text("Demo firm: generated data, no real client")).to_be_visible()
    expect(page.get_by_role("heading", name="Book")).to_be_visible()

    # Queue to account: the first row of the queue that a search leaves.
    page.get_by_role("textbox", name="Search").fill("A00003")
    page.get_by_role("textbox", name="Search").press("Enter")
    settled(page)
    queue = page.get_by_test_id("stDataFrame").first
    queue.click(position={"x": 90, "y": 52})
    page.wait_for_url(re.compile(r"/account\?account=A00003"))
    settled(page)
    expect(page.get_by_role("heading", name="Account")).to_be_visible()

    # Tune, keep two plans, compare them.
    press(page, "What if?")
    page.wait_for_url(re.compile(r"/what-if\?account=A00003"))
    settled(page)
    keep(page, "as it stands")
    closer = page.get_by_role("slider", name="Follow the target more closely")
    closer.focus()
    for _ in range(3):
        closer.press("ArrowRight")
    settled(page)
    keep(page, "closer")
    expect(page.get_by_role("button", name=re.compile("Review as it stands"))).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Review closer"))).to_be_visible()
    store = PlanStore(open_database(app.database))
    kept = {head.note: head.plan_id for head in store.heads()}
    assert set(kept) == {"as it stands", "closer"}
    documents = {note: store.get(plan_id).document for note, plan_id in kept.items()}
    assert documents["closer"]["settings"]["risk_aversion"] > documents["as it stands"]["settings"]["risk_aversion"]
    assert documents["closer"]["after"]["tracking_error"] < documents["as it stands"]["after"]["tracking_error"]

    # Propose; the maker is offered no approval.
    press(page, re.compile("Review closer"))
    expect(page.get_by_text(re.compile("Second checker agrees"))).to_be_visible()
    press(page, "Send to review")
    expect(page.get_by_text("in review", exact=True).first).to_be_visible()
    assert page.get_by_role("button", name="Approve").count() == 0

    # Approve as another person, and send.
    become(page, ALAN)
    page.get_by_role("button", name="Approve", exact=True).click()
    settled(page)
    expect(page.get_by_text("approved", exact=True).first).to_be_visible()
    page.get_by_role("link", name="Orders").click()
    settled(page)
    press(page, "Release and send this plan")
    press(page, "Sign and send")
    expect(page.get_by_text("Sent: account A00003.")).to_be_visible()
    plan_id = kept["closer"]
    assert store.get(plan_id).state == "sent"

    # The exported file says exactly what the plan says.
    exported = [file for file in app.exports.glob("*/*.fix") if not file.name.startswith("fills-")]
    assert len(exported) == 1
    ordered = Counter()
    for message in fix_messages(exported[0].read_bytes()):
        if message.get(35) == b"D":
            side = {b"1": "buy", b"2": "sell"}[message.get(54)]
            ordered[message.get(55).decode(), side, Decimal(message.get(38).decode())] += 1
    _, market = store.inputs(plan_id)
    planned = Counter(
        (market.securities[trade["security_id"]].ticker, trade["side"], Decimal(str(trade["quantity"])))
        for trade in documents["closer"]["trades"]
    )
    assert planned
    assert ordered == planned

    # The custodian answers; nothing breaks.
    page.wait_for_timeout(1500)
    page.get_by_role("tab", name="Sent").click()
    settled(page)
    press(page, "Take in answers and reconcile")
    page.wait_for_timeout(1500)
    settled(page)
    assert store.get(plan_id).state == "reconciled"
