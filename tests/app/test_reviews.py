"""Reviews: who may decide, here and in Salesforce, what an edit costs, and what happens while Salesforce is down."""

import json
from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest

from app.steps import crm, decisions, plan, review
from engine.domain.errors import CheckFailed, DataError, IllegalMove, NotAllowed
from engine.domain.lifecycle import Action, PlanState

# T1's plan sells 12 AAA and buys 4 BBB, 8 CCC, 20 DDD. Half of it:
HALF = {"AAA": 6, "BBB": 2, "CCC": 4, "DDD": 10}
_NUMBERS = count(1)


@pytest.fixture
def connected(new_desk, reviewers):
    """A desk whose Salesforce is up."""
    return new_desk(reviewers.config)


@pytest.fixture
def in_review(plan_of):
    """in_review(desk, maker=...) is a plan of T1 before its reviewers.

    The org is one for all tests, so each gets a document of its own, by a setting that changes no trade.
    """

    def put(desk, *, maker="maya"):
        plan_id = plan_of(desk, "T1", "--set", f"harvest_min_loss_usd={next(_NUMBERS)}", "--as", maker)
        said = desk.run("push", plan_id, "--as", maker)
        assert said.code == 0, said.err
        return plan_id

    return put


@pytest.fixture
def services(connected):
    found = connected.services()
    yield found
    found.database.close()


def test_an_approval_given_in_salesforce_is_an_approval_here(connected, services, in_review, reviewers):
    plan_id = in_review(connected)
    reviewers.decide(plan_id, "approve", user="approver@lotsmith.example", comment="as discussed")

    said = connected.run("sync", "salesforce")

    assert (said.code, said.out) == (0, f"plan {plan_id[:12]}: Alan Approver decided approve in the CRM\n")
    assert services.plans.get(plan_id).state is PlanState.APPROVED
    move = services.plans.history(plan_id)[-1]
    assert (move.action, move.actor, move.comment) == (Action.APPROVE, "alan", "as discussed")
    assert connected.run("sync", "salesforce").out == ""  # taken over once


@pytest.mark.parametrize(
    ("outcome", "state"), [("reject", PlanState.REJECTED), ("request_changes", PlanState.CHANGES_REQUESTED)]
)
def test_a_plan_sent_back_in_salesforce_is_sent_back_here(connected, services, in_review, reviewers, outcome, state):
    plan_id = in_review(connected)
    reviewers.decide(plan_id, outcome, user="advisor@lotsmith.example", comment="too small to bother")

    decisions.read_decisions(services)

    assert services.plans.get(plan_id).state is state
    assert services.plans.history(plan_id)[-1].comment == "too small to bother"


def test_a_maker_who_approves_in_salesforce_has_approved_nothing(connected, services, in_review, reviewers, plan_of):
    plan_id = in_review(connected, maker="ada")
    reviewers.decide(plan_id, "approve", user="advisor@lotsmith.example")

    (sentence,) = decisions.read_decisions(services)

    assert "refused: Ada Advisor made, edited or proposed this plan and may not approve it" in sentence
    assert services.plans.get(plan_id).state is PlanState.CHANGES_REQUESTED
    row = reviewers.shown(plan_id)
    assert "decision refused: Ada Advisor made, edited or proposed this plan" in row


def test_whoever_is_no_user_here_decides_nothing_here(connected, services, in_review, reviewers):
    plan_id = in_review(connected)
    with services.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM users WHERE user_id = 'alan'")
    reviewers.decide(plan_id, "approve", user="approver@lotsmith.example")

    (sentence,) = decisions.read_decisions(services)

    assert "refused: approver@lotsmith.example is no user of Lotsmith" in sentence
    assert services.plans.get(plan_id).state is PlanState.CHANGES_REQUESTED


def test_an_advisors_edits_in_salesforce_become_a_plan_in_review_that_another_person_approves(
    connected, services, in_review, reviewers
):
    plan_id = in_review(connected)
    reviewers.decide(plan_id, "request_changes", user="advisor@lotsmith.example", comment="half of it", wanted=HALF)

    (sentence,) = decisions.read_decisions(services)

    (new,) = (head for head in services.plans.heads(account_id="T1") if head.parent_id == plan_id)
    trades = services.plans.get(new.plan_id).document["trades"]
    assert f"with 4 edits: new plan {new.plan_id[:12]}" in sentence
    assert {trade["security_id"]: trade["quantity"] for trade in trades} == HALF
    assert new.state is PlanState.IN_REVIEW
    assert new.makers == {"maya", "ada"}
    assert services.plans.get(plan_id).state is PlanState.CHANGES_REQUESTED

    assert reviewers.waits(new.plan_id)
    rows = {row["Plan_Id__c"]: row for row in reviewers.records("Rebalance_Plan__c", "Plan_Id__c", "Superseded_By__c")}
    assert rows[plan_id]["Superseded_By__c"] == rows[new.plan_id]["Id"]
    with pytest.raises(NotAllowed, match="Ada Advisor made, edited or proposed"):
        approve(services, new.plan_id, "ada")
    assert approve(services, new.plan_id, "alan") is PlanState.APPROVED
    assert connected.run("replay", new.plan_id).code == 0


