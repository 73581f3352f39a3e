"""The ledger on screen: Hill's household sold 100 EEE at a loss after its IRA had bought 30; figures by hand."""

import json
from datetime import date
from decimal import Decimal

import pytest

from app.charts.ledger import lock_figure, window_figure
from app.steps import ledger
from app.tables.ledger import calendar_table, group_labels, loss_table, match_table, replacement_table, year_figures
from engine.domain.errors import DataError


@pytest.fixture(scope="module")
def services(new_desk):
    found = new_desk().services()
    yield found
    found.database.close()


@pytest.fixture(scope="module")
def view(services):
    return ledger.household_ledger(services, "H1")


def test_a_loss_says_what_is_taken_and_until_when_more_can_be(view):
    # 100 shares at 40 with a basis of 50: 1,000 lost. 30 bought on 2026-10-20 catch 10 each. Open to 2026-12-10.
    [row] = loss_table(view, view.losses).to_dict("records")

    assert (row["ticker"], row["account"], row["sold_on"]) == ("EEE", "T1", date(2026, 11, 10))
    assert [row[name] for name in ("shares", "proceeds", "basis", "loss")] == [100, 4000, 5000, 1000]
    assert (row["disallowed"], row["allowed"]) == (300, 700)
    assert row["state"] == "taken in part, open until 2026-12-10"


def test_the_year_counts_what_is_deferred_and_what_is_lost_apart(view):
    assert year_figures(ledger.this_year(view.losses, view.as_of), view) == {
        "loss": Decimal(1000), "allowed": Decimal(700), "deferred": Decimal(0), "gone": Decimal(300), "open": 1,
    }  # fmt: skip


def test_a_match_names_the_purchase_and_where_the_loss_went(view):
    [row] = match_table(view, view.losses[0]).to_dict("records")

    assert (row["account"], row["bought_on"], row["shares"], row["basis_increase"]) == (
        "I1", date(2026, 10, 20), 30, 0,
    )  # fmt: skip
    assert "Rev. Rul. 2008-5" in row["law"]


def test_the_window_shows_every_account_of_the_household_and_its_line_the_matched_shares(view):
    rows = ledger.window(view, view.losses[0])

    assert [(row.account_id, row.trade_date) for row in rows] == [
        ("I1", date(2026, 10, 20)),
        ("T1", date(2026, 11, 10)),
    ]
    figure = window_figure(view.losses[0], rows, as_of=view.as_of)
    assert "30 shares" in [text for trace in figure.data for text in trace.text]


def test_a_lock_says_until_when_and_why(view):
    # Sold on 2026-11-10, free on the 31st day after; the purchase of 2026-10-20 is 31 days ago and locks no more.
    [row] = calendar_table(view).to_dict("records")

    assert (row["ticker"], row["rule"], row["free_from"], row["days_left"]) == (
        "EEE", "do not buy", date(2026, 12, 11), 21,
    )  # fmt: skip
    assert row["because"] == "T1 sold 100 on 2026-11-10"
    [bars] = lock_figure(view.locks, as_of=view.as_of).data
    assert list(bars.y) == [1] * 21 + [0]


def test_what_may_not_be_bought_has_stand_ins_and_none_is_itself(view):
    assert group_labels(view) == {"EEE": "EEE"}
    [(name, found)] = ledger.stand_ins(view, "EEE")

    shown = replacement_table(view, found)
    assert name == "EEE"
    assert "EEE" not in set(shown["ticker"])
    assert len(shown) == 5


def test_the_document_is_that_of_the_command(services, view, hand):
    said = json.loads(hand[1]["washsales"].out)

    assert view.document["losses"] == [loss for loss in said["losses"] if loss["account_id"] == "T1"]


def test_a_household_that_does_not_exist_is_named(services):
    with pytest.raises(DataError, match="H9"):
        ledger.household_ledger(services, "H9")
