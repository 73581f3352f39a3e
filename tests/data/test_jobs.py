"""A job leaves a row when it begins and says how it ended; the newest come first."""

from datetime import timedelta

from data.jobs import JobStore
from engine.domain.jobs import Finding, Job, JobKind, JobOutcome

FAULT = Finding(
    severity="error", account_id="A1", place="lot L7, basis", found="-3", expected="0 or more", effect="kept"
)


def test_a_job_that_was_killed_has_no_end_and_one_that_ended_says_how(database, at):
    store = JobStore(database)
    first = store.begin(JobKind.IMPORT, actor="pam", at=at)
    second = store.begin(JobKind.SCAN, actor="system", at=at + timedelta(seconds=1))
    store.end(first, JobOutcome.FAILED, at=at + timedelta(seconds=2), detail="bad folder", findings=[FAULT])

    assert store.newest() == (
        Job(
            id=second, kind=JobKind.SCAN, actor="system", began_at=at + timedelta(seconds=1), ended_at=None,
            outcome=None, detail="", findings=(),
        ),
        Job(
            id=first, kind=JobKind.IMPORT, actor="pam", began_at=at, ended_at=at + timedelta(seconds=2),
            outcome=JobOutcome.FAILED, detail="bad folder", findings=(FAULT,),
        ),
    )  # fmt: skip
    assert [job.id for job in store.newest(kind=JobKind.IMPORT)] == [first]
    assert [job.id for job in store.newest(limit=1)] == [second]
