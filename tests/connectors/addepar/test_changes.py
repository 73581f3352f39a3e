"""Is every changed account found in one request, and is a doubt taken for a change?"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.addepar import changes
from connectors.addepar.changes import changed_owners
from connectors.addepar.mapping import TransactionKeys
from tests.connectors.addepar.conftest import AS_OF

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FIRST, SECOND, THIRD = "300000", "300001", "300002"


def found(stand_in: Any, *, since: datetime = NOON, keys: TransactionKeys | None = None) -> frozenset[str] | None:
    with stand_in.client() as client:
        return changed_owners(client, keys or TransactionKeys(), since=since, as_of=AS_OF)


def test_nothing_changed_is_nobody_in_one_request(stand_in: Any) -> None:
    assert found(stand_in) == frozenset()
    assert stand_in.sandbox.gate.requests == ["POST /api/v1/transactions/query"]


def test_a_correction_of_an_old_trade_and_a_deletion_are_changes(stand_in: Any) -> None:
    stand_in.control("rows", {"transaction": "T1", "set": {"modified_date": "2026-03-02"}})
    stand_in.control("rows", {"transaction": "T8", "set": {"modified_date": "2026-03-02", "deleted": True}})

    assert found(stand_in) == {FIRST, SECOND}


@pytest.mark.parametrize(("modified", "owners"), [("2026-03-01", {THIRD}), ("2026-02-28", set())])
def test_the_day_before_the_last_sync_counts_too(stand_in: Any, modified: str, owners: set[str]) -> None:
    stand_in.control("rows", {"transaction": "T10", "set": {"modified_date": modified}})

    assert found(stand_in) == owners


def test_a_time_of_day_is_understood(stand_in: Any) -> None:
    stand_in.control("rows", {"transaction": "T10", "set": {"modified_date": "2026-03-02T08:15:00Z"}})

    assert found(stand_in) == {THIRD}


@pytest.mark.parametrize(
    "change", [{"modified_date": "soon"}, {"direct_owner": None, "modified_date": "2026-03-02"}]
)  # fmt: skip
def test_a_row_that_cannot_be_read_makes_it_unknown(stand_in: Any, change: dict[str, Any]) -> None:
    stand_in.control("rows", {"transaction": "T1", "set": change})

    assert found(stand_in) is None


def test_a_row_without_a_modified_date_is_a_change(stand_in: Any) -> None:
    stand_in.control("rows", {"transaction": "T10", "set": {"modified_date": None}})

    assert found(stand_in) == {THIRD}


def test_a_refused_question_and_a_firm_without_the_column_make_it_unknown(stand_in: Any) -> None:
    assert found(stand_in, keys=TransactionKeys(modified="")) is None
    assert stand_in.sandbox.gate.requests == []
    assert found(stand_in, keys=TransactionKeys(modified="changed_at")) is None


def test_a_full_list_that_reaches_back_far_enough_is_the_whole_answer(stand_in: Any) -> None:
    stand_in.control("rows", {"transaction": "T8", "set": {"modified_date": "2026-03-02"}})
    with stand_in.client() as client:
        assert changed_owners(client, TransactionKeys(), since=NOON, as_of=AS_OF, most=2) == {SECOND}


def test_a_full_list_that_ends_without_a_date_is_none(stand_in: Any) -> None:
    stand_in.control("rows", {"transaction": "T10", "set": {"modified_date": None}})
    with stand_in.client() as client:
        assert changed_owners(client, TransactionKeys(), since=NOON, as_of=AS_OF, most=1) is None


def test_more_changes_than_are_listed_make_it_unknown(stand_in: Any) -> None:
    with stand_in.client() as client:
        asked = changed_owners(client, TransactionKeys(), since=NOON - timedelta(days=9999), as_of=AS_OF, most=10)
        fewer = changed_owners(client, TransactionKeys(), since=NOON - timedelta(days=9999), as_of=AS_OF, most=11)

    assert changes.MOST_CHANGES > 11
    assert asked is None  # there are just ten: more may have been cut off
    assert fewer == {FIRST, SECOND, THIRD}
