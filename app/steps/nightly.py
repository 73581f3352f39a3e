"""What does the whole firm need tonight? Every account scanned, planned, checked, proposed, once, whatever happens."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import Connection

from app.ports import Progress, Services, no_progress
from app.steps import monitor
from app.steps.household_night import AccountNight, HouseholdNight, Outcome, PlannedTonight, Shared, household_night
from app.steps.jobs import recorded
from app.steps.market import todays_market
from app.steps.opinions import COUNTS, Footing, footing_of
from data.documents import Document, packed
from data.firm import Firm
from data.household import StoredHousehold
from data.moves import move_plan
from data.opinions import Opinion, write_opinion
from data.plans import PlanHead, lock_heads, read_head, save_plan
from data.refresh import hold_firm
from data.runs import AccountRun, RunRecord, write_accounts
from data.scans import LastScan
from data.snapshots import market_document
from engine.domain.errors import NotAllowed
from engine.domain.identifiers import AccountId, HouseholdId, SecurityId
from engine.domain.jobs import JobKind
from engine.domain.lifecycle import Action, PlanState, User, legal_actions
from engine.domain.market import Mark, MarketSnapshot
from engine.monitor.account_scan import Reason
from engine.monitor.document import QueueRow
from engine.plan.document import canonical_json
from engine.plan.report import ENGINE_VERSION
from engine.review.checker import CHECKER

NOTE: Final = "night"
"""What is written of a plan that a night made; such a proposal gives way to the next night's, others never do."""
_ACCOUNTS_A_TASK: Final = 20
_BEFORE_PEOPLE: Final = frozenset(
    {PlanState.PROPOSED, PlanState.IN_REVIEW, PlanState.HELD, PlanState.APPROVED, PlanState.RELEASED, PlanState.SENT}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Some households to be done in one go, and the accounts of theirs that have a plan before people already."""

    shared: Shared
    households: tuple[StoredHousehold, ...]
    under_way: frozenset[AccountId]

    def parts(self) -> tuple["Task", ...]:
        """Return a task for each household."""
        return tuple(replace(self, households=(household,)) for household in self.households)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """A task whose workers were lost as often as it was tried."""

    task: Task
    why: str


class Farm(Protocol):
    """Runs a function over tasks somewhere; each result once, in whichever order."""

    def __call__(
        self, function: Callable[[Task], tuple[HouseholdNight, ...]], tasks: Iterator[Task]
    ) -> Iterator[tuple[HouseholdNight, ...] | Undone]:
        """Yield each task's result, or that it could not be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """A run and how many accounts came to each outcome. before: how many of them an earlier try had done already."""

    run: RunRecord
    counts: Mapping[str, int]
    before: int


def described(night: Night) -> str:
    """Return in a few words what a night came to."""
    return ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(night.counts.items())) or "no account"


@recorded(JobKind.NIGHT, detail=described)
def run_night(
    services: Services, *, actor: User, farm: Farm, settings: Mapping[str, Any], progress: Progress = no_progress
) -> Night:
    """Scan the firm and plan, check and propose for every account that needs it; keep a record of each.

    The run's id stands for all that it is computed from. A run that was killed goes on where it stopped; one that is
    through changes nothing when it is run again. A household is written in one transaction: its plans, their proposal,
    the second checker's opinions and its part of the record, or nothing of them.

    What people do meanwhile goes first: a plan that they take up stays, and an account that they propose a plan for
    gets none. Raises NotAllowed for a person who may not propose plans; DataError where no firm was imported, or data
    comes in meanwhile: what was written by then stays, and the next run begins anew.
    """
    require_planner(actor)
    progress("market", 0.0)
    firm = services.firm.firm()
    todays = todays_market(services)
    shared, market = _shared(services, todays)
    run = services.runs.begin(
        RunRecord(
            run_id=_run_id(services, shared),
            began_at=services.now(),
            ended_at=None,
            actor=actor.user_id,
            as_of=firm.as_of,
            engine_version=ENGINE_VERSION,
            settings=dict(settings),
            accounts=len(services.firm.accounts()),
        )
    )
    done = {each.account_id for each in services.runs.accounts(run.run_id)}
    night = Night(run=run, counts=services.runs.counts(run.run_id), before=len(done))
    if run.ended_at is not None:
        if services.scans.queue_at() is None:  # the same data came in once more, which takes the queue away
            monitor.scan_firm(services, actor=actor.user_id)
        return night
    count = len(done)
    for found in farm(work, _tasks(services, shared, done)):
        households = _undone(found) if isinstance(found, Undone) else found
        _write(services, run, households, market, actor, firm)
        count += sum(len(each.accounts) for each in households)
        progress(f"{count:,} of {run.accounts:,} accounts", 0.98 * count / max(run.accounts, 1))
    _keep_scan(services, run, shared, todays.marks, imported_at=firm.imported_at)
    counts = services.runs.counts(run.run_id)
    services.runs.end(run.run_id, at=services.now(), actor=actor.user_id, counts=counts)
    progress("done", 1.0)
    return replace(night, counts=counts)


