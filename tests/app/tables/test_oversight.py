"""What is shown of jobs, faults of the data, outside systems and the audit log."""

from datetime import UTC, date, datetime, timedelta

import pandas as pd

from app.steps.health import Connection, Standing
from app.tables.oversight import (
    audit_table,
    connection_table,
    exception_table,
    finding_table,
    job_table,
    night_table,
)
from data.audit import AuditRow
from data.runs import AccountRun, RunRecord
from engine.domain.jobs import Finding, Job, JobKind, JobOutcome

NINE = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
FAULT = Finding(
    severity="warn", account_id="T1", place="lots.csv, line 4, cost", found="'dear'", expected="a number",
    effect="left out",
)  # fmt: skip


def job(kind, *, took, outcome, findings=(), detail=""):
    ended = None if took is None else NINE + timedelta(seconds=took)
    return Job(
        id=1, kind=kind, actor="maya", began_at=NINE, ended_at=ended, outcome=outcome, detail=detail, findings=findings
    )


def test_a_job_tells_its_seconds_its_faults_and_that_one_without_an_end_runs_or_was_killed():
    jobs = [
        job(JobKind.SYNC_ADDEPAR, took=62.5, outcome=JobOutcome.DONE, findings=(FAULT, FAULT), detail="3 accounts"),
        job(JobKind.SCAN, took=None, outcome=None),
    ]

    table = job_table(jobs)

    assert table[["job", "status", "faults", "text", "actor"]].to_numpy().tolist() == [
        ["sync addepar", "done", 2, "3 accounts", "maya"], ["scan", "running, or killed", 0, "", "maya"],
    ]  # fmt: skip
    assert table["at"].tolist() == [NINE, NINE]
    assert table["took_s"][0] == 62.5
    assert pd.isna(table["took_s"][1])


def test_every_fault_has_its_job_its_place_and_what_was_done_about_it():
    whole = Finding(severity="fence", account_id=None, place="firm.csv", found="two", expected="one", effect="refused")
    jobs = [
        job(JobKind.IMPORT, took=1, outcome=JobOutcome.FAILED, findings=(FAULT, whole)),
        job(JobKind.PRICES, took=1, outcome=JobOutcome.DONE),
    ]

    assert finding_table(jobs).drop(columns="at").to_numpy().tolist() == [
        ["import", "warn", "T1", "lots.csv, line 4, cost", "'dear'", "a number", "left out"],
        ["import", "fence", "", "firm.csv", "two", "one", "refused"],  # no account: of the source as a whole
    ]


def test_a_system_tells_whether_it_works_since_when_and_what_waits_for_it():
    table = connection_table(
        [
            Connection(name="Salesforce", standing=Standing.FAILS, last_success=NINE, waiting=2, error="down"),
            Connection(name="Addepar", standing=Standing.ABSENT, last_success=None, waiting=0, error=""),
        ]
    )

    assert table[["system", "status", "waiting", "error"]].to_numpy().tolist() == [
        ["Salesforce", "fails", 2, "down"], ["Addepar", "not connected", 0, ""],
    ]  # fmt: skip
    assert table["last_success"][0] == NINE
    assert pd.isna(table["last_success"][1])


def test_an_event_shows_before_and_after_as_written_and_nothing_where_there_was_nothing():
    events = [
        AuditRow(
            seq=2, at=NINE, actor="maya", what="user.save", subject="ada", before=None, after={"name": "Zoë"},
            previous="0" * 64, hash="0123456789abcdef" * 4,
        ),
        AuditRow(
            seq=1, at=NINE, actor="ada", what="x", subject="y", before=False, after=[], previous="", hash="f" * 64
        ),
    ]  # fmt: skip

    assert audit_table(events).drop(columns="at").to_numpy().tolist() == [
        [2, "maya", "user.save", "ada", "", '{"name": "Zoë"}', "0123456789ab"],
        [1, "ada", "x", "y", "false", "[]", "ffffffffffff"],
    ]


def run(**more):
    return RunRecord(
        run_id="r", began_at=NINE, actor="maya", as_of=date(2026, 11, 20), engine_version="0", settings={},
        accounts=5_000, **more,
    )  # fmt: skip


def test_a_night_tells_what_its_accounts_came_to_and_how_far_it_is_while_it_runs():
    through = run(ended_at=NINE + timedelta(seconds=58))

    table = night_table(
        [(run(ended_at=None), {"proposed": 900, "calm": 300}), (through, {"exception": 2, "fenced": 1})]
    )

    assert table["status"].tolist() == ["1,200 of 5,000 accounts", "done"]
    assert table["took_s"].tolist()[1] == 58.0
    columns = ["proposed", "under_way", "no_trade", "calm", "fenced_off", "not_planned"]
    assert table[columns].to_numpy().tolist() == [[900, 0, 0, 300, 0, 0], [0, 0, 0, 0, 1, 2]]


def test_an_account_that_a_night_could_not_plan_tells_why():
    failed = AccountRun(
        account_id="A", outcome="exception", plan_id=None, cause="cash and turnover conflict", seconds=0.5
    )

    assert exception_table([failed]).to_dict("records") == [
        {"account": "A", "cause_text": "cash and turnover conflict", "took_s": 0.5}
    ]
