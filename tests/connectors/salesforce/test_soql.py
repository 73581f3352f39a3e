"""A query selects what SOQL says it selects; tables of queries over a few rows written by hand."""

import pytest

from connectors.sandbox.org.faults import Faults
from connectors.sandbox.org.records import Records
from connectors.sandbox.org.refused import Refused
from connectors.sandbox.org.schema import load_schema
from connectors.sandbox.org.soql import run_query

PLAN = "Rebalance_Plan__c"


@pytest.fixture(scope="module")
def records() -> Records:
    records = Records(load_schema(), Faults())
    for number, (key, on, gap, name) in enumerate(
        [("p1", "2025-01-31", 0.5, "O'Hara"), ("p2", "2025-02-28", None, "Ash_1"), ("p3", "2025-03-31", 2, "Ashe1")]
    ):
        plan = records.put(
            PLAN,
            {"Plan_Id__c": key, "Account_Id__c": f"A{number}", "As_Of__c": on, "Gap_Bp__c": gap, "Name": name},
            user="",
        )
        trade = {"Plan__c": plan, "Trade_Id__c": f"t{key}", "Security_Id__c": "X", "Side__c": "buy", "Quantity__c": 1}
        records.put("Rebalance_Trade__c", trade, user="")
    return records


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("", ["p1", "p2", "p3"]),
        ("WHERE Plan_Id__c = 'P2'", ["p2"]),  # text compares without regard to case
        ("WHERE Plan_Id__c != 'p2'", ["p1", "p3"]),
        (r"WHERE Name = 'O\'Hara'", ["p1"]),
        ("WHERE Gap_Bp__c = null", ["p2"]),
        ("WHERE Gap_Bp__c != null", ["p1", "p3"]),
        ("WHERE Gap_Bp__c > 0.5", ["p3"]),
        ("WHERE Gap_Bp__c <= 2", ["p1", "p3"]),  # no value is neither more nor less
        ("WHERE As_Of__c >= 2025-02-28", ["p2", "p3"]),
        ("WHERE CreatedDate > 2020-01-01T00:00:00Z", ["p1", "p2", "p3"]),
        ("WHERE Plan_Id__c IN ('p1', 'p3')", ["p1", "p3"]),
        ("WHERE Plan_Id__c NOT IN ('p1', 'p3')", ["p2"]),
        ("WHERE Name LIKE 'ash%'", ["p2", "p3"]),
        ("WHERE Name LIKE 'Ash_1'", ["p2", "p3"]),
        ("WHERE NOT Plan_Id__c = 'p1'", ["p2", "p3"]),
        ("WHERE Plan_Id__c = 'p1' OR Plan_Id__c = 'p2' AND Gap_Bp__c = null", ["p1", "p2"]),
        ("WHERE (Plan_Id__c = 'p1' OR Plan_Id__c = 'p2') AND Gap_Bp__c = null", ["p2"]),
        ("ORDER BY As_Of__c DESC", ["p3", "p2", "p1"]),
        ("ORDER BY Gap_Bp__c", ["p2", "p1", "p3"]),  # empty first
        ("ORDER BY Plan_Id__c LIMIT 1 OFFSET 1", ["p2"]),
    ],
)
def test_rows_are_selected(records, where, expected):
    found = run_query(records, f"select Plan_Id__c from {PLAN} {where}", version="62.0")

    assert [row["Plan_Id__c"] for row in found.records] == expected


def test_a_parents_field_is_shown_inside_its_relationship_and_can_be_asked_for(records):
    query = "SELECT Trade_Id__c, Plan__r.Name FROM Rebalance_Trade__c WHERE Plan__r.Plan_Id__c = 'p1'"

    [row] = run_query(records, query, version="62.0").records

    assert (row["Trade_Id__c"], row["Plan__r"]["Name"]) == ("tp1", "O'Hara")
    assert row["attributes"]["type"] == "Rebalance_Trade__c"
    assert row["Plan__r"]["attributes"]["url"].startswith("/services/data/v62.0/sobjects/Rebalance_Plan__c/a0")


def test_counting_gives_a_number_and_no_rows(records):
    result = run_query(records, f"SELECT COUNT() FROM {PLAN} WHERE Gap_Bp__c > 0", version="62.0")

    assert (result.count, result.records) == (2, ())


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT Id", "MALFORMED_QUERY"),
        ("SELECT Id FROM", "MALFORMED_QUERY"),
        ("SELECT Id FROM User WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM User WHERE Name ~ 'x'", "MALFORMED_QUERY"),
        ("SELECT Id FROM User LIMIT 1 1", "MALFORMED_QUERY"),
        ("SELECT Id FROM Users", "INVALID_TYPE"),
        ("SELECT Nme FROM User", "INVALID_FIELD"),
        ("SELECT Boss.Name FROM User", "INVALID_FIELD"),
        ("SELECT Id FROM User WHERE Name = 5", "INVALID_FIELD"),
        (f"SELECT Id FROM {PLAN} WHERE As_Of__c = '2025-01-31'", "INVALID_FIELD"),  # dates stand without quotes
        (f"SELECT Id FROM {PLAN} WHERE Summary__c = 'x'", "INVALID_FIELD"),  # long texts cannot be filtered
    ],
)
def test_a_bad_query_is_refused_with_salesforces_code(records, query, code):
    with pytest.raises(Refused) as caught:
        run_query(records, query, version="62.0")

    assert caught.value.code == code
