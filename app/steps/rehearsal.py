"""What would tonight's book be under another policy? Every account by the function of the night; no plan is kept."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Final

from app.ports import Progress, Services, no_progress
from app.steps import nightly
from app.steps.household_night import AccountNight, HouseholdNight, Outcome, Shared
from app.steps.jobs import recorded
from app.steps.market import todays_market
from app.steps.night_written import BEFORE_PEOPLE, gives_way
from app.steps.nightly import Task, is_planner
from app.steps.policy import change_document, scope_of
from app.steps.workers import Lost, Workers, run_all
from data.columns import unpacked_json
from data.documents import packed
from data.household import StoredHousehold
from data.rehearsals import RehearsalRecord, Side
from data.snapshots import market_document
from data.suggest import unknown
from engine.domain.change import (
    PolicyChange,
    account_under,
    described,
    market_under,
    require_sense,
    restrictions_under,
    settings_under,
)
from engine.domain.errors import DataError, NotAllowed
from engine.domain.identifiers import AccountId, HouseholdId
from engine.domain.jobs import JobKind
from engine.domain.lifecycle import User
from engine.domain.market import MarketSnapshot
from engine.domain.policy import FIRM_SCOPE
from engine.plan.document import canonical_json
from engine.review.rehearsed import AccountFigures, Compared, Totals, account_figures, compared, totals

_SHOWN: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Which accounts: of a segment, of an advisor, and of these so many, households whole, by the hash of their id.

    The same firm gives the same sample, and a larger one holds every smaller one.
    """

    accounts: int | None = None
    segment: str | None = None
    advisor: str | None = None


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """A rehearsal with what both sides came to, by account_id."""

    record: RehearsalRecord
    now: Side
    then: Side

    @cached_property
    def pairs(self) -> tuple[Compared, ...]:
        """Each account under both, the one with most dollars of differing trades first."""
        return compared(self.now, self.then)

    @cached_property
    def totals(self) -> tuple[Totals, Totals]:
        """The sums under the present policy, and under the changed one."""
        return totals(self.now), totals(self.then)


@dataclass(frozen=True, slots=True, kw_only=True)
class SideTask:
    """A night's task for one side of a rehearsal. changed: whether it is the side of the changed policy."""

    task: Task
    changed: bool

    def parts(self) -> tuple["SideTask", ...]:
        """Return a task for each household."""
        return tuple(replace(self, task=part) for part in self.task.parts())


def may_rehearse(user: User) -> bool:
    """Return whether this person may try a policy on the whole book: who may plan any account may."""
    return is_planner(user)


@recorded(JobKind.REHEARSAL, detail=lambda found: f"{'; '.join(found.record.words)}: {len(found.now):,} accounts")
def rehearse(
    services: Services,
    change: PolicyChange,
    sample: Sample,
    *,
    actor: User,
    workers: Workers,
    progress: Progress = no_progress,
) -> Rehearsal:
    """Return what a night would come to under the present policy and under the changed one; no plan is kept.

    Both sides of a household are computed from one reading of it. What was rehearsed before from the same inputs comes
    from the record: the whole of it, or its side of the present policy. Raises NotAllowed for a person who may not
    plan; DataError for a change that this firm cannot make, a sample of nobody, and where data came in meanwhile.
    """
    if not may_rehearse(actor):
        raise NotAllowed(f"{actor.name} may not rehearse a policy on the whole book; a portfolio manager may")
    progress("market", 0.0)
    todays = todays_market(services)
    require_sense(change, scope_of(services, todays))
    members = chosen(services, sample)
    imported_at = services.firm.firm().imported_at
    shared, _ = nightly.shared_inputs(services, todays)
    inputs = _inputs(services, shared)
    book = _hash([inputs, sorted(name for accounts in members.values() for name in accounts)])
    told = change_document(change)
    record = RehearsalRecord(
        rehearsal_id=_hash([book, told]),
        book=book,
        inputs=inputs,
        at=services.now(),
        actor=actor.user_id,
        as_of=todays.as_of,
        change=told,
        words=described(change, todays),
        sample={**asdict(sample), "chosen": sum(map(len, members.values())), "of": len(services.firm.accounts())},
    )
    known = services.rehearsals.find(record.rehearsal_id)
    if known is None:
        present = services.rehearsals.present_side(book)
        sides = _Sides(services, shared, change, members, todays)
        now, then = sides.computed(present, workers, progress)
        if services.firm.firm().imported_at != imported_at:
            raise DataError("the firm's data came in anew meanwhile, so nothing was kept; rehearse again")
        services.rehearsals.save(record, now=now, then=then)
    progress("done", 1.0)
    return opened(services, record.rehearsal_id)


