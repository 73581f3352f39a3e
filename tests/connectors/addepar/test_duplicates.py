"""Is an account that shows under two custodians found, and one that is only like another left alone?"""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectors.addepar.duplicates import duplicate_accounts
from engine.domain.accounts import AccountBook, Lot

D = Decimal


def book(like: AccountBook, name: str, custodian: str, *shares: str, **changes: Any) -> AccountBook:
    lots = [
        Lot(account_id=name, lot_id=f"{name}{n}", security_id=f"S{n}", quantity=D(quantity), cost_per_share=D(10),
            acquired=date(2025, 1, 2 + n))
        for n, quantity in enumerate(shares)
    ]  # fmt: skip
    lots[0] = replace(lots[0], **changes)
    account = replace(like.account, account_id=name, custodian=custodian)
    return AccountBook(account=account, lots=tuple(reversed(lots)), transactions=())


@pytest.fixture
def like(stand_in: Any) -> AccountBook:
    found: AccountBook = stand_in.firm.books[0]
    return found


def fenced(*books: AccountBook) -> list[tuple[str | None, str]]:
    return [(issue.account_id, issue.found) for issue in duplicate_accounts(books)]


def test_the_very_lots_at_another_custodian_fence_both(like: AccountBook) -> None:
    one, other = book(like, "A", "One", "1", "2", "3"), book(like, "B", "Two", "1.0", "2", "3")

    assert fenced(one, other) == [("A", "the very lots of B at Two"), ("B", "the very lots of A at One")]


def test_lots_in_another_order_and_costs_rounded_otherwise_are_the_same(like: AccountBook) -> None:
    one = book(like, "A", "One", "1", "2", "3")
    other = book(like, "B", "Two", "1", "2", "3", cost_per_share=D("10.00004"))

    assert len(fenced(one, replace(other, lots=tuple(reversed(other.lots))))) == 2


@pytest.mark.parametrize(
    "change", [{"quantity": D("1.5")}, {"acquired": date(2025, 2, 2)}, {"cost_per_share": D("10.01")},
               {"security_id": "OTHER"}],
)  # fmt: skip
def test_one_lot_that_differs_makes_another_account(like: AccountBook, change: dict[str, Any]) -> None:
    assert fenced(book(like, "A", "One", "1", "2", "3"), book(like, "B", "Two", "1", "2", "3", **change)) == []


def test_two_accounts_of_one_custodian_and_one_model_may_be_alike(like: AccountBook) -> None:
    assert fenced(book(like, "A", "One", "1", "2", "3"), book(like, "B", "One", "1", "2", "3")) == []


def test_two_lots_may_be_alike_by_chance(like: AccountBook) -> None:
    assert fenced(book(like, "A", "One", "1", "2"), book(like, "B", "Two", "1", "2")) == []
