"""Are lots rebuilt from transactions those of the custodian, and is what does not add up fenced?"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectors.addepar.derive import Unlotted, derived_lots
from connectors.addepar.holdings import Position
from connectors.addepar.issues import Faults
from connectors.addepar.mapping import mapping_from_table
from engine.domain.accounts import Account, AccountBook, Registration, Transaction, TransactionType
from tests.connectors.addepar.test_sync import pulled

D = Decimal
AS_OF = date(2026, 3, 2)
BUY, SELL, SPLIT = TransactionType.BUY, TransactionType.SELL, TransactionType.SPLIT
IN, OUT = TransactionType.TRANSFER_IN, TransactionType.TRANSFER_OUT


def row(name: str, on: str, kind: TransactionType, shares: str, price: str = "0", **more: Any) -> Transaction:
    given: dict[str, Any] = {"account_id": "A", "security_id": "X", **more}
    return Transaction(transaction_id=name, trade_date=date.fromisoformat(on), type=kind, quantity=D(shares),
                       price=D(price), **given)  # fmt: skip


def account(rows: Sequence[Transaction], shares: str, cost: str | None, name: str = "A") -> Unlotted:
    zero = dict.fromkeys(("cash", "st_rate", "lt_rate", "ytd_st_gain", "ytd_lt_gain", "st_carryforward",
                          "lt_carryforward"), D(0))  # fmt: skip
    own = Account(
        account_id=name,
        household_id="H",
        registration=Registration.TAXABLE,
        custodian="C",
        account_number=name,
        model_id="M",
        **zero,
    )  # type: ignore[arg-type]  # all of them decimals
    position = Position(shares=D(shares), cost=None if cost is None else D(cost))
    return Unlotted(book=AccountBook(account=own, lots=(), transactions=tuple(rows)),
                    positions={"X": position} if D(shares) else {}, faults=Faults(name, currency="USD"))  # fmt: skip


def lots(one: Unlotted, *others: Unlotted) -> list[tuple[str, Decimal, Decimal, date]]:
    """(id, shares, cost of all, acquired) of each rebuilt lot of the first account."""
    found = derived_lots([one, *others], as_of=AS_OF)[one.book.account.account_id]
    return [(lot.lot_id, lot.quantity, lot.basis, lot.acquired) for lot in found]


@pytest.mark.parametrize(
    ("rows", "shares", "cost", "expected"),
    [
        # 100 at 10 and 50 at 20; 120 sold, the oldest first: 30 of the second are left, 30 x 20 = 600.
        ([row("b1", "2024-01-02", BUY, "100", "10"), row("b2", "2024-02-02", BUY, "50", "20"),
          row("s1", "2025-01-02", SELL, "120", "30")], "30", "600", [("b2", "30", "600", "2024-02-02")]),
        # The sale names the younger lot: the older one stays whole.
        ([row("b1", "2024-01-02", BUY, "100", "10"), row("b2", "2024-02-02", BUY, "50", "20"),
          row("s1", "2025-01-02", SELL, "50", "30", lot_id="b2")], "100", "1000",
         [("b1", "100", "1000", "2024-01-02")]),
        # 2 for 1 doubles the shares of what was there before, at the same cost; 40 sold after it leave 160 of 200.
        ([row("b1", "2024-01-02", BUY, "100", "10"), row("x", "2024-06-03", SPLIT, "2"),
          row("s1", "2025-01-02", SELL, "40", "7")], "160", "800", [("b1", "160", "800", "2024-01-02")]),
        # 1 for 4 after a partial sale: 100 - 20 = 80, then 20 shares, cost 800.
        ([row("b1", "2024-01-02", BUY, "100", "10"), row("s1", "2024-03-01", SELL, "20", "9"),
          row("x", "2024-06-03", SPLIT, "0.25")], "20", "800", [("b1", "20", "800", "2024-01-02")]),
        # A loss sold and bought back within 30 days: the ledger derives what is disallowed, the lot keeps its price.
        ([row("b1", "2024-01-02", BUY, "100", "10"), row("s1", "2025-01-02", SELL, "100", "5"),
          row("b2", "2025-01-10", BUY, "100", "6")], "100", "600", [("b2", "100", "600", "2025-01-10")]),
        # Lots are in the order of their ids, whenever they were bought.
        ([row("b2", "2024-01-02", BUY, "50", "10"), row("b1", "2024-02-02", BUY, "50", "20")], "100", "1500",
         [("b1", "50", "1000", "2024-02-02"), ("b2", "50", "500", "2024-01-02")]),
        # Half a thousandth of a share is what rounding leaves, and no lot.
        ([row("b1", "2024-01-02", BUY, "100", "10"), row("s1", "2025-01-02", SELL, "99.9995", "5")], "0", None, []),
        # Everything sold.
        ([row("b1", "2024-01-02", BUY, "100", "10"), row("s1", "2025-01-02", SELL, "100", "5")], "0", None, []),
    ],
)  # fmt: skip
def test_lots_are_what_purchases_sales_and_splits_leave(
    rows: list[Transaction], shares: str, cost: str | None, expected: list[tuple[str, str, str, str]]
) -> None:
    one = account(rows, shares, cost)

    assert lots(one) == [(name, D(q), D(c), date.fromisoformat(on)) for name, q, c, on in expected]
    assert one.faults.issues == []


def test_lots_that_move_within_the_household_keep_their_day_and_their_cost() -> None:
    out = [row("b1", "2024-01-02", BUY, "100", "10"), row("o1", "2025-01-02", OUT, "100")]
    into = [row("i1", "2025-01-03", IN, "100", account_id="B")]
    there = account(into, "100", "1000", "B")

    assert lots(there, account(out, "0", None)) == [("i1", D(100), D(1000), date(2024, 1, 2))]
    assert there.faults.issues == []


def test_purchases_of_one_day_that_moved_as_one_are_one_lot_at_the_cost_of_both() -> None:
    out = [row("b1", "2024-01-02", BUY, "50", "10"), row("b2", "2024-01-02", BUY, "50", "20"),
           row("o1", "2025-01-02", OUT, "100")]  # fmt: skip
    there = account([row("i1", "2025-01-03", IN, "100", account_id="B")], "100", "1500", "B")

    assert lots(there, account(out, "0", None)) == [("i1", D(100), D(1500), date(2024, 1, 2))]
    assert there.faults.issues == []


def test_shares_of_two_days_that_moved_as_one_are_no_lot_of_either_day() -> None:
    out = [row("b1", "2024-01-02", BUY, "50", "10"), row("b2", "2024-02-02", BUY, "50", "20"),
           row("o1", "2025-01-02", OUT, "100")]  # fmt: skip
    there = account([row("i1", "2025-01-03", IN, "100", account_id="B")], "100", "1500", "B")

    assert lots(there, account(out, "0", None)) == []
    assert there.faults.issues[0].found == "shares bought on 2 days moved in as one"


@pytest.mark.parametrize(
    ("rows", "shares", "cost", "subject", "field"),
    [
        # Held before the history began: 100 more than it bought.
        ([row("b1", "2024-01-02", BUY, "50", "10")], "150", None, "position X", "holdings.units"),
        # Came from outside: nobody knows when they were bought.
        ([row("i1", "2024-01-02", IN, "50", basis=D(500))], "50", "500", "position X", "holdings.units"),
        ([row("i1", "2024-01-02", IN, "50", basis=D(500), lot_id="L")], "50", "500", "lot L of X",
         "transactions.type"),
        # The custodian sold the dearer lot, not the oldest: 100 x 20 - 50 x 10 would be left by FIFO.
        ([row("b1", "2024-01-02", BUY, "50", "10"), row("b2", "2024-02-02", BUY, "50", "20"),
          row("s1", "2025-01-02", SELL, "50", "30")], "50", "500", "position X", "holdings.original_cost"),
    ],
)  # fmt: skip
def test_what_the_history_does_not_explain_is_a_fault_not_a_guess(
    rows: list[Transaction], shares: str, cost: str | None, subject: str, field: str
) -> None:
    one = account(rows, shares, cost)
    lots(one)

    assert (subject, field) in [(issue.subject, issue.field) for issue in one.faults.issues]


@pytest.mark.parametrize(
    ("price", "shares", "cost", "fields"),
    [
        ("10", "100.001", None, []),  # a thousandth of a share
        ("10", "100.0011", None, ["holdings.units"]),
        ("10", "100", "1001", []),  # a dollar
        ("10", "100", "998.99", ["holdings.original_cost"]),
        ("1000", "100", "100010", []),  # a ten-thousandth of the cost, where that is more
        ("1000", "100", "100010.02", ["holdings.original_cost"]),
    ],
)
def test_rounding_is_no_fault_and_more_than_rounding_is(
    price: str, shares: str, cost: str | None, fields: list[str]
) -> None:
    one = account([row("b1", "2024-01-02", BUY, "100", price)], shares, cost)
    lots(one)

    assert [issue.field for issue in one.faults.issues] == fields


def test_a_firm_without_a_lot_view_gets_its_lots_where_the_history_explains_them(stand_in: Any) -> None:
    mapping = mapping_from_table({"holdings": {"lot": ""}}, source="test")

    found = pulled(stand_in, mapping)

    # Every share of A1 was bought, split and sold in its history, and A4 holds none; A2 and A3 hold what nobody bought.
    assert [book.account.account_id for book in found.books] == ["A1", "A4"]
    assert found.books[0].lots == tuple(
        replace(lot, wash_adjustment=None, holding_start=None) for lot in stand_in.firm.books[0].lots
    )
    assert found.fenced == ("A2", "A3")


def test_a_whole_history_gives_the_very_lots_of_a_lot_view(stand_in: Any) -> None:
    mapping = mapping_from_table({"holdings": {"lot": ""}}, source="test")
    book = stand_in.firm.books[2]
    for number, lot in enumerate(book.lots[1:], start=20):
        _add(stand_in, f"T{number}", lot)

    found = pulled(stand_in, mapping)

    third = next(found_book for found_book in found.books if found_book.account.account_id == "A3")
    assert {(lot.security_id, lot.quantity, lot.basis, lot.acquired) for lot in third.lots} == {
        (lot.security_id, lot.quantity, lot.basis, lot.acquired) for lot in book.lots
    }


def _add(stand_in: Any, name: str, lot: Any) -> None:
    """Let the stand-in show the purchase of a lot: the row of T10, changed."""
    firm = stand_in.sandbox.firm
    entity = next(e for e, rows in firm.transactions.items() if any(row["id"] == "T10" for row in rows))
    like = next(row for row in firm.transactions[entity] if row["id"] == "T10")
    ticker = lot.security_id.removeprefix("S-")
    bought = {**like, "id": name, "trade_date": lot.acquired.isoformat(), "units": lot.quantity,
              "price_per_share": lot.cost_per_share, "cusip": f"{ticker}000000", "ticker_symbol": ticker}  # fmt: skip
    rows = {**firm.transactions, entity: (*firm.transactions[entity], bought)}
    stand_in.sandbox.firm = replace(firm, transactions=rows)
