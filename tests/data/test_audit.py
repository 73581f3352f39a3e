"""The audit log takes no edits, and shows every edit that was made behind its back."""

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import DatabaseError

from data.audit import START, AuditLog, append
from data.database import open_database
from engine.domain.errors import CheckFailed

DROP = {
    "sqlite": ["DROP TRIGGER audit_update", "DROP TRIGGER audit_delete", "DROP TRIGGER audit_replace",
               "DROP TRIGGER audit_head_delete"],
    "postgresql": ["DROP TRIGGER audit_change ON audit", "DROP TRIGGER audit_head_delete ON audit_head"],
}  # fmt: skip
COLUMNS = "at, actor, what, subject, before, after, previous, hash"


@pytest.fixture
def log(database, at) -> AuditLog:
    """Five rows."""
    for number in range(1, 6):
        with database.begin() as connection:
            append(
                connection,
                at=at + timedelta(minutes=number),
                actor="pam" if number % 2 else "abe",
                what=f"plan.step{number}",
                subject="P1" if number < 4 else "P2",
                before={"n": number - 1},
                after={"n": number},
            )
    return AuditLog(database)


@pytest.fixture
def tamper(database, kind):
    """tamper(statement, ...) changes the log by raw SQL, its triggers dropped."""

    def run(*statements: str) -> None:
        with database.begin() as connection:
            for statement in (*DROP[kind], *statements):
                connection.exec_driver_sql(statement)

    return run


def test_a_whole_log_has_no_problems(log):
    report = log.verify()

    assert report.rows == 5
    assert report.problems == ()
    assert report.head == log.rows(limit=1)[0].hash


def test_an_empty_log_has_no_problems(database):
    report = AuditLog(database).verify()

    assert (report.rows, report.head, report.problems) == (0, START, ())


def test_each_hash_is_over_all_fields_and_the_hash_before(log):
    first, second = reversed(log.rows(limit=5)[-2:])
    sealed = {
        "seq": 2, "at": "2026-04-01T13:32:00.250001+00:00", "actor": "abe", "what": "plan.step2", "subject": "P1",
        "before": '{"n":1}', "after": '{"n":2}', "previous": first.hash,
    }  # fmt: skip

    expected = hashlib.sha256(json.dumps(sealed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    assert second.hash == expected
    assert first.previous == START == "0" * 64


def test_rows_are_read_newest_first_and_by_what_is_asked(log):
    assert [row.seq for row in log.rows()] == [5, 4, 3, 2, 1]
    assert [row.seq for row in log.rows(limit=2)] == [5, 4]
    assert [row.seq for row in log.rows(subject="P2")] == [5, 4]
    assert [row.seq for row in log.rows(actor="abe")] == [4, 2]
    assert [row.seq for row in log.rows(what="plan.step3")] == [3]
    assert [row.seq for row in log.rows(what="plan.")] == [5, 4, 3, 2, 1]
    assert log.rows(what="plan.step") == ()
    row = log.rows(what="plan.step3")[0]
    assert (row.before, row.after, row.at) == ({"n": 2}, {"n": 3}, datetime(2026, 4, 1, 13, 33, 0, 250_001, tzinfo=UTC))


def test_a_time_in_another_zone_is_the_same_instant_and_one_without_is_refused(database, at):
    with database.begin() as connection:
        append(
            connection, at=at.astimezone(timezone(timedelta(hours=-4))), actor="pam", what="look", subject="x"
        )  # fmt: skip
    with database.begin() as connection, pytest.raises(ValueError, match="with its zone"):
        append(connection, at=at.replace(tzinfo=None), actor="pam", what="look", subject="x")

    assert [row.at for row in AuditLog(database).rows()] == [at]


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE audit SET actor = 'eve' WHERE seq = 2",
        "UPDATE audit SET hash = hash",
        "DELETE FROM audit WHERE seq = 5",
        "DELETE FROM audit",
        "DELETE FROM audit_head",
        f"INSERT INTO audit (seq, {COLUMNS}) SELECT 2, {COLUMNS} FROM audit WHERE seq = 3",
    ],
)
def test_the_database_itself_refuses_an_edit(log, database, edit):
    with pytest.raises(DatabaseError, match=r"append-only|pk_audit"), database.begin() as connection:
        connection.exec_driver_sql(edit)

    assert log.verify().problems == ()


