"""How does the stand-in Addepar run a job? Queued, in progress for some polls, done as it was told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

RESULTS_KEPT_SECONDS: Final = timedelta(hours=24).total_seconds()
COMPLETED: Final = "Completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobManners:
    """How the next jobs behave. polls: answers "In Progress" before the end.

    completion: "redirect" (303 to the download), "document" (the result itself, without a status) or "status"; a
    transaction job always ends by its status.
    outcome: the status in the end; errors: what a job that did not complete gives as its reasons. times: how many jobs
    behave so before they are well-behaved again; 0 for all that follow.
    """

    polls: int = 1
    completion: str = "redirect"
    outcome: str = COMPLETED
    errors: tuple[str, ...] = ()
    expired: bool = False
    times: int = 0


@dataclass(slots=True, kw_only=True)
class Job:
    """One submitted job. result is its document; created in seconds of the stand-in's clock."""

    job_id: str
    kind: str  # "jobs" or "transaction_jobs"
    job_type: str
    result: Mapping[str, Any]
    manners: JobManners
    created: float
    asked: int = 0
    cancelled: bool = False

    def status(self) -> str:
        """Its status after as many polls as there were."""
        if self.cancelled:
            return "User Cancelled"
        if self.asked <= self.manners.polls:
            return "In Progress" if self.asked else "Queued"
        return self.manners.outcome

    def gone(self, now: float) -> bool:
        """Whether its result is no longer kept."""
        return self.manners.expired or now - self.created > RESULTS_KEPT_SECONDS

    def resource(self) -> dict[str, Any]:
        """Return the job as /v1/jobs shows it."""
        status = self.status()
        shown: dict[str, Any] = {"job_type": self.job_type, "status": status}
        shown["percent_complete"] = 1 if status == COMPLETED else 0
        if status == self.manners.outcome:
            shown["errors"] = [{"detail": error} for error in self.manners.errors]
        return {"id": self.job_id, "type": self.kind, "attributes": shown}
