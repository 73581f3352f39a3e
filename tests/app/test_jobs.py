"""Long work leaves a job, whoever called it: what it came to, or why it was refused."""

import shutil

import pytest

from app.steps import firm, jobs, monitor
from engine.domain.errors import DataError
from engine.domain.jobs import JobKind, JobOutcome


def test_a_scan_says_who_began_it_and_how_many_accounts_it_saw(desk):
    services = desk.services()
    monitor.scan_firm(services, actor="maya")

    job = jobs.history(services)[0]

    assert (job.kind, job.actor, job.outcome) == (JobKind.SCAN, "maya", JobOutcome.DONE)
    assert job.detail.startswith("3 accounts")
    assert job.ended_at >= job.began_at


def test_a_scan_by_the_clock_is_lotsmiths_own_and_one_by_a_person_theirs(desk):
    assert desk.run("scan").code == 0
    assert desk.run("scan", "--as", "maya").code == 0

    assert [job.actor for job in jobs.history(desk.services()) if job.kind is JobKind.SCAN] == ["maya", "system"]


def test_a_folder_that_is_refused_leaves_its_problems_with_the_rows_at_fault(desk, hand_firm, tmp_path):
    folder = tmp_path / "firm"
    shutil.copytree(hand_firm, folder)
    prices = folder / "prices.csv"
    prices.write_text(prices.read_text().replace("AAA,2026-11-20,100", "AAA,2026-11-20,dear"))
    services = desk.services()

    with pytest.raises(DataError):
        firm.import_firm(services, folder, actor="maya")

    job = jobs.history(services)[0]
    assert (job.kind, job.actor, job.outcome) == (JobKind.IMPORT, "maya", JobOutcome.FAILED)
    (fault,) = job.findings
    assert fault.place == "prices.csv, line 2, close"
    assert "dear" in fault.found
    assert jobs.newest_with_findings(services) == (job,)
