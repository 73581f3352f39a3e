"""What waits for an approver, and what comes first? Plans with their verdict, their figures and the time left."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from threading import Lock, Thread
from time import monotonic
from typing import Final

from app.ports import Services
from app.steps import execute, firm, opinions, words
from app.steps.cut_off import cut_offs
from app.steps.opinions import WAITS, Footing, footing
from data.opinions import Opinion
from data.plans import PlanHead
from engine.domain.accounts import Account, Household
from engine.domain.errors import LotsmithError
from engine.domain.identifiers import AccountId, HouseholdId, PlanId
from engine.domain.lifecycle import PlanState
from engine.domain.plans import Check, Plan, Verdict
from engine.plan.document import plan_from_document
from engine.review.difference import year_gain
from engine.review.validity import too_old

_KEPT: Final = 20_000
_APPROVED: Final = frozenset({PlanState.APPROVED, PlanState.RELEASED})


class Standing(StrEnum):
    """What the checks of a plan come to. The order is that of the queue: what needs a person most, first."""

    FAILS = "fails a check"
    REMARKS = "passes with remarks"
    CHECKING = "being checked"
    PASSES = "passes every check"
    STALE = "no longer holds"


class Order(StrEnum):
    """By which rule the queue stands."""

    RISK = "risk"
    CUT_OFF = "cut-off"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """Everything that was checked about a plan.

    planned: the planner's own checks; second: the second checker's on the plan's inputs; stale: why it no longer holds
    today, while it may still be sent. year_gain: net gain of the year with the plan, USD, None where no tax is paid.
    approved_at: of the approval that ages while the plan waits to be sent, None where there is none. opinion: when
    second and stale are from, and the day of the prices that stale is against; None where nothing could be checked.
    """

    planned: tuple[Check, ...]
    second: tuple[Check, ...]
    stale: tuple[str, ...]
    year_gain: Decimal | None
    approved_at: datetime | None = None
    opinion: Opinion | None = None

    @property
    def checks(self) -> tuple[Check, ...]:
        return (*self.planned, *self.second)

    @property
    def standing(self) -> Standing:
        if self.stale:
            return Standing.STALE
        verdicts = {check.verdict for check in self.checks}
        if Verdict.FAIL in verdicts:
            return Standing.FAILS
        return Standing.REMARKS if Verdict.WARN in verdicts else Standing.PASSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One plan of the queue. cut_off: of its custodian, UTC. assessment: None until it was checked."""

    head: PlanHead
    plan: Plan
    account: Account
    household: Household
    cut_off: datetime
    assessment: Assessment | None

    @property
    def standing(self) -> Standing:
        return Standing.CHECKING if self.assessment is None else self.assessment.standing

    @property
    def traded(self) -> Decimal:
        """What the plan buys and sells together, USD."""
        return sum((trade.amount for trade in self.plan.trades), Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What an assessment depends on: the plan as it stands, and what its opinion stands on (see opinions.Footing)."""

    plan_id: PlanId
    version: int
    under: str


def ranked(entries: Iterable[Entry], order: Order = Order.RISK) -> tuple[Entry, ...]:
    """Return the queue in its order; what no longer holds comes last in each, because nobody can approve it.

    risk: the worst verdict first, then the soonest cut-off, then the most dollars traded. cut-off: the soonest first,
    then as by risk. oldest: as they were made.
    """
    places = {standing: place for place, standing in enumerate(Standing)}

    def rank(entry: Entry) -> tuple[object, ...]:
        last = entry.standing is Standing.STALE
        risk = (places[entry.standing], entry.cut_off, -entry.traded)
        by = {
            Order.RISK: risk,
            Order.CUT_OFF: (entry.cut_off, *risk),
            Order.OLDEST: (entry.head.created_at, *risk),
        }
        return (last, *by[order], entry.head.plan_id)

    return tuple(sorted(entries, key=rank))


def aged(found: Assessment, now: datetime) -> Assessment:
    """Return an assessment as it reads now: with the age of its approval, which passes without anything happening."""
    return replace(found, stale=(*too_old(found.approved_at, now), *found.stale))


class Assessor:
    """Tells what was said of plans while it holds, and has the others checked anew, beside whoever looks at them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: dict[Key, Assessment] = {}
        self._plans: dict[PlanId, Plan] = {}
        self._gone: dict[PlanId, tuple[Account, Household]] = {}
        self._waiting: deque[Key] = deque()
        self._thread: Thread | None = None
        self._took_s: deque[float] = deque(maxlen=20)
        self._facts: tuple[int, _Facts] | None = None

    def entries(self, services: Services, heads: Sequence[PlanHead]) -> tuple[Entry, ...]:
        """Return the queue's entries, and have those checked that were not yet."""
        facts = self._facts_of(services)
        keys = {head.plan_id: facts.key(head) for head in heads if not _lost(facts, head)}
        self._recall(services, facts, [head for head in heads if head.plan_id in keys])
        self._want(services, keys.values())
        with self._lock:
            found = {plan_id: self._found.get(key) for plan_id, key in keys.items()}
        return self._entries(services, facts, heads, found)

    def entry(self, services: Services, head: PlanHead) -> Entry:
        """Return one plan with its checks, made now where nobody has made them."""
        facts, found = self._facts_of(services), None
        if not _lost(facts, head):
            key = facts.key(head)
            self._recall(services, facts, [head])
            with self._lock:
                found = self._found.get(key)
            found = found or self._assess(services, key)
        (entry,) = self._entries(services, facts, [head], {head.plan_id: found})
        return entry

    def left(self) -> tuple[int, float]:
        """Return how many plans are still to be checked, and about how many seconds that takes."""
        with self._lock:
            took = sum(self._took_s) / len(self._took_s) if self._took_s else 0.0
            return len(self._waiting), took * len(self._waiting)

    def _recall(self, services: Services, facts: "_Facts", heads: Sequence[PlanHead]) -> None:
        """Remember the kept opinions of these plans that still hold."""
        keys = {head.plan_id: facts.key(head) for head in heads}
        with self._lock:
            unknown = [head for head in heads if keys[head.plan_id] not in self._found]
        kept = services.opinions.of(head.plan_id for head in unknown) if unknown else {}
        for head in unknown:
            opinion = kept.get(head.plan_id)
            if opinion is not None and opinions.current(opinion, head, facts.footing):
                self._remember(keys[head.plan_id], self._assessment(services, head, opinion))

    def _want(self, services: Services, keys: Iterable[Key]) -> None:
        with self._lock:
            waiting = set(self._waiting)
            self._waiting.extend(key for key in keys if key not in self._found and key not in waiting)
            if self._waiting and (self._thread is None or not self._thread.is_alive()):
                self._thread = Thread(target=self._work, args=[services], daemon=True, name="assessor")
                self._thread.start()

    def _work(self, services: Services) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                key = self._waiting[0]
            try:
                self._assess(services, key)
            finally:
                with self._lock:
                    if self._waiting and self._waiting[0] == key:
                        self._waiting.popleft()

    def _assess(self, services: Services, key: Key) -> Assessment:
        began = monotonic()
        try:
            stored = services.plans.get(key.plan_id)
            opinion = opinions.renewed(services, stored, services.opinions.of([key.plan_id]).get(key.plan_id))
            services.opinions.keep(opinion)
            found = self._assessment(services, stored, opinion)
        except LotsmithError as error:
            found = _unchecked(error)
        with self._lock:
            self._took_s.append(monotonic() - began)
        self._remember(key, found)
        return found

    def _assessment(self, services: Services, head: PlanHead, opinion: Opinion) -> Assessment:
        known, stale = self._facts_of(services).names, opinion.stale if head.state in WAITS else ()
        return Assessment(
            planned=tuple(words.told(check, known) for check in self._plan(services, head.plan_id).checks),
            second=tuple(words.told(check, known) for check in opinion.checks),
            stale=tuple(words.in_words(reason, known) for reason in stale),
            year_gain=opinion.year_gain,
            approved_at=execute.approved_at(services, head.plan_id) if head.state in _APPROVED else None,
            opinion=opinion,
        )

    def _remember(self, key: Key, found: Assessment) -> None:
        with self._lock:
            self._found[key] = found
            while len(self._found) > _KEPT:
                self._found.pop(next(iter(self._found)))

    def _entries(
        self, services: Services, facts: "_Facts", heads: Sequence[PlanHead], found: Mapping[PlanId, Assessment | None]
    ) -> tuple[Entry, ...]:
        homes = [self._home(services, facts, head) for head in heads]
        cut, now = cut_offs(services, {account.custodian for account, _ in homes}), services.now()
        entries = []
        for head, (account, household) in zip(heads, homes, strict=True):
            plan, assessment = self._plan(services, head.plan_id), found.get(head.plan_id)
            if _lost(facts, head):
                assessment = _of_lost(head, account, plan, facts.names)
            entries.append(
                Entry(
                    head=head,
                    plan=plan,
                    account=account,
                    household=household,
                    cut_off=cut[account.custodian],
                    assessment=None if assessment is None else aged(assessment, now),
                )
            )
        return tuple(entries)

    def _home(self, services: Services, facts: "_Facts", head: PlanHead) -> tuple[Account, Household]:
        """Return a plan's account and household; where the firm has that account no more, as they were when planned."""
        account = facts.accounts.get(head.account_id)
        if account is not None:
            return account, facts.households[account.household_id]
        known = self._gone.get(head.plan_id)
        if known is None:
            snapshot, _ = services.plans.inputs(head.plan_id)
            known = self._gone[head.plan_id] = snapshot.account, snapshot.household
        return known

    def _facts_of(self, services: Services) -> "_Facts":
        version = firm.version(services)
        if self._facts is None or self._facts[0] != version:
            self._facts = version, _read_facts(services)
        return self._facts[1]

    def _plan(self, services: Services, plan_id: PlanId) -> Plan:
        known = self._plans.get(plan_id)
        if known is None:
            known, _ = plan_from_document(services.plans.get(plan_id).document)
            self._plans[plan_id] = known  # a document never changes under its id
        return known


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What the queue needs to know of the firm; it holds until something happens there."""

    footing: Footing
    names: words.Names
    accounts: Mapping[AccountId, Account]
    households: Mapping[HouseholdId, Household]

    def key(self, head: PlanHead) -> Key:
        return Key(plan_id=head.plan_id, version=head.version, under=self.footing.under(head))


def _read_facts(services: Services) -> _Facts:
    return _Facts(
        footing=footing(services),
        names=words.names(services),
        accounts={account.account_id: account for account in services.firm.accounts()},
        households={household.household_id: household for household in services.firm.households()},
    )


def _lost(facts: _Facts, head: PlanHead) -> bool:
    """Return whether a plan that would still be sent is of an account that the firm has no more."""
    return head.account_id not in facts.accounts and head.state in WAITS


def _of_lost(head: PlanHead, account: Account, plan: Plan, known: words.Names) -> Assessment:
    failed = Check(
        rule="account", verdict=Verdict.FAIL, detail=f"its account {head.account_id} is no longer in the firm"
    )
    planned = tuple(words.told(check, known) for check in plan.checks)
    return Assessment(planned=planned, second=(failed,), stale=(), year_gain=year_gain(account, plan))


def _unchecked(error: LotsmithError) -> Assessment:
    failed = Check(rule="can be checked", verdict=Verdict.FAIL, detail=str(error))
    return Assessment(planned=(), second=(failed,), stale=(), year_gain=None)
