"""How the app answers: large scripts named at once, nothing waiting for an acknowledgement, and no frames of others."""

import http.client
import json
import re
import statistics
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import streamlit as st

SCRIPTS = Path(st.__file__).parent / "static" / "static" / "js"
DELAYED_ACKNOWLEDGEMENT_S = 0.04


@pytest.fixture
def connection(app):
    with closing(http.client.HTTPConnection(urlsplit(app.url).netloc)) as connected:
        yield connected


def get(connection, path, method="GET", **headers):
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer, answer.read()


def test_a_page_with_charts_names_the_scripts_that_it_needs_and_they_are_there(connection):
    for page, needed in (("account", "PlotlyChart"), ("what-if", "PlotlyChart"), ("book", "DataFrame")):
        answer, _ = get(connection, f"/{page}?account=A00001")
        scripts = re.findall(r"<\./(static/js/[^>]+)>; rel=modulepreload", answer.headers["link"])

        assert any(f"/{needed}." in script for script in scripts)
        for script in scripts:
            found, body = get(connection, f"/{script}")
            assert found.status == 200
            assert "javascript" in found.headers["content-type"]
            assert body


def test_what_a_named_script_imports_is_named_too_or_by_the_page_itself(connection):
    answer, body = get(connection, "/what-if?account=A00001")
    named = set(re.findall(r"static/js/([^>\"]+\.js)", answer.headers["link"] + body.decode()))

    for script in re.findall(r"static/js/([^>]+)>", answer.headers["link"]):
        for imported in re.findall(r'(?:from|import)"\./([^"]+)"', (SCRIPTS / script).read_text()):
            assert imported in named or (SCRIPTS / imported).stat().st_size < 2_000


def test_the_library_of_charts_is_the_file_after_a_comment_that_has_it_read_once(connection):
    file = next(SCRIPTS.glob("PlotlyChart.*.js"))
    answer, body = get(connection, f"/static/js/{file.name}")
    comment, _, script = body.partition(b"\n")

    assert comment == b"//# allFunctionsCalledOnLoad"
    assert script == file.read_bytes()
    assert int(answer.headers["content-length"]) == len(body)
    assert "immutable" in answer.headers["cache-control"]


def test_a_part_of_the_library_of_charts_and_its_head_alone_are_answered_too(connection):
    file = next(SCRIPTS.glob("PlotlyChart.*.js"))
    part, first = get(connection, f"/static/js/{file.name}", Range="bytes=0-9")
    head, nothing = get(connection, f"/static/js/{file.name}", method="HEAD")

    assert (part.status, first) == (206, file.read_bytes()[:10])
    assert (head.status, nothing) == (200, b"")
    assert get(connection, "/favicon.png")[0].status == 200  # on the same connection: no byte too many came


def test_another_script_is_the_file_as_it_is(connection):
    file = next(SCRIPTS.glob("DataFrame.*.js"))

    assert get(connection, f"/static/js/{file.name}")[1] == file.read_bytes()


def test_a_page_without_charts_names_none(connection):
    answer, _ = get(connection, "/audit")

    assert answer.status == 200
    assert "modulepreload" not in (answer.headers["link"] or "")


@pytest.mark.parametrize("path", ["/account?account=A00001", "/favicon.png", "/health/live", "/nowhere.png"])
def test_every_answer_keeps_browsers_from_guessing_types_framing_it_and_telling_its_address_to_others(connection, path):
    headers = get(connection, path)[0].headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["content-security-policy"] == "frame-ancestors 'self'"
    assert headers["referrer-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]


@pytest.mark.parametrize(("path", "told"), [("/health/live", "alive"), ("/health/ready", "ready")])
def test_the_served_app_tells_that_it_lives_and_is_ready(connection, path, told):
    answer, body = get(connection, path)

    assert (answer.status, json.loads(body)) == (200, {"status": told})


def test_small_files_are_sent_at_once(connection):

    def took():
        began = time.perf_counter()
        answer, body = get(connection, "/favicon.png")
        assert answer.status == 200
        assert body
        return time.perf_counter() - began

    for _ in range(20):  # a new connection acknowledges at once for a while
        took()
    assert statistics.median(took() for _ in range(20)) < DELAYED_ACKNOWLEDGEMENT_S / 2
