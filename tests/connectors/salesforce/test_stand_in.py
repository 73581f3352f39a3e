"""The stand-in keeps Salesforce's promises to a client that knows nothing of Lotsmith: simple-salesforce itself."""

import base64
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceError,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)

from connectors.salesforce.config import read_config
from connectors.salesforce.crm import SalesforceCrm
from connectors.sandbox.org.records import long_id
from connectors.sandbox.salesforce import CLIENT_SECRET, CONSUMER_KEY, DOMAIN

PLAN = "Rebalance_Plan__c"
TRADE = "Rebalance_Trade__c"
NEW_PLAN = {"Name": "One", "Account_Id__c": "A-1", "As_Of__c": "2025-06-30", "Status__c": "proposed"}


@pytest.fixture
def session(server) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(server.stand_in.tls.ca)
        yield session


@pytest.fixture
def token(server, session) -> str:
    answer = session.post(
        f"{server.address}/services/oauth2/token",
        data={"grant_type": "client_credentials", "client_id": CONSUMER_KEY, "client_secret": CLIENT_SECRET},
    )
    assert answer.status_code == 200
    assert answer.json()["instance_url"] == server.address
    return str(answer.json()["access_token"])


@pytest.fixture
def sf(server, session, token) -> Salesforce:
    return Salesforce(session_id=token, instance_url=server.address, session=session, version="62.0")


def error(caught: pytest.ExceptionInfo[SalesforceMalformedRequest]) -> str:
    return str(caught.value.content[0]["errorCode"])


def test_records_live_a_whole_life(sf):
    made = sf.Account.create({"Name": "Hand"})
    assert (made["success"], len(made["id"]), made["id"][:3]) == (True, 18, "001")
    assert sf.Account.get(made["id"][:15])["Name"] == "Hand"
    assert sf.Account.update(made["id"], {"Name": "Hands"}) == 204
    assert sf.Account.get(made["id"])["Name"] == "Hands"
    assert sf.Account.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        sf.Account.get(made["id"])


def test_an_upsert_says_whether_it_created(server, session, token):
    address = f"{server.address}/services/data/v62.0/sobjects/{PLAN}/Plan_Id__c/abc"
    head = {"Authorization": f"Bearer {token}"}

    first = session.patch(address, json=NEW_PLAN, headers=head)
    second = session.patch(address, json=NEW_PLAN, headers=head)

    assert (first.status_code, first.json()["created"]) == (201, True)
    assert (second.status_code, second.json()["created"]) == (200, False)
    assert first.json()["id"] == second.json()["id"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Account_Id__c": None}, "REQUIRED_FIELD_MISSING"),
        ({"Nonsense__c": 1}, "INVALID_FIELD"),
        ({"Inputs_Hash__c": "x" * 65}, "STRING_TOO_LONG"),
        ({"Status__c": "sleeping"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"As_Of__c": "30/06/2025"}, "JSON_PARSER_ERROR"),
        ({"Trade_Count__c": "many"}, "JSON_PARSER_ERROR"),
        ({"Trade_Count__c": 1_000_000}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ({"Household__c": "001000000000000AAA"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"CreatedDate": "2025-06-30T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Plan_Id__c": "TAKEN"}, "DUPLICATE_VALUE"),  # unique without regard to case
    ],
)
def test_a_bad_record_is_refused_with_salesforces_code(sf, change, code):
    sf.Rebalance_Plan__c.create({**NEW_PLAN, "Plan_Id__c": "taken"})

    with pytest.raises(SalesforceMalformedRequest) as caught:
        sf.Rebalance_Plan__c.create({**NEW_PLAN, "Plan_Id__c": "new", **change})

    assert error(caught) == code


