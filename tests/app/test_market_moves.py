"""Market moves from one scan to the next: the day before at first, the same day again, a new day of prices."""

import json
import shutil
from datetime import timedelta

import pytest

from app.steps import monitor
from engine.domain.errors import DataError


def with_prices(hand_firm, folder, *rows, as_of="2026-11-20"):
    """Copy the firm written by hand, with more closes in its price file."""
    shutil.copytree(hand_firm, folder)
    (folder / "firm.csv").write_text(f"as_of,currency,name\n{as_of},USD,Hand-written firm\n")
    with (folder / "prices.csv").open("a") as prices:
        prices.writelines(f"{row}\n" for row in rows)
    return folder


def moves_of(desk, account):
    said = desk.run("scan", "--json")
    assert said.code == 0, said.err
    [scan] = [each for each in json.loads(said.out)["accounts"] if each["account_id"] == account]
    return {move["key"]: (move["change"], move["dollars"]) for move in scan["moves"] if move["of"] == "name"}


def test_moves_are_measured_from_the_last_scan_of_an_earlier_day(desk, hand_firm, tmp_path):
    """T1 holds 250 AAA: from 80 to 100 is +25 % and 5,000 USD; then from 100 to 110 is +10 % and 2,500 USD."""
    first = with_prices(hand_firm, tmp_path / "first", "AAA,2026-11-19,80", "BBB,2026-11-19,99")
    desk.run("import", str(first))

    assert moves_of(desk, "T1") == {"AAA": (0.25, 5000.0)}
    assert moves_of(desk, "T1") == {"AAA": (0.25, 5000.0)}  # scanning again on the same day loses nothing

    names = ("BBB,2026-11-23,100", "CCC,2026-11-23,50", "DDD,2026-11-23,20", "EEE,2026-11-23,40", "FFF,2026-11-23,50")
    second = with_prices(hand_firm, tmp_path / "second", "AAA,2026-11-23,110", *names, as_of="2026-11-23")
    desk.run("import", str(second))

    change, dollars = moves_of(desk, "T1")["AAA"]
    assert (change, dollars) == (pytest.approx(0.1), 2500.0)
    assert set(moves_of(desk, "T1")) == {"AAA"}


def test_a_scan_during_which_the_firm_is_replaced_is_not_kept(desk):
    services = desk.services()
    later = services.firm.firm().imported_at + timedelta(minutes=1)

    def replaced(doing, done):
        services.firm.replace(services.firm.reference(), list(services.firm.books()), actor="ops", at=later)

    with pytest.raises(DataError, match="the firm was replaced while it was scanned; scan again"):
        monitor.scan_firm(services, actor="maya", progress=replaced)

    assert monitor.queue_at(services) is None
    assert len(monitor.scan_firm(services, actor="maya")) == 3
    assert monitor.queue_at(services) is not None
    services.database.close()
