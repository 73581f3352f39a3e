"""Which outside systems are reached, when did each last answer, and what waits for it?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from app.ports import Services
from app.steps import crm, execute, org
from connectors.fix.destinations import session_destinations
from data.outbox import OutboxRow
from engine.domain.jobs import JobKind, JobOutcome


class Standing(StrEnum):
    """IDLE: connected, and nothing was asked of it yet. STRAINED: it works, and will not for long."""

    WORKS = "works"
    STRAINED = "near its limit"
    IDLE = "not used yet"
    FAILS = "fails"
    ABSENT = "not connected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One outside system. last_success: when it last took or gave something. used: of what it allows, in words.

    error: of the newest failure, else what calls for attention, else "".
    """

    name: str
    standing: Standing
    last_success: datetime | None
    waiting: int
    error: str
    used: str = ""


def connections(services: Services) -> tuple[Connection, ...]:
    """Return every system that this firm can be connected to."""
    return (
        _addepar(services),
        _salesforce(services),
        _messages("Custodians, files", True, services.outbox.all(execute.FILES)),
        *_sessions(services),
    )


def _sessions(services: Services) -> tuple[Connection, ...]:
    """Return each live session to a custodian; the gateway alone knows whether it is up, an answer proves it."""
    known = {each.custodian for each in session_destinations(services.connections.get("fix", {}))}
    traffic = {each.custodian: each for each in services.inbox.traffic()}
    return tuple(
        Connection(
            name=f"{name}, live session",
            standing=_standing(name in known, used=name in traffic and traffic[name].answered_at is not None, error=""),
            last_success=traffic[name].answered_at if name in traffic else None,
            waiting=traffic[name].waiting if name in traffic else 0,
            error="",
        )
        for name in sorted(known | traffic.keys())
    )


def _addepar(services: Services) -> Connection:
    jobs = services.jobs.newest(kind=JobKind.SYNC_ADDEPAR, limit=20)
    done = next((job for job in jobs if job.outcome is JobOutcome.DONE), None)
    failed = jobs[0].detail if jobs and jobs[0].outcome is JobOutcome.FAILED else ""
    present = "addepar" in services.connections
    return Connection(
        name="Addepar",
        standing=_standing(present, used=done is not None, error=failed),
        last_success=None if done is None else done.ended_at,
        waiting=0,
        error=failed,
    )


def _salesforce(services: Services) -> Connection:
    rows = [row for topic in crm.TOPICS for row in services.outbox.all(topic)]
    found = _messages("Salesforce", services.crm is not None, rows)
    if services.crm is None:
        return found
    checks = services.jobs.newest(kind=JobKind.CHECK_SALESFORCE, limit=1)
    lacks = "; ".join(finding.found for job in checks for finding in job.findings)
    failed = next((job.detail for job in checks if job.outcome is JobOutcome.FAILED), "")
    warning = org.limit_warning(services)
    error = found.error or lacks or failed or warning
    standing = _standing(True, used=found.last_success is not None, error=error)
    if error and error == warning and not crm.paused(services):
        standing = Standing.STRAINED
    return replace(found, standing=standing, error=error, used=org.usage_text(services.links.usage()))


def _messages(name: str, present: bool, rows: Sequence[OutboxRow]) -> Connection:
    waiting = [row for row in rows if row.sent_at is None]
    sent = [row.sent_at for row in rows if row.sent_at is not None]
    error = next((row.error for row in reversed(waiting) if row.error), "")
    return Connection(
        name=name,
        standing=_standing(present, used=bool(sent), error=error),
        last_success=max(sent, default=None),
        waiting=len(waiting),
        error=error,
    )


def _standing(present: bool, *, used: bool, error: str) -> Standing:
    if not present:
        return Standing.ABSENT
    if error:
        return Standing.FAILS
    return Standing.WORKS if used else Standing.IDLE
