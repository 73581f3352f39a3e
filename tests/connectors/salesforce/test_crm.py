"""A plan goes to its reviewers once and whole, and their answer comes back, over real TLS on loopback."""

from base64 import b64decode
from decimal import Decimal
from time import sleep

import pytest

from connectors.salesforce.mapping import MAX_TRADES, ReviewVerdict
from connectors.salesforce.refusal import SalesforceRefusal
from connectors.sandbox.org.faults import Kind
from engine.domain.errors import DataError, ExternalRefusal
from engine.domain.identifiers import PlanId, SecurityId
from engine.domain.plans import Side

PLAN = "Rebalance_Plan__c"
TRADE = "Rebalance_Trade__c"
EVERYTHING = (PLAN, TRADE, "ContentVersion", "Task", "ProcessInstance")
ONCE = [1, 2, 1, 1, 1]
ADVISOR = "advisor@lotsmith.example"
APPROVER = "approver@lotsmith.example"
VISITOR = "visitor@lotsmith.example"
INTEGRATION = "lotsmith@lotsmith.example"


def test_a_pushed_plan_is_in_review_with_its_figures_trades_file_and_task(server, document, push):
    plan = document()

    receipt = push(server.crm(), plan)

    [row] = server.rows(PLAN)
    assert row["Plan_Id__c"] == plan["plan_id"]
    assert row["Status__c"] == "in_review"
    assert row["Name"] == f"Joint account 2025-06-30 {plan['plan_id'][:8]}"
    assert row["Household_Name__c"] == "The Hand family"
    assert row["Tracking_Error_Before__c"] == 3.125  # per cent
    assert (row["Buys__c"], row["Sells__c"]) == (240.0, 255.0)
    assert (row["Checks_Failed__c"], row["Checks_Warned__c"]) == (0, 1)
    trades = {trade["Trade_Id__c"]: trade for trade in server.rows(TRADE)}
    prefix = plan["plan_id"][:16]
    assert set(trades) == {f"{prefix}-AAA-sell", f"{prefix}-BBB-buy"}
    assert trades[f"{prefix}-AAA-sell"]["Name"] == "Sell AAA.A"
    assert trades[f"{prefix}-AAA-sell"]["Lots__c"] == "L-AAA: 10 ST -12.25"
    assert {trade["Plan__c"] for trade in trades.values()} == {receipt.record_id}
    [task] = server.rows("Task")
    assert (task["WhatId"], task["Status"]) == (receipt.record_id, "Not Started")
    [file] = server.rows("ContentVersion")
    assert file["FirstPublishLocationId"] == receipt.record_id
    assert b64decode(file["VersionData"]).startswith(b"%PDF-1.4")
    assert row["Makers__c"] == "Maya Manager"
    [item] = server.rows("ProcessInstanceWorkitem")
    assert (receipt.record_id, receipt.trade_count, receipt.work_item_id) == (row["Id"], 2, item["Id"])


def test_pushing_twice_leaves_one_plan_with_the_same_trades_and_one_approval(server, document, push):
    plan = document()
    first = push(server.crm(), plan)
    before = [server.rows(name) for name in EVERYTHING]

    second = push(server.crm(), plan)

    assert second == first
    assert [server.rows(name) for name in EVERYTHING] == before
    assert [len(rows) for rows in before] == ONCE


def test_a_plan_of_more_than_one_chunk_arrives_whole(server, document, trade, push):
    plan = document([trade(f"S{number:03}") for number in range(401)])

    receipt = push(server.crm(), plan)

    assert receipt.trade_count == 401
    assert len(server.rows(TRADE)) == 401


def test_one_bad_trade_of_the_last_chunk_leaves_nothing_behind(server, document, trade, push):
    good = [trade(f"S{number:03}") for number in range(250)]
    plan = document([*good, trade("X" * 121)])

    with pytest.raises(ExternalRefusal, match=r"STRING_TOO_LONG: trades2: row 51: Security_Id__c"):
        push(server.crm(), plan)

    assert not any(server.rows(name) for name in EVERYTHING)


