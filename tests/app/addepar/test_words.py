"""What people read of an account's source and of the connection."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.steps import addepar
from app.steps.addepar import Standing
from app.tables import addepar as tables
from app.tables.monitor import source_words
from connectors.addepar.budget import Allowance
from connectors.addepar.discover import Proposal
from connectors.addepar.issues import DataIssue, Severity
from data.addepar import SavedMapping
from engine.domain.accounts import Account, AccountBook, Lot, Registration
from engine.domain.sources import AccountSource

D = Decimal
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


def test_a_tested_account_is_counted_and_its_lots_are_shown_as_they_were_read() -> None:
    # 4 shares at 10 and 5 of a wash sale before: 45, held from the day that the wash sale carried over.
    lot = Lot(account_id="A", lot_id="l", security_id="X", quantity=D(4), cost_per_share=D(10), wash_adjustment=D(5),
              acquired=date(2026, 1, 20), holding_start=date(2025, 11, 3))  # fmt: skip
    account = Account(
        account_id="A", household_id="H", registration=Registration.TAXABLE, custodian="C", account_number="1",
        model_id="M", cash=D("1234.5"), st_rate=D(0), lt_rate=D(0), ytd_st_gain=D(0), ytd_lt_gain=D(0),
        st_carryforward=D(0), lt_carryforward=D(0),
    )  # fmt: skip
    book = AccountBook(account=account, lots=(lot,), transactions=())

    assert tables.tested_words(addepar.Tested(book=book, issues=())) == "1 lots, 0 transactions, cash 1,234.50 USD."
    assert (
        tables.tested_words(addepar.Tested(book=None, issues=())) == "This account would be fenced off: see its faults."
    )
    assert tables.lots_table(book).to_dict("records") == [
        {"security": "X", "lot": "l", "acquired": date(2026, 1, 20), "held_from": date(2025, 11, 3), "shares": 4.0,
         "basis": 45.0, "wash_adjustment": 5.0},
    ]  # fmt: skip


@pytest.mark.parametrize(("exists", "word"), [(True, "yes"), (False, "no"), (None, "")])
def test_a_setting_is_shown_with_whether_its_key_exists(exists: bool | None, word: str) -> None:
    one = Proposal(place="holdings.lot", meaning="the lot", written="a", exists=exists, proposed="b",
                   display_name="Tax Lot")  # fmt: skip

    assert tables.proposal_table([one]).to_dict("records") == [
        {"setting": "holdings.lot", "meaning": "the lot", "now": "a", "exists": word, "proposed": "b",
         "display_name": "Tax Lot"},
    ]  # fmt: skip


def test_a_fault_is_shown_with_its_place_and_its_effect() -> None:
    issue = DataIssue(severity=Severity.ERROR, account_id="A", subject="lot l", field="holdings.lot_id", found="no id",
                      expected="an id", effect="fenced")  # fmt: skip

    assert tables.issue_table([issue]).to_dict("records") == [
        {"severity": "error", "place": "lot l, holdings.lot_id", "found": "no id", "expected": "an id",
         "effect": "fenced"},
    ]  # fmt: skip
