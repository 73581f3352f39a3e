"""What did long work do? A job of the desk: who began it, how it ended, and every fault of the data that it met."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from engine.domain.identifiers import AccountId, UserId


class JobKind(StrEnum):
    IMPORT = "import"
    SYNC_ADDEPAR = "sync addepar"
    CHECK_SALESFORCE = "check salesforce"
    PRICES = "prices"
    BOOK_ACTIONS = "book corporate actions"
    SCAN = "scan"
    NIGHT = "night"
    REHEARSAL = "rehearsal"
    PLAN_BOOK = "plan book"
    RECONCILE = "reconcile"


class JobOutcome(StrEnum):
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault of a source. place names the row or thing and its field; effect is what was done about it."""

    severity: str
    account_id: AccountId | None
    place: str
    found: str
    expected: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """outcome and ended_at are None while it runs, and for ever where its process was killed."""

    id: int
    kind: JobKind
    actor: UserId
    began_at: datetime
    ended_at: datetime | None
    outcome: JobOutcome | None
    detail: str
    findings: tuple[Finding, ...]
