"""What is said of each outside system is what its messages came to."""

from dataclasses import replace
from datetime import timedelta

from app.steps import execute, health
from app.steps.health import Standing
from data.mailbox import SqlMailbox, to_session
from data.outbox import OutboxItem, enqueue


def by_name(services):
    return {one.name: one for one in health.connections(services)}


def message(services, key):
    with services.database.begin() as connection:
        enqueue(connection, [OutboxItem(topic=execute.FILES, key=key, payload={})], at=services.now())


def claim(services):
    return services.outbox.claim(at=services.now(), lease=timedelta(minutes=1), topic=execute.FILES)


def test_what_is_not_configured_is_said_to_be_absent(desk):
    found = by_name(desk.services())

    assert found["Addepar"].standing is Standing.ABSENT
    assert found["Salesforce"].standing is Standing.ABSENT
    assert found["Custodians, files"].standing is Standing.IDLE


def test_a_failure_counts_until_its_message_has_arrived(desk):
    services = desk.services()
    message(services, "one")
    services.outbox.mark_failed(claim(services), error="disk full", retry_at=services.now())

    custodians = by_name(services)["Custodians, files"]
    assert (custodians.standing, custodians.waiting, custodians.error) == (Standing.FAILS, 1, "disk full")

    services.outbox.mark_sent(claim(services), answer=None, at=services.now())
    custodians = by_name(services)["Custodians, files"]
    assert (custodians.standing, custodians.waiting, custodians.error) == (Standing.WORKS, 0, "")
    assert custodians.last_success == services.now()


def test_a_live_session_is_listed_with_what_waits_for_it(desk):
    table = {"route": "session", "host": "127.0.0.1", "port": 9}
    services = replace(desk.services(), connections={"fix": {"destinations": {"One": table}}})
    with services.database.begin() as connection:
        enqueue(connection, [to_session("One", key, "text") for key in ("B1", "B2")], at=services.now())

    one = by_name(services)["One, live session"]
    SqlMailbox(services.database, services.now).received([("One", "R1", "yes", "B1", "accepted")])
    answered = by_name(services)["One, live session"]

    assert (one.standing, one.waiting, one.last_success) == (Standing.IDLE, 2, None)
    assert (answered.standing, answered.waiting, answered.last_success) == (Standing.WORKS, 1, services.now())
