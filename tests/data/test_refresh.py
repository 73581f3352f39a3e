"""A firm moves on in place: books, prices and sources in one transaction, everything else as it was."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from data.audit import AuditLog
from data.refresh import SourceStore, hold_firm, move_on, present_books, write_book, write_sources
from engine.domain.errors import DataError
from engine.domain.sources import AccountSource

TOMORROW = date(2026, 4, 1)


def source(account_id, **changes):
    given = {"source": "Addepar", "read_on": date(2026, 3, 31), "tried_on": date(2026, 3, 31), "derived": False}
    return AccountSource(account_id=account_id, **{**given, **changes})


def refresh(database, firm_reference, at, *books, prices=None):
    with database.begin() as connection:
        hold_firm(connection, imported_at=at)
        for book in books:
            write_book(connection, book)
        move_on(connection, as_of=TOMORROW, prices=prices or firm_reference.prices, households={}, summary={"kept": []},
                actor="ops", at=at)  # fmt: skip


def test_books_and_prices_move_on_and_the_rest_stays(firm, database, firm_reference, firm_books, at):
    new = replace(firm_books[1], account=replace(firm_books[1].account, cash=Decimal("7.00")))
    priced = firm_reference.prices[0]
    prices = (replace(priced, dates=(*priced.dates, TOMORROW), closes=(*priced.closes, Decimal("9.5")),
                      adjusted=(*priced.adjusted, None)), *firm_reference.prices[1:])  # fmt: skip

    refresh(database, firm_reference, at, new, prices=prices)

    assert tuple(firm.books()) == (firm_books[0], new, firm_books[2])
    assert firm.reference() == replace(firm_reference, as_of=TOMORROW, prices=prices)
    assert firm.market_parts().marks[priced.security_id].price == Decimal("9.5")
    (row,) = AuditLog(database).rows(what="firm.sync")
    assert (row.before, row.after) == ({"as_of": "2026-03-31"}, {"as_of": "2026-04-01", "kept": []})


def test_a_risk_model_estimated_from_other_prices_is_not_the_one_of_today(firm, database, firm_reference, risk, at):
    firm.save_risk(risk)
    assert firm.risk() is not None

    refresh(database, firm_reference, at)

    assert firm.risk() is None


def test_a_firm_that_was_imported_meanwhile_is_left_alone(firm, database, firm_reference, firm_books, at):
    firm.replace(firm_reference, firm_books, actor="ops", at=at + timedelta(seconds=1))

    with pytest.raises(DataError, match="came in anew meanwhile"):
        refresh(database, firm_reference, at)

    assert firm.firm().as_of == firm_reference.as_of


def test_an_account_that_is_gone_is_named(firm, database, firm_reference, firm_books, at):
    stranger = replace(firm_books[1], account=replace(firm_books[1].account, account_id="A9"), lots=(), transactions=())

    with pytest.raises(DataError, match="account A9: expected it in the firm"):
        refresh(database, firm_reference, at, stranger)

    assert firm.firm().as_of == firm_reference.as_of


def test_sources_replace_those_before_and_are_part_of_what_a_plan_is_made_from(firm, database, at):
    with database.begin() as connection:
        write_sources(connection, [source("A1"), source("A2")])
        write_sources(connection, [source("A2", read_on=None, derived=True, faults=("no basis", "no date"))])

    snapshot = firm.snapshot("A1")
    assert snapshot.source == source("A1")
    assert [one.account_id for one in snapshot.sources] == ["A1", "A2"]
    assert SourceStore(database).sources()["A2"].faults == ("no basis", "no date")


def test_a_firm_of_its_own_has_no_sources_and_an_import_takes_them_away(firm, database, firm_reference, firm_books, at):
    assert firm.snapshot("A1").sources is None
    with database.begin() as connection:
        write_sources(connection, [source("A1")])

    firm.replace(firm_reference, firm_books, actor="ops", at=at)

    assert firm.snapshot("A1").sources is None


def test_books_are_those_of_now(firm, database, firm_books):
    with database.begin() as connection:
        assert list(present_books(connection, ["A1", "A2"])) == [firm_books[0], firm_books[1]]
    with pytest.raises(DataError, match="account A9"):
        SourceStore(database).book("A9")
