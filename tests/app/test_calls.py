"""Salesforce calls, and Lotsmith looks there: over real HTTP, as a flow in the org does it."""

import json
import socket
import time
from dataclasses import replace
from decimal import Decimal
from itertools import count

import anyio
import pytest
import requests
from anyio import to_thread
from starlette.applications import Starlette

from app import crm_exchange
from app.steps import org, plan, review
from app.steps.health import Standing, connections
from connectors.salesforce.webhook import SIGNATURE, TIMESTAMP, signature_of
from connectors.sandbox.loopback import listening
from engine.domain.lifecycle import PlanState

SECRET = "a secret that both of them know, and long"
ALAN = "approver@lotsmith.example"
_NUMBERS = count(1)


@pytest.fixture
def services(new_desk, reviewers):
    found = new_desk(reviewers.config).services()
    yield replace(found, crm=replace(found.crm, webhook_secret=SECRET))
    found.database.close()


@pytest.fixture
def address(services):
    with listening(Starlette(routes=[crm_exchange.webhook(lambda: services)])) as url:
        yield url + crm_exchange.PATH


@pytest.fixture
def in_review(services):
    """in_review() is a plan of T1 before its reviewers."""

    def put():
        settings = replace(plan.default_settings(services, "T1"), harvest_min_loss_usd=Decimal(50 + next(_NUMBERS)))
        plan_id = plan.keep(services, plan.what_if(services, "T1", settings), actor="maya")
        review.submit(services, plan_id, actor=services.users.user("maya"))
        return plan_id

    return put


def call(address, services, body, *, secret=SECRET, late=0):
    content = json.dumps(body).encode() if not isinstance(body, bytes) else body
    stamp = str(int(services.now().timestamp()) - late)
    head = {TIMESTAMP: stamp, SIGNATURE: signature_of(secret, stamp, content)}
    return requests.post(address, data=content, headers=head, timeout=20)


def state_of(services, plan_id, wanted):
    until = time.monotonic() + 20
    while services.plans.get(plan_id).state is not wanted and time.monotonic() < until:
        time.sleep(0.05)
    return services.plans.get(plan_id).state


def test_a_signed_call_makes_lotsmith_look_at_that_plan(services, address, in_review, reviewers):
    called, other = in_review(), in_review()
    for plan_id in (called, other):
        reviewers.decide(plan_id, "approve", user=ALAN)

    answer = call(address, services, {"plan_id": called})

    assert (answer.status_code, answer.json()) == (202, {"heard": called})
    assert state_of(services, called, PlanState.APPROVED) is PlanState.APPROVED
    assert services.plans.get(other).state is PlanState.IN_REVIEW


def test_what_a_call_says_is_not_believed(services, address, in_review, reviewers):
    plan_id = in_review()

    answer = call(address, services, {"plan_id": plan_id, "status": "approved", "verdict": "approve"})

    assert answer.status_code == 202
    assert state_of(services, plan_id, PlanState.IN_REVIEW) is PlanState.IN_REVIEW
    assert services.links.undecided() == (plan_id,)


def test_a_stranger_an_old_call_and_a_repeated_one_are_refused(services, address, in_review):
    plan_id = in_review()

    stranger = call(address, services, {"plan_id": plan_id}, secret="not the secret that both of them know")
    old = call(address, services, {"plan_id": plan_id}, late=301)
    bare = requests.post(address, json={"plan_id": plan_id}, timeout=20)
    first = call(address, services, {"plan_id": plan_id})
    again = call(address, services, {"plan_id": plan_id})

    assert [each.status_code for each in (stranger, old, bare, first, again)] == [401, 401, 401, 202, 401]
    assert again.json() == {"error": "this call was made before"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"plan_id": "f" * 64}, 400),
        ({"plan": 1}, 400),
        ([], 400),
        (b"no JSON", 400),
        (b"x" * 5_000, 413),
    ],
)
def test_a_call_about_nothing_of_ours_is_bad_input(services, address, body, status):
    assert call(address, services, body).status_code == status


def test_a_call_without_end_is_cut_off_before_it_fills_the_memory(address):
    """Who sends it, unsigned, never stops by himself: the answer comes while he is still sending."""
    host, port = address.split("/")[2].split(":")
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(
            f"POST {crm_exchange.PATH} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        line.sendall(piece)
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_round_that_fails_in_whatever_way_ends_no_later_one(services, in_review, reviewers):
    """The database is away when the app starts, and back at the next round."""
    plan_id = in_review()
    reviewers.decide(plan_id, "approve", user=ALAN)
    away = iter([ConnectionError("the database is away")])

    def connected():
        for error in away:
            raise error
        return services

    async def running():
        async with crm_exchange.keeping_up(connected, every_s=0.05):
            await to_thread.run_sync(state_of, services, plan_id, PlanState.APPROVED)

    anyio.run(running)

    assert services.plans.get(plan_id).state is PlanState.APPROVED


def test_without_a_secret_no_call_is_answered(services, address):
    with listening(Starlette(routes=[crm_exchange.webhook(lambda: replace(services, crm=None))])) as url:
        assert call(url + crm_exchange.PATH, services, {"plan_id": "x"}).status_code == 401


def test_the_app_takes_decisions_over_by_itself(services, in_review, reviewers):
    plan_id = in_review()
    reviewers.decide(plan_id, "approve", user=ALAN)

    crm_exchange.one_round(services, 1)
    assert services.plans.get(plan_id).state is PlanState.IN_REVIEW  # this round only tells
    crm_exchange.one_round(services, 5)

    assert services.plans.get(plan_id).state is PlanState.APPROVED


def test_near_the_days_limit_the_app_asks_no_more_by_itself_and_says_so(services, in_review, reviewers):
    plan_id = in_review()
    reviewers.decide(plan_id, "approve", user=ALAN)
    services.links.note_usage(used=12_000, allowed=15_000, at=services.now(), resume_at=None)
    services.orgs.clear()  # what it heard before

    crm_exchange.one_round(services, 5)

    assert services.plans.get(plan_id).state is PlanState.IN_REVIEW
    found = {one.name: one for one in connections(services)}["Salesforce"]
    assert (found.standing, found.error) == (Standing.STRAINED, "80% of the requests of the day are used")
    assert found.used == "12,000 of 15,000 in 24 hours"


def test_a_check_of_the_org_is_kept_and_shown_with_the_connection(services):
    incomplete = replace(services, crm=replace(services.crm, approval_process="Other"), orgs={})
    assert org.check(services, actor="system").missing == ()

    found = org.check(incomplete, actor="system")

    sentence = "approval process Other on Rebalance_Plan__c is missing or not active"
    assert found.missing == (sentence,)
    shown = {one.name: one for one in connections(services)}["Salesforce"]
    assert (shown.standing, shown.error) == (Standing.FAILS, sentence)
    assert shown.used.endswith(" of 15,000 in 24 hours")
