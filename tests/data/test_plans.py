"""A plan moves only as the life cycle says, once, by somebody who may, and every move is on record."""

import json
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text, update

from data import tables
from data.audit import AuditLog
from data.database import open_database
from data.moves import hold_accounts, move_plan
from data.outbox import Outbox, OutboxItem
from data.plans import PlanStore, lock_heads
from data.snapshots import inputs_hash, market_document, snapshot_document
from engine.domain.errors import CheckFailed, DataError, IllegalMove, NotAllowed
from engine.domain.lifecycle import Action, PlanState
from engine.plan.document import plan_id as hash_of

TICKET = OutboxItem(topic="orders", key="ticket-1", payload={"n": 1})


@pytest.fixture
def in_review(draft, advance) -> str:
    return advance(draft("A1"), "propose", "submit")


def test_a_saved_plan_comes_back_with_everything_about_it(draft, store, at):
    plan_id = draft("A1", note="first try", makers=["ann"])

    plan = store.get(plan_id)

    assert plan.plan_id == plan_id == hash_of(plan.document) == plan.document["plan_id"]
    assert (plan.account_id, plan.household_id, plan.parent_id) == ("A1", "H1", None)
    assert (plan.state, plan.version, plan.note) == (PlanState.DRAFT, 0, "first try")
    assert plan.makers == {"pam", "ann"}
    assert plan.created_at == at
    assert store.history(plan_id) == ()


def test_the_inputs_of_a_plan_come_back_exactly(draft, store, firm, risk):
    snapshot, market = store.inputs(draft("A1"))

    assert repr(snapshot) == repr(firm.snapshot("A1"))
    assert repr(market) == repr(firm.market_parts().with_risk(risk))
    document = store.get(store.heads()[0].plan_id).document
    assert inputs_hash(snapshot_document(snapshot), market_document(market)) == document["inputs_hash"]


def test_saving_again_keeps_the_plan_and_adds_the_maker(draft, store, advance, database):
    plan_id = advance(draft("A1", note="first"), "propose")

    again = draft("A1", actor="ann", note="second")

    plan = store.get(plan_id)
    assert again == plan_id
    assert (plan.state, plan.note, plan.makers) == (PlanState.PROPOSED, "first", {"pam", "ann"})
    assert len(store.heads()) == 1
    draft("A1", actor="ann")
    assert len(AuditLog(database).rows(what="plan.save")) == 2


def test_who_made_the_plan_before_an_edit_has_made_the_edit_too(draft, store):
    first = draft("A1", actor="pam")

    edited = store.get(draft("A1", actor="ann", buy=21, parent_id=first))

    assert edited.parent_id == first
    assert edited.makers == {"pam", "ann"}


def test_a_document_that_is_not_its_hash_is_not_saved(draft, store, firm, risk, at):
    plan = store.get(draft("A1"))
    inputs = {
        "snapshot": snapshot_document(firm.snapshot("A1")),
        "market": market_document(firm.market_parts().with_risk(risk)),
    }
    forged = {**plan.document, "status": "optimal"}
    other = {**inputs, "snapshot": snapshot_document(firm.snapshot("A2"))}

    with pytest.raises(CheckFailed, match="expected a document of that hash"):
        store.save(forged, **inputs, household_id="H1", actor="pam", at=at)
    with pytest.raises(CheckFailed, match="the inputs given hash to"):
        store.save(plan.document, **other, household_id="H1", actor="pam", at=at)
    assert len(store.heads()) == 1


def test_plans_are_listed_by_account_household_and_state(draft, store, advance):
    one, two, three = advance(draft("A1"), "propose"), draft("A2"), draft("A3")

    assert {head.plan_id for head in store.heads()} == {one, two, three}
    assert [head.plan_id for head in store.heads(account_id="A1")] == [one]
    assert {head.plan_id for head in store.heads(household_ids=["H1"])} == {one, two}
    assert {head.plan_id for head in store.heads(states=[PlanState.DRAFT])} == {two, three}
    assert store.heads(account_id="A1", states=[PlanState.DRAFT]) == ()
    assert store.heads(account_id="A1")[0].makers == {"pam"}


def test_a_plan_is_found_by_the_beginning_of_its_id(draft, store):
    one, two = draft("A1"), draft("A2")
    shared = next(n for n in range(64) if one[n] != two[n])

    assert store.find(one[: shared + 1]) == one
    assert store.find(two) == two
    if shared:
        with pytest.raises(DataError, match="found several"):
            store.find(one[:shared])
    for wrong in ("", "zz", "%"):
        with pytest.raises(DataError, match="unknown plan"):
            store.find(wrong)


