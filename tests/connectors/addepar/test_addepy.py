"""Does a client that we did not write get along with the stand-in? addepy, which speaks https only."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
from addepy import AddePy
from addepy.exceptions import AuthenticationError, GoneError, JobError, NotFoundError, ValidationError

from connectors.sandbox.addepar import addepar_app
from connectors.sandbox.addepar_endpoints import AddeparSandbox
from connectors.sandbox.addepar_firm import addepar_firm
from connectors.sandbox.addepar_query import Patch
from connectors.sandbox.loopback import listening
from connectors.sandbox.tls import tls_files

QUERY = {
    "portfolio_type": "firm",
    "portfolio_id": 1,
    "start_date": "2026-01-01",
    "end_date": "2026-03-02",
    "columns": [{"key": "units"}, {"key": "cost_basis", "arguments": {"cost_basis_type": "ADJUSTED"}}],
    "groupings": ["holding_account", {"key": "security"}, {"key": "tax_lot"}],
}
POLLING = {"initial_wait": 0.01, "max_wait": 0.01, "timeout": 10.0}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, running: Any) -> Iterator[Any]:
    """The stand-in over TLS with 1,200 more securities, and the files of its certificate."""
    firm = running.firm
    more = tuple(replace(firm.reference.securities[0], security_id=f"X{n}", ticker=f"X{n}", cusip=f"C{n}")
                 for n in range(1200))  # fmt: skip
    larger = replace(firm.reference, securities=firm.reference.securities + more)
    sandbox = AddeparSandbox(addepar_firm(larger, firm.books), allowances=((1000, 900.0),))
    files = tls_files(tmp_path_factory.mktemp("tls"))
    with listening(addepar_app(sandbox), certificate=files.certificate, private_key=files.key) as url:
        yield url, sandbox, files.ca


@pytest.fixture
def addepy(secured: Any) -> Iterator[AddePy]:
    url, sandbox, authority = secured
    sandbox.reset()
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(authority)
        with AddePy(firm_id="1", key_id="sandbox-key", key_secret="sandbox-secret", base_url=f"{url}/api/v1",
                    session=session) as client:  # fmt: skip
            yield client


def test_it_walks_entities_groups_positions_and_attributes(addepy: AddePy, secured: Any) -> None:
    securities = addepy.ownership.entities.list_entities(model_types=["STOCK"])
    groups = addepy.ownership.groups.list_groups(group_types="HOUSEHOLDS")
    members = addepy.ownership.groups.get_member_details("1")
    owned = addepy.ownership.positions.list_positions(owner_model_types=["PERSON_NODE"])
    attributes = addepy.portfolio.attributes.list_attributes(usage="groupings")

    assert len(securities) == 1206
    assert secured[1].gate.requests.count("GET /api/v1/entities") == 3  # 500, 500 and 206
    assert [group["attributes"]["name"] for group in groups] == ["The Ashes", "The Birches"]
    assert [member["attributes"]["original_name"] for member in members] == ["The Ashes"]
    assert len(owned) == 4
    assert "tax_lot" in {attribute["id"] for attribute in attributes}
    assert addepy.portfolio.attributes.get_argument_ids("cost_basis")[0]["id"] == "cost_basis_type"


def test_it_gets_the_lots_of_a_portfolio_query_at_once_and_as_a_job(addepy: AddePy) -> None:
    at_once = addepy.portfolio.analysis.query_raw(QUERY)
    as_job = addepy.portfolio.jobs.execute_job(QUERY, **POLLING).json()

    assert at_once == as_job
    account, *_ = at_once["data"]["attributes"]["total"]["children"]
    lots = {lot["name"]: lot["columns"] for position in account["children"] for lot in position["children"]}
    assert lots["L1"] == {"units": 20, "cost_basis": 802.5}
    assert lots["L3"] == {"units": 3, "cost_basis": 0.3}


@pytest.mark.parametrize("completion", ["redirect", "document", "status"])
def test_it_understands_every_way_in_which_a_job_ends(addepy: AddePy, secured: Any, completion: str) -> None:
    secured[1].manners = replace(secured[1].manners, completion=completion)

    assert "total" in addepy.portfolio.jobs.execute_job(QUERY, **POLLING).json()["data"]["attributes"]


def test_it_gets_transactions_at_once_and_as_a_job(addepy: AddePy) -> None:
    asked: dict[str, Any] = {
        "columns": ["trade_date", "security", "units"], "portfolio_type": "ENTITY", "portfolio_id": "300000",
        "start_date": "2025-01-01", "end_date": "2026-03-02",
        "sorting": [{"attribute": "trade_date", "ascending": False}], "limit": 2,
    }  # fmt: skip
    at_once = addepy.portfolio.transactions.query_transactions(**asked)
    as_job = addepy.portfolio.transaction_jobs.execute_query_job(**asked, **POLLING).json()

    assert at_once == as_job
    assert [row["id"] for row in at_once["data"]] == ["T6", "T5"]
    assert at_once["data"][1]["attributes"]["units"] == -5


def test_it_lists_watches_and_cancels_jobs_of_both_kinds(addepy: AddePy, secured: Any) -> None:
    secured[1].manners = replace(secured[1].manners, polls=2)
    job = addepy.portfolio.jobs.create_job(QUERY)

    assert [listed["id"] for listed in addepy.portfolio.jobs.list_jobs()] == [job]
    first = addepy.portfolio.jobs.get_job_status(job)["data"]["attributes"]["status"]
    addepy.portfolio.jobs.cancel_job(job)

    assert first == "In Progress"
    with pytest.raises(JobError, match="Cancelled"):
        addepy.portfolio.jobs.wait_for_job(job, **POLLING)


def test_a_job_whose_result_is_too_old_is_gone_to_it(addepy: AddePy, secured: Any) -> None:
    job = addepy.portfolio.jobs.create_job(QUERY)
    secured[1].jobs[job].created -= 24 * 3600 + 1

    with pytest.raises(GoneError):
        addepy.portfolio.jobs.wait_for_job(job, **POLLING)


def test_it_reads_saved_views_and_entered_prices(addepy: AddePy) -> None:
    views = addepy.portfolio.analysis.list_views()
    parameters = addepy.portfolio.analysis.get_view("8")["attributes"]["parameters"]
    prices = addepy.portfolio.historical_prices.get_prices("200001")
    of_a_day = addepy.portfolio.historical_prices.get_prices("200001", date="2026-02-27")

    assert [view["attributes"]["display_name"] for view in views] == ["Overview", "Tax lots"]
    assert parameters["groupings"] == ["holding_account", "security", "tax_lot"]
    assert [(price["attributes"]["date"], price["attributes"]["value"]) for price in prices] == [
        ("2026-02-27", 100), ("2026-03-02", 100.0625),
    ]  # fmt: skip
    assert of_a_day == prices[:1]


def test_it_sees_who_is_in_a_group_and_that_no_household_holds_another(addepy: AddePy) -> None:
    group = addepy.ownership.groups.get_group("2")

    assert group["attributes"]["name"] == "The Birches"
    assert len(addepy.ownership.groups.get_member_details("2")) == 1
    assert addepy.ownership.groups.get_child_groups("2") == []


def test_deleted_transactions_show_where_they_are_asked_for(addepy: AddePy, secured: Any) -> None:
    secured[1].patches.append(Patch(transaction="T5", set={"deleted": True}))
    asked: dict[str, Any] = {
        "columns": ["id", "modified_date"], "portfolio_type": "FIRM", "portfolio_id": "1", "limit": 3,
        "start_date": "2025-01-01", "end_date": "2026-03-02",
        "sorting": [{"attribute": "modified_date", "ascending": False}],
    }  # fmt: skip

    def ids(**more: Any) -> list[str]:
        return [row["id"] for row in addepy.portfolio.transactions.query_transactions(**asked, **more)["data"]]

    assert ids() == ["T6", "T4", "T10"]
    assert ids(include_deleted=True) == ["T6", "T5", "T4"]


def test_it_sees_each_refusal_for_what_it_is(addepy: AddePy, secured: Any) -> None:
    sandbox = secured[1]
    with pytest.raises(ValidationError) as unknown:
        addepy.portfolio.analysis.query_raw({**QUERY, "groupings": ["nonsense"]})
    with pytest.raises(NotFoundError):
        addepy.ownership.entities.get_entity("1")
    sandbox.manners = replace(sandbox.manners, expired=True, polls=0)
    with pytest.raises(GoneError):
        addepy.portfolio.jobs.execute_job(QUERY, **POLLING)
    sandbox.manners = replace(sandbox.manners, expired=False, outcome="Failed", errors=("no capacity",))
    with pytest.raises(JobError) as failed:
        addepy.portfolio.jobs.execute_job(QUERY, **POLLING)

    assert unknown.value.response.json()["errors"][0]["detail"] == "Unknown grouping attribute: nonsense"
    assert failed.value.errors == [{"detail": "no capacity"}]


def test_it_waits_out_a_refusal_for_too_many_requests(addepy: AddePy, secured: Any) -> None:
    secured[1].gate.faults.append({"path": "/v1/groups", "status": 429, "times": 1,
                                   "headers": {"X-RateLimit-Retry-After": "0"}})  # fmt: skip

    assert len(addepy.ownership.groups.list_groups()) == 2


def test_a_wrong_secret_is_an_authentication_error_to_it(secured: Any) -> None:
    url, _, authority = secured
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(authority)
        client = AddePy(firm_id="1", key_id="k", key_secret="s", base_url=f"{url}/api/v1", session=session)
        with pytest.raises(AuthenticationError):
            client.portfolio.attributes.list_attributes()
