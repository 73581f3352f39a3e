"""A person without Salesforce plays the reviewer on the stand-in's page, under the same rules."""

import json
import queue
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import requests
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.salesforce.mapping import ReviewVerdict
from connectors.salesforce.webhook import SIGNATURE, TIMESTAMP, require_signed
from connectors.sandbox.loopback import listening
from connectors.sandbox.org.calls import caller
from connectors.sandbox.salesforce_page import reviewers_page
from engine.domain.identifiers import PlanId


@pytest.fixture
def page(server) -> Iterator[str]:
    with listening(reviewers_page(server.stand_in.org)) as address:
        yield address


def form(server, outcome: str, **fields: str) -> dict[str, str]:
    [item], [plan] = server.rows("ProcessInstanceWorkitem"), server.rows("Rebalance_Plan__c")
    return {"item": item["Id"], "plan": plan["Id"], "user": "advisor@lotsmith.example", "outcome": outcome} | fields


def test_the_page_says_that_it_is_a_stand_in_and_shows_what_waits(server, page, document, push):
    assert "No plan is waiting" in requests.get(page, timeout=5).text
    push(server.crm(), document())

    text = requests.get(page, timeout=5).text

    assert "stand-in for Salesforce" in text
    assert "Joint account 2025-06-30" in text
    assert "-$4.90" in text


def test_names_cannot_smuggle_markup_into_the_page(server, page, document, shown):
    server.crm().push_plan(document(), replace(shown, household_name="<script>alert(1)</script>"))

    text = requests.get(page, timeout=5).text

    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_a_decision_on_the_page_comes_back_like_any_other(server, page, document, push):
    plan = document()
    push(server.crm(), plan)
    sale = next(row for row in server.rows("Rebalance_Trade__c") if row["Side__c"] == "sell")
    fields = form(server, "request_changes", comment="Less, please.", **{sale["Id"]: "2"})

    answer = requests.post(f"{page}/decide", data=fields, timeout=5)

    assert "No plan is waiting" in answer.text
    [decision] = server.crm().read_decisions([PlanId(plan["plan_id"])])
    assert (decision.verdict, decision.comment) == (ReviewVerdict.REQUEST_CHANGES, "Less, please.")
    assert decision.edits == (("AAA", "sell", 2),)


def test_the_org_calls_under_a_signature_when_a_plan_is_decided(server, page, document, push):
    plan = document()
    push(server.crm(), plan)
    heard: queue.Queue[tuple[Headers, bytes]] = queue.Queue()

    async def hear(request: Request) -> Response:
        heard.put((request.headers, await request.body()))
        return Response(status_code=202)

    secret = server.stand_in.webhook_secret
    with listening(Starlette(routes=[Route("/hear", hear, methods=["POST"])])) as address:
        server.stand_in.org.calls = caller(f"{address}/hear", secret)
        requests.post(f"{page}/decide", data=form(server, "approve"), timeout=5)
        headers, body = heard.get(timeout=20)

    assert json.loads(body) == {"plan_id": plan["plan_id"]}
    stamp, signature = headers[TIMESTAMP], headers[SIGNATURE]
    require_signed(secret, timestamp=stamp, signature=signature, body=body, now=datetime.now(UTC))
    assert heard.empty()


def test_a_refused_decision_is_shown_and_changes_nothing(server, page, document, push):
    push(server.crm(), document())
    sale = next(row for row in server.rows("Rebalance_Trade__c") if row["Side__c"] == "sell")
    fields = form(server, "approve", user="visitor@lotsmith.example", **{sale["Id"]: "2"})

    answer = requests.post(f"{page}/decide", data=fields, timeout=5)

    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert all(row["Requested_Quantity__c"] is None for row in server.rows("Rebalance_Trade__c"))
    assert len(server.rows("ProcessInstanceWorkitem")) == 1