def require_planner(actor: User) -> None:
    """Raise NotAllowed for a person who may not propose and withdraw plans, which a night does."""
    if not {Action.PROPOSE, Action.CANCEL} <= set(legal_actions(PlanState.DRAFT, actor, frozenset())):
        raise NotAllowed(f"{actor.name} may not propose plans, which a night does; a portfolio manager may")


def work(task: Task) -> tuple[HouseholdNight, ...]:
    """Return what the night makes of each household of a task; this is what workers run."""
    return tuple(household_night(task.shared, household, task.under_way) for household in task.households)


def _shared(services: Services, market: MarketSnapshot) -> tuple[Shared, Document]:
    since, limits, actions = monitor.watched(services, market)
    document = market_document(market)
    texts = services.firm.all_settings()
    return Shared(market=packed(document), settings=texts, since=since, limits=limits, actions=actions), document


def _run_id(services: Services, shared: Shared) -> str:
    told = [
        ENGINE_VERSION,
        CHECKER,
        shared.market.hash,
        shared.settings,
        asdict(shared.limits),
        sorted([str(name), str(mark.price), mark.on.isoformat()] for name, mark in shared.since.items()),
        services.firm.fingerprint(),
    ]
    return hashlib.sha256(canonical_json(told)).hexdigest()


def _tasks(services: Services, shared: Shared, done: set[AccountId]) -> Iterator[Task]:
    """Yield tasks of some accounts each, households whole; each is read when it is asked for."""
    members: dict[HouseholdId, list[AccountId]] = {}
    for account in services.firm.accounts():
        members.setdefault(account.household_id, []).append(account.account_id)
    waiting = [name for name, accounts in members.items() if not done.issuperset(accounts)]
    for some in _chunks(waiting, members):
        standing = services.plans.heads(states=_BEFORE_PEOPLE, household_ids=some)
        giving_way = {head.plan_id for head in standing if _gives_way(head)}
        under_way = frozenset(head.account_id for head in standing if head.plan_id not in giving_way)
        households = services.firm.stored_households(some, without=giving_way)
        yield Task(shared=shared, households=households, under_way=under_way)


def _chunks(
    households: Sequence[HouseholdId], members: Mapping[HouseholdId, Sequence[AccountId]]
) -> Iterator[list[HouseholdId]]:
    some: list[HouseholdId] = []
    count = 0
    for name in households:
        some.append(name)
        count += len(members[name])
        if count >= _ACCOUNTS_A_TASK:
            yield some
            some, count = [], 0
    if some:
        yield some


def _gives_way(head: PlanHead) -> bool:
    return head.state is PlanState.PROPOSED and head.name == NOTE


def _undone(found: Undone) -> tuple[HouseholdNight, ...]:
    """Return each account of a task that could not be done as an exception."""
    cause = f"it could not be worked on: {found.why}"
    return tuple(
        HouseholdNight(
            household_id=household.household.household_id,
            accounts=tuple(
                AccountNight(account_id=book.account.account_id, outcome=Outcome.EXCEPTION, seen=None, row=None,
                             cause=cause)
                for book in household.books
            ),
        )
        for household in found.task.households
    )  # fmt: skip


def _write(
    services: Services, run: RunRecord, found: Sequence[HouseholdNight], market: Document, actor: User, firm: Firm
) -> None:
    """Write what became of some households: earlier nights' plans go, new ones are proposed, the record tells it.

    firm: as it was when the night began, which is what its plans were made from.
    """
    at, names = services.now(), [each.household_id for each in found]
    made = {night.plan.document["plan_id"] for each in found for night in each.accounts if night.plan is not None}
    with services.database.begin() as connection:
        heads = lock_heads(connection, names, {*COUNTS, PlanState.DRAFT})  # plans first, as where fills are booked
        hold_firm(connection, imported_at=firm.imported_at)
        gone = [head.plan_id for head in heads if _may_go(head) and head.plan_id not in made]
        for plan_id in gone:
            told = f"replaced by the night of {run.as_of}"
            move_plan(connection, plan_id, Action.CANCEL, actor, at=at, comment=told, seen=None)
        busy = {head.account_id for head in heads if head.state in _BEFORE_PEOPLE and not _gives_way(head)}
        before = footing_of(firm, heads)
        for each in found:
            stored = [_store(connection, each, _after(night, busy), market, actor, at) for night in each.accounts]
            write_accounts(connection, run.run_id, stored)
            if _unseen(each, busy):
                continue  # what people proposed meanwhile may wash these plans: they are judged when next looked at
            proposed = [record.plan_id for record in stored if record.outcome == Outcome.PROPOSED]
            after = before.changed(each.household_id, without=gone, proposed=[name for name in proposed if name])
            for night, record in zip(each.accounts, stored, strict=True):
                if night.plan is not None and record.plan_id is not None:
                    head = read_head(connection, record.plan_id)
                    write_opinion(connection, _opinion(night.plan, head, after, run, at))


