"""Prices brought up to the last session, the accounts left as they are: the firm of hand_firm/, its day a Friday."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from app.steps import jobs, monitor
from app.steps.market import todays_market
from app.steps.prices import take_prices
from connectors.firm_folder.price_source import FolderPrices
from engine.domain.errors import DataError
from engine.domain.jobs import JobKind
from engine.monitor.moves import MoveOf

MONDAY = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
CLOSES = {"AAA": "104", "BBB": "100", "CCC": "50", "DDD": "20", "EEE": "40", "FFF": "50"}


@pytest.fixture
def told(tmp_path):
    """Write a folder of Monday's closes, some of them otherwise, and corporate actions; return its path."""

    def write(*actions, on="2026-11-23", **otherwise):
        folder = tmp_path / "told"
        folder.mkdir(exist_ok=True)
        rows = [f"{name},{on},{close}" for name, close in {**CLOSES, **otherwise}.items() if close]
        (folder / "prices.csv").write_text("\n".join(["security_id,date,close", *rows, f"XYZ,{on},7"]) + "\n")
        (folder / "corporate_actions.csv").write_text("\n".join(["security_id,ex_date,kind,value", *actions]) + "\n")
        return folder

    return write


@pytest.fixture
def monday(desk):
    """The services on Monday after the close."""
    found = desk.services(at=MONDAY)
    yield found
    found.database.close()


def take(services, folder):
    return take_prices(services, FolderPrices(folder), actor="maya")


def places(services):
    [job] = [job for job in jobs.newest_with_findings(services) if job.kind is JobKind.PRICES]
    return [(finding.severity, finding.place, finding.found, finding.expected, finding.effect)
            for finding in job.findings]  # fmt: skip


def test_prices_move_on_and_accounts_stay(monday, told):
    before = list(monday.firm.books())

    brought = take(monday, told())

    assert (brought.as_of, brought.closes, brought.held_back, brought.without) == (date(2026, 11, 23), 6, (), ())
    assert monday.firm.firm().as_of == date(2026, 11, 23)
    assert monday.firm.market_parts().marks["AAA"].price == 104
    assert "XYZ" not in monday.firm.market_parts().marks  # no security of this firm
    assert list(monday.firm.books()) == before


def test_prices_of_a_session_that_has_not_closed_are_left_for_later(monday, told):
    brought = take(monday, told(on="2026-11-24"))

    assert (brought.closes, brought.as_of) == (0, date(2026, 11, 20))


@pytest.mark.parametrize(("on", "closes"), [("2026-11-13", 6), ("2026-11-12", 0)])
def test_corrections_of_a_week_come_in_and_the_firms_day_and_marks_stay_those_of_newer_closes(monday, told, on, closes):
    brought = take(monday, told(on=on))

    assert (brought.closes, brought.as_of, brought.without) == (closes, date(2026, 11, 20), ())
    assert monday.firm.market_parts().marks["AAA"].on == date(2026, 11, 20)


def test_prices_that_were_made_for_data_of_before_take_the_place_of_nothing(monday, told):
    """While the source answers, somebody else brings in a dearer AAA."""

    class Slow(FolderPrices):
        def quotes(self, securities, *, since, until):
            take(monday, told(AAA="109"))
            return super().quotes(securities, since=since, until=until)

    with pytest.raises(DataError, match="came in anew meanwhile"):
        take_prices(monday, Slow(told()), actor="maya")

    assert monday.firm.market_parts().marks["AAA"].price == 109


def test_a_close_that_halved_without_a_split_is_not_taken_and_the_job_says_so(monday, told):
    take(monday, told(AAA="50", BBB=""))

    assert monday.firm.market_parts().marks["AAA"].price == 100
    assert places(monday) == [
        ("error", "close of AAA on 2026-11-23", "50", "within 40% of 100, or a split that tells why",
         "not taken; the price before stays"),
        ("warning", "close of AAA", "the newest is of 2026-11-20", "a close on 2026-11-23", "the price before stays"),
        ("warning", "close of BBB", "the newest is of 2026-11-20", "a close on 2026-11-23", "the price before stays"),
    ]  # fmt: skip


def test_a_split_in_the_prices_that_no_account_has_booked_fences_those_that_hold_it(monday, told):
    """T1 and T2 hold AAA, I1 does not; at 52 two new shares are worth 104, and nothing fell by half."""
    take(monday, told("AAA,2026-11-23,split,2", AAA="52"))

    scans = monitor.scan_firm(monday, actor="maya")

    assert monday.firm.market_parts().marks["AAA"].price == 52
    assert {scan.account.account_id for scan in scans if scan.fenced} == {"T1", "T2"}
    assert not [move for scan in scans for move in scan.moves if move.change < 0]


def test_actions_that_the_source_tells_no_more_stay_known(monday, told):
    take(monday, told("AAA,2026-11-23,split,2", AAA="52"))
    take(monday, told("BBB,2026-11-23,dividend,1", AAA="52"))

    assert [(each.security_id, each.value) for each in monday.firm.actions()] == [("AAA", 2), ("BBB", 1)]


def test_the_risk_model_and_every_plan_see_the_new_prices_at_once(monday, told):
    assert todays_market(monday).marks["AAA"].price == 100

    take(monday, told())

    assert todays_market(monday).marks["AAA"].price == 104


def test_who_brought_prices_in_is_in_the_audit_log(monday, told):
    take(monday, told())

    newest = monday.audit.rows(limit=1)[0]
    assert (newest.actor, newest.what) == ("maya", "firm.reprice")
    assert (newest.before["as_of"], newest.after["as_of"]) == ("2026-11-20", "2026-11-23")


def test_a_source_that_cannot_be_read_changes_nothing(desk, told):
    services = desk.services()
    seen = services.firm.market_parts(), services.firm.actions()

    said = desk.run("prices", str(told("AAA,2026-11-23,tender_offer,2", AAA="1O4")))

    assert said.code == 2
    assert "prices.csv, line 2, close: found '1O4'" in said.err
    assert "corporate_actions.csv, line 2, kind: found 'tender_offer'" in said.err
    assert (services.firm.market_parts(), services.firm.actions()) == seen
    services.database.close()


def test_without_a_folder_and_without_a_source_the_command_says_what_it_needs(desk):
    said = desk.run("prices")

    assert said.code == 2
    assert "expected a folder, or a section [prices]" in said.err


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"naem": 0.1}, r"\[monitor\] naem: expected one of name, sector, account, sigmas, least_effect"),
        ({"name": "5%"}, r"\[monitor\] name: expected a number from 0 on, found '5%'"),
        ({"sigmas": -1}, r"\[monitor\] sigmas: expected a number from 0 on, found -1"),
        ({"sector": True}, r"\[monitor\] sector: expected a number from 0 on, found True"),
    ],
)
def test_a_limit_of_moves_that_makes_no_sense_is_named(monday, table, says):
    with pytest.raises(DataError, match=says):
        monitor.move_limits(replace(monday, connections={"monitor": table}))


def test_the_firm_says_from_where_on_a_move_is_told(monday, told):
    """AAA from 100 to 104 is 4 %."""
    take(monday, told())
    close = replace(monday, connections={"monitor": {"name": 0.039, "sigmas": 99}})
    wide = replace(monday, connections={"monitor": {"name": 0.041, "sigmas": 99}})

    told_of = [
        {move.key for scan in monitor.scan_firm(each, actor="maya") for move in scan.moves if move.of is MoveOf.NAME}
        for each in (close, wide)
    ]

    assert told_of == [{"AAA"}, set()]
