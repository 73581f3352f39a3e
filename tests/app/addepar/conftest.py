"""The stand-in Addepar of the hand-written firm, and a desk that is connected to it."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from app.ports import Services
from connectors.firm_folder.read import read_firm
from connectors.sandbox.addepar import addepar_app
from connectors.sandbox.addepar_endpoints import AddeparSandbox
from connectors.sandbox.addepar_firm import addepar_firm
from connectors.sandbox.loopback import listening
from tests.app.addepar.reached import EVENING, StandIn, connected


@pytest.fixture
def stand_in(hand_firm: Path, tmp_path: Path) -> Iterator[StandIn]:
    """The stand-in with jobs that are done at once."""
    sandbox = AddeparSandbox(addepar_firm(*read_firm(hand_firm)), allowances=((100_000, 1.0),))
    scratch = tmp_path / "firms"
    scratch.mkdir()
    with listening(addepar_app(sandbox)) as url:
        found = StandIn(url=url, folder=hand_firm, scratch=scratch)
        found.control("jobs", {"polls": 0})
        yield found


@pytest.fixture
def connect(desk: Any, stand_in: StandIn) -> Iterator[Callable[..., Services]]:
    """connect(at=..., **settings) are the services of the desk, connected to the stand-in."""
    opened: list[Services] = []

    def open_at(at: datetime = EVENING, **changes: Any) -> Services:
        opened.append(connected(desk.url, stand_in.table(**changes), at=at))
        return opened[-1]

    yield open_at
    for services in opened:
        services.database.close()


@pytest.fixture
def addepar(connect: Callable[..., Services]) -> Services:
    return connect()
