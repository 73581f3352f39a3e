"""Which records belong to which plan, what the CRM was told and what was read there."""

from datetime import UTC, datetime, timedelta

import pytest

from data.audit import AuditLog
from data.crm import CrmLinks, CrmUsage, accept_call, link, link_decision, link_plan, tell
from engine.domain.errors import CheckFailed

NOW = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)


@pytest.fixture
def links(database):
    return CrmLinks(database)


def test_records_are_linked_to_a_plan_once(draft, database, links):
    plan_id = draft("A1")

    with database.begin() as connection:
        link(connection, plan_id, {"task": "00T1"})
        link(connection, plan_id, {"task": "00T1", "file": "068"})
        with pytest.raises(CheckFailed, match="its record task is 00T1, found 00T2"):
            link(connection, plan_id, {"task": "00T2"})

    assert links.records(plan_id) == {"file": "068", "task": "00T1"}
    assert links.records("unknown") == {}


def test_a_record_made_again_takes_the_place_of_the_lost_one_and_leaves_a_trace(draft, database, links):
    plan_id = draft("A1")
    for record in ("a01", "a01", "a02"):
        with database.begin() as connection:
            link_plan(connection, plan_id, record, told=2, at=NOW)

    assert links.records(plan_id) == {"plan": "a02"}
    [row] = [row for row in AuditLog(database).rows() if row.what == "crm.recreated"]
    assert (row.subject, row.before, row.after) == (plan_id, {"record": "a01"}, {"record": "a02"})


def test_a_plan_is_undecided_until_a_decision_is_read(draft, database, links):
    pushed, decided, elsewhere = draft("A1"), draft("A2"), draft("A3")
    with database.begin() as connection:
        link_plan(connection, pushed, "a01", told=0, at=NOW)
        link_plan(connection, decided, "a02", told=0, at=NOW)
        link_decision(connection, decided, "04h1")

    assert links.undecided() == (pushed,)
    assert elsewhere not in links.undecided()
    assert links.read_already(decided, "04h1")
    assert not links.read_already(decided, "04h2")


def test_a_plan_is_behind_from_its_move_until_that_is_told(draft, database, links, advance):
    plan_id = draft("A1")
    with database.begin() as connection:
        link_plan(connection, plan_id, "a01", told=0, at=NOW)
    assert links.behind() == {}

    advance(plan_id, "propose")
    assert links.behind() == {plan_id: 1}

    with database.begin() as connection:
        tell(connection, plan_id, 1)
    assert links.behind() == {}


def test_what_was_heard_of_the_limit_is_replaced_by_what_is_heard_next(links):
    assert links.usage() is None

    links.note_usage(used=10, allowed=100, at=NOW, resume_at=NOW + timedelta(hours=1))
    links.note_usage(used=11, allowed=100, at=NOW, resume_at=None)

    assert links.usage() == CrmUsage(used=11, allowed=100, at=NOW, resume_at=None)


def test_a_call_is_accepted_once(database):
    def accepted(at):
        with database.begin() as connection:
            return accept_call(connection, "signature", at=at, forget=timedelta(minutes=5))

    assert accepted(NOW)
    assert not accepted(NOW + timedelta(minutes=4))
    assert accepted(NOW + timedelta(minutes=6))  # too old to be believed by then: its signature says when it was made