def test_edits_of_one_who_may_not_propose_wait_as_a_draft_and_salesforce_says_so(
    connected, services, in_review, reviewers
):
    plan_id = in_review(connected)
    reviewers.decide(plan_id, "request_changes", user="approver@lotsmith.example", comment="half of it", wanted=HALF)

    (sentence,) = decisions.read_decisions(services)

    (new,) = (head for head in services.plans.heads(account_id="T1") if head.parent_id == plan_id)
    assert new.state is PlanState.DRAFT
    assert "which waits as a draft for its makers: Alan Approver may not propose a plan" in sentence
    assert "Alan Approver: half of it" in reviewers.shown(plan_id)


def test_edits_that_overdraw_the_account_are_refused_and_the_refusal_is_answered(
    connected, services, in_review, reviewers
):
    plan_id = in_review(connected)
    reviewers.decide(plan_id, "request_changes", user="advisor@lotsmith.example", wanted={"AAA": 6})

    (sentence,) = decisions.read_decisions(services)

    assert (
        "refused: the second checker disagrees: feasible: the account has no plan that obeys its rules: min_cash"
        in sentence
    )
    assert [head.plan_id for head in services.plans.heads(account_id="T1")] == [plan_id]
    row = reviewers.shown(plan_id)
    assert "obeys its rules: min_cash" in row


def approve(services, plan_id, user_id):
    actor = services.users.user(user_id)
    return review.decide(services, plan_id, Action.APPROVE, actor=actor, comment="", seen=plan_id)


def test_each_edit_shows_what_it_costs(desk, plan_of):
    # With s = 0.6 % sold and a third of it into each of the others, the objective is (16/3) s^2 - 0.128 s: 5.76 bp
    # saved, against 7.68 bp in the plan. That is 1.92 bp of 100,000, 19.20 USD.
    services = desk.services()
    plan_id = plan_of(desk, "T1")
    signed = {name: Decimal(-shares if name == "AAA" else shares) for name, shares in HALF.items()}

    adjusted = review.adjust(services, plan_id, signed)

    assert adjusted.total_bp == pytest.approx(1.92, abs=1e-9)
    assert adjusted.total_usd == Decimal("19.20")
    edits = {edit.security_id: edit for edit in adjusted.edits}
    assert {name: (edit.before, edit.after) for name, edit in edits.items()} == {
        "AAA": (-12, -6), "BBB": (4, 2), "CCC": (8, 4), "DDD": (20, 10),
    }  # fmt: skip
    assert adjusted.plan.plan.edited == ("AAA", "BBB", "CCC", "DDD")
    with pytest.raises(DataError, match="no trade was changed"):
        review.adjust(services, plan_id, {"AAA": Decimal(-12)})
    services.database.close()


def test_who_may_not_return_a_plan_leaves_no_draft_behind(desk, plan_of):
    services = desk.services()
    plan_id = plan_of(desk, "T1", "--as", "ada")
    review.submit(services, plan_id, actor=services.users.user("ada"))
    signed = {name: Decimal(-shares if name == "AAA" else shares) for name, shares in HALF.items()}
    adjusted = review.adjust(services, plan_id, signed)

    with pytest.raises(NotAllowed, match="Maya Manager may not request_changes a plan"):
        review.save_adjusted(services, plan_id, adjusted, actor=services.users.user("maya"), comment="")

    assert [head.plan_id for head in services.plans.heads(account_id="T1")] == [plan_id]
    assert services.plans.get(plan_id).state is PlanState.IN_REVIEW
    services.database.close()


def test_a_plan_that_the_second_checker_faults_is_not_proposed(desk, plan_of):
    services = desk.services()
    plan_id = plan_of(desk, "T1")
    found = plan.kept(services, plan_id)
    alone = {"BBB": Decimal(4)}  # bought without cash
    edited = plan.with_trades(found.snapshot, found.market, found.plan, alone)
    plan.keep(services, edited, actor="maya")

    with pytest.raises(CheckFailed, match=r"the second checker disagrees: feasible: .* obeys its rules: min_cash"):
        review.propose(services, edited.plan_id, actor=services.users.user("maya"))

    assert services.plans.get(edited.plan_id).state is PlanState.DRAFT
    services.database.close()


def test_a_plan_without_a_trade_is_not_proposed(desk, plan_of):
    services = desk.services()
    plan_id = plan_of(desk, "I1")

    with pytest.raises(IllegalMove, match="has no trade; there is nothing to propose"):
        review.submit(services, plan_id, actor=services.users.user("maya"))

    services.database.close()