def test_an_unknown_plan_is_named(store, people, at):
    for read in (store.get, store.inputs, store.history):
        with pytest.raises(DataError, match="unknown plan 'nope'"):
            read("nope")
    with pytest.raises(DataError, match="unknown plan 'nope'"):
        store.move("nope", Action.PROPOSE, people["pam"], at=at)


def test_a_plan_walks_its_whole_life_and_every_step_is_on_record(draft, store, advance, database):
    steps = ["propose", "submit", "approve", "release", "send", "fill", "reconcile"]
    plan_id = advance(draft("A1"), *steps)

    plan, moves = store.get(plan_id), store.history(plan_id)

    assert (plan.state, plan.version) == (PlanState.RECONCILED, 7)
    assert [move.action for move in moves] == steps
    assert [move.version for move in moves] == [1, 2, 3, 4, 5, 6, 7]
    assert [move.target for move in moves[:-1]] == [move.source for move in moves[1:]]
    assert {move.comment for move in moves} == {"ok"}
    rows = AuditLog(database).rows(subject=plan_id)
    assert [row.what for row in reversed(rows)] == ["plan.save", *(f"plan.{step}" for step in steps)]
    assert (rows[0].before, rows[0].after) == ({"state": "filled"}, {"state": "reconciled", "comment": "ok"})


def test_an_illegal_move_writes_nothing(draft, store, people, database, at):
    plan_id = draft("A1")
    before = AuditLog(database).verify()

    with pytest.raises(IllegalMove, match="cannot approve a plan that is draft"):
        store.move(plan_id, Action.APPROVE, people["abe"], at=at, outbox=[TICKET])

    assert store.get(plan_id).state is PlanState.DRAFT
    assert store.history(plan_id) == ()
    assert Outbox(database).waiting() == ()
    assert AuditLog(database).verify() == before


def test_a_refusal_is_itself_on_record(draft, store, people, database, at, advance):
    plan_id = advance(draft("A1", makers=["abe"]), "propose", "submit")

    with pytest.raises(NotAllowed, match="made, edited or proposed this plan"):
        store.move(plan_id, Action.APPROVE, people["abe"], at=at, comment="looks good to me")

    assert store.get(plan_id).state is PlanState.IN_REVIEW
    row = AuditLog(database).rows(limit=1)[0]
    assert (row.what, row.subject, row.actor) == ("plan.approve.refused", plan_id, "abe")
    assert "made, edited or proposed" in row.after["reason"]
    assert row.after["comment"] == "looks good to me"


def test_who_proposes_a_draft_of_the_machine_may_not_approve_it(draft, store, people, at):
    both = replace(people["pam"], roles=people["pam"].roles | people["abe"].roles)
    plan_id = draft("A1", actor="robot")

    store.move(plan_id, Action.PROPOSE, both, at=at)
    store.move(plan_id, Action.SUBMIT, both, at=at)

    assert store.get(plan_id).makers == {"robot", "pam"}
    with pytest.raises(NotAllowed, match="Pam made, edited or proposed this plan and may not approve it"):
        store.move(plan_id, Action.APPROVE, both, at=at)


def test_an_approval_belongs_to_the_document_that_was_seen(in_review, store, people, at):
    with pytest.raises(CheckFailed, match="takes the document as it was seen"):
        store.move(in_review, Action.APPROVE, people["abe"], at=at, expected_hash="0" * 64)

    assert store.get(in_review).state is PlanState.IN_REVIEW
    assert store.move(in_review, Action.APPROVE, people["abe"], at=at, expected_hash=in_review) is PlanState.APPROVED


def test_a_document_changed_in_the_database_is_neither_read_nor_approved(in_review, store, people, database, at):
    changed = json.dumps(store.get(in_review).document).replace("By hand.", "By whim.")
    with database.begin() as connection:
        connection.execute(update(tables.plans).values(document=json.loads(changed)))

    with pytest.raises(CheckFailed, match="expected a document of that hash"):
        store.get(in_review)
    with pytest.raises(CheckFailed, match="expected a document of that hash"):
        store.move(in_review, Action.APPROVE, people["abe"], at=at)


@pytest.mark.parametrize(
    "text", ["zstd:", "zstd:9:AAAA", "zstd:x:AAAA", "zstd:4:&&&&"], ids=["cut", "other bytes", "no size", "no base64"]
)
def test_a_document_that_somebody_spoiled_in_the_database_is_refused_in_words(in_review, store, database, text):
    with database.begin() as connection:
        connection.exec_driver_sql(f"UPDATE plans SET document = '{text}'")

    with pytest.raises(CheckFailed, match="a stored document cannot be read, it is not what was written"):
        store.get(in_review)


