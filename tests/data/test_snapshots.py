"""What a plan was computed from comes back exactly, and any difference in it has another hash."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from data.documents import Document
from data.snapshots import (
    inputs_hash,
    market_document,
    prices_document,
    read_market,
    read_prices,
    read_snapshot,
    snapshot_document,
)
from engine.domain.accounts import AccountSnapshot
from engine.domain.errors import DataError
from engine.domain.market import Mark, MarketSnapshot, PriceHistory
from engine.domain.sources import AccountSource


@pytest.fixture
def snapshot(firm_reference, firm_books) -> AccountSnapshot:
    return AccountSnapshot(
        as_of=firm_reference.as_of,
        household=firm_reference.households[1],
        book=firm_books[1],
        household_books=(firm_books[1], firm_books[0]),
        restrictions=firm_reference.restrictions[:2],
        pending=firm_books[0].transactions,
    )


@pytest.fixture
def market(firm_reference, risk) -> MarketSnapshot:
    return MarketSnapshot(
        as_of=firm_reference.as_of,
        securities={security.security_id: security for security in firm_reference.securities},
        marks={"BBB": Mark(price=Decimal("7.10"), on=date(2026, 3, 31))},
        models={model.model_id: model for model in firm_reference.models},
        substitutes=firm_reference.substitutes,
        risk=risk,
    )


def fetch_from(document: Document):
    contents = {part.hash: part.content for part in document.parts}
    return lambda names: {name: contents[name] for name in names}


def test_sources_come_back_and_change_the_hash_only_where_there_are_any(snapshot):
    source = AccountSource(account_id="A1", source="Addepar", read_on=None, tried_on=date(2026, 3, 31), derived=True,
                           faults=("no basis",))  # fmt: skip
    given = replace(snapshot, sources=(source,))
    document = snapshot_document(given)

    assert read_snapshot(document.content, fetch_from(document)) == given
    assert document.hash != snapshot_document(snapshot).hash
    assert b"sources" not in snapshot_document(snapshot).content


def test_an_account_snapshot_comes_back_equal(snapshot):
    document = snapshot_document(snapshot)

    back = read_snapshot(document.content, fetch_from(document))

    assert back == snapshot
    assert repr(back) == repr(snapshot)  # repr shows what == forgives: exponents of decimals, None for False


def test_books_of_one_household_share_the_documents_of_equal_lots(snapshot):
    document = snapshot_document(snapshot)

    assert {part.kind for part in document.parts} == {"lots", "transactions"}
    assert len(document.parts) == 4
    assert b"2024-02-29" not in document.content.split(b'"pending"')[0]


def test_a_market_snapshot_comes_back_equal_with_its_order_and_floats(market):
    back = read_market(market_document(market).content)

    assert list(back.securities) == ["BBB", "AAA", "CCC"]
    assert repr(replace(back, risk=market.risk)) == repr(market)
    assert back.risk.security_ids == ("BBB", "AAA")
    for name in ("exposures", "factor_covariance", "specific_variance"):
        assert getattr(back.risk, name).tobytes() == getattr(market.risk, name).tobytes()
    assert back.risk.quality == "by hand"


def test_equal_inputs_hash_alike_and_any_difference_hashes_otherwise(snapshot, market):
    base = inputs_hash(snapshot_document(snapshot), market_document(market))
    moved = replace(market, marks={"BBB": Mark(price=Decimal("7.11"), on=date(2026, 3, 31))})
    reordered = replace(market, models=dict(reversed(market.models.items())))
    lot = replace(snapshot.book.lots[0], quantity=Decimal("100.001"))
    fuller = replace(snapshot, book=replace(snapshot.book, lots=(lot, *snapshot.book.lots[1:])))

    assert inputs_hash(snapshot_document(replace(snapshot)), market_document(replace(market))) == base
    others = {
        inputs_hash(snapshot_document(snapshot), market_document(moved)),
        inputs_hash(snapshot_document(snapshot), market_document(reordered)),
        inputs_hash(snapshot_document(fuller), market_document(market)),
        inputs_hash(snapshot_document(replace(snapshot, pending=())), market_document(market)),
        inputs_hash(snapshot_document(replace(snapshot, restrictions=())), market_document(market)),
    }
    assert len(others | {base}) == 6


def test_price_histories_come_back_equal_and_write_a_shared_calendar_once(firm_reference):
    days = firm_reference.prices[0].dates
    twin = PriceHistory(
        security_id="TWN", dates=days, closes=(Decimal("1.10"), Decimal("1E+1"), Decimal(3)), adjusted=(None,) * 3
    )
    histories = (*firm_reference.prices, twin)

    document = prices_document(histories)

    assert repr(read_prices(document.content)) == repr(histories)
    assert document.content.count(b"2026-03-31") == 1


def test_a_lot_of_another_account_in_a_book_is_refused(snapshot):
    stray = replace(snapshot.book, lots=(replace(snapshot.book.lots[0], account_id="A9"),))

    with pytest.raises(DataError, match="account A1: expected its own lots, found one of account A9"):
        snapshot_document(replace(snapshot, book=stray))
