"""A night on PostgreSQL, where people write while it writes; the firm is that of test_nightly.py."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count

import pytest
from sqlalchemy import text

from app import wiring
from app.settings import Settings
from app.steps import people, plan, review
from app.steps.firm import import_firm
from app.steps.nightly import run_night
from data.moves import move_plan
from data.plans import save_plan
from data.snapshots import market_document, snapshot_document
from engine.domain.lifecycle import Action, PlanState, User
from tests.app.conftest import AFTER_THE_CLOSE, HAND_FIRM, PEOPLE
from tests.app.test_nightly import hands, prepare, while_at_work
from tests.data import conftest as storage

postgres_folder, migrated_postgres = storage.postgres_folder, storage.migrated_postgres
_numbers = count(1)


@pytest.fixture
def services(postgres_folder, migrated_postgres, tmp_path):
    with storage._postgres(postgres_folder, f"night{next(_numbers)}", migrated_postgres) as url:
        settings = Settings(database_url=url, exports=tmp_path, user=None, connections={})
        found = replace(wiring.connect(settings), now=lambda: AFTER_THE_CLOSE)
        import_firm(found, HAND_FIRM, actor="maya")
        people.add_people(
            found,
            [(User(user_id=k, name=name, roles=frozenset(roles)), mail) for k, (name, mail, roles) in PEOPLE.items()],
        )
        prepare(found)
        yield found
        found.database.close()


def night(services, workers):
    return run_night(services, actor=services.users.user("maya"), workers=workers, settings={})


def proposed(services, account_id):
    heads = services.plans.heads(account_id=account_id, states=[PlanState.PROPOSED])
    return [(head.plan_id, head.run_id is not None) for head in heads]


def wait_until_someone_waits(services):
    """Wait until another transaction waits for a lock, but not for ever: where nothing is locked, nobody does."""
    deadline = time.monotonic() + 20.0
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    while time.monotonic() < deadline:
        with services.database.read() as connection:
            if connection.execute(waiting).scalar_one():
                return
        time.sleep(0.05)


def test_a_proposal_not_committed_yet_when_the_night_comes_to_write_leaves_its_account_to_the_person(services):
    """The draft is as new as its proposal, so that no lock on plans that are there could show it to the night."""
    settings = replace(plan.default_settings(services, "T2"), risk_aversion=50.0)  # another plan than the night's
    found = plan.what_if(services, "T2", settings)
    written, threads = threading.Event(), []

    def propose():
        with services.database.begin() as connection:
            own = save_plan(
                connection, found.document, snapshot=snapshot_document(found.snapshot),
                market=market_document(found.market), household_id="H2", actor="maya", at=services.now(),
            )  # fmt: skip
            move_plan(connection, own, Action.PROPOSE, services.users.user("maya"), at=services.now(), comment="",
                      seen=own)  # fmt: skip
            written.set()
            wait_until_someone_waits(services)

    def start():
        threads.append(threading.Thread(target=propose))
        threads[0].start()
        assert written.wait(timeout=60)

    done = night(services, while_at_work(start))

    threads[0].join()
    assert done.counts == {"proposed": 1, "under way": 1, "calm": 1}
    assert proposed(services, "T2") == [(found.plan_id, False)]


def test_of_a_night_and_six_who_propose_at_once_the_night_never_comes_after_one_of_them(services):
    """Whoever has the account's row first goes first: the night's proposal is before all others, or not there."""
    own = [
        plan.keep(
            services,
            plan.what_if(services, "T2", replace(plan.default_settings(services, "T2"), risk_aversion=50.0 + n)),
            actor="maya",
        )
        for n in range(6)
    ]  # fmt: skip
    gate = threading.Barrier(7)

    def propose(plan_id):
        gate.wait(timeout=60)
        review.propose(services, plan_id, actor=services.users.user("maya"))

    with ThreadPoolExecutor(6) as pool:
        theirs = [pool.submit(propose, plan_id) for plan_id in own]
        done = night(services, while_at_work(lambda: gate.wait(timeout=60)))
        for each in theirs:
            each.result(timeout=60)

    told = {plan_id: services.audit.rows(subject=plan_id, what="plan.propose")[0].seq for plan_id in own}
    by_night = [name for name, of_night in proposed(services, "T2") if of_night]
    assert len(proposed(services, "T2")) == 6 + len(by_night)
    assert bool(by_night) != (done.counts.get("under way") == 1)
    for name in by_night:
        assert services.audit.rows(subject=name, what="plan.propose")[0].seq < min(told.values())
    assert services.audit.verify().problems == ()


def test_a_night_that_is_started_twice_at_once_proposes_once(services):
    gate = threading.Barrier(2)

    def run(_):
        return night(services, hands(then=lambda: gate.wait(timeout=60)))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, range(2)))

    assert [len(proposed(services, name)) for name in ("T1", "T2", "I1")] == [1, 1, 0]
    assert services.audit.verify().problems == ()