def test_a_document_stored_before_documents_were_compressed_is_read(in_review, store, database):
    before = store.get(in_review)
    with database.begin() as connection:
        connection.exec_driver_sql(f"UPDATE plans SET document = '{json.dumps(before.document)}'")

    assert store.get(in_review) == before


def test_messages_and_further_writing_are_one_with_the_move(in_review, store, people, database, at):
    def fail(connection):
        connection.execute(text("INSERT INTO settings (name, text) VALUES ('x', 'y')"))
        raise DataError("no disk")

    with pytest.raises(DataError, match="no disk"):
        store.move(in_review, Action.APPROVE, people["abe"], at=at, outbox=[TICKET], within=fail)
    assert store.get(in_review).state is PlanState.IN_REVIEW
    assert Outbox(database).waiting() == ()

    store.move(in_review, Action.APPROVE, people["abe"], at=at, outbox=[TICKET])
    assert [row.key for row in Outbox(database).waiting()] == ["ticket-1"]


def test_a_process_that_dies_before_the_end_of_a_move_has_done_nothing(in_review, store, database, url):
    script = (
        "import os, sys\n"
        "from datetime import UTC, datetime\n"
        "from data.database import open_database\n"
        "from data.outbox import OutboxItem\n"
        "from data.plans import PlanStore\n"
        "from engine.domain.lifecycle import Action, Role, User\n"
        "abe = User(user_id='abe', name='Abe', roles=frozenset({Role.APPROVER}))\n"
        "ticket = OutboxItem(topic='orders', key='t', payload={})\n"
        "at = datetime(2026, 4, 1, tzinfo=UTC)\n"
        "PlanStore(open_database(sys.argv[1])).move(sys.argv[2], Action.APPROVE, abe, at=at, outbox=[ticket],"
        " within=lambda connection: os._exit(9))\n"
    )

    died = subprocess.run([sys.executable, "-c", script, url, in_review], check=False)

    assert died.returncode == 9
    assert store.get(in_review).state is PlanState.IN_REVIEW
    assert len(store.history(in_review)) == 2
    assert Outbox(database).waiting() == ()
    assert AuditLog(database).verify().problems == ()


def test_plans_that_travel_together_move_all_or_none(draft, store, advance, people, at):
    ready, late = advance(draft("A1"), "propose", "submit"), draft("A2")

    with pytest.raises(IllegalMove):
        store.move_all([ready, late], Action.APPROVE, people["abe"], at=at)
    assert store.get(ready).state is PlanState.IN_REVIEW

    advance(late, "propose", "submit")
    assert store.move_all([ready, late], Action.APPROVE, people["abe"], at=at) is PlanState.APPROVED
    assert {head.state for head in store.heads()} == {PlanState.APPROVED}
    with pytest.raises(DataError, match="at least one plan"):
        store.move_all([], Action.APPROVE, people["abe"], at=at)


@pytest.mark.parametrize("action", [Action.APPROVE, Action.SEND])
def test_of_many_who_move_a_plan_at_once_exactly_one_does(action, url, draft, advance, people, database, at):
    steps = ["propose", "submit"] if action is Action.APPROVE else ["propose", "submit", "approve", "release"]
    plan_id = advance(draft("A1"), *steps)
    gate = threading.Barrier(6)

    def attempt(number):
        own = open_database(url)
        person = people["abe" if number % 2 else "amy"]
        ticket = OutboxItem(topic="orders", key=f"ticket-{number}", payload={})
        gate.wait()
        try:
            PlanStore(own).move(plan_id, action, person, at=at + timedelta(seconds=number), outbox=[ticket])
        except IllegalMove:
            return "refused"
        finally:
            own.close()
        return "moved"

    with ThreadPoolExecutor(6) as pool:
        outcomes = Counter(pool.map(attempt, range(6)))

    assert outcomes == {"moved": 1, "refused": 5}
    store = PlanStore(database)
    assert [move.action for move in store.history(plan_id)].count(action) == 1
    assert len(AuditLog(database).rows(what=f"plan.{action}")) == 1
    assert len(Outbox(database).waiting()) == 1
    assert AuditLog(database).verify().problems == ()


def test_moves_of_overlapping_sets_never_wait_for_each_other_for_ever(url, draft, advance, people, at):
    plans = [advance(draft("A1", buy=20 + n), "propose", "submit") for n in range(4)]
    gate = threading.Barrier(2)

    def attempt(order):
        own = open_database(url)
        gate.wait()
        try:
            PlanStore(own).move_all(order, Action.APPROVE, people["abe"], at=at)
        except IllegalMove:
            return "refused"
        finally:
            own.close()
        return "moved"

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(attempt, [plans, plans[::-1]]))

    assert outcomes == ["moved", "refused"]


