"""Prices from the stand-in Addepar alone: the firm of hand_firm/, whose accounts hold all but nothing else."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from app.steps.prices import source_of, take_prices
from app.steps.sync import sync_addepar
from engine.domain.errors import DataError, ExternalRefusal


def with_source(services, source):
    return replace(services, connections={**services.connections, "prices": {"source": source}})


def dearer(reference, books):
    prices = tuple(replace(each, closes=(each.closes[-1] + 1,)) for each in reference.prices)
    return replace(reference, prices=prices), books


def test_one_job_brings_the_days_price_of_all_that_the_firm_holds(addepar, stand_in):
    stand_in.shows(dearer, on=date(2026, 11, 20))
    services = with_source(addepar, "addepar")
    before = list(services.firm.books())

    brought = take_prices(services, source_of(services), actor="maya")

    marks = services.firm.market_parts().marks
    assert {name: mark.price for name, mark in marks.items()} == {
        "AAA": 101, "BBB": 101, "CCC": 51, "DDD": 21, "EEE": 41, "FFF": 51,
    }  # fmt: skip
    assert (brought.source, brought.closes, brought.without) == ("Addepar", 6, ())
    assert list(services.firm.books()) == before
    assert len([request for request in stand_in.asked() if request.startswith("POST")]) == 1


def test_on_a_saturday_the_prices_are_fridays_and_none_is_missing(connect):
    """A sync of that Saturday has moved the firm's day on; no close will ever be of it."""
    services = with_source(connect(datetime(2026, 11, 21, 12, 0, tzinfo=UTC)), "addepar")
    sync_addepar(services, actor="maya")

    brought = take_prices(services, source_of(services), actor="maya")

    assert (brought.as_of, brought.newest, brought.without) == (date(2026, 11, 21), date(2026, 11, 20), ())
    assert {mark.on for mark in services.firm.market_parts().marks.values()} == {date(2026, 11, 20)}


def test_a_price_of_nothing_is_left_out_and_said_so(addepar, stand_in):
    stand_in.control("rows", {"grouping": "security", "name": "Alpha Works", "set": {"price": 0, "value": 0}})
    services = with_source(addepar, "addepar")

    brought = take_prices(services, source_of(services), actor="maya")

    assert brought.closes == 5
    assert services.firm.market_parts().marks["AAA"].price == Decimal(100)


def test_where_addepar_refuses_nothing_changes(addepar, stand_in):
    stand_in.control("faults", {"path": "/v1/jobs", "status": 403, "times": 9})
    services = with_source(addepar, "addepar")
    day = services.firm.firm()

    with pytest.raises(ExternalRefusal):
        take_prices(services, source_of(services), actor="maya")

    assert services.firm.firm() == day


@pytest.mark.parametrize("source", [None, 7])
def test_a_source_that_is_none_is_named(addepar, source):
    with pytest.raises(DataError, match=r"\[prices\] source: expected \"addepar\" or a folder"):
        source_of(with_source(addepar, source))
