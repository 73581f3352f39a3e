"""Where does a day's close go in a history?"""

from datetime import date
from decimal import Decimal

import pytest

from connectors.addepar.prices import unmoved_prices, with_prices
from engine.domain.market import PriceHistory

D = Decimal
HISTORY = PriceHistory(
    security_id="A", dates=(date(2026, 1, 2), date(2026, 1, 6)), closes=(D(10), D(11)), adjusted=(D(9), D(11))
)


@pytest.mark.parametrize(
    ("on", "close", "expected"),
    [
        (7, "12", [(2, "10", "9"), (6, "11", "11"), (7, "12", None)]),
        (5, "12", [(2, "10", "9"), (5, "12", None), (6, "11", "11")]),
        (1, "12", [(1, "12", None), (2, "10", "9"), (6, "11", "11")]),
        (6, "11.0", [(2, "10", "9"), (6, "11", "11")]),
        (6, "12", [(2, "10", "9"), (6, "12", None)]),
    ],
)
def test_a_close_takes_its_place_in_time(on: int, close: str, expected: list[tuple[int, str, str | None]]) -> None:
    (found,) = with_prices((HISTORY,), {"A": D(close)}, on=date(2026, 1, on))

    assert list(zip(found.dates, found.closes, found.adjusted, strict=True)) == [
        (date(2026, 1, day), D(price), None if adjusted is None else D(adjusted)) for day, price, adjusted in expected
    ]


def test_a_security_without_a_history_gets_one() -> None:
    found = with_prices((HISTORY,), {"B": D(5)}, on=date(2026, 1, 6))

    assert found[0] is HISTORY
    assert found[1] == PriceHistory(security_id="B", dates=(date(2026, 1, 6),), closes=(D(5),), adjusted=(None,))


@pytest.mark.parametrize(
    ("closes", "price", "since"),
    [
        ("7 7 7 7 7", "7", date(2026, 1, 5)),
        ("9 7 7 7 7 7", "7.0", date(2026, 1, 6)),
        ("7 7 7 7", "7", None),  # four closes may be alike
        ("7 7 7 7 7", "7.01", None),
        ("7 7 7 7 7 8", "7", None),
    ],
)
def test_a_price_that_stood_still_for_five_closes_may_be_stale(closes: str, price: str, since: date | None) -> None:
    values = tuple(map(D, closes.split()))
    days = tuple(date(2026, 1, 5 + n) for n in range(len(values)))
    history = PriceHistory(security_id="A", dates=days, closes=values, adjusted=(None,) * len(values))

    found = unmoved_prices((history,), {"A": D(price)}, on=date(2026, 1, 20))

    assert [issue.found for issue in found] == ([] if since is None else [f"{D(price)}, unchanged since {since}"])


def test_a_close_of_the_day_itself_is_none_of_the_five_before_it() -> None:
    days = tuple(date(2026, 1, day) for day in range(5, 10))
    history = PriceHistory(security_id="A", dates=days, closes=(D(7),) * 5, adjusted=(None,) * 5)

    assert unmoved_prices((history,), {"A": D(7)}, on=days[-1]) == ()
