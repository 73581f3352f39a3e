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
from engine.domain.market import ActionKind, CorporateAction, Mark, PriceHistory
from engine.monitor.moves import MoveLimits, MoveOf, marks_before, moves
from engine.monitor.positions import measure


def found(snapshot, market, days=1, of=MoveOf.NAME, limits=None, actions=(), **before):
    """Return the moves of names since marks of some days ago; a name without one stood where it stands."""
    then = market.as_of - timedelta(days=days)
    last = {
        name: Mark(price=D(str(before.get(name, mark.price))), on=then) for name, mark in market.marks.items()
    }  # fmt: skip
    told = moves(snapshot, market, measure(snapshot, market), last, limits=limits, actions=actions)
    return [move for move in told if move.of is of]


def booked(snapshot, *rows):
    """Return the account with transactions of GAMA on its books: (type, day, quantity)."""
    transactions = tuple(
        Transaction(
            transaction_id=f"t{number}",
            account_id="A",
            trade_date=on,
            security_id="GAMA",
            type=kind,
            quantity=D(quantity),
            price=D(0),
        )
        for number, (kind, on, quantity) in enumerate(rows)
    )
    return replace(snapshot, book=replace(snapshot.book, transactions=transactions))


def action(kind, on, value):
    return CorporateAction(security_id="GAMA", ex_date=on, kind=kind, value=D(value))


def names(found) -> list[str]:
    return [move.key for move in found if move.of is MoveOf.NAME]


def test_a_move_is_shown_in_per_cent_sigmas_and_dollars_of_the_position(snapshot, market):
    """GAMA from 25 to 20: -20 %, 1,500 x -5 = -7,500 USD."""
    [move] = found(snapshot, market, GAMA=25)

    assert (move.key, move.dollars) == ("GAMA", D(-7500))
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

    assert [(move.key, move.dollars) for move in moved] == [("BETA", -5000), ("ALFA", 4000), ("GAMA", -3000)]


def test_a_stock_split_in_between_is_no_move(snapshot, market):
    after_split = booked(snapshot, (TransactionType.SPLIT, market.as_of, 3))

    assert names(found(after_split, market, GAMA=60)) == []
    assert [move.dollars for move in found(after_split, market, GAMA=75)] == [-7500]  # from 25 to 20 as it is now


def test_a_split_before_the_last_scan_is_in_its_price_already(snapshot, market):
    after_split = booked(snapshot, (TransactionType.SPLIT, market.as_of - timedelta(days=1), 3))

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

    any_effect = MoveLimits(least_effect=0)

    moved = found(snapshot, replace(market, marks=marks), limits=any_effect, GAMA="0.01")

    assert [move.dollars for move in moved] == [15]


@pytest.mark.parametrize(("least", "moved"), [(0.0207, True), (0.0208, False)])
def test_a_move_that_did_little_to_the_account_is_left_out(snapshot, market, least, moved):
    """ALFA from 105.30 to 100: 400 x -5.30 = -2,120 USD of 102,120 before, 2.076 %."""
    limits = MoveLimits(least_effect=least, name=0.04)

    assert names(found(snapshot, market, limits=limits, ALFA="105.3")) == (["ALFA"] if moved else [])


def test_a_name_without_risk_moves_by_per_cent_alone(snapshot, market):
    risk = market.risk
    without_gama = replace(
        risk,
        security_ids=risk.security_ids[:2],
        exposures=risk.exposures[:2],
        specific_variance=risk.specific_variance[:2],
    )

    [move] = found(snapshot, replace(market, risk=without_gama), GAMA=25)

    assert (move.key, move.sigmas) == ("GAMA", None)


def test_a_first_scan_measures_from_the_last_close_before_its_day():
    days = tuple(date(2026, 3, day) for day in (27, 30, 31))
    traded = PriceHistory(security_id="A", dates=days, closes=(D(10), D(11), D(12)), adjusted=(None,) * 3)
    new = PriceHistory(security_id="B", dates=days[2:], closes=(D(5),), adjusted=(None,))

    assert marks_before([traded, new], days[2]) == {"A": Mark(price=D(11), on=days[1])}
    assert marks_before([traded], date(2026, 3, 29)) == {"A": Mark(price=D(10), on=days[0])}


def test_a_sector_moves_by_what_all_of_it_in_the_account_did(snapshot, market):
    """Tech was 400 x 104 + 500 x 54 = 68,600 USD and is 65,000: -3,600, -5.2478 %. Fuel stands still.

    Its weights then: ALFA 416/686, BETA 270/686. Market exposure (416 + 1.2 x 270)/686 = 740/686; variance
    0.04 x (740/686)^2 + 0.01 x (416/686)^2 + 0.04 x (270/686)^2.
    """
    [move] = found(snapshot, market, of=MoveOf.SECTOR, ALFA=104, BETA=54)

    variance = (0.04 * 740**2 + 0.01 * 416**2 + 0.04 * 270**2) / 686**2
    assert (move.key, move.dollars) == ("Tech", -3600)
    assert move.change == pytest.approx(-3600 / 68600, abs=1e-15)
    assert move.sigmas == pytest.approx(-3600 / 68600 / sqrt(variance / 365), rel=1e-12)


