"""The approver's day in a real browser: two at once, several together, returns, one signature, the answer."""

import re
from contextlib import closing
from decimal import Decimal

import pytest
import simplefix
from playwright.sync_api import expect

from app import wiring
from app.settings import Settings
from app.steps import firm, plan, review
from engine.domain.lifecycle import Action, PlanState
from tests.app.browser.doing import become, go, settled

pytestmark = pytest.mark.browser

MAYA, ADA, ALAN = "Maya Manager", "Ada Advisor", "Alan Approver"


def press(page, name, *, exact=True):
    page.get_by_role("button", name=name, exact=exact).click()
    settled(page)


def see(page, app, path, person):
    """Open an address as one of the demo people."""
    go(page, f"{app.url}/{path}")
    become(page, person)


@pytest.fixture
def services(app):
    found = wiring.connect(Settings(database_url=app.database, exports=app.exports, user=None, connections={}))
    with closing(found.database):
        yield found


@pytest.fixture
def in_review(services):
    """in_review(account) is a plan of a demo account that Maya put before the reviewers."""

    def put(account_id, *, maker="maya"):
        made = plan.what_if(services, account_id, plan.default_settings(services, account_id))
        plan_id = plan.keep(services, made, actor=maker)
        review.submit(services, plan_id, actor=services.users.user(maker))
        return plan_id

    return put


def state(services, plan_id):
    return services.plans.get(plan_id).state


def test_of_two_people_at_once_one_approves_and_the_other_is_told(app, page, chromium, services, in_review):
    plan_id = in_review("A00001")
    other = chromium.new_context(viewport={"width": 1280, "height": 800})
    second = other.new_page()
    see(page, app, f"review?plan={plan_id}", ALAN)
    see(second, app, f"review?plan={plan_id}", ADA)
    expect(second.get_by_role("button", name="Approve", exact=True)).to_be_visible()

    press(page, "Approve")
    expect(page.get_by_text("Approved. It waits under Orders to be sent.")).to_be_visible()
    second.get_by_role("textbox", name="Comment").fill("too much turnover")
    press(second, "Return with a comment")

    expect(second.get_by_text(re.compile("nothing was done: Alan Approver approved plan"))).to_be_visible()
    expect(second.get_by_text("approved", exact=True).first).to_be_visible()  # and sees how it stands now
    assert second.get_by_role("button", name="Return with a comment").count() == 0
    assert [move.action for move in services.plans.history(plan_id)] == [
        Action.PROPOSE, Action.SUBMIT, Action.APPROVE,
    ]  # fmt: skip
    other.close()


def test_a_maker_is_offered_no_approval_and_told_who_may(app, page, services, in_review):
    plan_id = in_review("A00002", maker="ada")

    see(page, app, f"review?plan={plan_id}", ADA)

    expect(page.get_by_text(re.compile("You made or edited this plan.*Who may: Alan Approver"))).to_be_visible()
    for name in ("Approve", "Approve and send…", "Approve in part…"):
        assert page.get_by_role("button", name=name, exact=True).count() == 0
    assert state(services, plan_id) is PlanState.IN_REVIEW


def test_a_plan_returned_with_a_comment_tells_its_maker_why(app, page, services, in_review):
    plan_id = in_review("A00004")
    see(page, app, f"review?plan={plan_id}", ALAN)

    press(page, "Return with a comment")
    expect(page.get_by_text(re.compile("say why: the comment is empty"))).to_be_visible()
    page.get_by_role("textbox", name="Comment").fill("leave the utilities alone")
    press(page, "Return with a comment")

    assert state(services, plan_id) is PlanState.CHANGES_REQUESTED
    see(page, app, f"review?plan={plan_id}", MAYA)
    expect(page.get_by_text("Alan Approver", exact=False).filter(has_text="leave the utilities alone")).to_be_visible()
    expect(page.get_by_text("Adjust trades")).to_be_visible()


