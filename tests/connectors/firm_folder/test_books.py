"""Rows wait under their account, however they came, and leave in the order that a book has."""

from datetime import date
from decimal import Decimal

import pytest

from connectors.firm_folder.books import waiting_lots
from connectors.firm_folder.table import Rows


def lots(*rows):
    """Return a piece of the file of lots: account_id, lot_id."""
    text = {
        "account_id": [account for account, _ in rows], "lot_id": [lot for _, lot in rows],
        "security_id": ["S"] * len(rows), "quantity": ["1.50"] * len(rows), "cost_per_share": ["2"] * len(rows),
        "acquired": ["2025-01-02"] * len(rows),
    }  # fmt: skip
    return Rows(lines=range(len(rows)), text=text, value={})


# Pieces of the file, and the lots of account A in the order of the file.
PIECES = [
    ([lots(("A", "1"), ("A", "2"), ("B", "3"))], ["1", "2"]),
    ([lots(("A", "1"), ("B", "3"), ("A", "2"))], ["1", "2"]),  # apart within a piece
    ([lots(("A", "1")), lots(("B", "3")), lots(("A", "2"), ("A", "4"))], ["1", "2", "4"]),  # in several pieces
    ([lots(("B", "3"))], []),
    ([], []),
]


@pytest.mark.parametrize(("pieces", "expected"), PIECES)
def test_rows_of_an_account_are_all_there_in_the_order_of_the_file(pieces, expected):
    waiting = waiting_lots()
    for piece in pieces:
        waiting.add(piece)

    found = waiting.rows("A")

    assert [lot.lot_id for lot in found] == expected
    assert {lot.account_id for lot in found} <= {"A"}


def test_a_column_that_is_not_there_is_blank_and_a_number_keeps_its_digits():
    waiting = waiting_lots()
    waiting.add(lots(("A", "1")))

    [lot] = waiting.rows("A")

    assert (str(lot.quantity), lot.cost_per_share, lot.acquired) == ("1.50", Decimal(2), date(2025, 1, 2))
    assert (lot.wash_adjustment, lot.holding_start, lot.gift_price, lot.gift_date) == (None, None, None, None)
