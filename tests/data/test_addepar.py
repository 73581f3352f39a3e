"""What a sync keeps is there for the next process: requests counted once, answers of one run, mapping, last sync."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from data.addepar import AddeparStore, LastSync, SavedMapping, finish
from data.audit import AuditLog
from data.database import open_database

DAY = 86400.0


def test_a_claim_is_seen_by_every_other_and_settled_by_its_ticket(database):
    store = AddeparStore(database)
    ticket = store.requests("1").claim(lambda spent: 100.0 + len(spent))
    other = store.requests("1").claim(lambda spent: 200.0 + len(spent))

    store.requests("1").settle(ticket, 50.0)

    assert other != ticket
    assert store.requests("1").moments() == [50.0, 201.0]
    assert store.requests("2").moments() == []


def test_a_claim_that_finds_no_room_keeps_nothing(database):
    requests = AddeparStore(database).requests("1")

    assert requests.claim(lambda _spent: None) is None
    assert requests.moments() == []


def test_of_many_that_claim_at_once_no_more_find_room_than_there_is(url):
    stores = [open_database(url) for _ in range(4)]

    def claim(number):
        return AddeparStore(stores[number % 4]).requests("1").claim(lambda spent: 1.0 if len(spent) < 5 else None)

    with ThreadPoolExecutor(8) as pool:
        tickets = [ticket for ticket in pool.map(claim, range(24)) if ticket is not None]
    for database in stores:
        database.close()

    assert len(set(tickets)) == len(tickets) == 5


def test_requests_of_the_day_before_yesterday_are_forgotten(database):
    requests = AddeparStore(database).requests("1")
    for at in (0.0, 1.5 * DAY, 3.0 * DAY):
        requests.claim(lambda _spent, at=at: at)

    assert requests.moments() == [1.5 * DAY, 3.0 * DAY]


def test_answers_are_those_of_one_run_until_the_sync_is_whole(database, at):
    store = AddeparStore(database)
    answers = store.answers("monday", now=lambda: at)
    answers.put("a", b"1" * 100_000)
    answers.put("a", b"2")
    answers.put("b", b"3")
    answers.drop("b")

    again = AddeparStore(database).answers("monday", now=lambda: at + timedelta(hours=22))
    assert (again.get("a"), again.get("b")) == (b"2", None)
    assert store.unfinished() == at
    assert store.answers("tuesday", now=lambda: at).get("a") is None
    assert store.unfinished() is None


def test_answers_are_gone_before_addepar_forgets_its_jobs(database, at):
    store = AddeparStore(database)
    store.answers("monday", now=lambda: at).put("a", b"1")

    assert store.answers("monday", now=lambda: at + timedelta(hours=23, seconds=1)).get("a") is None


def test_a_whole_sync_is_remembered_and_its_answers_go(database, at):
    store = AddeparStore(database)
    store.answers("monday", now=lambda: at).put("a", b"1")
    for mapping in ("old", "new"):
        with database.begin() as connection:
            finish(connection, LastSync(at=at, mapping=mapping))

    assert store.synced() == LastSync(at=at, mapping="new")
    assert store.unfinished() is None


def test_a_mapping_replaces_the_one_before_and_both_are_in_the_audit_log(database, at):
    store = AddeparStore(database)
    store.save_mapping({"holdings": {"lot": "a"}}, actor="maya", at=at)
    store.save_mapping({"holdings": {"lot": "b"}}, actor="cora", at=at)

    assert store.mapping() == SavedMapping(settings={"holdings": {"lot": "b"}}, saved_by="cora", saved_at=at)
    rows = AuditLog(database).rows()
    assert [(row.actor, row.before, row.after) for row in rows][:2] == [
        ("cora", {"holdings": {"lot": "a"}}, {"holdings": {"lot": "b"}}),
        ("maya", None, {"holdings": {"lot": "a"}}),
    ]