def test_what_only_one_database_can_do_is_refused_there(log, database, kind):
    edit = {
        "sqlite": f"REPLACE INTO audit (seq, {COLUMNS}) SELECT 2, {COLUMNS} FROM audit WHERE seq = 3",
        "postgresql": "TRUNCATE audit",
    }[kind]

    with pytest.raises(DatabaseError, match="append-only"), database.begin() as connection:
        connection.exec_driver_sql(edit)

    assert log.verify().problems == ()


@pytest.mark.parametrize(
    ("column", "value"),
    [("at", "2026-04-01T00:00:00.000000+00:00"), ("at", "yesterday"), ("actor", "eve"), ("what", "plan.approve"),
     ("subject", "P9"), ("before", "null"), ("after", '{"n":33}'), ("after", '{"n": 3}'), ("after", "no JSON")],
)  # fmt: skip
def test_a_changed_field_is_found_in_its_row(log, tamper, column, value):
    tamper(f"UPDATE audit SET {column} = '{value}' WHERE seq = 3")

    (problem,) = log.verify().problems
    assert problem.startswith("row 3: expected hash")
    assert "its content was changed" in problem


def test_a_row_changed_and_sealed_anew_is_found_at_the_next_one(log, tamper):
    row = log.rows(what="plan.step3")[0]
    sealed = {
        "seq": 3, "at": "2026-04-01T13:33:00.250001+00:00", "actor": "eve", "what": "plan.step3", "subject": "P1",
        "before": '{"n":2}', "after": '{"n":3}', "previous": row.previous,
    }  # fmt: skip
    seal = hashlib.sha256(json.dumps(sealed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    tamper(f"UPDATE audit SET actor = 'eve', hash = '{seal}' WHERE seq = 3")

    (problem,) = log.verify().problems
    assert problem == f"row 4: expected it to follow {seal}, found {row.hash}"


def test_a_removed_row_is_found(log, tamper):
    tamper("DELETE FROM audit WHERE seq = 3")

    problems = log.verify().problems
    assert any("row 3: expected number 3, found 4: a row was removed" in problem for problem in problems)
    assert any(problem.startswith("row 3: expected it to follow") for problem in problems)


def test_a_removed_row_is_found_when_the_others_are_renumbered(log, tamper):
    tamper("DELETE FROM audit WHERE seq = 3", "UPDATE audit SET seq = 3 WHERE seq = 4",
           "UPDATE audit SET seq = 4 WHERE seq = 5", "UPDATE audit_head SET rows = 4")  # fmt: skip

    assert any(problem.startswith("row 3: expected it to follow") for problem in log.verify().problems)


def test_a_removed_first_row_is_found(log, tamper):
    tamper("DELETE FROM audit WHERE seq = 1")

    assert any("row 1: expected number 1, found 2" in problem for problem in log.verify().problems)


def test_rows_that_changed_places_are_found(log, tamper):
    tamper("UPDATE audit SET seq = 99 WHERE seq = 2", "UPDATE audit SET seq = 2 WHERE seq = 3",
           "UPDATE audit SET seq = 3 WHERE seq = 99")  # fmt: skip

    problems = log.verify().problems
    assert {problem.split(":")[0] for problem in problems} == {"row 2", "row 3", "row 4"}


def test_an_inserted_row_is_found(log, tamper):
    tamper("UPDATE audit SET seq = 6 WHERE seq = 5",
           f"INSERT INTO audit (seq, {COLUMNS}) SELECT 5, {COLUMNS} FROM audit WHERE seq = 4")  # fmt: skip

    problems = log.verify().problems
    assert any(problem.startswith("row 5: expected it to follow") for problem in problems)
    assert any(problem.startswith("head: expected 5 rows") for problem in problems)


@pytest.mark.parametrize("edit", ["DELETE FROM audit WHERE seq > 3", "DELETE FROM audit"])
def test_a_tail_cut_off_is_found_by_the_head(log, tamper, edit):
    tamper(edit)

    (problem,) = log.verify().problems
    assert problem.startswith("head: expected 5 rows ending in")


def test_a_head_that_is_gone_is_found_and_nothing_more_is_appended(log, tamper, database, at):
    tamper("DELETE FROM audit_head")

    assert log.verify().problems == ("head: expected one row, found 0",)
    with database.begin() as connection, pytest.raises(CheckFailed, match="expected its head row"):
        append(connection, at=at, actor="pam", what="look", subject="x")


def test_a_tail_cut_off_with_its_head_set_back_is_found_by_a_witness_only(log, tamper):
    noted = log.verify().head
    fourth = log.rows(what="plan.step4")[0].hash

    tamper("DELETE FROM audit WHERE seq = 5", f"UPDATE audit_head SET rows = 4, hash = '{fourth}'")

    assert log.verify().problems == ()
    assert log.verify(witness=fourth).problems == ()
    (problem,) = log.verify(witness=noted).problems
    assert f"expected the head noted earlier, {noted}" in problem


def test_an_append_rolled_back_leaves_the_chain_whole(log, database, at):
    def change():
        with database.begin() as connection:
            append(connection, at=at, actor="pam", what="look", subject="x")
            raise RuntimeError("the change failed")

    with pytest.raises(RuntimeError):
        change()

    assert (log.verify().rows, log.verify().problems) == (5, ())


def test_writers_at_once_make_one_chain(url, database, at):
    gate = threading.Barrier(4)

    def write(writer):
        own = open_database(url)
        gate.wait()
        for number in range(10):
            with own.begin() as connection:
                append(connection, at=at, actor=f"w{writer}", what="look", subject=str(number))
        own.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))

    report = AuditLog(database).verify()
    assert (report.rows, report.problems) == (40, ())


