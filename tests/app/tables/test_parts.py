"""How amounts, dates and names are written wherever they stand."""

from datetime import date
from decimal import Decimal

import pytest

from app.tables.parts import day, literal, named, rate, short_usd, table_of, usd


def test_of_two_amounts_in_a_sentence_no_dollar_sign_begins_a_formula():
    assert literal("sells $1,200 and buys $900, 5% less") == r"sells \$1,200 and buys \$900, 5% less"


@pytest.mark.parametrize(
    ("amount", "text"), [(Decimal("1234.5"), "$1,234"), (-161718.2, "-$161,718"), (Decimal(0), "$0"), (-0.2, "$0")]
)
def test_dollars_carry_their_sign_before_the_dollar_sign(amount, text):
    assert usd(amount) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0.0, "$0"), (949.6, "$950"), (999.6, "$1k"), (1499.0, "$1k"), (12_600.0, "$13k"), (999_600.0, "$1.0M"),
        (3_440_000.0, "$3.4M"), (1_204_000_000.0, "$1.20B"), (-12_600.0, "-$13k"),
    ],
)  # fmt: skip
def test_a_tile_rounds_dollars_to_what_people_say(amount, text):
    assert short_usd(amount) == text


def test_a_table_without_a_row_has_its_columns_all_the_same():
    assert list(table_of([], "ticker gain").columns) == ["ticker", "gain"]
    assert table_of([{"gain": 1.0, "ticker": "ABC"}], "ticker gain").to_numpy().tolist() == [["ABC", 1.0]]


def test_a_security_that_the_market_does_not_know_is_called_by_its_id(market):
    assert named(market, "S1") == {"ticker": "ABC", "name": "Alphabet Soup", "sector": "Food"}
    assert named(market, "S9") == {"ticker": "S9", "name": "", "sector": ""}


def test_a_date_is_written_without_a_leading_zero():
    assert day(date(2026, 3, 2)) == "2 March 2026"


@pytest.mark.parametrize(
    ("of_one", "text"), [("0.2375", "23.75%"), ("0.238", "23.8%"), ("0.40", "40.0%"), ("0", "0.0%")]
)
def test_a_rate_is_told_as_it_is_and_not_rounded(of_one, text):
    assert rate(Decimal(of_one)) == text
