"""What does the whole firm need tonight? Every account scanned, planned, checked, proposed, once, whatever happens."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from app.ports import Progress, Services, no_progress
from app.steps import monitor
from app.steps.household_night import AccountNight, HouseholdNight, Outcome, Shared, household_night
from app.steps.jobs import recorded
from app.steps.market import todays_market
from app.steps.night_written import BEFORE_PEOPLE, gives_way, keep_scan, write_households
from app.steps.workers import Lost, Workers, run_all
from data.documents import Document, packed
from data.household import StoredHousehold
from data.runs import AccountRun, RunRecord
from data.snapshots import market_document
from engine.domain.errors import NotAllowed
from engine.domain.identifiers import AccountId, HouseholdId
from engine.domain.jobs import JobKind
from engine.domain.lifecycle import Action, PlanState, User, legal_actions
from engine.domain.market import MarketSnapshot
from engine.plan.document import canonical_json
from engine.plan.report import ENGINE_VERSION
from engine.review.checker import CHECKER

_ACCOUNTS_A_TASK: Final = 20
_SHOWN: Final = 10


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
class Night:
    """A run and how many accounts came to each outcome. before: how many of them an earlier try had done already."""

    run: RunRecord
    counts: Mapping[str, int]
    before: int


def described(night: Night) -> str:
    """Return in a few words what a night came to."""
    return ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(night.counts.items())) or "no account"


def newest(services: Services) -> tuple[tuple[RunRecord, Mapping[str, int]], ...]:
    """Return the newest nights, newest first, each with how many accounts came to what so far."""
    return tuple((run, services.runs.counts(run.run_id)) for run in services.runs.newest(limit=_SHOWN))


def exceptions(services: Services) -> tuple[AccountRun, ...]:
    """Return the accounts that the newest night could not plan."""
    runs = services.runs.newest(limit=1)
    return services.runs.accounts(runs[0].run_id, outcome=Outcome.EXCEPTION) if runs else ()


@recorded(JobKind.NIGHT, detail=described)
def run_night(
    services: Services, *, actor: User, workers: Workers, settings: Mapping[str, Any], progress: Progress = no_progress
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
    shared, market = shared_inputs(services, todays)
    run = services.runs.begin(
        RunRecord(
            run_id=run_id(services, shared),
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
    members = {name: each for name, each in households(services).items() if not done.issuperset(each)}
    for found in run_all(work, tasks(services, shared, members), workers, split=Task.parts):
        nights = undone(found) if isinstance(found, Lost) else found
        write_households(services, run, nights, market, actor, firm)
        count += sum(len(each.accounts) for each in nights)
        progress(f"{count:,} of {run.accounts:,} accounts", 0.98 * count / max(run.accounts, 1))
    keep_scan(services, run, shared, todays.marks, imported_at=firm.imported_at)
    counts = services.runs.counts(run.run_id)
    services.runs.end(run.run_id, at=services.now(), actor=actor.user_id, counts=counts)
    progress("done", 1.0)
    return replace(night, counts=counts)


def require_planner(actor: User) -> None:
    """Raise NotAllowed for a person who may not propose and withdraw plans, which a night does."""
    if not is_planner(actor):
        raise NotAllowed(f"{actor.name} may not propose plans, which a night does; a portfolio manager may")


def is_planner(user: User) -> bool:
    """Return whether this person may propose and withdraw plans of any account."""
    return {Action.PROPOSE, Action.CANCEL} <= set(legal_actions(PlanState.DRAFT, user, frozenset()))


def work(task: Task) -> tuple[HouseholdNight, ...]:
    """Return what the night makes of each household of a task; this is what workers run."""
    return tuple(household_night(task.shared, household, task.under_way) for household in task.households)


def shared_inputs(services: Services, market: MarketSnapshot) -> tuple[Shared, Document]:
    """Return what all accounts of a night share, and its market as a document."""
    since, limits, actions = monitor.watched(services, market)
    document = market_document(market)
    texts = services.firm.all_settings()
    return Shared(market=packed(document), settings=texts, since=since, limits=limits, actions=actions), document


def run_id(services: Services, shared: Shared) -> str:
    """Return what stands for all that a night is computed from, 64 hex digits; plans that stand are not in it."""
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


def households(services: Services) -> dict[HouseholdId, list[AccountId]]:
    """Return the accounts of every household, in the order of the import."""
    members: dict[HouseholdId, list[AccountId]] = {}
    for account in services.firm.accounts():
        members.setdefault(account.household_id, []).append(account.account_id)
    return members


def tasks(services: Services, shared: Shared, members: Mapping[HouseholdId, Sequence[AccountId]]) -> Iterator[Task]:
    """Yield tasks of some accounts each, households whole; each is read when it is asked for."""
    for some in _chunks(list(members), members):
        standing = services.plans.heads(states=BEFORE_PEOPLE, household_ids=some)
        giving_way = {head.plan_id for head in standing if gives_way(head)}
        under_way = frozenset(head.account_id for head in standing if head.plan_id not in giving_way)
        stored = services.firm.stored_households(some, without=giving_way)
        yield Task(shared=shared, households=stored, under_way=under_way)


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


def undone(found: Lost[Task]) -> tuple[HouseholdNight, ...]:
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
