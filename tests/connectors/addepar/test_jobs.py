"""Does a job end in its result, or in words that say why not?"""

from typing import Any

import pytest

from connectors.addepar.answers import AddeparRefusal
from connectors.addepar.budget import CutOff
from connectors.addepar.jobs import PORTFOLIO, TRANSACTIONS, query_by_job
from engine.domain.errors import ExternalRefusal

QUERY = {
    "portfolio_type": "FIRM",
    "portfolio_id": 1,
    "start_date": "2026-01-01",
    "end_date": "2026-03-02",
    "columns": [{"key": "units"}],
    "groupings": ["holding_account"],
}


class KeptHere(dict[str, bytes]):
    """Answers kept as long as this process lives."""

    def put(self, key: str, body: bytes) -> None:
        self[key] = body

    def drop(self, key: str) -> None:
        self.pop(key, None)


def names(document: Any) -> list[str]:
    return [child["name"] for child in document["data"]["attributes"]["total"]["children"]]


@pytest.mark.parametrize("completion", ["redirect", "document", "status"])
def test_a_finished_job_gives_its_result_however_it_is_handed_over(stand_in: Any, completion: str) -> None:
    stand_in.control("jobs", {"completion": completion, "polls": 3})

    with stand_in.client() as client:
        assert len(names(query_by_job(client, PORTFOLIO, QUERY))) == 4

    assert stand_in.clock.slept == [2.0, 4.0, 8.0]


def test_a_failed_job_says_addepars_reason(stand_in: Any) -> None:
    stand_in.control("jobs", {"outcome": "Failed", "errors": ["Unlicensed market data", "again"]})

    with (
        stand_in.client() as client,
        pytest.raises(ExternalRefusal, match="ended as failed: Unlicensed market data; again"),
    ):
        query_by_job(client, PORTFOLIO, QUERY)


@pytest.mark.parametrize("outcome", ["Timed Out", "Rejected", "Error Cancelled", "ERROR_CANCELLED", "User Cancelled"])
def test_every_bad_end_of_a_job_stops_the_waiting(stand_in: Any, outcome: str) -> None:
    stand_in.control("jobs", {"outcome": outcome})

    with stand_in.client() as client, pytest.raises(ExternalRefusal, match="Addepar gave no reason"):
        query_by_job(client, PORTFOLIO, QUERY)


def submissions(stand_in: Any) -> int:
    found: list[str] = stand_in.sandbox.gate.requests
    return sum(request in ("POST /api/v1/jobs", "POST /api/v1/transaction_jobs") for request in found)


def test_an_expired_result_says_so(stand_in: Any) -> None:
    stand_in.control("jobs", {"expired": True})

    with stand_in.client() as client, pytest.raises(ExternalRefusal, match=r"has expired .*run the sync again"):
        query_by_job(client, PORTFOLIO, QUERY)

    assert submissions(stand_in) == 2


@pytest.mark.parametrize("manners", [{"expired": True}, {"outcome": "Timed Out"}, {"outcome": "Error Cancelled"}])
def test_a_job_that_broke_down_is_submitted_once_more(stand_in: Any, manners: dict[str, Any]) -> None:
    stand_in.control("jobs", {**manners, "times": 1})

    with stand_in.client() as client:
        assert len(names(query_by_job(client, PORTFOLIO, QUERY))) == 4

    assert submissions(stand_in) == 2


@pytest.mark.parametrize("outcome", ["Failed", "Rejected", "User Cancelled"])
def test_a_job_that_would_end_the_same_way_again_is_not(stand_in: Any, outcome: str) -> None:
    stand_in.control("jobs", {"outcome": outcome})

    with stand_in.client() as client, pytest.raises(ExternalRefusal, match="ended as"):
        query_by_job(client, PORTFOLIO, QUERY)

    assert submissions(stand_in) == 1


def test_a_job_that_an_earlier_run_submitted_is_gone_on_with(stand_in: Any) -> None:
    kept = KeptHere()
    stand_in.control("jobs", {"polls": 10})
    with stand_in.client(kept=kept, job_timeout_seconds=5) as client, pytest.raises(CutOff, match="still running"):
        query_by_job(client, PORTFOLIO, QUERY)

    with stand_in.client(kept=kept) as client:
        assert len(names(query_by_job(client, PORTFOLIO, QUERY))) == 4

    assert submissions(stand_in) == 1


def test_a_job_of_an_earlier_run_that_failed_meanwhile_is_submitted_anew(stand_in: Any) -> None:
    kept = KeptHere()
    stand_in.control("jobs", {"polls": 10, "outcome": "Failed", "times": 1})
    with stand_in.client(kept=kept, job_timeout_seconds=5) as client, pytest.raises(CutOff):
        query_by_job(client, PORTFOLIO, QUERY)

    with stand_in.client(kept=kept) as client:
        assert len(names(query_by_job(client, PORTFOLIO, QUERY))) == 4

    assert submissions(stand_in) == 2


def test_a_kept_result_is_not_asked_for_again(stand_in: Any) -> None:
    kept = KeptHere()
    with stand_in.client(kept=kept) as client:
        first = query_by_job(client, PORTFOLIO, QUERY)
    before = len(stand_in.sandbox.gate.requests)

    with stand_in.client(kept=kept) as client:
        assert query_by_job(client, PORTFOLIO, QUERY) == first

    assert len(stand_in.sandbox.gate.requests) == before


def test_transactions_come_by_a_job_of_their_own_kind(stand_in: Any) -> None:
    query = {"portfolio_type": "ENTITY", "portfolio_id": 300_000, "columns": ["id"], "start_date": "2025-01-01",
             "end_date": "2026-03-02"}  # fmt: skip

    with stand_in.client() as client:
        found = query_by_job(client, TRANSACTIONS, query)

    assert [row["attributes"]["id"] for row in found["data"]] == ["T2", "T3", "T4", "T5", "T6"]
    assert "POST /api/v1/transaction_jobs" in stand_in.sandbox.gate.requests


def test_a_job_that_never_ends_is_given_up_at_its_time_limit(stand_in: Any) -> None:
    stand_in.control("jobs", {"polls": 10_000})

    with (
        stand_in.client(job_timeout_seconds=600) as client,
        pytest.raises(ExternalRefusal, match="expected a result within 600 s, found it still running"),
    ):
        query_by_job(client, PORTFOLIO, QUERY)

    assert 480 < stand_in.clock.now <= 600


def test_a_result_not_yet_in_place_is_asked_for_again(stand_in: Any) -> None:
    stand_in.control("jobs", {"completion": "status", "polls": 0})
    stand_in.control("faults", {"path": "/v1/jobs/900001/download", "status": 404})

    with stand_in.client() as client:
        assert len(names(query_by_job(client, PORTFOLIO, QUERY))) == 4

    assert stand_in.clock.slept == [2.0]


def test_a_refused_query_is_refused_at_once(stand_in: Any) -> None:
    with stand_in.client() as client, pytest.raises(AddeparRefusal, match="Unknown column attribute: nonsense"):
        query_by_job(client, PORTFOLIO, {**QUERY, "columns": [{"key": "nonsense"}]})
