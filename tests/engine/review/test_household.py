"""What the household has bought of late: what rows say, and of lots what no row explains."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D

import pytest

from engine.domain.accounts import Transaction, TransactionType
from engine.review.household import Household
from engine.review.listed import listed
from tests.engine.plan.conftest import AS_OF


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (None, ["bought on 2026-11-10 in account A (lot l)"]),
        (TransactionType.BUY, ["bought on 2026-11-10 in account A (t)"]),
        (TransactionType.TRANSFER_IN, []),
        (TransactionType.EXCHANGE_IN, []),
    ],
)
def test_a_new_lot_was_bought_unless_a_row_tells_that_it_came_in_another_way(market_of, account_of, kind, told):
    day = AS_OF - timedelta(10)
    snapshot = account_of(0, ("l", "X", 5, 10, day))
    if kind is not None:
        row = Transaction(transaction_id="t", account_id="A", trade_date=day, security_id="X", type=kind, quantity=D(5),
                          price=D(10), lot_id="l")  # fmt: skip
        book = replace(snapshot.book, transactions=(row,))
        snapshot = replace(snapshot, book=book, household_books=(book,))

    found = Household(snapshot=snapshot, listed=listed(market_of({"X": 10}, {"X": 1})))

    assert list(found.bought_lately({"X"}).get("X", ())) == told


def test_only_sales_that_are_approved_count_among_what_was_sold_lately_and_only_of_the_groups_asked_for(
    market_of, account_of
):
    def pending(label, name, kind):
        return Transaction(transaction_id=label, account_id="A", trade_date=AS_OF, security_id=name, type=kind,
                           quantity=D(1), price=D(10))  # fmt: skip

    rows = (pending("s", "X", TransactionType.SELL), pending("b", "X", TransactionType.BUY),
            pending("o", "Y", TransactionType.SELL))  # fmt: skip
    snapshot = replace(account_of(0), pending=rows)

    found = Household(snapshot=snapshot, listed=listed(market_of({"X": 10, "Y": 10}, {"X": 1})))

    assert [row.transaction_id for row in found.sold_lately({"X"})] == ["s"]
