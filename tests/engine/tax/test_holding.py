"""Holding periods at their edges, worked out on a calendar by hand."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.plans import Term
from engine.tax.holding import long_term_on, term


@pytest.mark.parametrize(
    ("acquired", "sold", "expected"),
    [
        (date(2023, 3, 1), date(2024, 2, 29), Term.SHORT),  # 365 days old, yet not a year
        (date(2023, 3, 1), date(2024, 3, 1), Term.SHORT),  # exactly one year is not more than one
        (date(2023, 3, 1), date(2024, 3, 2), Term.LONG),
        (date(2023, 2, 28), date(2024, 2, 29), Term.SHORT),  # last day of a month: the first of the 13th month after
        (date(2023, 2, 28), date(2024, 3, 1), Term.LONG),
        (date(2024, 2, 29), date(2025, 2, 28), Term.SHORT),
        (date(2024, 2, 29), date(2025, 3, 1), Term.LONG),
        (date(2024, 2, 28), date(2025, 2, 28), Term.SHORT),  # counted from 29 February, over on 28 February
        (date(2024, 2, 28), date(2025, 3, 1), Term.LONG),
        (date(2023, 4, 30), date(2024, 4, 30), Term.SHORT),
        (date(2023, 4, 30), date(2024, 5, 1), Term.LONG),
        (date(2023, 12, 31), date(2024, 12, 31), Term.SHORT),
        (date(2023, 12, 31), date(2025, 1, 1), Term.LONG),
        (date(2024, 6, 3), date(2024, 6, 3), Term.SHORT),
    ],
)
def test_long_term_is_more_than_one_year_from_the_day_after_acquisition(
    acquired: date, sold: date, expected: Term
) -> None:
    assert term(acquired, sold) is expected


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)))
def test_long_term_comes_366_or_367_days_after_acquisition_and_never_goes_back(acquired: date) -> None:
    first = long_term_on(acquired)

    assert (first - acquired).days in (366, 367)
    assert long_term_on(acquired + timedelta(days=1)) >= first
