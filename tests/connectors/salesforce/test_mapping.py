"""What a plan says in Salesforce's fields, and what Salesforce's rows mean here; no network."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from connectors.salesforce.mapping import (
    CHUNK,
    Decision,
    ReviewVerdict,
    chunks,
    plan_record,
    read_decision,
    status_record,
    trade_key,
    trade_records,
)
from engine.domain.identifiers import PlanId

NO_EDIT = {"Security_Id__c": "AAA", "Side__c": "buy", "Quantity__c": 10, "Requested_Quantity__c": None,
           "Review_Comment__c": None}  # fmt: skip


def step(status: str = "Approved", comments: str | None = "Fine.") -> dict[str, object]:
    actor = {"Username": "ada@example.com"}
    return {"Id": "04h1", "StepStatus": status, "Comments": comments, "Actor": actor,
            "CreatedDate": "2025-07-01T14:30:05.000+0000"}  # fmt: skip


def test_percentages_and_totals_are_exact_decimals(document, trade, shown):
    trades = [trade("AAA", "sell", 1, 0.1), trade("BBB", "sell", 1, 0.2)]

    record = plan_record(document(trades), shown, links={})

    assert record["Sells__c"] == 0.3  # 0.1 + 0.2 in floats is 0.30000000000000004
    assert record["Tracking_Error_After__c"] == 2.0


def test_gains_are_split_by_term(document, trade):
    sale = trade("AAA", "sell", 3)
    sale["lots"] = [
        {"lot_id": "1", "quantity": 1, "term": "ST", "gain": -5.5},
        {"lot_id": "2", "quantity": 1, "term": "LT", "gain": 7},
        {"lot_id": "3", "quantity": 1, "term": "ST", "gain": 0.25},
    ]

    [record] = trade_records(document([sale]), {})

    assert (record["ST_Gain__c"], record["LT_Gain__c"]) == (-5.25, 7.0)


def test_long_texts_are_shortened_for_show_and_names_keep_within_their_field(document, shown):
    long = replace(shown, household_name="H" * 300, account_name="A" * 300, summary="S" * 40_000, makers=("M" * 300,))

    record = plan_record(document(), long, links={})

    assert len(record["Name"]) == 80
    assert len(record["Household_Name__c"]) == 255
    assert len(record["Makers__c"]) == 255
    assert len(record["Summary__c"]) == 32_768
    assert record["Summary__c"].endswith("S…")
    assert len(status_record("stale", "x" * 5_000)["Status_Text__c"]) == 4_096


def test_the_reviewers_own_fields_are_never_written(document):
    for record in trade_records(document(), {}):
        assert not {"Requested_Quantity__c", "Review_Comment__c"} & set(record)


@given(st.lists(st.integers(), max_size=3 * CHUNK))
def test_chunks_lose_nothing_and_fit(numbers):
    pieces = chunks([{"number": number} for number in numbers])

    assert [record["number"] for piece in pieces for record in piece] == numbers
    assert all(0 < len(piece) <= 200 for piece in pieces)


def test_trades_of_different_plans_securities_and_sides_have_different_keys():
    keys = {trade_key(plan, security, side) for plan in ("a" * 64, "b" * 64) for security in ("X", "Y")
            for side in ("buy", "sell")}  # fmt: skip

    assert len(keys) == 8


def test_an_approval_is_read_with_its_moment_and_author():
    plan = {"Plan_Id__c": "p", "Review_Outcome__c": None}

    assert read_decision(plan=plan, step=step(), trades=[NO_EDIT]) == Decision(
        plan_id=PlanId("p"),
        decision_id="04h1",
        verdict=ReviewVerdict.APPROVE,
        actor="ada@example.com",
        comment="Fine.",
        decided_at=datetime(2025, 7, 1, 14, 30, 5, tzinfo=UTC),
    )


def test_a_rejection_without_an_outcome_ends_the_plan():
    plan = {"Plan_Id__c": "p", "Review_Outcome__c": None}

    decision = read_decision(plan=plan, step=step("Rejected", None), trades=[NO_EDIT])

    assert (decision.verdict, decision.comment) == (ReviewVerdict.REJECT, "")


def test_a_rejection_with_edits_asks_for_changes_even_to_zero_shares():
    plan = {"Plan_Id__c": "p", "Review_Outcome__c": "reject"}

    decision = read_decision(plan=plan, step=step("Rejected"), trades=[NO_EDIT | {"Requested_Quantity__c": 0}])

    assert decision.verdict is ReviewVerdict.REQUEST_CHANGES
    assert decision.edits == (("AAA", "buy", 0),)


def test_asking_for_the_very_shares_that_were_proposed_is_no_edit():
    plan = {"Plan_Id__c": "p", "Review_Outcome__c": None}

    found = read_decision(plan=plan, step=step(), trades=[{**NO_EDIT, "Requested_Quantity__c": 10}])

    assert (found.verdict, found.edits) == (ReviewVerdict.APPROVE, ())


def test_checks_that_failed_and_that_warned_are_counted_apart(document, shown):
    checks = [{"verdict": verdict} for verdict in ("warn", "pass", "fail", "warn", "warn", "fail")]

    record = plan_record({**document(), "checks": checks}, shown, links={})

    assert (record["Checks_Failed__c"], record["Checks_Warned__c"]) == (2, 3)
