"""What oversight looks at: the audit log, jobs, faults of the data, connections."""

import json
from collections.abc import Iterable, Mapping
from typing import Final

import pandas as pd

from app.steps.health import Connection
from app.tables.parts import table_of
from data.audit import AuditRow
from data.runs import AccountRun, RunRecord
from engine.domain.jobs import Job

_OUTCOMES: Final = {
    "planned": "proposed",
    "under_way": "under way",
    "no_trade": "no trade",
    "calm": "calm",
    "fenced_off": "fenced",
    "not_planned": "exception",
}


def audit_table(rows: Iterable[AuditRow]) -> pd.DataFrame:
    """Return one row an event of the audit log."""
    return table_of(
        [
            {
                "seq": row.seq,
                "at": row.at,
                "actor": row.actor,
                "what": row.what,
                "subject": row.subject,
                "before": "" if row.before is None else json.dumps(row.before, ensure_ascii=False),
                "after": "" if row.after is None else json.dumps(row.after, ensure_ascii=False),
                "hash": row.hash[:12],
            }
            for row in rows
        ],
        "seq at actor what subject before after hash",
    )


def job_table(jobs: Iterable[Job]) -> pd.DataFrame:
    """Return one row a job: when it began, how long it took, what came of it."""
    return table_of(
        [
            {
                "job": job.kind.value,
                "at": job.began_at,
                "took_s": None if job.ended_at is None else (job.ended_at - job.began_at).total_seconds(),
                "status": "running, or killed" if job.outcome is None else job.outcome.value,
                "faults": len(job.findings),
                "text": job.detail,
                "actor": job.actor,
            }
            for job in jobs
        ],
        "job at took_s status faults text actor",
    )


def night_table(nights: Iterable[tuple[RunRecord, Mapping[str, int]]]) -> pd.DataFrame:
    """Return one row a night: how far it is, and how many accounts came to what."""
    return table_of(
        [
            {
                "as_of": run.as_of,
                "at": run.began_at,
                "took_s": None if run.ended_at is None else (run.ended_at - run.began_at).total_seconds(),
                "status": "done"
                if run.ended_at is not None
                else f"{sum(counts.values()):,} of {run.accounts:,} accounts",
                **{column: counts.get(outcome, 0) for column, outcome in _OUTCOMES.items()},
                "actor": run.actor,
            }
            for run, counts in nights
        ],
        f"as_of at took_s status {' '.join(_OUTCOMES)} actor",
    )


def exception_table(accounts: Iterable[AccountRun]) -> pd.DataFrame:
    """Return one row an account that a night could not plan, with its cause."""
    return table_of(
        [{"account": each.account_id, "cause_text": each.cause, "took_s": each.seconds} for each in accounts],
        "account cause_text took_s",
    )


def finding_table(jobs: Iterable[Job]) -> pd.DataFrame:
    """Return one row a fault of the data that jobs met, with the value of the source and what was done about it."""
    return table_of(
        [
            {
                "source": job.kind.value,
                "severity": finding.severity,
                "account": finding.account_id or "",
                "place": finding.place,
                "found": finding.found,
                "expected": finding.expected,
                "effect": finding.effect,
                "at": job.began_at,
            }
            for job in jobs
            for finding in job.findings
        ],
        "source severity account place found expected effect at",
    )


def connection_table(connections: Iterable[Connection]) -> pd.DataFrame:
    """Return one row an outside system: whether it is reached, since when, and what waits for it."""
    return table_of(
        [
            {
                "system": one.name,
                "status": one.standing.value,
                "last_success": one.last_success,
                "waiting": one.waiting,
                "requests": one.used,
                "error": one.error,
            }
            for one in connections
        ],
        "system status last_success waiting requests error",
    )
