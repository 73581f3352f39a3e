"""Market moves since the last scan, in per cent, in each name's own volatility and in dollars, by hand.

Annual variances of the market in conftest.py: ALFA 0.04 + 0.01 = 0.05, BETA 1.44 x 0.04 + 0.04 = 0.0976, GAMA
0.64 x 0.04 + 2 x 0.8 x 0.01 + 0.09 + 0.09 = 0.2216; volatility of one day of 365: 1.17 %, 1.64 % and 2.46 %.
"""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D
from math import sqrt

import pytest

from engine.domain.accounts import Transaction, TransactionType
from engine.domain.market import Mark, PriceHistory
from engine.monitor.moves import marks_before, moves
from engine.monitor.positions import measure


def found(snapshot, market, days=1, **before):
    """Return the moves since marks of some days ago; a name without one stood where it stands."""
    then = market.as_of - timedelta(days=days)
    last = {
        name: Mark(price=D(str(before.get(name, mark.price))), on=then) for name, mark in market.marks.items()
    }  # fmt: skip
    return moves(snapshot, market, measure(snapshot, market), last)


def names(found) -> list[str]:
    return [move.security_id for move in found]


def test_a_move_is_shown_in_per_cent_sigmas_and_dollars_of_the_position(snapshot, market):
    """GAMA from 25 to 20: -20 %, 1,500 x -5 = -7,500 USD."""
    [move] = found(snapshot, market, GAMA=25)

    assert (move.security_id, move.dollars) == ("GAMA", D(-7500))
    assert move.change == pytest.approx(-0.2, abs=1e-15)
    assert move.sigmas == pytest.approx(-0.2 / sqrt(0.2216 / 365), rel=1e-12)


@pytest.mark.parametrize(
    ("before", "moved"),
    [
        ("95.24", False),  # +4.998 %, with 10 calendar days between: 1.4 sigmas
        ("95.23", True),  # +5.009 %
        ("105.26", False),  # -4.997 %
        ("105.27", True),  # -5.006 %
    ],
)
def test_five_per_cent_is_always_worth_a_look(snapshot, market, before, moved):
    assert names(found(snapshot, market, days=10, ALFA=before)) == (["ALFA"] if moved else [])


@pytest.mark.parametrize(
    ("before", "days", "moved"),
    [
        ("95.6", 1, False),  # +4.60 %: 3.93 sigmas of a day
        ("95.4", 1, True),  # +4.82 %: 4.12 sigmas of a day
        ("95.4", 2, False),  # 2.91 sigmas of two days
    ],
)
def test_a_smaller_move_counts_where_it_is_more_than_four_of_the_names_own_sigmas(
    snapshot, market, before, days, moved
):
    assert names(found(snapshot, market, days=days, ALFA=before)) == (["ALFA"] if moved else [])


def test_the_largest_in_dollars_comes_first(snapshot, market):
    """ALFA 400 x +10 = 4,000; BETA 500 x -10 = -5,000; GAMA 1,500 x -2 = -3,000."""
    moved = found(snapshot, market, ALFA=90, BETA=60, GAMA=22)

    assert [(move.security_id, move.dollars) for move in moved] == [("BETA", -5000), ("ALFA", 4000), ("GAMA", -3000)]


def test_a_stock_split_in_between_is_no_move(snapshot, market):
    split = Transaction(
        transaction_id="s1",
        account_id="A",
        trade_date=market.as_of,
        security_id="GAMA",
        type=TransactionType.SPLIT,
        quantity=D(3),
        price=D(0),
    )
    after_split = replace(snapshot, book=replace(snapshot.book, transactions=(split,)))

    assert names(found(after_split, market, GAMA=60)) == []
    assert [move.dollars for move in found(after_split, market, GAMA=75)] == [-7500]  # from 25 to 20 as it is now


def test_a_split_before_the_last_scan_is_in_its_price_already(snapshot, market):
    split = Transaction(
        transaction_id="s1",
        account_id="A",
        trade_date=market.as_of - timedelta(days=1),
        security_id="GAMA",
        type=TransactionType.SPLIT,
        quantity=D(3),
        price=D(0),
    )
    after_split = replace(snapshot, book=replace(snapshot.book, transactions=(split,)))

    assert names(found(after_split, market, GAMA=20)) == []


def test_only_names_held_with_a_newer_price_move(snapshot, market):
    book = replace(snapshot.book, lots=snapshot.lots[:3])  # GAMA is in the model and not held

    assert names(found(replace(snapshot, book=book), market, GAMA=10)) == []
    assert names(found(snapshot, market, days=0, GAMA=10)) == []


def test_without_an_earlier_scan_nothing_moved(snapshot, market):
    assert moves(snapshot, market, measure(snapshot, market), None) == ()


def test_a_name_that_the_last_scan_did_not_know_did_not_move(snapshot, market):
    last = {"ALFA": Mark(price=D(50), on=market.as_of - timedelta(days=1))}

    assert names(moves(snapshot, market, measure(snapshot, market), last)) == ["ALFA"]


def test_a_price_of_nothing_is_no_price_to_move_from(snapshot, market):
    assert names(found(snapshot, market, GAMA=0)) == []


def test_a_penny_that_doubles_moved(snapshot, market):
    marks = {**market.marks, "GAMA": replace(market.marks["GAMA"], price=D("0.02"))}

    assert [move.dollars for move in found(snapshot, replace(market, marks=marks), GAMA="0.01")] == [15]


def test_a_name_without_risk_moves_by_per_cent_alone(snapshot, market):
    risk = market.risk
    without_gama = replace(
        risk,
        security_ids=risk.security_ids[:2],
        exposures=risk.exposures[:2],
        specific_variance=risk.specific_variance[:2],
    )

    [move] = found(snapshot, replace(market, risk=without_gama), GAMA=25)

    assert (move.security_id, move.sigmas) == ("GAMA", None)


def test_a_first_scan_measures_from_the_last_close_before_its_day():
    days = tuple(date(2026, 3, day) for day in (27, 30, 31))
    traded = PriceHistory(security_id="A", dates=days, closes=(D(10), D(11), D(12)), adjusted=(None,) * 3)
    new = PriceHistory(security_id="B", dates=days[2:], closes=(D(5),), adjusted=(None,))

    assert marks_before([traded, new], days[2]) == {"A": Mark(price=D(11), on=days[1])}
    assert marks_before([traded], date(2026, 3, 29)) == {"A": Mark(price=D(10), on=days[0])}
