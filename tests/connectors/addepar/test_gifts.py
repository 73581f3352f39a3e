"""Does what we know of gifts survive a reading that knows none?"""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectors.addepar.gifts import with_our_gifts
from engine.domain.accounts import AccountBook, TransactionType

D = Decimal
GIVEN = {"gift_price": D(60), "gift_date": date(2025, 3, 3)}


@pytest.fixture
def book(stand_in: Any) -> AccountBook:
    """The stand-in's second account: one lot of 30 CCC at 90; in by transfer, split 1 for 2, 15 out by transfer."""
    found: AccountBook = stand_in.firm.books[1]
    return found


def test_a_lot_stays_the_gift_that_it_is(book: AccountBook) -> None:
    present = replace(book, lots=(replace(book.lots[0], **GIVEN),))

    assert with_our_gifts(book, present) == present


def test_a_gift_that_was_split_since_is_counted_in_the_new_shares(book: AccountBook) -> None:
    present = replace(book, lots=(replace(book.lots[0], **GIVEN),))
    fresh = replace(book, lots=(replace(book.lots[0], quantity=D(90), cost_per_share=D(30)),))

    assert with_our_gifts(fresh, present).lots[0].gift_price == D(20)


@pytest.mark.parametrize("change", [{"acquired": date(2026, 1, 2)}, {"security_id": "S-DDD"}])
def test_a_lot_of_another_day_or_security_is_another_lot(book: AccountBook, change: dict[str, Any]) -> None:
    present = replace(book, lots=(replace(book.lots[0], **GIVEN),))
    fresh = replace(book, lots=(replace(book.lots[0], **change),))

    assert with_our_gifts(fresh, present) == fresh


def test_a_gift_that_cost_nothing_says_nothing_of_shares_that_cost_something(book: AccountBook) -> None:
    present = replace(book, lots=(replace(book.lots[0], cost_per_share=D(0), **GIVEN),))

    assert with_our_gifts(book, present) == book


def test_a_transfer_in_that_we_know_as_a_gift_stays_one(book: AccountBook) -> None:
    received, *after = book.transactions
    present = replace(book, transactions=(replace(received, **GIVEN), *after))

    assert with_our_gifts(book, present) == present


def test_a_transfer_out_that_we_know_as_a_gift_stays_one(book: AccountBook) -> None:
    *before, out = book.transactions
    present = replace(book, transactions=(*before, replace(out, type=TransactionType.GIFT)))

    assert with_our_gifts(book, present) == present


@pytest.mark.parametrize(
    "change", [{"quantity": D(14)}, {"trade_date": date(2024, 8, 2)}, {"security_id": "S-DDD"}]
)  # fmt: skip
def test_a_transaction_that_was_corrected_is_taken_as_it_is_now(book: AccountBook, change: dict[str, Any]) -> None:
    *before, out = book.transactions
    present = replace(book, transactions=(*before, replace(out, type=TransactionType.GIFT)))
    fresh = replace(book, transactions=(*before, replace(out, **change)))

    assert with_our_gifts(fresh, present) == fresh
