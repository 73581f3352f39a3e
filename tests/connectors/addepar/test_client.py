"""Does the client keep Addepar's manners, over real connections?"""

import socket
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
import requests

from connectors.addepar.answers import AddeparRefusal
from connectors.addepar.config import AddeparConfig
from connectors.sandbox.addepar import addepar_app
from connectors.sandbox.addepar_endpoints import AddeparSandbox
from connectors.sandbox.addepar_firm import addepar_firm
from connectors.sandbox.loopback import listening
from engine.domain.errors import DataError, ExternalRefusal


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"secret": "wrong"}, 401, "API key or secret is not valid.*check the API key"),
        ({"firm_id": "2"}, 403, "no access to the firm.*check the Addepar-Firm id"),
    ],
)
def test_wrong_credentials_are_refused_in_addepars_words(
    stand_in: Any, change: dict[str, str], status: int, words: str
) -> None:
    with stand_in.client(**change) as client, pytest.raises(AddeparRefusal, match=words) as refused:
        client.get("/v1/entities")

    assert refused.value.status == status


def test_what_is_not_there_is_a_404_with_its_detail(stand_in: Any) -> None:
    with stand_in.client() as client, pytest.raises(AddeparRefusal, match="404: Nothing with id 5"):
        client.get("/v1/entities/5")


def test_a_collection_is_walked_over_all_its_pages(stand_in: Any) -> None:
    firm = stand_in.firm
    many = tuple(replace(firm.reference.securities[0], security_id=f"X{n}", ticker=f"X{n}", cusip=f"C{n}")
                 for n in range(4500))  # fmt: skip
    larger = addepar_firm(replace(firm.reference, securities=many, prices=()), ())
    sandbox = AddeparSandbox(larger, clock=stand_in.clock)
    with listening(addepar_app(sandbox)) as url, stand_in.client(base_url=f"{url}/api") as client:
        found = [entity["id"] for entity in client.pages("/v1/entities", {"filter[model_types]": "STOCK"})]

    assert len(found) == len(set(found)) == 4500
    assert sandbox.gate.requests == ["GET /api/v1/entities"] * 3


def test_a_collection_is_walked_under_a_base_address_that_names_the_version(stand_in: Any) -> None:
    with stand_in.client(base_url=f"{stand_in.url}/api/v1/") as client:
        assert len(list(client.pages("/v1/groups"))) == 2


def test_a_refusal_for_too_many_requests_is_waited_out_as_long_as_addepar_says(stand_in: Any) -> None:
    stand_in.control("allowances", [[2, 100]])

    with stand_in.client() as client:
        for _ in range(3):
            client.get("/v1/groups")

    assert stand_in.clock.slept == [100.0]
    assert stand_in.sandbox.gate.requests == ["GET /api/v1/groups"] * 4


def test_a_query_refused_for_too_many_requests_is_sent_again(stand_in: Any) -> None:
    stand_in.control("faults", {"method": "POST", "path": "/v1/attributes/query", "status": 429,
                                "headers": {"X-RateLimit-Retry-After": "7"}})  # fmt: skip

    with stand_in.client() as client:
        found = client.post("/v1/attributes/query", {"type": "attribute_search",
                                                     "attributes": {"attribute_keys": ["units"]}})  # fmt: skip

    assert [attribute["id"] for attribute in found["data"]] == ["units"]
    assert stand_in.clock.slept == [7.0]


def test_a_wait_of_a_day_is_refused_rather_than_slept(stand_in: Any) -> None:
    stand_in.control("faults", {"path": "/v1/groups", "status": 429, "headers": {"X-RateLimit-Retry-After": "86400"}})

    with stand_in.client() as client, pytest.raises(ExternalRefusal, match="found a wait of 86400 s"):
        client.get("/v1/groups")


def test_the_client_keeps_to_the_allowance_before_addepar_has_to_refuse(stand_in: Any) -> None:
    with stand_in.client() as client:
        for _ in range(120):
            client.get("/v1/groups/1")

    assert len(stand_in.sandbox.gate.requests) == 120  # none of them was refused
    assert stand_in.clock.slept == [900.0, 900.0]


def test_a_read_is_tried_again_after_a_server_error(stand_in: Any) -> None:
    stand_in.control("faults", {"path": "/v1/groups", "status": 503, "times": 3})

    with stand_in.client() as client:
        assert client.get("/v1/groups").status_code == 200

    assert stand_in.clock.slept == [1.0, 2.0, 4.0]


def test_a_read_is_given_up_after_four_attempts(stand_in: Any) -> None:
    stand_in.control("faults", {"path": "/v1/groups", "status": 500, "times": 9, "detail": "out of order"})

    with stand_in.client() as client, pytest.raises(ExternalRefusal, match=r"after every retry.*500: out of order"):
        client.get("/v1/groups")

    assert len(stand_in.sandbox.gate.requests) == 4


def test_a_submission_is_never_tried_again_after_a_server_error(stand_in: Any) -> None:
    stand_in.control("faults", {"path": "/v1/jobs", "status": 500})

    with stand_in.client() as client, pytest.raises(AddeparRefusal, match="refused POST /v1/jobs with 500"):
        client.post("/v1/jobs", {"type": "jobs", "attributes": {}})

    assert len(stand_in.sandbox.gate.requests) == 1