def test_a_plan_too_large_for_one_transaction_is_refused_before_anything_is_sent(server, document, trade, push):
    plan = document([trade(f"S{number:04}") for number in range(MAX_TRADES + 1)])

    with pytest.raises(DataError, match="at most 1000 trades in one Salesforce transaction, found 1001"):
        push(server.crm(), plan)

    assert server.stand_in.sessions.sign_ins == 0


@pytest.mark.parametrize("kind", [Kind.LOST_REPLY, Kind.CUT_REPLY])
@pytest.mark.parametrize("match", ["composite", "sobjects/ContentVersion", "sobjects/Task", "process/approvals"])
def test_a_lost_reply_neither_loses_nor_doubles_anything(server, document, push, kind, match):
    server.fail(kind, 1, f"POST {match}")

    receipt = push(server.crm(), document())

    assert receipt.work_item_id is not None
    assert [len(server.rows(name)) for name in EVERYTHING] == ONCE


@pytest.mark.parametrize("kind", [Kind.CUT, Kind.NOT_JSON, Kind.INTERNAL])
@pytest.mark.parametrize("match", ["sobjects/ContentVersion", "sobjects/Task", "process/approvals"])
def test_a_line_that_broke_in_a_push_is_no_loss_to_the_next(server, document, push, kind, match):
    server.fail(kind, 1, f"POST {match}")
    with pytest.raises(SalesforceRefusal) as caught:
        push(server.crm(), document())
    assert caught.value.uncertain

    push(server.crm(), document())

    assert [len(server.rows(name)) for name in EVERYTHING] == ONCE


def test_an_answer_that_comes_too_late_is_given_up_and_found_by_the_next_push(server, document, push):
    server.fail(Kind.SLOW, 1, "POST process/approvals", seconds=0.6)
    with pytest.raises(SalesforceRefusal, match="CONNECTION"):
        push(server.crm(read_timeout_s=0.2, attempts=1), document())
    sleep(0.8)  # the org carries out what nobody waits for any more

    push(server.crm(), document())

    assert [len(server.rows(name)) for name in EVERYTHING] == ONCE


def test_a_record_locked_by_an_approval_is_refused_at_once_and_in_its_own_words(server, document, push):
    server.fail(Kind.ENTITY_LOCKED, 1, TRADE)

    with pytest.raises(SalesforceRefusal, match="ENTITY_IS_LOCKED: trades1: row 1: the entity is locked") as caught:
        push(server.crm(), document())

    assert not caught.value.passing
    assert not any(server.rows(name) for name in EVERYTHING)


@pytest.mark.parametrize(("kind", "match"), [(Kind.LOCK, TRADE), (Kind.UNAVAILABLE, "composite")])
def test_a_push_outlasts_a_passing_trouble(server, document, push, kind, match):
    server.fail(kind, 3, match)

    assert push(server.crm(), document()).trade_count == 2

    assert len(server.rows(TRADE)) == 2


def test_a_session_that_ends_in_the_middle_of_a_push_is_renewed(server, document, push):
    server.fail(Kind.SESSION, 1, "composite")
    server.fail(Kind.SESSION, 1, "POST process/approvals")

    push(server.crm(), document())

    assert server.rows(PLAN)[0]["Status__c"] == "in_review"
    assert server.stand_in.sessions.sign_ins == 3


def test_a_push_that_died_before_submission_is_completed_by_the_next_one(server, document, push):
    plan = document()
    server.fail(Kind.LIMIT, 1, "POST process/approvals")
    with pytest.raises(ExternalRefusal, match="REQUEST_LIMIT_EXCEEDED"):
        push(server.crm(), plan)
    assert server.rows(PLAN)[0]["Status__c"] == "proposed"

    push(server.crm(), plan)

    assert server.rows(PLAN)[0]["Status__c"] == "in_review"
    assert [len(server.rows(name)) for name in EVERYTHING] == ONCE


def test_a_plan_whose_trades_were_tampered_with_is_not_called_pushed(server, document, push):
    plan = document()
    receipt = push(server.crm(), plan)
    stray = {"Plan__c": receipt.record_id, "Trade_Id__c": "stray", "Security_Id__c": "ZZZ", "Side__c": "buy"}
    server.put(TRADE, stray | {"Quantity__c": 1}, username=ADVISOR)

    with pytest.raises(ExternalRefusal, match="expected its 2 trades, found 3; missing or added in Salesforce: stray"):
        push(server.crm(), plan)