def test_one_signature_sends_exactly_what_it_states_and_the_answer_comes_in_by_itself(app, page, services, in_review):
    plan_id = in_review("A00007")
    see(page, app, f"review?plan={plan_id}", ALAN)
    expect(page.get_by_text(re.compile("Second checker agrees"))).to_be_visible()

    press(page, "Approve and send…")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(plan_id[:12])).to_be_visible()
    rows = dialog.locator("table tbody tr")
    expect(rows.first).to_be_visible()
    signed = {
        (cells[1], cells[0], Decimal(cells[3].replace(",", "")))
        for cells in (row.locator("td").all_inner_texts() for row in rows.all())
    }
    (order_file,) = [name for name in dialog.locator("code").all_inner_texts() if name.endswith(".fix")]
    assert state(services, plan_id) is PlanState.IN_REVIEW  # nothing before the signature
    expect(
        dialog.get_by_text(re.compile(r"Sells \$[\d,]+ in \d+ names and buys \$[\d,]+ in \d+ names"))
    ).to_be_visible()
    assert page.locator(".katex").count() == 0  # amounts, and no formula between two of them
    dialog.get_by_role("button", name="Sign and send").click()

    expect(page.get_by_text(re.compile(rf"The custodians answered: plan {plan_id[:12]} is reconciled"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"(\d+) of \1 blocks acknowledged"))).to_be_visible()
    assert state(services, plan_id) is PlanState.RECONCILED
    (written,) = [file for file in app.exports.glob(f"*/{order_file}") if plan_id in _manifest(file)]
    parser = simplefix.FixParser()
    parser.append_buffer(written.read_bytes())
    sent = set()
    while (message := parser.get_message()) is not None:
        side = {b"1": "buy", b"2": "sell"}[message.get(54)]
        sent.add((message.get(55).decode(), side, Decimal(message.get(38).decode())))
    assert sent
    assert signed == sent

    page.goto(f"{app.url}/orders?plan={plan_id}")
    settled(page)
    expect(page.get_by_role("button", name=re.compile(re.escape(order_file)))).to_be_visible()


def test_what_changes_while_the_dialog_is_open_is_not_what_was_signed(app, page, services, in_review, tmp_path):
    plan_id = in_review("A00009")
    see(page, app, f"review?plan={plan_id}", ALAN)
    press(page, "Approve and send…")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(plan_id[:12])).to_be_visible()

    folder = tmp_path / "firm"
    firm.export_firm(services, folder)
    lots = (folder / "lots.csv").read_text()
    other = re.sub(r"(?m)^(A00009,.*?,.*?,.*?,)", r"\g<1>1", lots)  # every cost a share, with a digit before it
    assert other != lots
    (folder / "lots.csv").write_text(other)
    firm.import_firm(services, folder, actor="maya")
    dialog.get_by_role("button", name="Sign and send").click()

    expect(page.get_by_text(re.compile("no longer what was confirmed, and nothing was done"))).to_be_visible()
    assert state(services, plan_id) is PlanState.IN_REVIEW


def _manifest(file):
    return (file.parent / "manifest.json").read_text()


def test_several_are_approved_together_but_only_those_that_may_be(app, page, services, in_review):
    for head in services.plans.heads(states=[PlanState.IN_REVIEW]):  # of the tests before
        alan = services.users.user("alan")
        review.decide(services, head.plan_id, Action.REJECT, actor=alan, comment="cleared", seen=head.plan_id)
    mine, others = in_review("A00003", maker="ada"), [in_review("A00005"), in_review("A00006")]
    see(page, app, "review", ADA)
    expect(page.get_by_text(re.compile("Checking: "))).to_have_count(0)
    settled(page)

    table = page.get_by_test_id("stDataFrame").first
    table.click(position={"x": 17, "y": 17})  # the box in the header ticks every row
    settled(page)
    expect(page.get_by_text("3 marked, 2 can be approved together.")).to_be_visible()
    expect(page.get_by_text(re.compile("A00003 is left out: you made or edited it"))).to_be_visible()
    assert page.get_by_role("button", name=re.compile("Approve and send")).count() == 0  # an advisor sends nothing
    press(page, "Approve 2 plans…")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(re.compile("for 2 accounts"))).to_be_visible()
    for plan_id in others:
        expect(dialog.get_by_text(plan_id[:12])).to_be_visible()
    assert dialog.get_by_text(mine[:12]).count() == 0
    dialog.get_by_role("button", name="Approve 2 plans").click()
    settled(page)

    for account, plan_id in zip(("A00005", "A00006"), others, strict=True):
        expect(page.get_by_text(f"{account}, plan {plan_id[:12]}: approved")).to_be_visible()
        assert state(services, plan_id) is PlanState.APPROVED
    assert state(services, mine) is PlanState.IN_REVIEW
