"""Can the record be trusted? The audit log, searched, verified and handed out."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from app.ports import Services
from data.audit import AuditReport, AuditRow
from data.columns import utc_text
from engine.domain.identifiers import UserId
from engine.plan.document import canonical_json

SHOWN: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to look for. about: the beginning of a plan, account or person. since, until: first and last day, UTC."""

    about: str | None = None
    actor: UserId | None = None
    what: str | None = None
    since: date | None = None
    until: date | None = None


def verify(services: Services, *, witness: str | None = None) -> AuditReport:
    """Return a report on the whole chain. witness: a head hash that was noted outside the database."""
    return services.audit.verify(witness=witness)


def events(services: Services, search: Search, *, limit: int | None = SHOWN) -> tuple[AuditRow, ...]:
    """Return the newest events that match, newest first; all of them without a limit."""
    return services.audit.rows(
        about=search.about,
        actor=search.actor,
        what=search.what,
        since=search.since,
        until=search.until,
        limit=limit,
    )


def sealed_lines(services: Services, search: Search) -> bytes:
    """Return every event that matches as lines of JSON, oldest first, with what its hash is over and the hash.

    The hash of a line is SHA-256 of its canonical JSON without the hash itself; previous is the hash of the row before
    it in the log, so that an unbroken stretch proves itself.
    """
    lines = (
        canonical_json(
            {
                "seq": row.seq,
                "at": utc_text(row.at),
                "actor": row.actor,
                "what": row.what,
                "subject": row.subject,
                "before": canonical_json(row.before).decode(),
                "after": canonical_json(row.after).decode(),
                "previous": row.previous,
                "hash": row.hash,
            }
        )
        for row in reversed(events(services, search, limit=None))
    )
    return b"".join(line + b"\n" for line in lines)
