"""What waits for an approver, and what comes first? Plans with their verdict, their figures and the time left."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from threading import Lock, Thread
from time import monotonic
from typing import Final

from app.ports import Services
from app.steps import execute, firm
from app.steps.cut_off import cut_offs
from data.plans import PlanHead
from engine.domain.accounts import Account, Household
from engine.domain.errors import DataError, LotsmithError
from engine.domain.identifiers import AccountId, HouseholdId, PlanId
from engine.domain.lifecycle import PlanState
from engine.domain.plans import Check, Plan, Verdict
from engine.plan.document import plan_from_document
from engine.review.checker import second_opinion
from engine.review.difference import year_gain

_KEPT: Final = 20_000
_STANDING: Final = frozenset(PlanState) - {
    PlanState.DRAFT, PlanState.CHANGES_REQUESTED, PlanState.REJECTED, PlanState.STALE, PlanState.CANCELLED,
}  # fmt: skip

_TO_BE_SENT: Final = _STANDING - {PlanState.SENT, PlanState.FILLED, PlanState.RECONCILED} | {PlanState.DRAFT}


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
    """

    planned: tuple[Check, ...]
    second: tuple[Check, ...]
    stale: tuple[str, ...]
    year_gain: Decimal | None

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
    """What an assessment depends on: the plan, the firm's data, and where the plans of its household stand."""

    plan_id: PlanId
    version: int
    imported: str
    household: int


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


def assess(services: Services, plan_id: PlanId) -> Assessment:
    """Return every check of a plan. Takes some tenths of a second."""
    stored = services.plans.get(plan_id)
    plan, _ = plan_from_document(stored.document)
    snapshot, market = services.plans.inputs(plan_id)
    return Assessment(
        planned=plan.checks,
        second=second_opinion(plan, snapshot, market),
        stale=execute.staleness(services, stored, plan) if stored.state in _TO_BE_SENT else (),
        year_gain=year_gain(snapshot.account, plan),
    )


class Assessor:
    """Checks plans beside whoever looks at them, one after the other, and remembers what it found."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: dict[Key, Assessment] = {}
        self._plans: dict[PlanId, Plan] = {}
        self._waiting: deque[Key] = deque()
        self._thread: Thread | None = None
        self._took_s: deque[float] = deque(maxlen=20)
        self._facts: tuple[int, _Facts] | None = None

    def entries(self, services: Services, heads: Sequence[PlanHead]) -> tuple[Entry, ...]:
        """Return the queue's entries, and have those checked that were not yet."""
        facts = self._facts_of(services)
        accounts = facts.accounts
        cut = cut_offs(services, {accounts[head.account_id].custodian for head in heads if head.account_id in accounts})
        keys = {head.plan_id: facts.key(head) for head in heads}
        self._want(services, keys.values())
        with self._lock:
            found = {head.plan_id: self._found.get(keys[head.plan_id]) for head in heads}
        return tuple(
            Entry(
                head=head,
                plan=self._plan(services, head.plan_id),
                account=account,
                household=facts.households[account.household_id],
                cut_off=cut[account.custodian],
                assessment=found[head.plan_id],
            )
            for head in heads
            if (account := accounts.get(head.account_id)) is not None
        )

    def entry(self, services: Services, head: PlanHead) -> Entry:
        """Return one plan with its checks, made now where nobody has made them. Raises DataError for a lost account."""
        facts = self._facts_of(services)
        account = facts.accounts.get(head.account_id)
        if account is None:
            raise DataError(f"plan {head.plan_id[:12]}: expected an account of this firm, found {head.account_id}")
        key = facts.key(head)
        with self._lock:
            found = self._found.get(key)
        return Entry(
            head=head,
            plan=self._plan(services, head.plan_id),
            account=account,
            household=facts.households[account.household_id],
            cut_off=cut_offs(services, [account.custodian])[account.custodian],
            assessment=found or self._assess(services, key),
        )

    def left(self) -> tuple[int, float]:
        """Return how many plans are still to be checked, and about how many seconds that takes."""
        with self._lock:
            took = sum(self._took_s) / len(self._took_s) if self._took_s else 0.0
            return len(self._waiting), took * len(self._waiting)

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
            found = assess(services, key.plan_id)
        except LotsmithError as error:
            found = _unchecked(error)
        with self._lock:
            self._took_s.append(monotonic() - began)
            self._found[key] = found
            while len(self._found) > _KEPT:
                self._found.pop(next(iter(self._found)))
        return found

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
    """What the queue needs to know of the firm; it holds until something happens there.

    standing: a number for each household that changes when one of its plans does.
    """

    imported: str
    accounts: Mapping[AccountId, Account]
    households: Mapping[HouseholdId, Household]
    standing: Mapping[HouseholdId, int]

    def key(self, head: PlanHead) -> Key:
        return Key(
            plan_id=head.plan_id,
            version=head.version,
            imported=self.imported,
            household=self.standing.get(head.household_id, 0),
        )


def _read_facts(services: Services) -> _Facts:
    standing: dict[HouseholdId, list[tuple[PlanId, str]]] = {}
    for head in services.plans.heads(states=_STANDING):
        standing.setdefault(head.household_id, []).append((head.plan_id, head.state))
    return _Facts(
        imported=services.firm.firm().imported_at.isoformat(),
        accounts={account.account_id: account for account in services.firm.accounts()},
        households={household.household_id: household for household in services.firm.households()},
        standing={home: hash(tuple(sorted(plans))) for home, plans in standing.items()},
    )


def _unchecked(error: LotsmithError) -> Assessment:
    failed = Check(rule="can be checked", verdict=Verdict.FAIL, detail=str(error))
    return Assessment(planned=(), second=(failed,), stale=(), year_gain=None)