def opened(services: Services, rehearsal_id: str) -> Rehearsal:
    """Return a rehearsal by its id, or by how its id begins. Raises DataError where it is not one alone."""
    record = services.rehearsals.get(rehearsal_id)
    now, then = services.rehearsals.sides(record.rehearsal_id)
    return Rehearsal(record=record, now=now, then=then)


def is_current(services: Services, record: RehearsalRecord) -> bool:
    """Return whether a rehearsal of the firm as it stands now would be computed from the same."""
    shared, _ = nightly.shared_inputs(services, todays_market(services))
    return _inputs(services, shared) == record.inputs


def document_of(rehearsal: Rehearsal) -> dict[str, Any]:
    """Return a rehearsal as JSON values: what was tried, on whom, the sums and every account under both policies."""
    record, (now, then) = rehearsal.record, rehearsal.totals
    return {
        "rehearsal_id": record.rehearsal_id,
        "as_of": record.as_of.isoformat(),
        "change": dict(record.change),
        "words": list(record.words),
        "sample": dict(record.sample),
        "totals": {"now": asdict(now), "then": asdict(then)},
        "accounts": [
            {
                "account_id": pair.now.account_id,
                "changed_usd": pair.changed_usd,
                "new_breaches": list(pair.new_breaches),
                "newly_not_planned": pair.newly_not_planned,
                "now": _told(pair.now),
                "then": _told(pair.then),
            }
            for pair in rehearsal.pairs
        ],
    }


def _told(figures: AccountFigures) -> dict[str, Any]:
    told = asdict(figures) | {"traded": figures.traded, "turnover": figures.turnover}
    return told | {"trades": dict(figures.trades), "breaches": list(figures.breaches)}


def newest(services: Services) -> tuple[RehearsalRecord, ...]:
    """Return the newest rehearsals, newest first."""
    return services.rehearsals.newest(limit=_SHOWN)


def chosen(services: Services, sample: Sample) -> dict[HouseholdId, list[AccountId]]:
    """Return the households of a sample with all their accounts, in the order of the import.

    Raises DataError for a segment or advisor that no household has, and a number below 1.
    """
    households = services.firm.households()
    for kind, wanted in (("segment", sample.segment), ("advisor", sample.advisor)):
        known = {value for each in households if (value := getattr(each, kind))}
        if wanted is not None and wanted not in known:
            raise unknown(kind, wanted, known)
    if sample.accounts is not None and sample.accounts < 1:
        raise DataError(f"sample: expected 1 account or more, found {sample.accounts}")
    kept = {
        each.household_id
        for each in households
        if sample.segment in (None, each.segment) and sample.advisor in (None, each.advisor)
    }
    members = {name: accounts for name, accounts in nightly.households(services).items() if name in kept}
    if sample.accounts is None:
        return members
    drawn: set[HouseholdId] = set()
    count = 0
    for name in sorted(members, key=lambda name: hashlib.sha256(name.encode()).hexdigest()):
        if count >= sample.accounts:
            break
        drawn.add(name)
        count += len(members[name])
    return {name: accounts for name, accounts in members.items() if name in drawn}


