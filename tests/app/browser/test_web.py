"""How the app answers a browser: large scripts are named at once, and nothing waits for an acknowledgement."""

import http.client
import re
import statistics
import time
from contextlib import closing
from urllib.parse import urlsplit

import pytest

DELAYED_ACKNOWLEDGEMENT_S = 0.04


@pytest.fixture
def connection(app):
    with closing(http.client.HTTPConnection(urlsplit(app.url).netloc)) as connected:
        yield connected


def get(connection, path):
    connection.request("GET", path)
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


def test_a_page_without_charts_names_none(connection):
    answer, _ = get(connection, "/audit")

    assert answer.status == 200
    assert "modulepreload" not in (answer.headers["link"] or "")


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