def test_what_was_proposed_cannot_be_rewritten(sf):
    plan = sf.Rebalance_Plan__c.create({**NEW_PLAN, "Plan_Id__c": "p"})["id"]
    values = {"Plan__c": plan, "Trade_Id__c": "t", "Security_Id__c": "AAA", "Side__c": "buy", "Quantity__c": 5}
    trade = sf.Rebalance_Trade__c.create(values)["id"]

    with pytest.raises(SalesforceMalformedRequest) as frozen:
        sf.Rebalance_Trade__c.update(trade, {"Quantity__c": 6})
    with pytest.raises(SalesforceMalformedRequest) as negative:
        sf.Rebalance_Trade__c.update(trade, {"Requested_Quantity__c": -1})

    assert error(frozen) == error(negative) == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    assert sf.Rebalance_Trade__c.update(trade, {"Requested_Quantity__c": 6}) == 204


def test_describe_tells_the_packages_types_and_lengths(sf):
    fields = {field["name"]: field for field in sf.Rebalance_Trade__c.describe()["fields"]}

    assert (fields["Trade_Id__c"]["externalId"], fields["Trade_Id__c"]["length"]) == (True, 255)
    assert (fields["Quantity__c"]["type"], fields["Quantity__c"]["scale"]) == ("double", 6)
    assert [value["value"] for value in fields["Side__c"]["picklistValues"]] == ["buy", "sell"]
    assert {entry["name"] for entry in sf.describe()["sobjects"]} >= {PLAN, TRADE, "Account", "Task"}


def trades(plan_key: str, keys: list[str]) -> list[dict[str, object]]:
    return [
        {"attributes": {"type": TRADE}, "Trade_Id__c": key, "Plan__r": {"Plan_Id__c": plan_key},
         "Security_Id__c": "AAA", "Side__c": "buy", "Quantity__c": 1} for key in keys
    ]  # fmt: skip


def test_a_collection_writes_what_it_can_or_nothing_as_it_is_told(sf):
    sf.Rebalance_Plan__c.create({**NEW_PLAN, "Plan_Id__c": "p"})
    rows = trades("p", ["one", "two", "three"])
    rows[1]["Side__c"] = "hold"
    path = f"composite/sobjects/{TRADE}/Trade_Id__c"

    all_or_none = sf.restful(path, method="PATCH", json={"allOrNone": True, "records": rows})
    each = sf.restful(path, method="PATCH", json={"allOrNone": False, "records": rows})

    codes = [row["errors"][0]["statusCode"] for row in all_or_none]
    assert codes[0] == codes[2] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert codes[1] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert [row["success"] for row in each] == [True, False, True]
    assert each[0]["created"] is True  # the first request left nothing behind
    assert sf.query(f"SELECT COUNT() FROM {TRADE}")["totalSize"] == 2


def test_a_collection_takes_two_hundred_records_and_no_repeats(sf):
    path = f"composite/sobjects/{TRADE}/Trade_Id__c"
    for rows, code in ((trades("p", [str(n) for n in range(201)]), "LIMIT_EXCEEDED"),
                       (trades("p", ["one", "one"]), "DUPLICATE_VALUE")):  # fmt: skip
        with pytest.raises(SalesforceMalformedRequest) as caught:
            sf.restful(path, method="PATCH", json={"records": rows})
        assert error(caught) == code