def _may_go(head: PlanHead) -> bool:
    return head.name == NOTE and head.state in (PlanState.PROPOSED, PlanState.DRAFT)


def _unseen(household: HouseholdNight, busy: Collection[AccountId]) -> bool:
    """Return whether people have put a plan forward in a household since the night read it."""
    return any(night.account_id in busy and night.account_id not in household.under_way for night in household.accounts)


def _after(night: AccountNight, busy: Collection[AccountId]) -> AccountNight:
    """Return what became of an account once it is known whose plans stand there."""
    if night.outcome is not Outcome.PROPOSED or night.account_id not in busy:
        return night
    cause = "a plan was proposed for it while the night was at work"
    return replace(night, outcome=Outcome.UNDER_WAY, plan=None, cause=cause)


def _store(
    connection: Connection, household: HouseholdNight, night: AccountNight, market: Document, actor: User, at: datetime
) -> AccountRun:
    """Keep an account's plan and propose it; return what the record says of the account."""
    outcome, cause, plan_id = night.outcome, night.cause, None
    if night.plan is not None:
        plan_id = save_plan(
            connection,
            night.plan.document,
            snapshot=night.plan.snapshot,
            market=market,
            household_id=household.household_id,
            actor=actor.user_id,
            at=at,
            note=NOTE,
        )
        state = read_head(connection, plan_id).state
        if outcome is Outcome.PROPOSED and state is PlanState.DRAFT:
            move_plan(connection, plan_id, Action.PROPOSE, actor, at=at, comment="", seen=plan_id)
        elif outcome is Outcome.PROPOSED and state is not PlanState.PROPOSED:
            outcome, cause = Outcome.UNDER_WAY, f"this very plan is {state.replace('_', ' ')} already"
    return AccountRun(
        account_id=night.account_id,
        outcome=outcome,
        plan_id=plan_id,
        cause=cause,
        seconds=round(night.seconds, 4),
        seen=night.seen,
        row=night.row,
    )


def _opinion(made: PlannedTonight, head: PlanHead, on: Footing, run: RunRecord, at: datetime) -> Opinion:
    return Opinion(
        plan_id=head.plan_id,
        checker=CHECKER,
        inputs_hash=made.document["inputs_hash"],
        checks=made.checks,
        year_gain=made.year_gain,
        seen=on.under(head),
        on=run.as_of,
        stale=(),  # made from the firm as it stands, in sight of its household's other plans
        washed=(),
        at=at,
    )


def _keep_scan(
    services: Services, run: RunRecord, shared: Shared, marks: Mapping[SecurityId, Mark], *, imported_at: datetime
) -> None:
    """Put what the night saw in the place of the last scan, an account without a plan that it needs marked as such."""
    seen = [each for each in services.runs.accounts(run.run_id) if each.seen is not None and each.row is not None]
    rows = {each.account_id: _marked(each) for each in seen}
    ranked = sorted(rows.values(), key=_rank)
    documents = {each.account_id: each.seen or {} for each in seen}
    services.scans.save(
        LastScan(
            at=services.now(),
            on=run.as_of,
            imported_at=imported_at,
            marks=marks,
            since=shared.since,
            documents={row.account_id: {**documents[row.account_id], "reasons": list(row.reasons)} for row in ranked},
            rows=tuple(ranked),
        )
    )


def _marked(each: AccountRun) -> QueueRow:
    assert each.row is not None
    if each.outcome != Outcome.EXCEPTION:
        return each.row
    order = [reason.value for reason in Reason]
    reasons = sorted({*each.row.reasons, Reason.EXCEPTION.value}, key=order.index)
    return replace(each.row, reasons=tuple(reasons))


def _rank(row: QueueRow) -> tuple[bool, bool, float, float, str]:
    """Return where a row stands in the queue; see engine.monitor.scan.queue."""
    waits = bool(row.reasons)
    return (not waits, not row.fenced, -row.at_stake if waits else 0.0, -row.nav if waits else 0.0, row.account_id)
