"""Which records belong to which plan, and how far decisions have been read."""

import pytest

from data.crm import CrmLinks, advance, link
from engine.domain.errors import CheckFailed


def test_records_are_linked_to_a_plan_once(draft, database):
    plan_id, links = draft("A1"), CrmLinks(database)

    with database.begin() as connection:
        link(connection, plan_id, {"plan": "a01"})
        link(connection, plan_id, {"plan": "a01", "file": "068"})
        with pytest.raises(CheckFailed, match="its record plan is a01, found a02"):
            link(connection, plan_id, {"plan": "a02"})

    assert links.records(plan_id) == {"file": "068", "plan": "a01"}
    assert links.plan_of("068") == plan_id
    assert links.plan_of("999") is None
    assert links.records("unknown") == {}


def test_a_cursor_moves_with_the_transaction_that_applies_what_was_read(database):
    links = CrmLinks(database)
    assert links.position("decisions") is None

    def fail():
        with database.begin() as connection:
            advance(connection, "decisions", "2")
            raise RuntimeError("not applied")

    with database.begin() as connection:
        advance(connection, "decisions", "1")
    with pytest.raises(RuntimeError):
        fail()

    assert links.position("decisions") == "1"
