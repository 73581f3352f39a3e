"""What has changed at the custodians? Addepar's view of the firm, taken in account by account."""

from dataclasses import dataclass

from app.ports import Progress, Services, no_progress
from app.steps.jobs import recorded
from connectors.addepar.connection import connection_from_table
from connectors.addepar.issues import DataIssue
from connectors.addepar.sync import sync
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, UserId
from engine.domain.jobs import Finding, JobKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """accounts: how many were brought in. fenced: those that keep what they had; issues say why."""

    accounts: int
    fenced: tuple[AccountId, ...]
    issues: tuple[DataIssue, ...]


@recorded(
    JobKind.SYNC_ADDEPAR,
    detail=lambda synced: f"{synced.accounts:,} accounts brought in, {len(synced.fenced):,} kept as they were",
    findings=lambda synced: [_finding(issue) for issue in synced.issues],
)
def sync_addepar(services: Services, *, actor: UserId, progress: Progress = no_progress) -> Synced:
    """Take in what Addepar knows of the firm; an account with a fault keeps what it has.

    Raises DataError where Addepar is not configured, ExternalRefusal where it refuses; then nothing has changed.
    """
    table = services.connections.get("addepar")
    if table is None:
        raise DataError("Addepar is not connected: expected a section [addepar] in the file of LOTSMITH_CONFIG")
    config, mapping = connection_from_table(table, source="LOTSMITH_CONFIG [addepar]")
    day = max(services.now().date(), services.firm.firm().as_of)
    pulled = sync(
        config,
        mapping,
        as_of=day,
        reference=services.firm.reference(),
        accounts=services.firm.accounts(),
        progress=progress,
    )
    read = {book.account.account_id: book for book in pulled.books}
    books = [read.get(book.account.account_id, book) for book in services.firm.books()]
    services.firm.replace(pulled.reference, books, actor=actor, at=services.now())
    return Synced(accounts=len(read), fenced=pulled.fenced, issues=pulled.issues)


def _finding(issue: DataIssue) -> Finding:
    return Finding(
        severity=issue.severity.value,
        account_id=issue.account_id,
        place=f"{issue.subject}, {issue.field}",
        found=issue.found,
        expected=issue.expected,
        effect=issue.effect,
    )
