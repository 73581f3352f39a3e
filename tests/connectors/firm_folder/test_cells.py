"""Each kind of cell: what it takes, what it refuses, and that writing gives back what was read."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.firm_folder import cells

GOOD_NUMBERS = ["0", "-0", "1.50", "0.000001", "1E+3", "1.5e3", ".5", "007", "1000000000000000", "-1000000000000000",
                "0.12345678901234567890", "1234567890123.123456789012345"]  # fmt: skip
BAD_NUMBERS = ["", "x", "NaN", "sNaN", "Infinity", "-inf", "1_000", "1,5", " 1", "1 ", "+1", "5.", "--1", "1e999",
               "1e1000", "1e16", "1E-21", "0e21", "1000000000000000.1", "0x10", "١", "1" * 29, "1.5\n",
               "0.123456789012345678901", "12345678901234.123456789012345"]  # fmt: skip


@pytest.mark.parametrize("text", GOOD_NUMBERS)
def test_a_number_is_taken_exactly_as_written(text):
    assert cells.ANY_NUMBER.parse(text).as_tuple() == Decimal(text).as_tuple()


@pytest.mark.parametrize("text", BAD_NUMBERS)
def test_what_is_no_plain_number_or_too_long_is_refused(text):
    with pytest.raises(ValueError, match=r".*"):
        cells.ANY_NUMBER.parse(text)


@pytest.mark.parametrize(("kind", "text", "good"), [
    (cells.POSITIVE, "0", False), (cells.POSITIVE, "0.0001", True),
    (cells.NOT_NEGATIVE, "0", True), (cells.NOT_NEGATIVE, "-0.0001", False),
    (cells.FRACTION, "1", True), (cells.FRACTION, "1.0001", False),
    (cells.DATE, "2024-02-29", True), (cells.DATE, "2026-02-29", False), (cells.DATE, "2026-2-1", False),
    (cells.DATE, "1899-12-31", False), (cells.DATE, "2200-01-01", False), (cells.DATE, "2026-W01-1", False),
    (cells.FLAG, "TRUE", True), (cells.FLAG, "yes", False),
    (cells.IDENTIFIER, "x" * 64, True), (cells.IDENTIFIER, "x" * 65, False),
    (cells.TEXT, "=SUM(A1) @x", True), (cells.TEXT, "a\x01b", False), (cells.TEXT, "a\x85b", False),
    (cells.TEXT, "a\nb", False), (cells.TEXT, " a", False), (cells.TEXT, "\u00a0a", False),
    (cells.TAGS, "a;b", True), (cells.TAGS, "a; b", False), (cells.TAGS, "a;a", False), (cells.TAGS, "a;", False),
    (cells.RANK, "1", True), (cells.RANK, "01", False), (cells.RANK, "-1", False),
    (cells.FLOAT, "-1.5e-05", True), (cells.FLOAT, "1e7", False), (cells.FLOAT, "nan", False),
    (cells.VOLATILITY, "0", True), (cells.VOLATILITY, "-0.1", False),
    (cells.USD, "USD", True), (cells.USD, "usd", False),
])  # fmt: skip
def test_the_edge_of_each_kind(kind, text, good):
    if good:
        kind.parse(text)
    else:
        with pytest.raises(ValueError, match=r".*"):
            kind.parse(text)


@given(st.decimals(-(10**12), 10**12, places=8) | st.decimals(allow_nan=False, allow_infinity=False, min_value=0,
                                                              max_value=1000, places=20))  # fmt: skip
def test_a_decimal_is_written_so_that_it_reads_back_digit_for_digit(value):
    assert cells.ANY_NUMBER.parse(cells.written(value)).as_tuple() == value.as_tuple()


@given(st.floats(-1e6, 1e6))
def test_a_float_is_written_so_that_it_reads_back_bit_for_bit(value):
    assert cells.FLOAT.parse(cells.written(value)).hex() == value.hex()


@pytest.mark.parametrize(("value", "text"), [
    (None, ""), (True, "true"), (False, "false"), (Decimal("1.50"), "1.50"), (Decimal("1E+3"), "1E+3"),
    (Decimal("1E-7"), "0.0000001"), (date(2026, 1, 31), "2026-01-31"), (("a", "b"), "a;b"), ((), ""), (3, "3"),
])  # fmt: skip
def test_how_each_value_is_written(value, text):
    assert cells.written(value) == text


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), float("nan"), "a\nb", "\ud800", ("a;b",), "a "])
def test_what_no_cell_can_hold_is_not_written(value):
    with pytest.raises(ValueError, match=r".*"):
        cells.written(value)


def refuses(kind, text) -> bool:
    try:
        kind.parse(text)
    except ValueError:
        return True
    return False


USUAL = [kind for kind in (cells.IDENTIFIER, cells.ANY_NUMBER, cells.POSITIVE, cells.NOT_NEGATIVE) if kind.all_usual]


ODD_CELLS = [*GOOD_NUMBERS, *BAD_NUMBERS, "-1", "0.0", "00", "1\n2", "9" * 16, " a", "a ", "a\tb", "\u00a0a", "a" * 65]


@pytest.mark.parametrize("kind", USUAL)
def test_a_quick_look_at_many_cells_passes_none_that_would_be_refused_alone(kind):
    for text in ODD_CELLS:
        if text and refuses(kind, text):
            assert not any(map(kind.all_usual, ([text], [text, "1"], ["1", text], ["1", text, "1"], ["", text])))


@pytest.mark.parametrize("kind", USUAL)
@given(texts=st.lists(st.text(alphabet="0159.-+eE |\n\t\x00a\u00a0é", max_size=8)))
def test_a_quick_look_at_any_cells_passes_none_that_would_be_refused_alone(kind, texts):
    assert not (kind.all_usual(texts) and any(text and refuses(kind, text) for text in texts))


def test_a_quick_look_passes_what_nearly_every_cell_holds():
    assert len(USUAL) == 4
    assert cells.POSITIVE.all_usual(["12.50", "0.001", "", "100"])
    assert cells.NOT_NEGATIVE.all_usual(["0", "", "0.00"])
    assert cells.ANY_NUMBER.all_usual(["-3.5", "0"])
    assert cells.IDENTIFIER.all_usual(["A-00001", "lot 1|2", ""])
    assert cells.IDENTIFIER.all_usual([])
    assert not cells.POSITIVE.all_usual(["12.50", "0.000"])
