"""Which of our booked trades does another system's history not cover?"""

from datetime import date
from decimal import Decimal as D

from engine.domain.accounts import Transaction, TransactionType
from engine.execute.unseen import unseen_trades

OURS = frozenset({"LS1", "LS2"})
SELL, BUY = TransactionType.SELL, TransactionType.BUY


def row(name, shares, kind=SELL, security="X", on=date(2026, 11, 20)):
    return Transaction(transaction_id=name, account_id="A", trade_date=on, security_id=security, type=kind,
                       quantity=D(shares), price=D(10))  # fmt: skip


def unseen(booked, shown):
    return [trade.transaction_id for trade in unseen_trades(booked, shown, ours=OURS)]


def test_a_sale_from_two_lots_is_covered_by_one_row_of_the_same_shares():
    assert unseen([row("LS1-1", 4), row("LS1-2", 6)], [row("812", 10)]) == []


def test_a_sale_that_shows_only_in_part_is_not_covered():
    assert unseen([row("LS1-1", 4), row("LS1-2", 6)], [row("812", 9)]) == ["LS1-1", "LS1-2"]


def test_another_day_side_or_security_covers_nothing():
    other = [row("1", 5, on=date(2026, 11, 19)), row("2", 5, kind=BUY), row("3", 5, security="Y")]

    assert unseen([row("LS2-1", 5)], other) == ["LS2-1"]


def test_a_fraction_of_a_share_that_shows_nowhere_is_not_covered():
    assert unseen([row("LS2-1", "0.5")], []) == ["LS2-1"]


def test_what_the_source_itself_showed_before_is_not_ours_to_miss():
    assert unseen([row("700", 5)], []) == []