def test_an_addepar_that_is_not_there_is_an_external_refusal(stand_in: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/api"
        with stand_in.client(base_url=url) as client, pytest.raises(ExternalRefusal, match="GET /v1/groups at"):
            client.get("/v1/groups")

    assert stand_in.clock.slept == [1.0, 2.0, 4.0]


def test_a_submission_of_the_wrong_media_type_is_refused_by_the_stand_in(stand_in: Any) -> None:
    answer = requests.post(f"{stand_in.url}/api/v1/jobs", json={}, timeout=5, auth=("sandbox-key", "sandbox-secret"),
                           headers={"Addepar-Firm": "1"})  # fmt: skip

    assert answer.status_code == 415


class _Scripted(BaseHTTPRequestHandler):
    """Answers what the path stands for in `answers`: (status, headers, body)."""

    answers: dict[str, tuple[int, dict[str, str], bytes]]
    authorised: list[tuple[str, bool]]

    def do_GET(self) -> None:
        status, headers, body = self.answers[self.path]
        self.authorised.append((self.path, "Authorization" in self.headers))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def scripted() -> Iterator[Any]:
    handler = type("Handler", (_Scripted,), {"answers": {}, "authorised": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    handler.url = f"http://127.0.0.1:{server.server_port}"
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_numbers_keep_every_digit_and_exponents_are_read(stand_in: Any, scripted: Any) -> None:
    scripted.answers["/v1/x"] = (200, {}, b'{"a": 1234567890123456.789, "b": 1.5E+3, "c": 7}')
    with stand_in.client(base_url=scripted.url) as client:
        found = client.one("/v1/x")

    assert found == {"a": Decimal("1234567890123456.789"), "b": Decimal(1500), "c": 7}


@pytest.mark.parametrize("body", [b'{"a": NaN}', b"<html>", b"[1]", b"\xff\xfe"])
def test_what_is_no_json_object_of_numbers_is_refused(stand_in: Any, scripted: Any, body: bytes) -> None:
    scripted.answers["/v1/x"] = (200, {}, body)
    with stand_in.client(base_url=scripted.url) as client, pytest.raises(ExternalRefusal, match="expected"):
        client.one("/v1/x")


def test_a_next_page_on_another_host_is_never_asked_for(stand_in: Any, scripted: Any) -> None:
    scripted.answers["/v1/x?page%5Blimit%5D=2000"] = (
        200,
        {},
        b'{"data": [], "links": {"next": "https://evil.example/v1/x"}}',
    )
    with stand_in.client(base_url=scripted.url) as client, pytest.raises(ExternalRefusal, match="expected links to"):
        list(client.pages("/v1/x"))


def test_pages_that_go_in_a_circle_stop(stand_in: Any, scripted: Any) -> None:
    body = b'{"data": [{"id": "1"}], "links": {"next": "/v1/x?a=1"}}'
    scripted.answers = {"/v1/x?page%5Blimit%5D=2000": (200, {}, body), "/v1/x?a=1": (200, {}, body)}
    with stand_in.client(base_url=scripted.url) as client, pytest.raises(ExternalRefusal, match="go in a circle"):
        list(client.pages("/v1/x"))


def test_a_redirect_to_another_host_without_tls_is_refused(stand_in: Any, scripted: Any) -> None:
    scripted.answers["/v1/jobs/1"] = (303, {"Location": f"{stand_in.url}/elsewhere"}, b"")
    with stand_in.client(base_url=scripted.url) as client, pytest.raises(ExternalRefusal, match="expected https"):
        client.follow(client.get("/v1/jobs/1"))


def test_a_redirect_within_addepar_keeps_the_credentials(stand_in: Any, scripted: Any) -> None:
    scripted.answers = {"/v1/jobs/1": (303, {"Location": "/v1/jobs/1/download"}, b""),
                        "/v1/jobs/1/download": (200, {}, b"{}")}  # fmt: skip
    with stand_in.client(base_url=scripted.url) as client:
        assert client.follow(client.get("/v1/jobs/1")).content == b"{}"

    assert scripted.authorised == [("/v1/jobs/1", True), ("/v1/jobs/1/download", True)]


def test_the_secret_does_not_show_in_the_configuration() -> None:
    config = AddeparConfig(base_url="https://acme.addepar.com/api", firm_id="1", key="k", secret="hush")

    assert "hush" not in repr(config)


@pytest.mark.parametrize(
    "change",
    [{"base_url": "http://acme.addepar.com/api"}, {"base_url": "acme.addepar.com"}, {"secret": " "},
     {"base_url": "https://key:secret@acme.addepar.com/api"}, {"accounts_per_job": 0}],
)  # fmt: skip
def test_a_configuration_that_would_leak_or_cannot_work_is_refused(change: dict[str, Any]) -> None:
    given: dict[str, Any] = {"base_url": "https://acme.addepar.com/api", "firm_id": "1", "key": "k", "secret": "s"}

    with pytest.raises(DataError, match="Addepar"):
        AddeparConfig(**{**given, **change})
