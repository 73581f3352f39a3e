"""Can the record be trusted? The audit log, read and verified."""

from app.ports import Services
from data.audit import AuditReport, AuditRow


def verify(services: Services, *, witness: str | None = None) -> AuditReport:
    """Return a report on the whole chain. witness: a head hash that was noted outside the database."""
    return services.audit.verify(witness=witness)


def newest(services: Services, *, subject: str | None = None, limit: int = 500) -> tuple[AuditRow, ...]:
    """Return the newest events, newest first; where a subject is named, of the plan, account or person it begins."""
    return services.audit.rows(about=subject, limit=limit)