def test_a_thousand_rows_and_more_are_verified_to_the_last(database, at):
    with database.begin() as connection:
        for number in range(1100):
            append(connection, at=at, actor="pam", what="look", subject=str(number))

    report = AuditLog(database).verify()

    assert (report.rows, report.problems) == (1100, ())


def test_events_are_found_by_how_their_subject_begins_and_by_who_acted(log):
    every = log.rows()
    subjects, actors = {row.subject for row in every}, {row.actor for row in every}

    assert subjects == {"P1", "P2"}
    assert log.rows(about="P2") == tuple(row for row in every if row.subject == "P2")
    assert log.rows(about="P") == every
    assert log.rows(about="1") == ()
    assert log.rows(about="%") == ()
    for actor in actors:
        assert log.rows(about=actor) == tuple(row for row in every if row.actor == actor) != ()


def test_days_bound_a_search_on_both_ends_and_count_in_utc(database):
    late = datetime(2026, 4, 1, 23, 30, tzinfo=timezone(timedelta(hours=-2)))  # 01:30 on the 2nd in UTC
    for at in (datetime(2026, 4, 1, 23, 59, 59, tzinfo=UTC), late, datetime(2026, 4, 3, 0, 0, tzinfo=UTC)):
        with database.begin() as connection:
            append(connection, at=at, actor="pam", what="plan.save", subject="P1")
    log = AuditLog(database)

    def days(**bounds):
        return [row.seq for row in log.rows(**bounds)]

    assert days(since=date(2026, 4, 2)) == [3, 2]
    assert days(until=date(2026, 4, 2)) == [2, 1]
    assert days(since=date(2026, 4, 1), until=date(2026, 4, 1)) == [1]
    assert days(since=date(2026, 4, 4)) == []


def test_the_verbs_that_occur_are_named_once_each(log):
    assert log.verbs() == ("plan.step1", "plan.step2", "plan.step3", "plan.step4", "plan.step5")
