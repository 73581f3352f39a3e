"""What people read of an account's source and of the connection."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.steps.addepar import Standing
from app.tables import addepar as tables
from app.tables.monitor import source_words
from connectors.addepar.budget import Allowance
from data.addepar import SavedMapping
from engine.domain.sources import AccountSource

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Lots as Addepar had them on 19 Nov 2026."),
        ({"derived": True}, "Lots rebuilt from transactions as Addepar had them on 19 Nov 2026."),
        ({"faults": ("x",)},
         "Lots as Addepar had them on 19 Nov 2026; what it had on 20 Nov 2026 could not be taken."),
        ({"faults": ("x",), "read_on": None}, "Lots of our own; what it had on 20 Nov 2026 could not be taken."),
    ],
)  # fmt: skip
def test_an_account_says_where_its_lots_come_from_and_of_which_day(changes: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"account_id": "A", "source": "Addepar", "read_on": date(2026, 11, 19),
                             "tried_on": date(2026, 11, 20), "derived": False, **changes}  # fmt: skip

    assert source_words(AccountSource(**given)) == words


def test_the_connection_says_what_was_spent_and_what_waits() -> None:
    used = ((Allowance(requests=50, seconds=900.0), 12), (Allowance(requests=1000, seconds=86400.0), 1000))
    saved = SavedMapping(settings={}, saved_by="maya", saved_at=NOON)

    assert tables.standing_words(Standing(used=used, synced=None, cut_off=NOON, saved=saved)) == (
        "spent: 12 of 50 requests in 15 min, 1,000 of 1,000 requests in 24 h",
        "never synced",
        "a sync that began 20 Nov 2026 12:00 UTC runs or was cut off; what it read is kept",
        "mapping saved by maya on 20 Nov 2026 12:00 UTC",
    )


def test_a_connection_that_was_synced_says_when_and_leaves_out_what_is_not() -> None:
    assert tables.standing_words(Standing(used=(), synced=NOON, cut_off=None, saved=None))[1:] == (
        "last good sync 20 Nov 2026 12:00 UTC",
    )
