"""Short-term or long-term? The holding period as the law counts it."""

from datetime import date, timedelta
from functools import lru_cache

from engine.domain.plans import Term


@lru_cache(maxsize=1 << 16)
def long_term_on(held_from: date) -> date:
    """Return the first day on which a sale is long-term.

    held_from is the day of acquisition (or its tacked equivalent, Lot.held_from). Long-term is *more* than one year
    (26 U.S.C. 1222(3)), counted from the day after acquisition; the year ends with the day before the same date of the
    next year, so a lot bought on the last day of a month turns long-term on the first day of the thirteenth month
    after (Rev. Rul. 66-7). A year counted from 29 February ends with 28 February.
    """
    first_day = held_from + timedelta(days=1)
    if (first_day.month, first_day.day) == (2, 29):
        return date(first_day.year + 1, 3, 1)
    return first_day.replace(year=first_day.year + 1)


def term(held_from: date, on: date) -> Term:
    """Return the term of a sale on a day of shares held from a day (see long_term_on)."""
    return Term.LONG if on >= long_term_on(held_from) else Term.SHORT


@lru_cache(maxsize=16)
def last_long_term(on: date) -> date:
    """Return the last day from which shares must be held for a sale on a day to be long-term (see long_term_on)."""
    return max(day for back in range(364, 368) if long_term_on(day := on - timedelta(days=back)) <= on)