def test_a_composite_request_passes_results_on_and_rolls_back_as_one(sf):
    base = "/services/data/v62.0/sobjects"
    task = {"WhatId": "@{house.id}", "Subject": "Call"}
    steps = [
        {"method": "POST", "url": f"{base}/Account", "referenceId": "house", "body": {"Name": "Hand"}},
        {"method": "POST", "url": f"{base}/Task", "referenceId": "call", "body": task},
    ]
    good = sf.restful("composite", method="POST", json={"allOrNone": True, "compositeRequest": steps})
    steps[1]["body"] = {**task, "Status": "Dreaming"}
    bad = sf.restful("composite", method="POST", json={"allOrNone": True, "compositeRequest": steps})

    assert [answer["httpStatusCode"] for answer in good["compositeResponse"]] == [201, 201]
    codes = [answer["body"][0]["errorCode"] for answer in bad["compositeResponse"]]
    assert codes == ["PROCESSING_HALTED", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"]
    assert sf.query("SELECT COUNT() FROM Account")["totalSize"] == 1
    [found] = sf.query("SELECT WhatId FROM Task")["records"]
    assert found["WhatId"] == good["compositeResponse"][0]["body"]["id"]


def test_an_approval_runs_its_course(sf, server):
    plan = sf.Rebalance_Plan__c.create({**NEW_PLAN, "Plan_Id__c": "p"})["id"]
    submit = {"actionType": "Submit", "contextId": plan, "comments": "Please."}

    [result] = sf.restful("process/approvals/", method="POST", json={"requests": [submit]})
    [again] = sf.restful("process/approvals/", method="POST", json={"requests": [submit]})
    approve = {"actionType": "Approve", "contextId": result["newWorkitemIds"][0]}
    [mine] = sf.restful("process/approvals/", method="POST", json={"requests": [approve]})

    assert (result["success"], result["instanceStatus"], result["entityId"]) == (True, "Pending", plan)
    assert again["errors"][0]["statusCode"] == "ALREADY_IN_PROCESS"
    assert mine["errors"][0]["statusCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"
    assert sf.Rebalance_Plan__c.get(plan)["Status__c"] == "in_review"


def test_a_record_in_approval_is_locked_for_all_but_administrator_and_approver(sf, server):
    plan = sf.Rebalance_Plan__c.create({**NEW_PLAN, "Plan_Id__c": "p"})["id"]
    submit = {"actionType": "Submit", "contextId": plan}
    sf.restful("process/approvals/", method="POST", json={"requests": [submit]})
    note = {"Review_Outcome__c": "reject"}

    server.put(PLAN, note, username="advisor@lotsmith.example", record_id=plan)
    with pytest.raises(Exception, match="the entity is locked for editing"):
        server.put(PLAN, note, username="visitor@lotsmith.example", record_id=plan)


def test_a_file_is_kept_as_it_was_sent(sf):
    content = base64.b64encode(b"%PDF").decode()
    made = sf.ContentVersion.create({"Title": "Plan", "PathOnClient": "plan.pdf", "VersionData": content})

    assert sf.ContentVersion.get(made["id"])["VersionData"] == content


def test_every_answer_tells_the_use_of_the_limit(sf):
    sf.query("SELECT Id FROM User")
    sf.query("SELECT Id FROM User")

    assert sf.api_usage["api-usage"] == (2, 15_000)
    assert sf.limits()["DailyApiRequests"]["Max"] == 15_000


def test_ids_have_a_safe_long_form():
    """Each five characters give one: A plus 1, 2, 4, 8, 16 for capitals at the first to fifth place."""
    assert long_id("a0D300000000001") == "a0D300000000001EAA"  # a0D30: the third is a capital, A + 4 = E
    assert long_id("001000000000000") == "001000000000000AAA"


def sign(server, **changes: object) -> str:
    key = server.stand_in.private_key_file.read_text()
    claims = {"iss": CONSUMER_KEY, "sub": "advisor@lotsmith.example", "aud": "https://login.salesforce.com",
              "exp": int(time.time()) + 180} | changes  # fmt: skip
    return jwt.encode(claims, key, algorithm="RS256")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"exp": 1_000_000_000}, "invalid_grant: expired authorization code"),
        ({"aud": "https://elsewhere.example"}, "invalid_grant: audience is invalid"),
        ({"iss": "another app"}, "invalid_client_id: client identifier invalid"),
        ({"sub": "nobody@lotsmith.example"}, "invalid_grant: user hasn't approved this consumer"),
    ],
)
def test_an_assertion_is_believed_only_when_all_of_it_is_right(server, session, changes, said):
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": sign(server, **changes)}

    answer = session.post(f"{server.address}/services/oauth2/token", data=form)

    if said is None:
        assert answer.status_code == 200
    else:
        assert answer.status_code == 400
        assert f"{answer.json()['error']}: {answer.json()['error_description']}" == said


