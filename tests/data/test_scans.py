"""The last scan is kept whole, and only the last."""

from datetime import date, timedelta
from decimal import Decimal

from data.scans import LastScan, ScanHead, ScanStore
from engine.domain.market import Mark


def test_a_scan_comes_back_in_the_order_of_its_queue(database, at):
    store = ScanStore(database)
    marks = {"ZZZ": Mark(price=Decimal("1.10"), on=date(2026, 3, 31)), "AAA": Mark(price=Decimal(2), on=date.min)}
    since = {"AAA": Mark(price=Decimal("1.90"), on=date(2026, 3, 30))}
    scan = LastScan(at=at, marks=marks, since=since, documents={"A2": {"stake": 10.5}, "A1": {"stake": 3, "locks": []}})

    store.save(scan)

    assert repr(store.last()) == repr(scan)
    assert store.document("A1") == {"stake": 3, "locks": []}
    assert store.document("A9") is None
    assert repr(store.head()) == repr(ScanHead(at=at, marks=marks, since=since))


def test_a_new_scan_takes_the_place_of_the_last(database, at):
    store = ScanStore(database)
    assert store.last() is None
    assert store.head() is None

    store.save(LastScan(at=at, marks={}, since={}, documents={"A1": {}}))
    later = LastScan(at=at + timedelta(hours=1), marks={}, since={}, documents={})
    store.save(later)

    assert store.last() == later
    assert store.document("A1") is None
