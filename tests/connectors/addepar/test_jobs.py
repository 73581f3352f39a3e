"""Does a job end in its result, or in words that say why not?"""

from typing import Any

import pytest

from connectors.addepar.client import AddeparRefusal
from connectors.addepar.jobs import portfolio_query
from engine.domain.errors import ExternalRefusal

QUERY = {
    "portfolio_type": "FIRM",
    "portfolio_id": 1,
    "start_date": "2026-01-01",
    "end_date": "2026-03-02",
    "columns": [{"key": "units"}],
    "groupings": ["holding_account"],
}


def names(document: Any) -> list[str]:
    return [child["name"] for child in document["data"]["attributes"]["total"]["children"]]


@pytest.mark.parametrize("completion", ["redirect", "document", "status"])
def test_a_finished_job_gives_its_result_however_it_is_handed_over(stand_in: Any, completion: str) -> None:
    stand_in.control("jobs", {"completion": completion, "polls": 3})

    with stand_in.client() as client:
        assert len(names(portfolio_query(client, QUERY))) == 4

    assert stand_in.clock.slept == [2.0, 4.0, 8.0]


def test_a_failed_job_says_addepars_reason(stand_in: Any) -> None:
    stand_in.control("jobs", {"outcome": "Failed", "errors": ["Unlicensed market data", "again"]})

    with (
        stand_in.client() as client,
        pytest.raises(ExternalRefusal, match="ended as failed: Unlicensed market data; again"),
    ):
        portfolio_query(client, QUERY)


@pytest.mark.parametrize("outcome", ["Timed Out", "Rejected", "Error Cancelled", "ERROR_CANCELLED", "User Cancelled"])
def test_every_bad_end_of_a_job_stops_the_waiting(stand_in: Any, outcome: str) -> None:
    stand_in.control("jobs", {"outcome": outcome})

    with stand_in.client() as client, pytest.raises(ExternalRefusal, match="Addepar gave no reason"):
        portfolio_query(client, QUERY)


def test_an_expired_result_says_so(stand_in: Any) -> None:
    stand_in.control("jobs", {"expired": True})

    with stand_in.client() as client, pytest.raises(ExternalRefusal, match=r"has expired .*run the sync again"):
        portfolio_query(client, QUERY)


def test_a_job_that_never_ends_is_given_up_at_its_time_limit(stand_in: Any) -> None:
    stand_in.control("jobs", {"polls": 10_000})

    with (
        stand_in.client(job_timeout_seconds=600) as client,
        pytest.raises(ExternalRefusal, match="expected a result within 600 s, found it still running"),
    ):
        portfolio_query(client, QUERY)

    assert 480 < stand_in.clock.now <= 600


def test_a_result_not_yet_in_place_is_asked_for_again(stand_in: Any) -> None:
    stand_in.control("jobs", {"completion": "status", "polls": 0})
    stand_in.control("faults", {"path": "/v1/jobs/900001/download", "status": 404})

    with stand_in.client() as client:
        assert len(names(portfolio_query(client, QUERY))) == 4

    assert stand_in.clock.slept == [2.0]


def test_a_refused_query_is_refused_at_once(stand_in: Any) -> None:
    with stand_in.client() as client, pytest.raises(AddeparRefusal, match="Unknown column attribute: nonsense"):
        portfolio_query(client, {**QUERY, "columns": [{"key": "nonsense"}]})
