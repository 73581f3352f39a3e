"""Rows that are written as columns are read as they were; equal rows are the same bytes."""

import json
import struct
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from data.columnar import read_rows, write_rows
from engine.domain.accounts import Lot
from engine.domain.rows import Rows
from tests.rows import lots


@given(some.lists(lots))
def test_what_is_written_is_read_to_the_last_exponent(given_rows):
    content = write_rows(Rows.of(Lot, given_rows), leave=["account_id"])

    back = read_rows(Lot, content, constant={"account_id": "A"})

    assert repr(tuple(back)) == repr(tuple(given_rows))
    assert write_rows(back, leave=["account_id"]) == content


@given(some.lists(lots, min_size=1), some.data())
def test_equal_rows_are_the_same_bytes_however_they_came_to_be(given_rows, data):
    every = Rows.of(Lot, given_rows)
    places = data.draw(some.lists(some.sampled_from(range(len(given_rows))), unique=True))
    moved = every.where(np.array(places, dtype=np.intp))

    assert write_rows(moved) == write_rows(Rows.of(Lot, [given_rows[place] for place in places]))


def test_the_bytes_are_those_of_the_format():
    """Written out by hand: one lot of 1.50 shares at 2 USD, bought on the second day of the calendar."""
    lot = Lot(account_id="A", lot_id="L", security_id="S", quantity=Decimal("1.50"), cost_per_share=Decimal(2),
              acquired=date(1, 1, 2))  # fmt: skip
    header = json.dumps(
        {
            "columns": [["lot_id", "texts", ["L"]], ["security_id", "texts", ["S"]], ["quantity", "decimals", {}],
                        ["cost_per_share", "decimals", {}], ["acquired", "dates"]],
            "size": 1,
        },
        separators=(",", ":"),
    ).encode()  # fmt: skip
    filled = header + bytes(-len(header) % 8)
    arrays = struct.pack("<i4x i4x q b7x q b7x i4x".replace(" ", ""), 0, 0, 150, -2, 2, 0, 2)

    content = write_rows(Rows.of(Lot, [lot]), leave=["account_id"])

    assert content == b"rows 1\n\0" + len(header).to_bytes(8, "little") + filled + arrays


@pytest.mark.parametrize("content", [b'{"lot_id": []}', b"rows 2\n\0", b""])
def test_bytes_that_are_no_columns_of_this_format_are_refused(content):
    with pytest.raises(ValueError, match="expected columns that begin with"):
        read_rows(Lot, content, constant={})