def test_while_salesforce_is_down_the_review_goes_on_here_and_it_is_told_later_once(
    connected, new_desk, plan_of, reviewers, unreachable
):
    down = new_desk(unreachable)
    settings = ("--set", "risk_aversion=50")  # a plan that the other tests do not push
    plan_id = plan_of(down, "T1", *settings, "--as", "maya")

    pushed = down.run("push", plan_id, "--as", "maya")
    approved = down.run("approve", plan_id, "--as", "alan")

    assert (pushed.code, approved.code) == (3, 3)
    assert pushed.err.startswith("plan is in_review\nSalesforce has yet to be told (crm.push; next try from ")
    assert approved.err.startswith("plan is approved\n")
    assert plan_id[:8] not in reviewers.rows()
    before = down.services()
    assert before.plans.get(plan_id).state is PlanState.APPROVED
    (push, decision) = before.outbox.waiting()
    assert (push.key, decision.key) == (f"crm.push:{plan_id}", f"crm.decide:{plan_id}:approve:2")
    assert push.error
    before.database.close()

    up = type(down)(folder=down.folder, config=reviewers.config)
    early = up.services(push.due_at - timedelta(seconds=1))
    crm.deliver(early)
    assert len(early.outbox.waiting()) == 2  # each is tried again after its time, not in a loop
    early.database.close()
    later = up.services(decision.due_at + timedelta(seconds=1))
    crm.deliver(later)
    crm.deliver(later)

    assert later.outbox.waiting() == ()
    assert up.run("sync", "salesforce").code == 0
    rows = [row for row in reviewers.rows().split("<tr>") if plan_id[:8] in row]
    assert len(rows) == 1
    assert not reviewers.waits(plan_id)
    later.database.close()


def test_a_plan_of_its_own_is_not_blamed_for_anothers_message(new_desk, plan_of, unreachable, reviewers):
    down = new_desk(unreachable)
    assert down.run("push", plan_of(down, "T2", "--as", "maya"), "--as", "maya").code == 3
    up = type(down)(folder=down.folder, config=reviewers.config)

    said = up.run("push", plan_of(up, "T1", "--set", "risk_aversion=70", "--as", "maya"), "--as", "maya")
    synced = up.run("sync", "salesforce")

    assert (said.code, said.err) == (0, "plan is in_review\n")
    assert synced.code == 3
    assert "crm.push" in synced.err


def test_a_plan_held_and_resumed_is_decided_once_more_and_salesforce_shows_each_step(
    connected, services, in_review, reviewers
):
    plan_id = in_review(connected)

    def decide(user_id, action, comment):
        actor = services.users.user(user_id)
        review.decide(services, plan_id, action, actor=actor, comment=comment, seen=plan_id)
        return reviewers.shown(plan_id)

    decide("alan", Action.APPROVE, "fine")
    held = decide("cora", Action.HOLD, "is the client abroad?")
    resumed = decide("cora", Action.RESUME, "")
    decide("alan", Action.APPROVE, "still fine")

    assert "held" in held
    assert "Cora Compliance: is the client abroad?" in held
    assert "in_review" in resumed
    assert services.plans.get(plan_id).state is PlanState.APPROVED
    assert services.outbox.waiting() == ()


def test_compliance_rejects_here_although_salesforce_never_asks_it(connected, services, in_review, reviewers):
    plan_id = in_review(connected)

    review.decide(
        services, plan_id, Action.REJECT, actor=services.users.user("cora"), comment="on the restricted list",
        seen=plan_id,
    )  # fmt: skip

    row = reviewers.shown(plan_id)
    assert "rejected" in row
    assert "Cora Compliance: on the restricted list" in row
    assert services.outbox.waiting() == ()


def test_a_return_and_a_rejection_take_a_reason(desk, plan_of):
    services = desk.services()
    plan_id = plan_of(desk, "T1", "--as", "maya")
    review.submit(services, plan_id, actor=services.users.user("maya"))

    for action in (Action.REQUEST_CHANGES, Action.REJECT):
        with pytest.raises(IllegalMove, match="say why"):
            review.decide(services, plan_id, action, actor=services.users.user("alan"), comment=" ", seen=plan_id)

    assert services.plans.get(plan_id).state is PlanState.IN_REVIEW
    services.database.close()


def test_an_approval_is_of_the_document_that_was_seen(desk, plan_of):
    services = desk.services()
    plan_id, other = plan_of(desk, "T1", "--as", "maya"), plan_of(desk, "T2", "--as", "maya")
    review.submit(services, plan_id, actor=services.users.user("maya"))

    with pytest.raises(CheckFailed, match="takes the document as it was seen"):
        review.decide(services, plan_id, Action.APPROVE, actor=services.users.user("alan"), comment="", seen=other)

    assert services.plans.get(plan_id).state is PlanState.IN_REVIEW
    assert json.dumps(dict(services.plans.get(plan_id).document)).count(plan_id) == 1
    services.database.close()
