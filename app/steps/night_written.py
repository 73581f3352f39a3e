"""What does a night leave behind? Its plans, proposed and judged, its part of the record, and the queue."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from app.ports import Services
from app.steps.household_night import AccountNight, HouseholdNight, Outcome, PlannedTonight, Shared
from app.steps.opinions import COUNTS, Footing, footing_of
from data.documents import Document
from data.firm import Firm
from data.moves import hold_accounts, move_plan
from data.opinions import Opinion, write_opinions
from data.plans import PlanHead, lock_heads, read_head, read_heads
from data.proposals import NewPlan, withdraw_plans, write_plans
from data.refresh import hold_firm
from data.runs import AccountRun, RunRecord, write_accounts
from data.scans import LastScan
from engine.domain.identifiers import AccountId, HouseholdId, PlanId, SecurityId
from engine.domain.lifecycle import Action, PlanState, User
from engine.domain.market import Mark
from engine.monitor.account_scan import Reason
from engine.monitor.document import QueueRow
from engine.review.checker import CHECKER

NOTE: Final = "night"
"""The name of a plan that a night made. A person may give it too; what a night made is told by its run_id."""
BEFORE_PEOPLE: Final = frozenset(
    {PlanState.PROPOSED, PlanState.IN_REVIEW, PlanState.HELD, PlanState.APPROVED, PlanState.RELEASED, PlanState.SENT}
)
"""States of a plan that its account is not planned again beside, unless it gives way."""


def gives_way(head: PlanHead) -> bool:
    """Return whether a plan is a night's proposal that nobody has taken up: it gives way to the next night's."""
    return head.state is PlanState.PROPOSED and head.run_id is not None


def write_households(
    services: Services, run: RunRecord, found: Sequence[HouseholdNight], market: Document, actor: User, firm: Firm
) -> None:
    """Write what became of some households: earlier nights' plans go, new ones are proposed, the record tells it.

    firm: as it was when the night began, which is what its plans were made from.
    """
    at, names = services.now(), [each.household_id for each in found]
    made = {night.plan.plan_id for each in found for night in each.accounts if night.plan is not None}
    with services.database.begin() as connection:
        heads = lock_heads(connection, names, {*COUNTS, PlanState.DRAFT})  # plans first, as where fills are booked
        hold_firm(connection, imported_at=firm.imported_at)
        hold_accounts(connection, [night.account_id for each in found for night in each.accounts])
        locked = {head.plan_id for head in heads}
        heads = _as_they_stand(connection, names, heads)
        going = [head for head in heads if _may_go(head) and head.plan_id in locked - made]
        told = f"replaced by the night of {run.as_of}"
        withdraw_plans(connection, going, actor=actor, at=at, comment=told)
        ours = locked | made
        busy = {
            head.account_id
            for head in heads
            if head.state in BEFORE_PEOPLE and not (gives_way(head) and head.plan_id in ours)
        }
        settled = {each.household_id: [_after(night, busy) for night in each.accounts] for each in found}
        standing = _put_forward(connection, settled, market, run, actor, at)
        records = {name: [_record(night, standing) for night in nights] for name, nights in settled.items()}
        write_accounts(connection, run.run_id, [record for each in records.values() for record in each])
        before, gone = footing_of(firm, heads), [head.plan_id for head in going]
        opinions = []
        for each in found:
            if _unseen(each, busy):
                continue  # what people proposed meanwhile may wash these plans: they are judged when next looked at
            proposed = [record.plan_id for record in records[each.household_id] if record.outcome == Outcome.PROPOSED]
            after = before.changed(each.household_id, without=gone, proposed=[name for name in proposed if name])
            opinions += [
                _opinion(night.plan, standing[night.plan.plan_id], after, run, at)
                for night in settled[each.household_id]
                if night.plan is not None
            ]
        write_opinions(connection, opinions)


def _as_they_stand(
    connection: Connection, names: Sequence[HouseholdId], locked: Sequence[PlanHead]
) -> tuple[PlanHead, ...]:
    """Return the plans that were locked, and those proposed between that and the moment from which nobody else can."""
    late = read_heads(connection, names, BEFORE_PEOPLE)
    return tuple({head.plan_id: head for head in (*late, *locked)}.values())


def _may_go(head: PlanHead) -> bool:
    return head.run_id is not None and head.state in (PlanState.PROPOSED, PlanState.DRAFT)


def _unseen(household: HouseholdNight, busy: Collection[AccountId]) -> bool:
    """Return whether people have put a plan forward in a household since the night read it."""
    return any(night.account_id in busy and night.account_id not in household.under_way for night in household.accounts)


def _after(night: AccountNight, busy: Collection[AccountId]) -> AccountNight:
    """Return what became of an account once it is known whose plans stand there."""
    if night.outcome is not Outcome.PROPOSED or night.account_id not in busy:
        return night
    cause = "a plan was proposed for it while the night was at work"
    return replace(night, outcome=Outcome.UNDER_WAY, plan=None, cause=cause)


def _put_forward(
    connection: Connection,
    settled: Mapping[HouseholdId, Sequence[AccountNight]],
    market: Document,
    run: RunRecord,
    actor: User,
    at: datetime,
) -> Mapping[PlanId, PlanHead]:
    """Keep the accounts' plans and propose those that are to be; return every plan's head as it stands then."""
    plans = {
        night.plan.plan_id: NewPlan(
            plan_id=night.plan.plan_id,
            account_id=night.account_id,
            household_id=household_id,
            document=night.plan.document,
            snapshot=night.plan.snapshot,
            proposed=night.outcome is Outcome.PROPOSED,
        )
        for household_id, nights in settled.items()
        for night in nights
        if night.plan is not None
    }
    written = write_plans(
        connection, list(plans.values()), market=market, actor=actor, at=at, note=NOTE, run_id=run.run_id
    )
    standing = {head.plan_id: head for head in written}
    for plan_id in plans.keys() - standing.keys():  # this very plan was made before
        if plans[plan_id].proposed and read_head(connection, plan_id).state is PlanState.DRAFT:
            move_plan(connection, plan_id, Action.PROPOSE, actor, at=at, comment="", seen=plan_id)
        standing[plan_id] = read_head(connection, plan_id)
    return standing


def _record(night: AccountNight, standing: Mapping[PlanId, PlanHead]) -> AccountRun:
    """Return what the record says of an account whose plan, if it has one, stands as it does."""
    outcome, cause = night.outcome, night.cause
    plan_id = None if night.plan is None else night.plan.plan_id
    if plan_id is not None and outcome is Outcome.PROPOSED and standing[plan_id].state is not PlanState.PROPOSED:
        outcome = Outcome.UNDER_WAY
        cause = f"this very plan is {standing[plan_id].state.replace('_', ' ')} already"
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
        inputs_hash=made.inputs_hash,
        checks=made.checks,
        year_gain=made.year_gain,
        seen=on.under(head),
        on=run.as_of,
        stale=(),  # made from the firm as it stands, in sight of its household's other plans
        washed=(),
        at=at,
    )


def keep_scan(
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
