"""The last scan is kept whole, and only the last; of each day a few figures an account."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from data.firm import FirmStore
from data.queue_rows import read_block
from data.scans import DAYS_KEPT, LastScan, ScanHead, ScanStore
from engine.domain.errors import CheckFailed, DataError
from engine.domain.market import Mark
from engine.monitor.document import QueueRow

DAY = date(2026, 3, 31)
IMPORTED = datetime(2026, 4, 1, 8, 0, 0, 1, tzinfo=UTC)


def row(account, at_stake=0.0, **changes):
    values = {
        "household": "Eins", "advisor": "kim", "registration": "taxable", "custodian": "One", "model_id": "M",
        "risk_at_stake": at_stake, "tax_at_stake": 0.0, "reasons": (), "fenced": False, "nav": 1000.25,
        "cash_weight": 0.01, "tracking_error": 0.02, "max_active_weight": 0.03, "st_loss": 0.0, "lt_loss": 0.0,
        "tax_saved": 0.0, "locks": 0, "data_age_days": None, "gains_left": None,
    }  # fmt: skip
    return QueueRow(account_id=account, at_stake=at_stake, **(values | changes))


def scan(at, on=DAY, rows=(), documents=None):
    return LastScan(at=at, on=on, imported_at=IMPORTED, marks={}, since={}, documents=documents or {}, rows=tuple(rows))


@pytest.fixture
def store(database, firm_reference):
    FirmStore(database).replace(firm_reference, [], actor="ops", at=IMPORTED)
    return ScanStore(database)


def test_a_scan_comes_back_in_the_order_of_its_queue(store, at):
    marks = {"ZZZ": Mark(price=Decimal("1.10"), on=DAY), "AAA": Mark(price=Decimal(2), on=date.min)}
    since = {"AAA": Mark(price=Decimal("1.90"), on=date(2026, 3, 30))}
    documents = {"A2": {"stake": 10.5}, "A1": {"stake": 3, "locks": []}}
    rows = (row("A2", 10.5, reasons=("harvestable", "cash_low"), gains_left=-5.5), row("A1", 3.0, data_age_days=4))

    store.save(replace(scan(at, rows=rows, documents=documents), marks=marks, since=since))

    assert list(store.documents().items()) == list(documents.items())
    assert store.document("A1") == {"stake": 3, "locks": []}
    assert store.document("A9") is None
    assert repr(store.head()) == repr(ScanHead(at=at, marks=marks, since=since))
    queue = store.queue()
    assert (store.queue_at(), queue.at, queue.on) == (at, at, DAY)
    found = queue.table.to_pylist()
    assert [QueueRow(**{**each, "reasons": tuple(each["reasons"])}) for each in found] == list(rows)


def test_a_new_scan_takes_the_place_of_the_last(store, at):
    assert (store.head(), store.queue(), store.queue_at(), dict(store.documents())) == (None, None, None, {})

    store.save(scan(at, rows=[row("A1")], documents={"A1": {}}))
    store.save(scan(at + timedelta(hours=1)))

    assert store.queue_at() == at + timedelta(hours=1)
    assert store.queue().table.num_rows == 0
    assert store.document("A1") is None


def days(store):
    return [(day, table.column("at_stake").to_pylist()) for day, table in store.queue().days]


def test_each_day_keeps_its_last_scan(store, at):
    store.save(scan(at, DAY, [row("A1", 1.0)]))
    store.save(scan(at, DAY + timedelta(days=1), [row("A1", 2.0)]))
    store.save(scan(at, DAY + timedelta(days=1), [row("A1", 3.0), row("A2", 4.0)]))

    assert days(store) == [(DAY, [1.0]), (DAY + timedelta(days=1), [3.0, 4.0])]
    assert store.queue().days[0][1].column_names == ["account_id", "nav", "at_stake", "tracking_error", "tax_saved"]


def test_an_older_firm_brought_back_leaves_no_day_ahead_of_it(store, at):
    for later in (0, 1, 2):
        store.save(scan(at, DAY + timedelta(days=later), [row("A1", float(later))]))

    store.save(scan(at, DAY + timedelta(days=1), [row("A1", 9.0)]))

    assert days(store) == [(DAY, [0.0]), (DAY + timedelta(days=1), [9.0])]


def test_only_so_many_days_are_kept_the_newest(store, at):
    for number in range(DAYS_KEPT + 2):
        store.save(scan(at, DAY + timedelta(days=number), [row("A1", float(number))]))

    kept = days(store)
    assert len(kept) == DAYS_KEPT
    assert kept[0] == (DAY + timedelta(days=2), [2.0])


def test_a_scan_of_a_firm_that_was_replaced_meanwhile_leaves_the_last_one_as_it_was(
    store, database, firm_reference, at
):
    store.save(scan(at, DAY, [row("A1", 1.0)], documents={"A1": {}}))
    reimported = IMPORTED + timedelta(microseconds=1)
    FirmStore(database).replace(firm_reference, [], actor="ops", at=reimported)

    with pytest.raises(DataError, match=r"^the firm was replaced while it was scanned; scan again$"):
        store.save(scan(at + timedelta(hours=1), DAY, [row("A1", 2.0)], documents={"A1": {}}))

    assert (store.head().at, store.queue(), dict(store.documents())) == (at, None, {})
    store.save(replace(scan(at, DAY + timedelta(days=1)), imported_at=reimported))
    assert days(store) == [(DAY, [1.0]), (DAY + timedelta(days=1), [])]


def test_days_and_marks_of_another_firm_go_with_it_and_those_of_the_same_firm_stay(store, database, firm_reference, at):
    store.save(scan(at, DAY, [row("A1", 1.0)]))
    FirmStore(database).replace(firm_reference, [], actor="ops", at=at)
    assert store.head() is not None

    other = replace(firm_reference, name="Another firm")
    FirmStore(database).replace(other, [], actor="ops", at=at)

    assert store.head() is None
    store.save(replace(scan(at, DAY + timedelta(days=1), [row("A1", 5.0)]), imported_at=at))
    assert days(store) == [(DAY + timedelta(days=1), [5.0])]


def test_bytes_that_are_no_block_are_refused():
    with pytest.raises(CheckFailed, match="its stored rows cannot be read"):
        read_block(b"no arrow")