def test_plans_are_linked_to_financial_account_and_household_where_salesforce_knows_them(server, document, push):
    household = server.put("Account", {"Name": "The Hand family"}, username=INTEGRATION)
    account = server.put(
        "FinServ__FinancialAccount__c",
        {"Name": "Joint", "FinServ__SourceSystemId__c": "O'Hara-1", "FinServ__Household__c": household},
        username=INTEGRATION,
    )

    push(server.crm(), document(account_id="O'Hara-1"))

    [row] = server.rows(PLAN)
    assert (row["Financial_Account__c"], row["Household__c"]) == (account, household)


def test_the_household_shows_once_that_a_plan_was_proposed(server, document, push):
    household = server.put("Account", {"Name": "The Hand family"}, username=INTEGRATION)
    server.put(
        "FinServ__FinancialAccount__c",
        {"Name": "Joint", "FinServ__SourceSystemId__c": "A-1", "FinServ__Household__c": household},
        username=INTEGRATION,
    )
    plan = document()

    push(server.crm(), plan)
    push(server.crm(), plan)

    [activity] = [task for task in server.rows("Task") if task["WhatId"] == household]
    assert activity["Subject"] == f"Rebalance plan {plan['plan_id'][:8]} proposed for Joint account"
    assert (activity["Status"], activity["ActivityDate"]) == ("Completed", "2025-06-30")


def test_a_plan_names_the_one_that_took_its_place(server, document, push):
    first, second = document(account_id="A-1"), document(account_id="A-2")
    push(server.crm(), first)
    receipt = push(server.crm(), second)

    server.crm().supersede(PlanId(first["plan_id"]), PlanId(second["plan_id"]))

    assert [row["Superseded_By__c"] for row in server.rows(PLAN)] == [receipt.record_id, None]


def test_a_deleted_record_is_missed_and_comes_back_with_the_next_push(server, document, push):
    kept, lost = document(account_id="A-1"), document(account_id="A-2")
    push(server.crm(), kept)
    first = push(server.crm(), lost)
    server.stand_in.org.records.delete(PLAN, first.record_id, user=server.stand_in.org.users[INTEGRATION])
    ids = [PlanId(kept["plan_id"]), PlanId(lost["plan_id"])]

    assert server.crm().missing(ids) == (ids[1],)
    with pytest.raises(SalesforceRefusal) as caught:
        server.crm().mark(ids[1], "stale", "")
    assert caught.value.gone

    again = push(server.crm(), lost)

    assert again.record_id != first.record_id
    assert again.work_item_id is not None
    assert server.crm().missing(ids) == ()


def test_the_decision_comes_back_with_actor_and_comment(server, document, push):
    plan = document()
    push(server.crm(), plan)

    server.reviewer().decide(PlanId(plan["plan_id"]), ReviewVerdict.APPROVE, "Agreed with the client.")

    [decision] = server.crm().read_decisions([PlanId(plan["plan_id"])])
    assert decision.verdict is ReviewVerdict.APPROVE
    assert (decision.actor, decision.comment, decision.edits) == (ADVISOR, "Agreed with the client.", ())
    assert decision.decided_at.tzinfo is not None
    assert server.rows(PLAN)[0]["Status__c"] == "approved"


@pytest.mark.parametrize("verdict", [ReviewVerdict.REJECT, ReviewVerdict.REQUEST_CHANGES])
def test_a_rejection_tells_the_end_from_a_wish_for_changes(server, document, push, verdict):
    plan_id = PlanId(document()["plan_id"])
    push(server.crm(), document())

    server.reviewer().decide(plan_id, verdict, "Not this way.")

    [decision] = server.crm().read_decisions([plan_id])
    assert (decision.verdict, decision.comment) == (verdict, "Not this way.")