def test_an_assertion_signed_with_another_key_is_refused(server, session, tmp_path: Path):
    header, claims, signature = sign(server).split(".")
    forged = ".".join([header, claims, signature[::-1]])
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": forged}

    answer = session.post(f"{server.address}/services/oauth2/token", data=form)

    assert (answer.status_code, answer.json()["error_description"]) == (400, "invalid assertion")


def test_passwords_open_nothing(server, session):
    with pytest.raises(SalesforceAuthenticationFailed):
        Salesforce(username="u", password="p", consumer_key="k", consumer_secret="s", session=redirected(server))


def redirected(server) -> requests.Session:
    """What any other client needs to reach the stand-in: nothing but another address."""

    class Adapter(requests.adapters.HTTPAdapter):
        def send(self, request, **options):
            request.url = server.address + "/" + request.url.split("/", 3)[3]
            return super().send(request, **{**options, "verify": str(server.stand_in.tls.ca), "proxies": None})

    session = requests.Session()
    session.mount("https://", Adapter())
    return session


def test_simple_salesforce_signs_in_by_itself_and_again_when_its_session_ends(server):
    key = server.stand_in.private_key_file.read_text()
    sf = Salesforce(
        username="advisor@lotsmith.example", consumer_key=CONSUMER_KEY, privatekey=key, session=redirected(server),
        version="62.0",
    )  # fmt: skip
    server.stand_in.sessions.expire_all()

    assert sf.query("SELECT COUNT() FROM User")["totalSize"] == 4
    assert server.stand_in.sessions.sign_ins == 2


def test_faults_are_ordered_over_the_wire(server, session, sf):
    faults = f"{server.address}/sandbox/faults"
    assert session.post(faults, json={"kind": "EARTHQUAKE"}).status_code == 400
    assert session.post(faults, json={"kind": "SERVER_UNAVAILABLE", "times": 5, "match": "query"}).status_code == 204

    address = f"{server.address}/services/data/v62.0/query?q=SELECT+Id+FROM+User"
    head = {"Authorization": f"Bearer {sf.session_id}"}
    assert session.get(address, headers=head).status_code == 503
    assert session.delete(faults).status_code == 204
    assert session.get(address, headers=head).status_code == 200
    assert session.delete(f"{server.address}/sandbox/sessions").status_code == 204
    assert session.get(address, headers=head).json()[0]["errorCode"] == "INVALID_SESSION_ID"


def order(server, session, kind: str, **more: object) -> None:
    """Order a fault as any client can: over HTTP."""
    answer = session.post(f"{server.address}/sandbox/faults", json={"kind": kind, **more})
    assert answer.status_code == 204


def test_simple_salesforce_signs_in_with_client_credentials(server):
    sf = Salesforce(
        consumer_key=CONSUMER_KEY,
        consumer_secret=CLIENT_SECRET,
        domain=DOMAIN,
        session=redirected(server),
        version="62.0",
    )

    assert sf.query("SELECT COUNT() FROM User")["totalSize"] == 4


def test_a_secret_that_is_wrong_opens_nothing(server):
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid client credentials"):
        Salesforce(consumer_key=CONSUMER_KEY, consumer_secret="wrong", domain=DOMAIN, session=redirected(server))


