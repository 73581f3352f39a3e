"""What does the second checker say of a plan, and does it hold today? As kept, while nothing under it has changed."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from app.ports import Services
from app.steps import execute
from app.steps.market import todays_market
from data.firm import Firm
from data.opinions import Opinion
from data.plans import PlanHead, StoredPlan
from engine.domain.identifiers import HouseholdId, PlanId
from engine.domain.lifecycle import PlanState
from engine.domain.plans import Plan
from engine.plan.document import canonical_json, plan_from_document
from engine.review.checker import CHECKER, second_opinion
from engine.review.difference import year_gain
from engine.review.validity import held_against, washed, why_stale

COUNTS: Final = {
    PlanState.PROPOSED: "meant",
    PlanState.IN_REVIEW: "meant",
    PlanState.HELD: "meant",
    PlanState.APPROVED: "meant",
    PlanState.RELEASED: "meant",
    PlanState.SENT: "sent",
    PlanState.FILLED: "booked",
    PlanState.RECONCILED: "booked",
}
"""What a plan in one of these states is to the others of its household: trades to come, sent, or lots of today."""

WAITS: Final = frozenset(
    {
        PlanState.DRAFT, PlanState.PROPOSED, PlanState.IN_REVIEW, PlanState.HELD, PlanState.APPROVED,
        PlanState.RELEASED,
    }
)  # fmt: skip
"""States of a plan that may still be sent: only of these does it matter whether they hold today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """What every opinion of one moment stands on: the firm's data, its day, and the plans that count in a household."""

    imported: str
    as_of: date
    counting: Mapping[HouseholdId, Mapping[PlanId, str]]

    def under(self, head: PlanHead) -> str:
        """Return a SHA-256 that changes with anything of the firm that may change the opinion of a plan."""
        others = {**self.counting.get(head.household_id, {})}
        others.pop(head.plan_id, None)
        told = [CHECKER, self.imported, self.as_of.isoformat(), sorted(others.items())]
        return hashlib.sha256(canonical_json(told)).hexdigest()

    def changed(
        self, household_id: HouseholdId, *, without: Collection[PlanId], proposed: Iterable[PlanId]
    ) -> "Footing":
        """Return the footing once some plans have gone and others of a household were proposed."""
        plans = {name: counts for name, counts in self.counting.get(household_id, {}).items() if name not in without}
        plans |= dict.fromkeys(proposed, COUNTS[PlanState.PROPOSED])
        return replace(self, counting={**self.counting, household_id: plans})


def footing(services: Services) -> Footing:
    """Return what opinions stand on now."""
    return footing_of(services.firm.firm(), services.plans.heads(states=COUNTS))


def footing_of(firm: Firm, heads: Iterable[PlanHead]) -> Footing:
    """Return what opinions stand on where the firm is this and these are its plans."""
    counting: dict[HouseholdId, dict[PlanId, str]] = {}
    for head in heads:
        if head.state in COUNTS:
            counting.setdefault(head.household_id, {})[head.plan_id] = COUNTS[head.state]
    return Footing(imported=firm.imported_at.isoformat(), as_of=firm.as_of, counting=counting)


def current(opinion: Opinion, head: PlanHead, on: Footing) -> bool:
    """Return whether an opinion is what would be said of the plan now."""
    return opinion.checker == CHECKER and (head.state not in WAITS or opinion.seen == on.under(head))


def form(services: Services, stored: StoredPlan) -> Opinion:
    """Return the second checker's opinion of a stored plan, made now from its inputs and from the firm as it stands."""
    plan, _ = plan_from_document(stored.document)
    snapshot, market = services.plans.inputs(stored.plan_id)
    bare = Opinion(
        plan_id=stored.plan_id,
        checker=CHECKER,
        inputs_hash=plan.inputs_hash,
        checks=second_opinion(plan, snapshot, market),
        year_gain=year_gain(snapshot.account, plan),
        seen="",
        on=todays_market(services).as_of,
        stale=(),
        washed=(),
        at=services.now(),
    )
    return _as_of_today(services, stored, plan, bare)


def renewed(services: Services, stored: StoredPlan, known: Opinion | None) -> Opinion:
    """Return the opinion as it is now. Of a known one the checks on the plan's own inputs stay: these never change."""
    plan, _ = plan_from_document(stored.document)
    if known is None or (known.checker, known.inputs_hash) != (CHECKER, plan.inputs_hash):
        return form(services, stored)
    return _as_of_today(services, stored, plan, known)


def _as_of_today(services: Services, stored: StoredPlan, plan: Plan, opinion: Opinion) -> Opinion:
    if stored.state not in WAITS:
        return opinion
    under = footing(services).under(stored)  # before the firm is read: what changes meanwhile is looked at again
    market, now = todays_market(services), services.now()
    today = held_against(plan, services.firm.snapshot(stored.account_id), market)
    actions = services.firm.actions(since=plan.as_of)
    stale = why_stale(plan, market, today, approved_at=None, now=now, actions=actions)
    return replace(
        opinion,
        seen=under,
        on=market.as_of,
        stale=(*stale, *execute.overtaken(services, stored)),
        washed=washed(today),
        at=now,
    )