@pytest.mark.parametrize(("before", "moved"), [("102.94", True), ("102.87", False)])
def test_the_account_moves_by_its_change_against_all_it_was_worth_cash_included(snapshot, market, before, moved):
    """ALFA alone, ten days ago at 102.94: -1,176 of 101,176 USD, -1.1623 %; at 102.87 -1,148 of 101,148, -1.1350 %."""
    limits = MoveLimits(account=0.0115, sigmas=99)

    told = found(snapshot, market, days=10, of=MoveOf.ACCOUNT, limits=limits, ALFA=before)

    assert [move.key for move in told] == (["A"] if moved else [])


@pytest.mark.parametrize(
    ("of", "before", "moved"),
    [
        (MoveOf.SECTOR, "106.78", True),  # -2,712 of 67,712 USD: -4.005 %
        (MoveOf.SECTOR, "106.76", False),  # -2,704 of 67,704: -3.994 %
        (MoveOf.ACCOUNT, "107.74", True),  # -3,096 of 103,096: -3.003 %
        (MoveOf.ACCOUNT, "107.72", False),  # -3,088 of 103,088: -2.996 %
    ],
)
def test_unless_the_firm_says_otherwise_a_sector_counts_from_four_per_cent_and_the_account_from_three(
    snapshot, market, of, before, moved
):
    """ALFA alone fell, over a year, so that no limit in sigmas is near."""
    assert bool(found(snapshot, market, days=365, of=of, ALFA=before)) is moved


@pytest.mark.parametrize(("lost", "moved"), [("50.1", True), ("49.9", False)])
def test_unless_the_firm_says_otherwise_a_move_counts_that_did_a_twentieth_of_a_per_cent_to_the_account(
    snapshot, market, lost, moved
):
    """One share of ALFA, now 100, beside cash: 100,000 USD in all before it fell; 0.05 % of that is 50."""
    lots = (replace(snapshot.lots[0], quantity=D(1)),)
    account = replace(snapshot.account, cash=D(100_000) - 100 - D(lost))
    book = replace(snapshot.book, account=account, lots=lots)

    assert names(found(replace(snapshot, book=book), market, ALFA=100 + D(lost))) == (["ALFA"] if moved else [])


def test_the_account_comes_first_then_sectors_then_names(snapshot, market):
    then = market.as_of - timedelta(days=1)
    last = {name: Mark(price=mark.price * 2, on=then) for name, mark in market.marks.items()}

    told = moves(snapshot, market, measure(snapshot, market), last)

    assert [(move.of.value, move.key) for move in told] == [
        ("account", "A"), ("sector", "Tech"), ("sector", "Fuel"), ("name", "ALFA"), ("name", "GAMA"), ("name", "BETA"),
    ]  # fmt: skip


def test_a_split_that_the_price_source_tells_is_no_move_and_counts_once(snapshot, market):
    """GAMA 3-for-1, told by the source and booked too: 60 before is 20 after."""
    told = action(ActionKind.SPLIT, market.as_of, 3)
    both = booked(snapshot, (TransactionType.SPLIT, market.as_of, 3))

    assert names(found(snapshot, market, actions=[told], GAMA=60)) == []
    assert names(found(both, market, actions=[told], GAMA=60)) == []
    assert names(found(snapshot, market, GAMA=60)) == ["GAMA"]


def test_two_splits_in_between_count_together_and_one_of_tomorrow_not_yet(snapshot, market):
    """GAMA 3-for-1 yesterday and 2-for-1 today: 120 before is 20 after. The 5-for-1 of tomorrow is in no price."""
    day = timedelta(days=1)
    splits = [(market.as_of - day, 3), (market.as_of, 2), (market.as_of + day, 5)]
    told = [action(ActionKind.SPLIT, on, ratio) for on, ratio in splits]
    kept = booked(snapshot, *[(TransactionType.SPLIT, on, ratio) for on, ratio in splits])

    assert names(found(snapshot, market, days=2, actions=told, GAMA=120)) == []
    assert names(found(kept, market, days=2, GAMA=120)) == []


def test_neither_a_dividend_nor_a_purchase_is_a_split(snapshot, market):
    """GAMA at 60 before and 20 now, with 3 USD of dividend told, or 3 shares bought."""
    paid = action(ActionKind.DIVIDEND, market.as_of, 3)
    bought = booked(snapshot, (TransactionType.BUY, market.as_of, 3))

    assert names(found(snapshot, market, actions=[paid], GAMA=60)) == ["GAMA"]
    assert names(found(bought, market, GAMA=60)) == ["GAMA"]


def test_a_name_in_no_list_of_securities_moves_and_is_of_no_sector(snapshot, market):
    listed = {name: security for name, security in market.securities.items() if name != "GAMA"}
    unlisted = replace(market, securities=listed)

    assert names(found(snapshot, unlisted, GAMA=60)) == ["GAMA"]
    assert found(snapshot, unlisted, of=MoveOf.SECTOR, GAMA=60) == []


def test_an_account_that_was_worth_nothing_did_not_move_by_any_part_of_it(snapshot, market):
    """ALFA, BETA and GAMA were worth 99,000 USD with ALFA at 110; the account owes as much."""
    account = replace(snapshot.account, cash=D(-99_000))
    owing = replace(snapshot, book=replace(snapshot.book, account=account))

    assert found(owing, market, of=MoveOf.ACCOUNT, ALFA=110) == []
    assert names(found(owing, market, ALFA=110)) == ["ALFA"]
