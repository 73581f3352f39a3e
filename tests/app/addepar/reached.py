"""The stand-in Addepar of the hand-written firm as tests reach it: over HTTP alone; and services connected to it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import requests

from app import wiring
from app.ports import Services
from app.settings import Settings
from connectors.firm_folder.read import read_firm
from connectors.firm_folder.write import write_firm
from connectors.sandbox.addepar_gate import FIRM_ID, KEY, SECRET
from engine.domain.accounts import AccountBook, FirmReference

EVENING = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)  # of the firm's day


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """The running stand-in. table: the section [addepar] that leads to it."""

    url: str
    folder: Path
    scratch: Path

    def table(self, **changes: Any) -> dict[str, Any]:
        return {"base_url": f"{self.url}/api", "firm_id": FIRM_ID, "key": KEY, "secret": SECRET,
                "requests_per_15_minutes": 100_000, "requests_per_day": 100_000, **changes}  # fmt: skip

    def control(self, what: str, body: Any) -> None:
        """Put a fault in, or move the firm on."""
        answer = requests.post(f"{self.url}/sandbox/{what}", data=json.dumps(body), timeout=20)
        assert answer.status_code == 200, answer.text

    def asked(self) -> list[str]:
        """Return the requests that came since the last reset, as "GET /v1/..."."""
        found = requests.get(f"{self.url}/sandbox/requests", timeout=20).json()["data"]
        return [request.replace("/api", "", 1) for request in found]

    def shows(self, change: Callable[[FirmReference, tuple[AccountBook, ...]], Any], *, on: date) -> Path:
        """Let Addepar show another firm from a day on: change(reference, books) returns it. Return its folder."""
        reference, books = read_firm(self.folder)
        later = change(reference, tuple(books))
        folder = self.scratch / f"firm-{len(list(self.scratch.iterdir()))}"
        write_firm(folder, *later)
        self.control("firm", {"folder": str(folder), "on": on.isoformat()})
        return folder


def connected(url: str, table: dict[str, Any], *, at: datetime = EVENING) -> Services:
    """Return the services on a database, with Addepar connected and the clock standing still."""
    settings = Settings(database_url=url, exports=Path("exports"), user=None, connections={"addepar": table})
    return replace(wiring.connect(settings), now=lambda: at)
