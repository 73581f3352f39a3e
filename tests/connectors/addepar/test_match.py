"""Is every match exact, and every doubt an issue?"""

from dataclasses import replace
from typing import Any

import pytest

from connectors.addepar.issues import Severity
from connectors.addepar.mapping import EntityKeys
from connectors.addepar.match import match_accounts, match_households, security_index
from engine.domain.market import Security


def security(name: str, ticker: str, cusip: str | None) -> Security:
    return Security(security_id=name, ticker=ticker, name=name, sector="Tech", cusip=cusip)


INDEX = security_index(
    [security("A", "AAA", "111"), security("B", "BBB", None), security("C1", "TWIN", "333"),
     security("C2", "TWIN", "444")]
)  # fmt: skip


@pytest.mark.parametrize(
    ("cusip", "ticker", "expected"),
    [
        ("111", "AAA", "A"),
        ("111", "", "A"),
        ("111", "OLD", "A"),  # a renamed ticker: the CUSIP is the security
        ("", "aaa", "A"),
        ("999", "AAA", None),  # the ticker now belongs to another security
        ("999", "BBB", "B"),  # the firm does not know B's CUSIP
        ("111", "BBB", None),  # the two codes mean two securities
        ("", "TWIN", None),
        ("444", "TWIN", "C2"),
        ("", "", None),
        ("999", "ZZZ", None),
    ],
)
def test_a_security_is_found_by_its_codes_or_not_at_all(cusip: str, ticker: str, expected: str | None) -> None:
    assert INDEX.find(cusip, ticker) == expected


def entity(identifier: str, number: Any) -> dict[str, Any]:
    return {"id": identifier, "type": "entities", "attributes": {"account_number": number}}


def test_an_account_number_that_two_entities_carry_matches_neither(stand_in: Any) -> None:
    accounts = stand_in.firm.accounts[:2]
    entities = [entity("1", "88-0001"), entity("2", "88-0001"), entity("3", " 88-0002 ")]

    matched, issues = match_accounts(entities, accounts, EntityKeys())

    assert {key: account.account_id for key, account in matched.items()} == {"3": "A2"}
    assert [(i.account_id, i.found) for i in issues] == [("A1", "2 Addepar entities for 88-0001")]


def test_an_empty_number_is_no_match(stand_in: Any) -> None:
    nameless = replace(stand_in.firm.accounts[0], account_number="")

    matched, issues = match_accounts([entity("1", None)], [nameless], EntityKeys())

    assert matched == {}
    assert [issue.account_id for issue in issues] == [None, "A1"]


def test_of_a_number_dated_over_time_the_latest_counts(stand_in: Any) -> None:
    dated = [{"date": "2020-01-01", "value": "OLD"}, {"date": "2024-01-01", "value": "88-0001"}]

    matched, _ = match_accounts([entity("1", dated)], stand_in.firm.accounts[:1], EntityKeys())

    assert list(matched) == ["1"]


def group(name: str) -> dict[str, Any]:
    return {"id": name, "attributes": {"name": name}}


def owns(owner: str, owned: str) -> dict[str, Any]:
    return {"relationships": {"owner": {"data": {"id": owner}}, "owned": {"data": {"id": owned}}}}


@pytest.mark.parametrize(
    ("groups", "positions", "household", "severity"),
    [
        ([("The Birches", ["acct"])], [], "H2", None),
        ([("The Birches", ["client"])], [owns("client", "acct")], "H2", None),
        ([("The Birches", ["client"])], [owns("trust", "acct"), owns("client", "trust")], "H2", None),
        ([("The Birches", ["client"])], [owns("a", "b"), owns("b", "a"), owns("a", "acct")], "H1", Severity.INFO),
        ([("The Birches", ["client", "acct"])], [owns("client", "acct")], "H2", None),
        ([], [], "H1", Severity.INFO),
        ([("The Ashes", ["one"]), ("The Birches", ["two"])], [owns("one", "acct"), owns("two", "acct")], None,
         Severity.ERROR),
        ([("Strangers", ["acct"])], [], None, Severity.ERROR),
    ],
)  # fmt: skip
def test_an_account_is_in_the_household_of_its_group_or_of_its_owners(
    stand_in: Any, groups: Any, positions: Any, household: str | None, severity: Severity | None
) -> None:
    placed, issues = match_households(
        [(group(name), members) for name, members in groups], positions, {"acct": stand_in.firm.accounts[0]},
        stand_in.firm.reference.households, EntityKeys(),
    )  # fmt: skip

    assert placed.get("acct") == household
    assert [issue.severity for issue in issues] == ([severity] if severity else [])