def household_under(change: PolicyChange, stored: StoredHousehold, texts: Mapping[str, str]) -> StoredHousehold:
    """Return a household as it would be stored under the change. texts: the firm's settings as they are now."""
    scopes = {FIRM_SCOPE, stored.household.household_id, *(book.account.account_id for book in stored.books)}
    return replace(
        stored,
        books=tuple(replace(book, account=account_under(change, book.account, texts)) for book in stored.books),
        restrictions=restrictions_under(change, stored.restrictions, scopes),
    )


def figures_of(side: SideTask) -> tuple[bool, Side]:
    """Return which side a task is of, and what it comes to for each of its accounts; this is what workers run."""
    return side.changed, _figures(side.task, nightly.work(side.task))


class _Sides:
    """What is computed of a rehearsal: the changed side, and the present one where no earlier rehearsal has it."""

    def __init__(
        self,
        services: Services,
        shared: Shared,
        change: PolicyChange,
        members: Mapping[HouseholdId, Sequence[AccountId]],
        market: MarketSnapshot,
    ) -> None:
        self._services, self._shared, self._change, self._members = services, shared, change, members
        under = market_under(change, market)
        changed = shared.market if under is market else packed(market_document(under))
        market_document(market)  # the newest one is remembered, and that is to be the firm's own
        self._changed = replace(shared, market=changed, settings=settings_under(change, shared.settings))

    def computed(self, present: Side | None, workers: Workers, progress: Progress) -> tuple[Side, Side]:
        """Return both sides, by account_id."""
        found: dict[bool, list[AccountFigures]] = {False: list(present or ()), True: []}
        count, both = 0, present is None
        total = sum(map(len, self._members.values())) * (1 + both)
        for answer in run_all(figures_of, self._tasks(both=both), workers, split=SideTask.parts):
            changed, figures = _undone(answer) if isinstance(answer, Lost) else answer
            found[changed] += figures
            count += len(figures)
            progress(f"{count:,} of {total:,} accounts{', under both policies' * both}", 0.98 * count / max(total, 1))
        now, then = (tuple(sorted(found[side], key=lambda each: each.account_id)) for side in (False, True))
        return now, then

    def _tasks(self, *, both: bool) -> Iterator[SideTask]:
        for task in nightly.tasks(self._services, self._shared, self._members):
            if both:
                yield SideTask(task=task, changed=False)
            under = tuple(household_under(self._change, each, self._shared.settings) for each in task.households)
            yield SideTask(task=replace(task, shared=self._changed, households=under), changed=True)


def _figures(task: Task, nights: Sequence[HouseholdNight]) -> Side:
    return tuple(
        _account(stored, night) for stored, each in zip(task.households, nights, strict=True) for night in each.accounts
    )


def _account(stored: StoredHousehold, night: AccountNight) -> AccountFigures:
    account = next(book.account for book in stored.books if book.account.account_id == night.account_id)
    plan = night.plan if night.outcome is Outcome.PROPOSED else None
    return account_figures(
        account_id=account.account_id,
        household_id=stored.household.household_id,
        household=stored.household.name,
        advisor=stored.household.advisor,
        registration=account.registration.value,
        model_id=account.model_id,
        outcome=night.outcome.value,
        seen=night.seen,
        document=None if plan is None else unpacked_json(plan.document),
        verdicts=() if plan is None else ((check.rule, check.verdict) for check in plan.checks),
        cause=night.cause,
    )


def _undone(lost: Lost[SideTask]) -> tuple[bool, Side]:
    task = Lost(task=lost.task.task, why=lost.why)
    return lost.task.changed, _figures(task.task, nightly.undone(task))


def _inputs(services: Services, shared: Shared) -> str:
    """Return what stands for all that a night would be computed from now, the plans that stand before people too."""
    standing = services.plans.heads(states=BEFORE_PEOPLE)
    plans = sorted([head.plan_id, head.state.value, head.version] for head in standing if not gives_way(head))
    return _hash([nightly.run_id(services, shared), plans])


def _hash(told: object) -> str:
    return hashlib.sha256(canonical_json(told)).hexdigest()