def test_nobody_proposes_for_an_account_that_is_held_and_on_postgresql_everybody_for_another(
    draft, store, people, database, url, at
):
    mine, other = draft("A1"), draft("A3")
    with ThreadPoolExecutor(2) as pool:
        with database.begin() as connection:
            hold_accounts(connection, ["A1"])
            held = pool.submit(store.move, mine, Action.PROPOSE, people["pam"], at=at)
            free = pool.submit(store.move, other, Action.PROPOSE, people["pam"], at=at)
            if url.startswith("postgresql"):  # on SQLite writers take turns whatever they write
                assert free.result(timeout=60) is PlanState.PROPOSED
            wait([held], timeout=0.5)
            assert not held.done()
        assert held.result(timeout=60) is PlanState.PROPOSED


@pytest.mark.parametrize("taken_up", [Action.PROPOSE, "name"])
def test_what_a_night_made_is_a_persons_once_they_name_or_propose_it(taken_up, draft, store, people, database, at):
    plan_id = draft("A1", note="night")
    with database.begin() as connection:
        connection.execute(tables.plans.update().values(run_id="r"))
    assert store.get(plan_id).run_id == "r"

    if taken_up == "name":
        store.annotate(plan_id, "ours", actor="pam", at=at)
    else:
        store.move(plan_id, Action.PROPOSE, people["pam"], at=at)

    assert store.get(plan_id).run_id is None


def test_who_holds_the_plans_of_a_household_acts_on_them_before_anybody_else(
    draft, store, advance, people, database, at
):
    """pam submits while the holder is about to withdraw; her turn comes after, and nothing is left to submit."""
    plan_id = advance(draft("A1"), "propose")
    with ThreadPoolExecutor(1) as pool:
        with database.begin() as connection:
            heads = lock_heads(connection, ["H1"], [PlanState.PROPOSED])
            hers = pool.submit(store.move, plan_id, Action.SUBMIT, people["pam"], at=at)
            wait([hers], timeout=0.5)
            assert not hers.done()
            move_plan(connection, plan_id, Action.CANCEL, people["pam"], at=at, comment="", seen=None)
        refusal = hers.exception(timeout=60)

    assert heads == (replace(heads[0], plan_id=plan_id, state=PlanState.PROPOSED),)
    assert isinstance(refusal, IllegalMove)
    assert store.get(plan_id).state is PlanState.CANCELLED


def test_a_name_and_remarks_can_be_written_later_and_the_audit_log_keeps_what_was_there(draft, store, database, at):
    plan_id = draft("A1", note="first try", makers=["ann"])
    version = store.get(plan_id).version

    store.annotate(plan_id, "Harvest only\nClient asked on Monday.\nCall back.", actor="ann", at=at)
    store.annotate(plan_id, "Harvest only\nClient asked on Monday.\nCall back.", actor="ann", at=at)

    plan = store.get(plan_id)
    assert (plan.name, plan.remarks) == ("Harvest only", "Client asked on Monday.\nCall back.")
    assert (plan.version, plan.makers) == (version, {"pam", "ann"})
    written = [row for row in AuditLog(database).rows() if row.what == "plan.note"]
    assert [(row.actor, row.before, row.after["note"][:12]) for row in written] == [
        ("ann", {"note": "first try"}, "Harvest only")
    ]


def test_only_who_made_a_draft_changes_what_is_written_of_it(draft, store, database, at):
    plan_id = draft("A1", note="first try")

    with pytest.raises(NotAllowed, match="only who made a draft changes what is written of it: pam"):
        store.annotate(plan_id, "mine now", actor="ann", at=at)

    assert store.get(plan_id).note == "first try"
    assert not [row for row in AuditLog(database).rows() if row.what == "plan.note"]


def test_the_reason_of_an_edit_is_frozen_with_the_plan_that_it_made(draft, store, advance, at):
    edited = draft("A1", buy=21, note="the client asked", parent_id=draft("A1"))
    store.annotate(edited, "the client asked on Monday", actor="pam", at=at)
    advance(edited, "propose")

    with pytest.raises(NotAllowed, match="stays as it was when the plan was proposed"):
        store.annotate(edited, "the client asked for less", actor="pam", at=at)

    assert store.get(edited).note == "the client asked on Monday"


def test_an_unknown_plan_cannot_be_named(store, at):
    with pytest.raises(DataError):
        store.annotate("0" * 64, "name", actor="ann", at=at)