def test_a_locked_row_fails_alone_or_takes_the_others_with_it(server, session, sf):
    rows = [{"attributes": {"type": "Account"}, "Name": name} for name in ("one", "two", "three")]

    def create(*, all_or_none: bool) -> list[str]:
        order(server, session, "UNABLE_TO_LOCK_ROW", match="Account")
        answers = sf.restful("composite/sobjects", method="POST", json={"allOrNone": all_or_none, "records": rows})
        return ["done" if each["success"] else each["errors"][0]["statusCode"] for each in answers]

    assert create(all_or_none=False) == ["UNABLE_TO_LOCK_ROW", "done", "done"]
    assert create(all_or_none=True) == ["UNABLE_TO_LOCK_ROW", *2 * ["ALL_OR_NONE_OPERATION_ROLLED_BACK"]]
    assert [row["Name"] for row in server.rows("Account")] == ["two", "three"]


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("REQUEST_LIMIT_EXCEEDED", 403, "REQUEST_LIMIT_EXCEEDED"),
        ("CONCURRENT_LIMIT_EXCEEDED", 403, "REQUEST_LIMIT_EXCEEDED"),
        ("INVALID_SESSION_ID", 401, "INVALID_SESSION_ID"),
        ("UNKNOWN_EXCEPTION", 500, "UNKNOWN_EXCEPTION"),
    ],
)
def test_a_request_is_refused_as_ordered_and_nothing_was_done(server, session, sf, kind, status, code):
    order(server, session, kind, match="POST sobjects/Account")

    with pytest.raises(SalesforceError) as caught:
        sf.Account.create({"Name": "Hand"})

    assert (caught.value.status, caught.value.content[0]["errorCode"]) == (status, code)
    assert server.rows("Account") == []


@pytest.mark.parametrize(("kind", "done"), [("CUT", 0), ("CUT_REPLY", 1), ("LOST_REPLY", 1)])
def test_a_line_is_cut_before_or_after_the_work(server, session, sf, kind, done):
    order(server, session, kind, match="POST sobjects/Account")

    with pytest.raises((requests.RequestException, SalesforceError)):
        sf.Account.create({"Name": "Hand"})

    assert len(server.rows("Account")) == done


def test_a_slow_answer_comes_late(server, session, sf):
    order(server, session, "SLOW", match="GET query", seconds=0.3)
    began = time.monotonic()

    sf.query("SELECT Id FROM User")

    assert time.monotonic() - began >= 0.3


def test_what_was_deleted_is_told_from_what_never_was(sf):
    made = sf.Account.create({"Name": "Hand"})["id"]
    sf.Account.delete(made)

    with pytest.raises(SalesforceResourceNotFound) as deleted:
        sf.Account.update(made, {"Name": "Hands"})
    with pytest.raises(SalesforceResourceNotFound) as never:
        sf.Account.update("001000000000000AAA", {"Name": "Hands"})

    assert error(deleted) == "ENTITY_IS_DELETED"
    assert error(never) == "NOT_FOUND"


def test_a_deleted_record_takes_its_tasks_and_approvals_along(sf, server):
    plan = sf.Rebalance_Plan__c.create({**NEW_PLAN, "Plan_Id__c": "p"})["id"]
    sf.Task.create({"WhatId": plan, "Subject": "Review"})
    submit = {"actionType": "Submit", "contextId": plan}
    sf.restful("process/approvals/", method="POST", json={"requests": [submit]})

    sf.Rebalance_Plan__c.delete(plan)

    names = ("Task", "ProcessInstance", "ProcessInstanceStep", "ProcessInstanceWorkitem")
    assert [server.rows(name) for name in names] == [[], [], [], []]


def test_the_demo_process_serves_both_doors_and_remembers_plans_after_a_restart(tmp_path: Path, document, push):
    port, page_port = free_port(), free_port()
    command = [sys.executable, "-m", "connectors.sandbox.salesforce", "--port", str(port), "--page-port",
               str(page_port), "--dir", str(tmp_path)]  # fmt: skip
    receipts = []
    for _ in range(2):
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        try:
            page = await_page(f"http://127.0.0.1:{page_port}/")
            receipts.append(push(SalesforceCrm(read_config(tmp_path / "connection.json")), document()))
        finally:
            process.terminate()
            process.communicate(timeout=10)

    assert receipts[0] == receipts[1]
    assert "Joint account 2025-06-30" in page  # read after the restart, before the second push


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def await_page(address: str) -> str:
    deadline = time.monotonic() + 20
    while True:
        try:
            return requests.get(address, timeout=1).text
        except requests.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
