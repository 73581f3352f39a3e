"""What Salesforce is told and what is read there: every move, each decision once, and trouble kept until it is over."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count

import pytest

from app.steps import crm, decisions, execute, review
from data.crm import link_decision
from engine.domain.lifecycle import Action, PlanState

ALAN = "approver@lotsmith.example"
ADA = "advisor@lotsmith.example"
_NUMBERS = count(1)


@pytest.fixture
def connected(new_desk, reviewers):
    yield new_desk(reviewers.config)
    reviewers.heal()


@pytest.fixture
def services(connected):
    found = connected.services()
    yield found
    found.database.close()


@pytest.fixture
def in_review(services, plan_of, connected):
    """in_review() is a plan of T1 before its reviewers, made by maya; a document of its own in the org of all tests."""

    def put():
        setting = f"harvest_min_loss_usd={0.001 * next(_NUMBERS):.3f}"
        plan_id = plan_of(connected, "T1", "--set", setting, "--as", "maya")
        review.submit(services, plan_id, actor=services.users.user("maya"))
        return plan_id

    return put


def decide(services, plan_id, action, user, comment=""):
    actor = services.users.user(user)
    return review.decide(services, plan_id, action, actor=actor, comment=comment, seen=plan_id)


def later(services, desk, minutes):
    """Return the same desk when the clock has moved on."""
    return desk.services(services.now() + timedelta(minutes=minutes))


def test_what_leaves_the_house_is_shown_there_without_being_asked_for(services, in_review, reviewers):
    plan_id = in_review()
    decide(services, plan_id, Action.APPROVE, "alan", "fine")
    execute.send(services, [plan_id], actor=services.users.user("alan"))
    assert services.plans.get(plan_id).state is PlanState.SENT

    crm.deliver(services)

    shown = reviewers.shown(plan_id)
    assert "<td>sent</td>" in shown
    assert "Alan Approver: send" in shown
    assert services.links.behind() == {}


def test_a_decision_on_a_plan_that_was_edited_here_is_refused_and_said_so(services, in_review, reviewers):
    plan_id = in_review()
    decide(services, plan_id, Action.REQUEST_CHANGES, "cora", "another proposal follows")
    reviewers.decide(plan_id, "approve", user=ALAN)

    (sentence,) = decisions.read_decisions(services)

    assert "refused: the plan is changes requested in Lotsmith and no longer in review" in sentence
    assert services.plans.get(plan_id).state is PlanState.CHANGES_REQUESTED
    shown = reviewers.shown(plan_id)
    assert "<td>changes_requested</td>" in shown
    assert "decision refused: the plan is changes requested" in shown
    assert any(row.what == "crm.decision.refused" for row in services.audit.rows(limit=5))
    assert decisions.read_decisions(services) == ()  # said once


def test_an_old_approval_is_not_taken_over_again_when_a_plan_is_resumed(services, in_review, reviewers):
    plan_id = in_review()
    reviewers.decide(plan_id, "approve", user=ALAN)
    decisions.read_decisions(services)
    decide(services, plan_id, Action.HOLD, "cora", "is the client abroad?")
    decide(services, plan_id, Action.RESUME, "cora")

    assert decisions.exchange(services) == ()

    assert services.plans.get(plan_id).state is PlanState.IN_REVIEW


def test_an_approval_given_here_is_no_news_when_it_is_read_there(services, in_review):
    plan_id = in_review()
    decide(services, plan_id, Action.APPROVE, "alan", "fine")

    assert services.links.undecided() == ()
    assert decisions.exchange(services) == ()


def test_when_two_decide_at_once_the_one_here_stands_and_the_other_hears_why(services, in_review, reviewers):
    plan_id = in_review()
    reviewers.decide(plan_id, "reject", user=ADA, comment="not now")
    decide(services, plan_id, Action.APPROVE, "alan", "fine")

    (sentence,) = decisions.read_decisions(services)

    assert "Ada Advisor decided reject in the CRM; refused: the plan is approved in Lotsmith" in sentence
    assert services.plans.get(plan_id).state is PlanState.APPROVED
    assert crm.untold(services, plan_id) == ()
    shown = reviewers.shown(plan_id)
    assert "<td>approved</td>" in shown
    assert "decision refused" in shown


def test_a_plan_deleted_there_while_in_review_is_put_before_its_reviewers_again(services, in_review, reviewers):
    plan_id = in_review()
    lost = services.links.records(plan_id)["plan"]
    reviewers.client.call("DELETE", f"sobjects/Rebalance_Plan__c/{lost}")
    assert not reviewers.waits(plan_id)

    decisions.read_decisions(services)

    assert reviewers.waits(plan_id)
    assert services.links.records(plan_id)["plan"] != lost
    reviewers.decide(plan_id, "approve", user=ALAN)
    decisions.read_decisions(services)
    assert services.plans.get(plan_id).state is PlanState.APPROVED


def test_a_plan_deleted_there_after_it_was_decided_is_not_brought_back(services, in_review, reviewers):
    plan_id = in_review()
    decide(services, plan_id, Action.APPROVE, "alan", "fine")
    record = services.links.records(plan_id)["plan"]
    reviewers.client.call("DELETE", f"sobjects/Rebalance_Plan__c/{record}")

    decide(services, plan_id, Action.HOLD, "cora", "wait")

    assert crm.untold(services, plan_id) == ()
    assert crm.where_in_crm(services, plan_id) == f"Its record {record} was deleted in Salesforce."


def test_when_the_days_requests_are_used_up_nothing_is_asked_until_some_are_free_and_nothing_is_lost(
    services, connected, in_review, reviewers
):
    reviewers.fail("REQUEST_LIMIT_EXCEEDED", times=1)
    plan_id = in_review()

    assert crm.paused(services)
    (push,) = crm.untold(services, plan_id)
    assert "REQUEST_LIMIT_EXCEEDED" in push.error
    assert "Not told yet: Salesforce: REQUEST_LIMIT_EXCEEDED" in crm.where_in_crm(services, plan_id)
    again = later(services, connected, 29)
    assert decisions.exchange(again) == ()
    assert crm.untold(again, plan_id)[0].attempts == 1  # it was left alone
    again.database.close()

    again = later(services, connected, 31)
    decisions.exchange(again)

    assert crm.untold(again, plan_id) == ()
    assert not crm.paused(again)
    assert reviewers.waits(plan_id)
    again.database.close()


def test_what_cannot_be_told_is_tried_less_and_less_often(services, connected, in_review, reviewers):
    reviewers.fail("SERVER_UNAVAILABLE", times=1_000)
    plan_id = in_review()
    waits, minute = [], 0
    for _ in range(5):
        (push,) = crm.untold(services, plan_id)
        waits.append((push.due_at - services.now()) // timedelta(minutes=1) - minute)
        minute += waits[-1]
        again = later(services, connected, minute)
        crm.deliver(again)
        again.database.close()

    assert waits == [1, 2, 4, 8, 16]


def test_a_move_told_late_shows_where_the_plan_stands_by_then(services, connected, in_review, reviewers):
    plan_id = in_review()
    reviewers.fail("SERVER_UNAVAILABLE", times=2, match="PATCH")  # as often as a request is tried here
    decide(services, plan_id, Action.HOLD, "cora", "first")
    decide(services, plan_id, Action.RESUME, "cora", "second")  # told, while the hold still waits
    assert [message.key for message in crm.untold(services, plan_id)] == [f"crm.mark:{plan_id}:3"]

    again = later(services, connected, 2)
    crm.deliver(again)

    assert crm.untold(again, plan_id) == ()
    assert "Cora Compliance: second" in reviewers.shown(plan_id)
    again.database.close()


def test_what_salesforce_says_of_its_limit_is_kept(services, in_review):
    in_review()

    usage = services.links.usage()

    assert usage.allowed == 15_000
    assert 0 < usage.used < 15_000
    assert usage.resume_at is None


@pytest.mark.parametrize("wanted", [None, {"AAA": 6, "BBB": 2, "CCC": 4, "DDD": 10}])
def test_a_decision_that_several_read_at_once_is_acted_on_once(services, in_review, reviewers, wanted):
    plan_id = in_review()
    reviewers.decide(plan_id, "request_changes", user=ADA, comment="half of it", wanted=wanted)
    start = threading.Barrier(4)

    def read():
        start.wait()
        return decisions.read_decisions(services)

    with ThreadPoolExecutor(4) as pool:
        said = [sentence for found in [pool.submit(read) for _ in range(4)] for sentence in found.result()]

    assert len(said) == 1
    assert "refused" not in said[0]
    assert [move.action for move in services.plans.history(plan_id)].count(Action.REQUEST_CHANGES) == 1
    assert "half of it" in reviewers.shown(plan_id)


def test_a_decision_that_was_read_is_left_alone(services, in_review, reviewers):
    plan_id = in_review()
    reviewers.decide(plan_id, "approve", user=ALAN)
    [decision] = services.org().read_decisions([plan_id])
    with services.database.begin() as connection:
        link_decision(connection, plan_id, decision.decision_id)

    assert decisions.read_decisions(services) == ()
    assert services.plans.get(plan_id).state is PlanState.IN_REVIEW


def test_the_check_of_an_org_ends_with_one_where_something_is_missing(connected, reviewers, new_desk, tmp_path):
    connection = json.loads(reviewers.config.with_suffix(".json").read_text())
    folder = reviewers.config.parent
    files = {name: str(folder / connection[name]) for name in ("private_key_file", "ca_file")}
    (tmp_path / "other.json").write_text(json.dumps({**connection, **files, "approval_process": "Other"}))
    (tmp_path / "other.toml").write_text('[salesforce]\nconfig = "other.json"\n')
    other = new_desk(tmp_path / "other.toml")

    whole, lacking = connected.run("salesforce", "check"), other.run("salesforce", "check", "--json")

    assert whole.code == 0, whole.err
    assert whole.out.startswith("nothing is missing\nrequests: ")
    assert lacking.code == 1
    missing = ["approval process Other on Rebalance_Plan__c is missing or not active"]
    assert json.loads(lacking.out)["missing"] == missing
