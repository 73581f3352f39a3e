"""Rows held as columns are the rows that they were made of, to the last exponent."""

import pickle
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from engine.domain.accounts import Lot, Transaction, TransactionType
from engine.domain.rows import Dates, Decimals, Rows, Texts, kinds_of
from tests.rows import decimals, lots


def digits(row):
    """A decimal equals another with another exponent; its tuple does not."""
    values = [getattr(row, name) for name in type(row).__slots__]
    return [value.as_tuple() if isinstance(value, Decimal) else value for value in values]


def from_columns(rows: Rows) -> Rows:
    """The same rows, which now have only their columns to be made from."""
    return pickle.loads(pickle.dumps(rows))


transactions = some.builds(
    Transaction,
    transaction_id=some.text(),
    account_id=some.text(),
    trade_date=some.dates(),
    security_id=some.text(),
    type=some.sampled_from(TransactionType),
    quantity=decimals,
    price=decimals,
    lot_id=some.none() | some.text(),
    basis=some.none() | decimals,
)


@pytest.mark.parametrize(("kind", "rows"), [(Lot, lots), (Transaction, transactions)])
def test_columns_make_the_rows_that_made_them(kind, rows):
    @given(some.lists(rows))
    def holds(given_rows):
        back = from_columns(Rows.of(kind, given_rows))
        assert list(map(digits, back)) == list(map(digits, given_rows))
        assert back == tuple(given_rows)

    holds()


@given(some.lists(some.none() | decimals))
def test_floats_of_a_column_are_those_of_its_decimals(items):
    found = Decimals.of(items).floats().tolist()
    expected = [float("nan") if item is None else float(item) for item in items]
    assert list(map(repr, found)) == list(map(repr, expected))


@given(some.lists(some.integers(-(10**19), 10**19)), some.integers(-30, 25))
@example([2**53 + 3], -3)  # rounded to a float and then divided, it would not be the nearest
@example([-(2**53) - 3], -3)
@example([1], -23)  # ten to the 23rd is no float
def test_a_float_is_the_nearest_one_whatever_the_exponent(coefficients, exponent):
    items = [Decimal(coefficient).scaleb(exponent) for coefficient in coefficients]
    assert Decimals.of(items).floats().tolist() == list(map(float, items))


@given(some.lists(transactions), some.data())
def test_narrowed_rows_are_those_of_the_mask_and_of_the_places_in_their_order(given_rows, data):
    rows = from_columns(Rows.of(Transaction, given_rows))
    mask = data.draw(some.lists(some.booleans(), min_size=len(given_rows), max_size=len(given_rows)))
    kept = [row for row, keep in zip(given_rows, mask, strict=True) if keep]
    places = data.draw(some.permutations(range(len(given_rows))))

    assert rows.where(np.array(mask, dtype=bool)) == tuple(kept)
    assert len(rows.where(np.array(mask, dtype=bool))) == len(kept)
    assert list(map(digits, rows.where(np.array(places, dtype=np.intp)))) == [digits(given_rows[k]) for k in places]


@given(some.lists(transactions, max_size=5), some.lists(transactions, max_size=5))
def test_rows_followed_by_others_are_those_rows_and_then_the_others(first, then):
    joined = from_columns(Rows.of(Transaction, first)).followed_by(from_columns(Rows.of(Transaction, then)))

    assert list(map(digits, joined)) == list(map(digits, (*first, *then)))
    assert len(joined) == len(first) + len(then)
    assert joined.texts("security_id").items() == [row.security_id for row in (*first, *then)]


def test_asking_for_columns_of_a_few_rows_makes_no_row():
    made = []

    class Counted(Lot):
        __slots__ = ()

        def __post_init__(self) -> None:
            made.append(self.lot_id)

    rows = from_columns(Rows.of(Lot, [lot("L1", "2"), lot("L2", "3"), lot("L3", "5")]))
    counted = Rows(Counted, 3, lambda: rows.columns)

    some_rows = counted.where(counted.floats("quantity") > 2)

    assert (len(some_rows), made) == (2, [])
    assert [each.lot_id for each in some_rows] == ["L2", "L3"]
    assert made == ["L2", "L3"]


def test_words_are_kept_once_and_none_has_no_word():
    column = Texts.of(["B", None, "A", "B"])
    assert (column.codes.tolist(), column.values) == ([0, -1, 1, 0], ("B", "A"))
    assert column.items() == ["B", None, "A", "B"]
    for words in ({"A"}, {"A", None}):
        assert column.among(words).tolist() == [False, False, True, False]
        assert column.where(np.array([1])).among(words).tolist() == [False]  # fewer rows than words


def test_days_are_ordinals_and_none_is_zero():
    assert Dates.of([date(1, 1, 1), None, date(2024, 2, 29)]).days.tolist() == [1, 0, 738945]


def test_a_field_that_no_column_can_hold_is_refused_by_its_name():
    from engine.domain.plans import Plan

    with pytest.raises(TypeError, match=r"Plan\.settings: expected words, a decimal, a date or an enumeration, found"):
        kinds_of(Plan)


def lot(lot_id: str, quantity: str) -> Lot:
    return Lot(account_id="A", lot_id=lot_id, security_id="S", quantity=Decimal(quantity), cost_per_share=Decimal(1),
               acquired=date(2025, 1, 2))  # fmt: skip