def test_wanted_quantities_come_back_as_edits_and_turn_an_approval_into_a_request_for_changes(server, document, push):
    plan = document()
    push(server.crm(), plan)
    sale = next(row for row in server.rows(TRADE) if row["Side__c"] == "sell")
    wish = {"Requested_Quantity__c": 7.5, "Review_Comment__c": "Keep some."}
    server.put(TRADE, wish, username=ADVISOR, record_id=sale["Id"])

    server.reviewer().decide(PlanId(plan["plan_id"]), ReviewVerdict.APPROVE, "With less of AAA.")

    [decision] = server.crm().read_decisions([PlanId(plan["plan_id"])])
    assert decision.verdict is ReviewVerdict.REQUEST_CHANGES
    assert decision.edits == ((SecurityId("AAA"), Side.SELL, Decimal("7.5")),)
    assert decision.comment == "With less of AAA.\nAAA sell: Keep some."


def test_asking_for_the_proposed_quantity_is_no_edit(server, document, push):
    plan = document()
    push(server.crm(), plan)
    sale = next(row for row in server.rows(TRADE) if row["Side__c"] == "sell")
    server.put(TRADE, {"Requested_Quantity__c": 10}, username=ADVISOR, record_id=sale["Id"])

    server.reviewer().decide(PlanId(plan["plan_id"]), ReviewVerdict.APPROVE, "")

    assert server.crm().read_decisions([PlanId(plan["plan_id"])])[0].edits == ()


def test_only_decided_plans_are_read_in_the_order_asked(server, document, push):
    plans = [document(account_id=f"A-{number}") for number in range(3)]
    for plan in plans:
        push(server.crm(), plan)
    ids = [PlanId(plan["plan_id"]) for plan in plans]
    for plan_id in (ids[2], ids[0]):
        server.reviewer().decide(plan_id, ReviewVerdict.APPROVE, "")

    decisions = server.crm().read_decisions([ids[2], ids[1], ids[0], PlanId("f" * 64)])

    assert [decision.plan_id for decision in decisions] == [ids[2], ids[0]]
    assert server.crm().read_decisions([]) == ()


def test_only_an_assigned_approver_decides(server, document, push):
    plan_id = PlanId(document()["plan_id"])
    push(server.crm(), document())

    for username in (VISITOR, INTEGRATION):
        crm = type(server.crm())(server.config.acting_as(username))
        with pytest.raises(ExternalRefusal, match="not an assigned approver"):
            crm.decide(plan_id, ReviewVerdict.APPROVE, "")

    assert server.crm().read_decisions([plan_id]) == ()


def test_the_same_decision_may_be_repeated_and_another_one_not(server, document, push):
    plan_id = PlanId(document()["plan_id"])
    push(server.crm(), document())
    server.fail(Kind.LOST_REPLY, 1, "POST process/approvals")
    server.reviewer().decide(plan_id, ReviewVerdict.REJECT, "No.")

    server.reviewer().decide(plan_id, ReviewVerdict.REJECT, "No.")
    with pytest.raises(SalesforceRefusal, match="expected a pending approval, found Rejected"):
        server.reviewer().decide(plan_id, ReviewVerdict.APPROVE, "Yes after all.")

    assert len([s for s in server.rows("ProcessInstanceStep") if s["StepStatus"] == "Rejected"]) == 1


def test_pushing_a_decided_plan_again_changes_nothing(server, document, push):
    plan = document()
    push(server.crm(), plan)
    server.reviewer().decide(PlanId(plan["plan_id"]), ReviewVerdict.REJECT, "No.")

    receipt = push(server.crm(), plan)

    assert receipt.work_item_id is None
    assert server.rows(PLAN)[0]["Status__c"] == "rejected"


def test_the_plans_state_is_written_back_even_while_it_is_locked(server, document, push):
    plan_id = PlanId(document()["plan_id"])
    push(server.crm(), document())

    server.crm().mark(plan_id, "stale", "Prices moved.")

    [row] = server.rows(PLAN)
    assert (row["Status__c"], row["Status_Text__c"]) == ("stale", "Prices moved.")


def test_marking_a_plan_that_was_never_pushed_is_refused(server):
    with pytest.raises(ExternalRefusal, match=r"NOT_FOUND: plan f+ was never pushed"):
        server.crm().mark(PlanId("f" * 64), "stale", "")

    assert server.rows(PLAN) == []
