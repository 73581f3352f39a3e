"""What is said of each outside system is what its messages came to."""

from datetime import timedelta

from app.steps import execute, health
from app.steps.health import Standing
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
    assert found["Custodians, FIX files"].standing is Standing.IDLE


def test_a_failure_counts_until_its_message_has_arrived(desk):
    services = desk.services()
    message(services, "one")
    services.outbox.mark_failed(claim(services), error="disk full", retry_at=services.now())

    custodians = by_name(services)["Custodians, FIX files"]
    assert (custodians.standing, custodians.waiting, custodians.error) == (Standing.FAILS, 1, "disk full")

    services.outbox.mark_sent(claim(services), answer=None, at=services.now())
    custodians = by_name(services)["Custodians, FIX files"]
    assert (custodians.standing, custodians.waiting, custodians.error) == (Standing.WORKS, 0, "")
    assert custodians.last_success == services.now()
