"""A destination profile says how a custodian takes orders; a wrong one is refused in a sentence."""

from dataclasses import replace

import pytest

from connectors.fix.destinations import LotHandling, Route, read_destinations, sent_by, session_destinations
from connectors.fix.dialect import AllocationType
from engine.domain.errors import DataError
from engine.domain.settings import LotMethod

LIVE = {"route": "session", "host": "fix.example.com", "port": 9876}


def one(**keys):
    return read_destinations({"destinations": {"Alpha & Co.": keys}}, ["Alpha & Co."])["Alpha & Co."]


def test_a_custodian_nothing_is_said_of_gets_a_fix_44_file_and_a_lot_sheet():
    found = read_destinations({}, ["Alpha & Co."])["Alpha & Co."]

    assert (found.target, found.route, found.dialect.name) == ("ALPHACO", Route.FILE, "FIX.4.4")
    assert (found.lots, found.default_method, found.session) == (LotHandling.SHEET, LotMethod.FIFO, None)


def test_a_live_session_is_reached_as_its_profile_says():
    tls = {"host_name": "fix.example.com", "ca": "/etc/ca.pem"}
    found = one(**LIVE, version="FIX.5.0SP2", target="ALPHA", lots="order", allocations="preliminary",
                mass_status=True, username="desk", password="secret", default_method="hifo", tls=tls)  # fmt: skip

    session = found.session
    assert session is not None
    assert (session.sender, session.target, session.host, session.port) == (
        "LOTSMITH", "ALPHA", "fix.example.com", 9876,
    )  # fmt: skip
    assert (session.dialect.begin, session.allocations, session.mass_status) == (
        "FIXT.1.1", AllocationType.PRELIMINARY, True,
    )  # fmt: skip
    assert (session.username, session.password) == ("desk", "secret")
    assert session.tls is not None
    assert session.tls.host_name == "fix.example.com"
    assert "secret" not in repr(found)
    assert found.default_method is LotMethod.HIFO


def test_only_live_sessions_concern_the_gateway():
    table = {"sender": "US", "destinations": {"A": LIVE, "B": {"route": "fidelity"}, "C": {}}}

    (only,) = session_destinations(table)

    assert (only.custodian, only.session.sender) == ("A", "US")
    assert session_destinations({}) == ()


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"routes": "file"}, "unknown key routes; did you mean route"),
        ({"route": "pigeon"}, "route: expected one of file, session, fidelity; found 'pigeon'"),
        ({"version": "FIX.4.3"}, "version: expected one of FIX.4.4, FIX.5.0SP2, FIX.4.2; found 'FIX.4.3'"),
        ({"lots": "order", "version": "FIX.4.2"}, "which FIX.4.2 cannot say"),
        ({"lots": "order", "route": "fidelity"}, "which fidelity cannot say"),
        ({"default_method": "optimal"}, "default_method: expected one of hifo, fifo, lifo, min_tax"),
        ({"route": "session", "port": 1}, "host: expected the custodian's address"),
        ({**LIVE, "host": ""}, "host: expected the custodian's address, found ''"),
        ({**LIVE, "host": 7}, "host: expected the custodian's address, found 7"),
        ({**LIVE, "port": 70000}, "port: expected a number from 1 to 65535, found 70000"),
        ({**LIVE, "port": 65536}, "port: expected a number from 1 to 65535, found 65536"),
        ({**LIVE, "port": 0}, "port: expected a number from 1 to 65535, found 0"),
        ({**LIVE, "port": "9876"}, "port: expected a number from 1 to 65535, found '9876'"),
        ({**LIVE, "mass_status": "yes"}, "mass_status: expected false.*found 'yes'"),
        ({**LIVE, "mass_status": True, "version": "FIX.4.2"}, "mass_status: expected false"),
        ({**LIVE, "tls": {"ca": "x"}}, "tls: expected host_name"),
        ({**LIVE, "tls": {"ca": "x", "host_nam": "y"}}, "tls: unknown key host_nam; did you mean host_name"),
        ({**LIVE, "tls": True}, "tls: expected a table, found True"),
        ({"route": ["file"]}, "route: expected one of"),
        ({**LIVE, "tls": {"ca": "x", "host_name": "y", "key": "z"}}, "expected certificate and key, or neither"),
    ],
)
def test_a_profile_that_means_nothing_is_refused_and_named(keys, found):
    with pytest.raises(DataError, match=rf'\[fix.destinations."Alpha & Co."\].*{found}'):
        one(**keys)


def test_profiles_that_are_no_tables_are_refused():
    with pytest.raises(DataError, match=r"\[fix\] destinations: expected a table by custodian, found 'file'"):
        read_destinations({"destinations": "file"}, ["Alpha"])
    with pytest.raises(DataError, match=r'\[fix.destinations."Alpha"\]: expected a table, found \'file\''):
        read_destinations({"destinations": {"Alpha": "file"}}, ["Alpha"])


def test_what_was_stated_with_a_sending_is_its_profile_again_without_a_session():
    found = one(**LIVE, version="FIX.5.0SP2", target="ALPHA", lots="order", default_method="lifo")

    assert found.stated == {
        "target": "ALPHA", "route": "session", "version": "FIX.5.0SP2", "lots": "order", "default_method": "lifo",
    }  # fmt: skip
    assert sent_by("Alpha & Co.", found.stated) == replace(found, session=None)


@pytest.mark.parametrize(("lots", "on_orders"), [("order", True), ("sheet", False), ("default", False)])
def test_lots_go_on_orders_where_the_profile_says_so_alone(lots, on_orders):
    assert one(lots=lots).lots_on_orders is on_orders
