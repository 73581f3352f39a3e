"""Every request has an end: an answer, or one clear refusal after a bounded number of tries and sign-ins."""

import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.salesforce.client import SalesforceClient, Usage
from connectors.salesforce.refusal import SalesforceRefusal
from connectors.sandbox.org.faults import Kind
from connectors.sandbox.salesforce import CLIENT_SECRET, CONSUMER_KEY
from connectors.sandbox.tls import tls_files
from engine.domain.errors import ExternalRefusal

USERS = "SELECT Id, Username FROM User ORDER BY Username"


def test_a_signed_assertion_opens_a_session(server):
    [first, *_] = SalesforceClient(server.config).rows(USERS)

    assert first["Username"] == "advisor@lotsmith.example"


def test_client_credentials_open_a_session(server):
    config = replace(server.config, private_key_pem=None, username=None, client_secret=CLIENT_SECRET)

    assert len(SalesforceClient(config).rows(USERS)) == 4


def test_an_access_token_is_used_as_it_is(server):
    form = {"grant_type": "client_credentials", "client_id": CONSUMER_KEY, "client_secret": CLIENT_SECRET}
    token = server.stand_in.sessions.sign_in(form, "")["access_token"]
    config = replace(server.config, private_key_pem=None, access_token=token, instance="acme.my.salesforce.com")

    assert len(SalesforceClient(config).rows(USERS)) == 4
    assert server.stand_in.sessions.sign_ins == 1


def test_a_stranger_is_refused_with_salesforces_reason(server):
    client = SalesforceClient(replace(server.config, consumer_key="someone-else"))

    with pytest.raises(ExternalRefusal, match="LOGIN: invalid_client_id: client identifier invalid"):
        client.rows(USERS)


def test_an_assertion_for_another_org_is_refused(server):
    client = SalesforceClient(replace(server.config, domain="other.my"))

    with pytest.raises(ExternalRefusal, match="LOGIN: invalid_grant: audience is invalid"):
        client.rows(USERS)


@pytest.mark.parametrize("kind", [Kind.UNAVAILABLE, Kind.TOO_MANY_AT_ONCE, Kind.LOST_REPLY, Kind.INTERNAL, Kind.CUT])
def test_a_passing_refusal_is_tried_again(server, kind):
    server.fail(kind, 4, "GET query")

    assert len(SalesforceClient(server.config).rows(USERS)) == 4


def test_a_locked_row_is_tried_again(server):
    server.fail(Kind.LOCK, 4, "Account")

    answer = SalesforceClient(server.config).call("POST", "sobjects/Account", {"Name": "Hand"}, repeatable=False)

    assert answer["success"] is True
    assert len(server.rows("Account")) == 1


def test_a_refusal_that_lasts_ends_in_one_clear_error(server):
    server.fail(Kind.LOCK, 1_000, "Account")

    with pytest.raises(ExternalRefusal, match="Salesforce: UNABLE_TO_LOCK_ROW: unable to obtain exclusive access"):
        SalesforceClient(server.config).call("POST", "sobjects/Account", {"Name": "Hand"})

    assert sum(fault.times for fault in server.stand_in.org.faults.waiting()) == 1_000 - server.config.attempts


def test_the_days_limit_is_not_spent_on_further_tries(server):
    server.fail(Kind.LIMIT, 1)
    client = SalesforceClient(server.config)

    with pytest.raises(SalesforceRefusal, match="REQUEST_LIMIT_EXCEEDED: TotalRequests") as caught:
        client.rows(USERS)

    assert not caught.value.passing
    assert caught.value.exhausted


def test_every_answer_tells_how_much_of_the_days_limit_is_used(server):
    client = SalesforceClient(server.config)
    assert client.usage is None

    client.rows(USERS)
    client.rows(USERS)

    assert client.usage == Usage(used=2, allowed=15_000)


def test_what_must_not_be_done_twice_is_not_sent_again_after_a_lost_reply(server):
    server.fail(Kind.LOST_REPLY, 1, "POST sobjects/Account")

    with pytest.raises(SalesforceRefusal) as caught:
        SalesforceClient(server.config).call("POST", "sobjects/Account", {"Name": "Hand"}, repeatable=False)

    assert caught.value.uncertain
    assert len(server.rows("Account")) == 1


def test_a_mistake_is_refused_at_once_with_code_and_message(server):
    client = SalesforceClient(server.config)

    with pytest.raises(ExternalRefusal, match="INVALID_FIELD: No such column 'Nme' on sobject of type Account"):
        client.call("POST", "sobjects/Account", {"Nme": "Hand"})
    with pytest.raises(ExternalRefusal, match="MALFORMED_QUERY: expecting 'FROM', found 'FORM'"):
        client.rows("SELECT Id FORM User")


def test_an_expired_session_is_renewed_once_and_the_request_repeated(server):
    client = SalesforceClient(server.config)
    client.rows(USERS)
    server.stand_in.sessions.expire_all()

    answer = client.call("POST", "sobjects/Account", {"Name": "Hand"}, repeatable=False)

    assert answer["success"] is True
    assert server.stand_in.sessions.sign_ins == 2


def test_sessions_that_die_at_once_do_not_sign_in_for_ever(server):
    server.fail(Kind.SESSION, 1_000)

    with pytest.raises(ExternalRefusal, match="INVALID_SESSION_ID"):
        SalesforceClient(server.config).rows(USERS)

    assert server.stand_in.sessions.sign_ins == 2


def test_a_query_is_read_over_all_its_pages(server):
    for number in range(2_001):
        server.put("Account", {"Name": f"H{number}"}, username="lotsmith@lotsmith.example")

    rows = SalesforceClient(server.config).rows("SELECT Name FROM Account")

    assert [row["Name"] for row in rows] == [f"H{number}" for number in range(2_001)]


def test_a_server_that_does_not_answer_is_given_up(server):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"https://127.0.0.1:{silent.getsockname()[1]}"
        client = SalesforceClient(replace(server.config, address=address, attempts=1, connect_timeout_s=0.2))
        started = time.monotonic()

        with pytest.raises(ExternalRefusal, match="CONNECTION"):
            client.rows(USERS)

    assert time.monotonic() - started < 5


def test_a_server_nobody_vouches_for_is_not_trusted(server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    other = tls_files(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.stand_in.tls.ca))
    client = SalesforceClient(replace(server.config, ca_file=str(other.ca)))

    with pytest.raises(ExternalRefusal, match="no trust in the server's certificate"):
        client.rows(USERS)


def test_an_environment_with_its_own_certificates_and_proxy_does_not_disturb(
    server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls_files(tmp_path).ca))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")

    assert len(SalesforceClient(server.config).rows(USERS)) == 4


def test_threads_share_one_session(server):
    client = SalesforceClient(server.config)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(len(client.rows(USERS)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [4, 4, 4, 4]
    assert server.stand_in.sessions.sign_ins == 1
