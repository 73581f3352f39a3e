"""What starts, stops and balances the app asks whether it lives and can work: over real HTTP."""

import pytest
import requests
from starlette.applications import Starlette

from app import wiring
from app.probes import LIVE, READY, probes
from app.settings import Settings
from connectors.sandbox.loopback import listening


@pytest.fixture
def asked(tmp_path):
    """asked(url, path) is the answer of an app whose database has this address."""
    opened = []

    def connected(url):
        opened.append(wiring.connect(Settings(database_url=url, exports=tmp_path, user=None, connections={})))
        return opened[-1]

    def ask(url, path):
        app = Starlette(routes=probes(lambda: connected(url)))
        with listening(app) as address:
            return requests.get(address + path, timeout=20)

    yield ask
    for services in opened:
        services.database.close()


def test_an_app_whose_database_answers_is_alive_and_ready_even_before_a_firm_was_brought_in(asked, tmp_path):
    url = f"sqlite:///{tmp_path / 'new.db'}"

    live, ready = asked(url, LIVE), asked(url, READY)

    assert (live.status_code, live.json()) == (200, {"status": "alive"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


def test_an_app_whose_database_cannot_be_reached_is_alive_and_not_ready_and_does_not_say_where_that_is(asked):
    url = "postgresql://lotsmith:hidden@127.0.0.1:1/firm"

    live, ready = asked(url, LIVE), asked(url, READY)

    assert live.status_code == 200
    assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
    assert "hidden" not in ready.text
    assert "127.0.0.1" not in ready.text
