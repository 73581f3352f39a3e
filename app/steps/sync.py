"""What has changed at the custodians? Addepar's view of the firm, taken in account by account."""

from app.ports import Progress, Services, no_progress
from app.steps.addepar import connection, mapping_name
from app.steps.exchange import last_session
from app.steps.intake import Synced, take_in
from app.steps.jobs import recorded
from connectors.addepar.answers import may_go_on
from connectors.addepar.changes import Known
from connectors.addepar.client import AddeparClient
from connectors.addepar.issues import DataIssue
from connectors.addepar.kept import asked
from connectors.addepar.sync import pull
from data import refresh
from data.addepar import LastSync, finish
from engine.domain.accounts import Transaction
from engine.domain.errors import ExternalRefusal
from engine.domain.identifiers import AccountId, UserId
from engine.domain.jobs import Finding, JobKind
from engine.execute.unseen import own_trades


@recorded(
    JobKind.SYNC_ADDEPAR,
    detail=lambda synced: synced.words,
    findings=lambda synced: [_finding(issue) for issue in synced.issues],
)
def sync_addepar(services: Services, *, actor: UserId, whole: bool = False, progress: Progress = no_progress) -> Synced:
    """Take in what Addepar knows of the firm; an account with a fault keeps what it has, and is fenced off.

    Prices are the closes of the last session, and are left alone where they have a source of their own ([prices]).
    After a first sync, only histories that changed since the last good one are read; whole: all of them. What was read
    is kept until the sync is whole: one that was cut off or killed goes on where it was. Raises DataError where Addepar
    is not configured, ExternalRefusal where it refuses; then nothing has changed.
    """
    config, mapping = connection(services)
    began, firm = services.now(), services.firm.firm()
    day = max(began.date(), firm.as_of)
    priced_on = None if "prices" in services.connections else last_session(began)
    known = None if whole else _known(services, mapping_name(mapping))
    run = asked(day.isoformat(), "whole" if known is None else known.at.isoformat())
    answers = services.addepar.answers(run, now=services.now)
    with AddeparClient(config, spent=services.addepar.requests(config.firm_id), kept=answers) as client:
        try:
            pulled = pull(
                client,
                mapping,
                as_of=day,
                priced_on=priced_on,
                reference=services.firm.reference(),
                accounts=services.firm.accounts(),
                known=known,
                progress=progress,
            )
        except ExternalRefusal as refusal:
            if not may_go_on(refusal):
                services.addepar.forget(run)
            raise
    with services.database.begin() as writing:
        refresh.hold_firm(writing, imported_at=firm.imported_at)
        synced = take_in(writing, pulled, derived=not mapping.holdings.lot, actor=actor, at=services.now())
        finish(writing, LastSync(at=began, mapping=mapping_name(mapping)))
    return synced


def _known(services: Services, mapping: str) -> Known | None:
    """Return what need not be read again: good histories, of the same mapping, in which no order of ours was booked."""
    last = services.addepar.synced()
    if last is None or last.mapping != mapping:
        return None
    ordered = services.sources.ordered()

    def history(account_id: AccountId) -> tuple[Transaction, ...]:
        return tuple(services.sources.book(account_id).transactions)

    good = (
        source.account_id
        for source in services.sources.sources().values()
        if source.read_on is not None
        and not source.faults
        and not (source.account_id in ordered and own_trades(history(source.account_id), ordered[source.account_id]))
    )
    return Known(at=last.at, accounts=frozenset(good), history=history)


def _finding(issue: DataIssue) -> Finding:
    return Finding(
        severity=issue.severity.value,
        account_id=issue.account_id,
        place=f"{issue.subject}, {issue.field}",
        found=issue.found,
        expected=issue.expected,
        effect=issue.effect,
    )
