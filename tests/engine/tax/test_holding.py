"""Holding periods at their edges, worked out on a calendar by hand, and through what the ledger does to shares."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.plans import Term
from engine.tax.holding import last_long_term, long_term_on, term
from tests.engine.tax import oracle
from tests.engine.tax.telling import tell


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
        (date(2023, 2, 27), date(2024, 2, 27), Term.SHORT),  # not the last day of its month
        (date(2023, 2, 27), date(2024, 2, 28), Term.LONG),
        (date(2024, 1, 31), date(2025, 1, 31), Term.SHORT),
        (date(2024, 1, 31), date(2025, 2, 1), Term.LONG),
        (date(2023, 2, 28), date(2024, 2, 28), Term.SHORT),
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


def test_every_purchase_of_ten_years_turns_long_term_after_the_same_day_of_next_year_or_the_end_of_its_month():
    """Said the other way: a month's last day answers to that month's last day a year later, any other to itself."""
    terms = {Term.SHORT: "ST", Term.LONG: "LT"}
    for bought in range(3653):
        for days in range(363, 370):
            acquired = oracle.START + timedelta(days=bought)
            assert terms[term(acquired, acquired + timedelta(days=days))] == oracle.term(bought, bought + days)


@pytest.mark.parametrize(
    ("history", "last_day_short", "held"),
    [
        pytest.param("2023-03-01 buy 10 @50", "2024-03-01", "t1", id="1222(3): bought"),
        pytest.param("2023-03-01 buy 10 @50; 2024-02-20 split 2", "2024-03-01", "t1", id="1223(4): split"),
        pytest.param(
            "2023-03-01 buy 10 @50; 2024-02-20 out 10 of t1; 2024-02-22 joint in 10 as m",
            "2024-03-01",
            "m",
            id="moved to another custodian: the same shares",
        ),
        pytest.param(
            "2023-07-03 buy 10 @50; 2024-02-01 sell 10 @40; 2024-02-12 buy 10 @41",
            "2024-07-14",
            "t3",
            id="1223(3): 213 days of the shares sold count, eleven days without any do not",
        ),
        pytest.param(
            "2023-07-03 buy 10 @50; 2024-01-10 buy 10 @45; 2024-02-01 sell 10 @40 of t1",
            "2024-07-03",
            "t2",
            id="1223(3): bought before the sale, from the start of the shares sold",
        ),
        pytest.param(
            "2023-02-28 buy 10 @50; 2024-01-10 sell 10 @40; 2024-01-10 buy 10 @40",
            "2024-02-29",
            "t3",
            id="1223(3), Rev. Rul. 66-7: bought back on the day, the start is the end of a February",
        ),
        pytest.param(
            "2023-07-03 buy 10 @50; 2024-02-01 sell 10 @40; 2024-02-12 buy 10 @41; 2024-03-04 sell 10 @35; "
            "2024-03-14 buy 10 @36",
            "2024-07-24",
            "t5",
            id="1223(3): through two wash sales, 21 days without any shares",
        ),
        pytest.param(
            "2023-07-03 buy 10 @50; 2024-02-01 sell 10 @40; 2024-02-12 buy 10 @41; 2024-03-01 out 10 of t3; "
            "2024-03-02 joint in 10 as m",
            "2024-07-14",
            "m",
            id="1223(3): tacked time moves with the shares",
        ),
        pytest.param(
            "2023-07-03 buy 10 @50; 2024-02-01 sell 10 @40; 2024-03-03 buy 10 @41",
            "2025-03-03",
            "t3",
            id="1222(3): bought back on the 31st day, from that day",
        ),
    ],
)
def test_the_last_day_on_which_a_sale_is_short_term(story, history, last_day_short, held):
    last = date.fromisoformat(last_day_short)
    where = "joint" if held == "m" else "taxable"
    tell(story, f"{history}; {last} {where} sell 1 @60 of {held}".replace("taxable ", ""))
    tell(story, f"{last + timedelta(days=1)} {where} sell 1 @60 of {held}".replace("taxable ", ""))

    short, long = story.ledger().realised[-2:]

    assert (short.term, long.term) == (Term.SHORT, Term.LONG)


def test_of_one_sale_every_purchase_has_its_own_term(story):
    tell(story, "2023-03-01 buy 10 @50; 2023-09-01 reinvest 1 @50; 2024-03-02 sell 11 @60")

    assert [(p.quantity, p.term) for p in story.ledger().realised] == [(10, Term.LONG), (1, Term.SHORT)]


def test_shares_received_as_a_gift_have_the_time_of_the_donor_where_the_book_states_it(story):
    """26 U.S.C. 1223(2): came in January 2024, held by the donor since May 2022."""
    story.move_in("2024-01-05", 10, lot="g", basis=400, account="taxable")
    story.holds("g", "2024-01-05", 6, 40, start="2022-05-02")
    story.sell("2024-02-01", 4, 50, lot="g")

    piece = story.ledger().realised[0]

    assert (piece.gain, piece.term) == (40, Term.LONG)


@pytest.mark.parametrize("on", [date(2023, 2, 28), date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1),
                                date(2025, 2, 28), date(2025, 3, 1), date(2026, 1, 1), date(2026, 12, 31)])  # fmt: skip
def test_the_last_day_that_makes_a_sale_long_term(on):
    last = last_long_term(on)

    assert long_term_on(last) <= on < long_term_on(last + timedelta(days=1))
