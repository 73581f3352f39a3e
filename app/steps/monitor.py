"""What is out of line? Scan every account, keep what was seen, look at one account."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from app.ports import Progress, Services, no_progress
from app.steps.inputs import settings_of
from app.steps.jobs import recorded
from app.steps.market import todays_market
from data.scans import LastScan, ScanQueue
from engine.domain.accounts import AccountSnapshot
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, SecurityId, UserId
from engine.domain.jobs import JobKind
from engine.domain.market import CorporateAction, Mark, MarketSnapshot
from engine.domain.settings import PlanSettings
from engine.domain.succession import endings, marks_followed
from engine.monitor.account_scan import AccountScan
from engine.monitor.data_quality import SPLIT_NOTICE
from engine.monitor.document import queue_row, scan_document
from engine.monitor.moves import MoveLimits, marks_before
from engine.monitor.scan import queue, scan_account
from engine.monitor.tax_position import TaxPosition, tax_position


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """One account, its market, its settings and what a scan finds in it now. taxes: None where it pays none."""

    snapshot: AccountSnapshot
    market: MarketSnapshot
    settings: PlanSettings
    scan: AccountScan
    taxes: TaxPosition | None

    @property
    def document(self) -> dict[str, Any]:
        """The scan as it is written down."""
        document: dict[str, Any] = scan_document([self.scan])["accounts"][0]
        return document


@recorded(JobKind.SCAN, detail=lambda scans: f"{len(scans):,} accounts, {sum(bool(s.reasons) for s in scans):,} to see")
def scan_firm(
    services: Services,
    *,
    actor: UserId,  # noqa: ARG001  the job is recorded under it
    whole: bool = False,
    progress: Progress = no_progress,
) -> tuple[AccountScan, ...]:
    """Scan every account, keep the result, and return it, the queue first.

    Market moves are measured from the last scan of an earlier day of prices; a first scan takes the closes of the day
    before. Accounts that need nothing follow the queue, ordered by account_id.

    whole: every name and lot of each account stays in the result; a firm of thousands of accounts then needs gigabytes.
    What is kept in the database is brief either way. Raises DataError where an import replaces the firm meanwhile.
    """
    imported_at = services.firm.firm().imported_at
    market = todays_market(services)
    since, limits, actions = watched(services, market)
    households = services.firm.households()
    scans: list[AccountScan] = []
    for number, household in enumerate(households, start=1):
        for snapshot in services.firm.snapshots(household.household_id):
            settings = settings_of(services, snapshot.account)
            found = scan_account(snapshot, market, settings, last_marks=since, limits=limits, actions=actions)
            scans.append(found if whole else found.brief())
        progress(household.name, number / len(households))
    waiting = queue(scans)
    calm = sorted((scan for scan in scans if not scan.reasons), key=lambda scan: scan.account.account_id)
    ranked = (*waiting, *calm)
    documents = {scan.account.account_id: scan_document([scan.brief()])["accounts"][0] for scan in ranked}
    services.scans.save(
        LastScan(
            at=services.now(),
            on=market.as_of,
            imported_at=imported_at,
            marks=market.marks,
            since=since,
            documents=documents,
            rows=tuple(queue_row(scan) for scan in ranked),
        )
    )
    return ranked


def queue_at(services: Services) -> datetime | None:
    """Return when the queue was made; None where there is none: before the first scan, and after an import."""
    return services.scans.queue_at()


def last_queue(services: Services) -> ScanQueue | None:
    """Return the queue as the last scan made it, with each account's days before; None where there is none."""
    return services.scans.queue()


def documents(services: Services) -> Mapping[AccountId, Mapping[str, Any]]:
    """Return what the last scan saw of each account, the queue's order kept."""
    return services.scans.documents()


def look_at(services: Services, account_id: AccountId) -> AccountView:
    """Return one account as it stands now. Raises DataError for an unknown one."""
    snapshot, market = services.firm.snapshot(account_id), todays_market(services)
    settings = settings_of(services, snapshot.account)
    since, limits, actions = watched(services, market)
    scan = scan_account(snapshot, market, settings, last_marks=since, limits=limits, actions=actions)
    taxes = tax_position(snapshot.account, settings, scan.harvest)
    return AccountView(snapshot=snapshot, market=market, settings=settings, scan=scan, taxes=taxes)


def move_limits(services: Services) -> MoveLimits:
    """Return from where on a market move is told: the section [monitor] of the connections over the usual limits.

    Raises DataError for a key that is none of the limits, and for a value that is no number from 0 on.
    """
    table = dict(services.connections.get("monitor", {}))
    names = [field.name for field in fields(MoveLimits)]
    for key, value in table.items():
        if key not in names:
            raise DataError(f"[monitor] {key}: expected one of {', '.join(names)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise DataError(f"[monitor] {key}: expected a number from 0 on, found {value!r}")
    return MoveLimits(**{key: float(value) for key, value in table.items()})


def watched(
    services: Services, market: MarketSnapshot
) -> tuple[Mapping[SecurityId, Mark], MoveLimits, tuple[CorporateAction, ...]]:
    """Return the marks that moves are measured from, from where on they are told, and the actions to be heeded."""
    since = _moves_since(services, market)
    oldest = min((mark.on for mark in since.values()), default=market.as_of)
    actions = services.firm.actions(since=min(oldest, market.as_of - SPLIT_NOTICE))
    since = marks_followed(since, endings(actions, as_of=market.as_of))
    return since, move_limits(services), actions


def _moves_since(services: Services, market: MarketSnapshot) -> Mapping[SecurityId, Mark]:
    last, today = services.scans.head(), _newest(market.marks)
    if last is not None and last.marks:
        return last.marks if _newest(last.marks) < today else last.since
    return marks_before(services.firm.prices(), today)


def _newest(marks: Mapping[SecurityId, Mark]) -> date:
    return max((mark.on for mark in marks.values()), default=date.min)
