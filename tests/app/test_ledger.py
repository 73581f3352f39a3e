"""The ledger on screen, figures by hand.

Hill's household sold 100 EEE at a loss after its IRA had bought 30; Lake's sold 50 FFF and bought 20 back.
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from app.charts.ledger import lock_figure, window_figure
from app.steps import ledger, people, review
from app.tables.ledger import (
    calendar_table,
    filtered_calendar,
    loss_table,
    match_table,
    replacement_table,
    window_sentences,
    year_figures,
)
from engine.domain.accounts import Restriction, Rule, TransactionType
from engine.domain.errors import DataError
from engine.domain.plans import LockRule
from engine.tax import wash_sales


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
    [sentence] = window_sentences(view, view.losses[0])
    assert sentence == (
        "30 shares bought in I1 on 2026-10-20: their part of the loss is lost for good, a retirement account bought "
        "(Rev. Rul. 2008-5)."
    )


def test_a_deferred_loss_says_what_joins_the_basis_and_since_when_the_shares_count_as_held(services):
    # 50 bought on 2026-09-01 at 30, sold on 2026-10-05 at 25: 250 lost, 5 a share. 20 were bought back 15 days later:
    # 100 joins their basis, and their holding period starts 15 days after that of the shares sold.
    view = ledger.household_ledger(services, "H2")

    [sentence] = window_sentences(view, view.losses[0])
    assert sentence == (
        "20 shares bought in T2 on 2026-10-20: $100.00 of the loss joins their basis (26 U.S.C. 1091(d)); they count "
        "as held since 2026-09-16 (1223(3))."
    )


OLD = ("buy", "T1", date(2026, 1, 5), 60)  # each at 50, and each sale at 40


@pytest.mark.parametrize(
    ("rows", "allowed", "why"),
    [
        # 40 are left of the purchase that was sold.
        ([("buy", "T1", date(2026, 10, 20), 100), ("sell", "T1", date(2026, 11, 10), 60)], 600, "Rev. Rul. 56-602"),
        # 90 of the 25th take all 60; nothing is left for the 5 of the 26th.
        ([OLD, ("buy", "I1", date(2026, 10, 25), 90), ("buy", "I1", date(2026, 10, 26), 5),
          ("sell", "T1", date(2026, 11, 10), 60)], 0, "earlier purchases had taken the loss whole"),
        # The sale of the 5th used the 10; that of the 10th keeps its 500.
        ([OLD, ("buy", "I1", date(2026, 10, 25), 10), ("sell", "T1", date(2026, 11, 5), 10),
          ("sell", "T1", date(2026, 11, 10), 50)], 500, "caught another loss"),
        # Five days after 2026-11-20, today.
        ([OLD, ("sell", "T1", date(2026, 11, 10), 60), ("buy", "I1", date(2026, 11, 25), 5)], 600, "not executed yet"),
    ],
)  # fmt: skip
def test_a_purchase_that_took_nothing_says_why(view, rows, allowed, why):
    seen = _with_history(view, rows)
    [loss] = (each for each in seen.losses if each.trade_date == date(2026, 11, 10))

    assert loss.allowed == allowed
    assert why in window_sentences(seen, loss)[-1]


def _with_history(view, rows):
    """The household with nothing but these trades in EEE: type, account, day, shares."""
    [like] = (row for book in view.books for row in book.transactions if row.transaction_id == "t1-sell-eee")
    trades = [
        replace(
            like, transaction_id=f"{place}", type=TransactionType(kind), account_id=account, trade_date=on,
            quantity=Decimal(shares), price=Decimal(50 if kind == "buy" else 40), lot_id=None, basis=None,
        )
        for place, (kind, account, on, shares) in enumerate(rows)
    ]  # fmt: skip
    books = tuple(
        replace(book, lots=(), transactions=tuple(t for t in trades if t.account_id == book.account.account_id))
        for book in view.books
    )
    return replace(
        view,
        snapshots=tuple(replace(each, household_books=books) for each in view.snapshots),
        ledger=wash_sales.ledger(books, as_of=view.as_of, groups={}),
        pending=(),
    )


def test_the_window_shows_every_account_of_the_household_and_its_line_the_matched_shares(view):
    rows = ledger.window(view, view.losses[0])

    assert [(row.account_id, row.trade_date) for row in rows] == [
        ("I1", date(2026, 10, 20)),
        ("T1", date(2026, 11, 10)),
    ]
    figure = window_figure(view.losses[0], rows, as_of=view.as_of, accounts=view.accounts)
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


def test_a_lock_names_the_accounts_that_it_binds_and_an_ira_has_no_loss_to_sell(view):
    [sold] = view.locks
    bought = replace(sold, rule=LockRule.NO_LOSS_SALE)

    assert list(calendar_table(replace(view, locks=(sold, bought)))["binds"]) == ["I1, T1", "T1"]


def test_the_calendar_is_searched_by_ticker_and_rule(view):
    # A row keeps its place, by which its lock is found.
    [lock] = view.locks
    other = replace(lock, identical_group="FFF", rule=LockRule.NO_LOSS_SALE)
    calendar = calendar_table(replace(view, locks=(lock, other)))

    def places(search, *rules):
        return list(filtered_calendar(calendar, search=search, rules=rules).index)

    assert places("") == [0, 1]
    assert places(" ff") == [1]
    assert places("", "do not buy") == [0]
    assert places("fff", "do not buy") == []


def test_a_stand_in_is_neither_the_locked_name_nor_one_that_the_account_may_not_buy(view):
    # All six names but EEE follow; no restriction but T1's forbids one, and T1 may buy neither FFF nor Staples, BBB.
    forbidden = (
        Restriction(scope="T1", target="FFF", rule=Rule.DO_NOT_BUY, value=None, until=None, reason="by hand"),
        Restriction(scope="T1", target="sector:Staples", rule=Rule.DO_NOT_HOLD, value=None, until=None, reason="same"),
        Restriction(scope="T1", target="AAA", rule=Rule.DO_NOT_SELL, value=None, until=None, reason="may be bought"),
    )
    limited = replace(
        view,
        snapshots=tuple(
            replace(each, restrictions=forbidden) if each.account.account_id == "T1" else each
            for each in view.snapshots
        ),
    )

    def proposed(account):
        [(name, found)] = ledger.stand_ins(limited, "EEE", account)
        assert name == "EEE"
        return set(replacement_table(limited, found)["ticker"])

    assert proposed("I1") == {"AAA", "BBB", "CCC", "DDD", "FFF"}
    assert proposed("T1") == {"AAA", "CCC", "DDD"}


def test_the_document_is_that_of_the_command_to_the_byte(view, hand):
    assert hand[0].shell("washsales", "--household", "H1", "--json").out == view.document


def test_a_proposal_of_the_only_account_of_a_household_waits_too(desk, plan_of):
    # T2 raises cash: AAA and BBB are its only names, and it is the only account of its household.
    services = desk.services()
    review.propose(services, plan_of(desk, "T2", "--as", "maya"), actor=people.acting(services, "maya"))

    waiting = {(row.account_id, row.security_id, row.type) for row in ledger.household_ledger(services, "H2").pending}
    services.database.close()
    assert waiting
    assert waiting <= {("T2", "AAA", TransactionType.SELL), ("T2", "BBB", TransactionType.SELL)}


def test_a_household_that_does_not_exist_is_named(services):
    with pytest.raises(DataError, match="H9"):
        ledger.household_ledger(services, "H9")
