"""Is the firm's Salesforce org ready for plans, and how much of its daily limit is left?"""

from dataclasses import dataclass
from typing import Final

from app.ports import Services
from app.steps import crm
from app.steps.jobs import recorded
from data.crm import CrmUsage
from engine.domain.identifiers import UserId
from engine.domain.jobs import Finding, JobKind

NEAR_LIMIT: Final = 0.8  # of the day's requests, by all programs of the org together


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgCheck:
    """missing: what the org lacks of what plans need, a sentence each. usage: None where the org did not say."""

    missing: tuple[str, ...]
    usage: CrmUsage | None


def _findings(found: OrgCheck) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            severity="error",
            account_id=None,
            place="Salesforce org",
            found=sentence,
            expected="the package of connectors/salesforce/metadata, and rights on it",
            effect="plans are not told to Salesforce",
        )
        for sentence in found.missing
    )


@recorded(
    JobKind.CHECK_SALESFORCE,
    detail=lambda found: f"{len(found.missing)} things are missing" if found.missing else "nothing is missing",
    findings=_findings,
)
def check(services: Services, *, actor: UserId) -> OrgCheck:  # noqa: ARG001  whose job it is
    """Ask the org whether it has all that plans need, and keep the answer as a job.

    Raises DataError where no org is connected, ExternalRefusal where it cannot be asked.
    """
    missing = services.org().verify()
    crm.note_usage(services)
    return OrgCheck(missing=missing, usage=services.links.usage())


def usage_text(usage: CrmUsage | None) -> str:
    """Return how much of the daily limit is used, in words; "" where nothing was heard of it."""
    if usage is None or not usage.allowed:
        return ""
    return f"{usage.used:,} of {usage.allowed:,} in 24 hours"


def limit_warning(services: Services) -> str:
    """Return why the daily limit calls for attention, "" where it does not."""
    usage = services.links.usage()
    if usage is None:
        return ""
    if crm.paused(services):
        return f"the requests of the day are used up; nothing is sent before {usage.resume_at:%H:%M} UTC"
    if usage.allowed and usage.used >= NEAR_LIMIT * usage.allowed:
        return f"{usage.used / usage.allowed:.0%} of the requests of the day are used"
    return ""
