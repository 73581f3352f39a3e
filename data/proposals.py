"""How are hundreds of plans put forward, or withdrawn, in one transaction? As each alone, in a few statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, update

from data import documents, tables
from data.audit import Event, append_all
from data.columns import Packed
from data.database import insert_new, inserted
from data.documents import Document
from data.plans import PlanHead
from engine.domain.identifiers import AccountId, HouseholdId, PlanId
from engine.domain.lifecycle import Action, PlanState, User, next_state

_TABLE: Final = tables.plans


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPlan:
    """A plan that was just made. document: hashes to plan_id; snapshot: of its inputs, besides the market.

    proposed: whether it is put before people, or kept as a draft.
    """

    plan_id: PlanId
    account_id: AccountId
    household_id: HouseholdId
    document: Packed
    snapshot: Document
    proposed: bool


def write_plans(
    connection: Connection,
    plans: Sequence[NewPlan],
    *,
    market: Document,
    actor: User,
    at: datetime,
    note: str,
    run_id: str | None,
) -> tuple[PlanHead, ...]:
    """Store plans made by an actor, and propose those that are to be, in the caller's transaction; return their heads.

    run_id: of the night that made them, where one did.

    A plan that is there already stays as it is, and its head is not returned. The log and the history tell the same of
    each as save_plan and move_plan would. Raises NotAllowed for an actor who may not propose plans.
    """
    makers = frozenset({actor.user_id})
    proposed = next_state(state=PlanState.DRAFT, action=Action.PROPOSE, actor=actor, makers=makers, comment="")
    heads = {
        plan.plan_id: PlanHead(
            plan_id=plan.plan_id,
            account_id=plan.account_id,
            household_id=plan.household_id,
            parent_id=None,
            state=proposed if plan.proposed else PlanState.DRAFT,
            version=1 if plan.proposed else 0,
            created_at=at,
            note=note,
            run_id=run_id,
            makers=makers,
        )
        for plan in plans
    }
    documents.put(connection, [market, *(plan.snapshot for plan in plans)] if plans else [])
    ours = {
        key.plan_id for key in inserted(connection, _TABLE, [_row(plan, heads[plan.plan_id], market) for plan in plans])
    }
    fresh = [plan for plan in plans if plan.plan_id in ours]
    if not fresh:
        return ()
    rows = [{"plan_id": plan.plan_id, "user_id": actor.user_id} for plan in fresh]
    insert_new(connection, tables.plan_makers, rows)
    move = {"action": Action.PROPOSE, "source": PlanState.DRAFT, "target": proposed, "comment": ""}
    moves = [
        {**move, "plan_id": plan.plan_id, "version": 1, "at": at, "actor": actor.user_id}
        for plan in fresh
        if plan.proposed
    ]
    if moves:
        connection.execute(tables.plan_moves.insert(), moves)
    append_all(connection, [event for plan in fresh for event in _told(plan, actor, proposed)], at=at,
               actor=actor.user_id)  # fmt: skip
    return tuple(heads[plan.plan_id] for plan in fresh)


def _row(plan: NewPlan, head: PlanHead, market: Document) -> dict[str, object]:
    return {
        "plan_id": head.plan_id,
        "account_id": head.account_id,
        "household_id": head.household_id,
        "parent_id": None,
        "state": head.state,
        "version": head.version,
        "created_at": head.created_at,
        "note": head.note,
        "snapshot_hash": plan.snapshot.hash,
        "market_hash": market.hash,
        "document": plan.document,
        "run_id": head.run_id,
    }


def withdraw_plans(
    connection: Connection, heads: Sequence[PlanHead], *, actor: User, at: datetime, comment: str
) -> None:
    """Cancel plans whose heads the caller has locked, in its transaction; log and history tell it of each.

    Raises NotAllowed for an actor who may not, IllegalMove for a plan in a state that cannot be cancelled.
    """
    if not heads:
        return
    moves, events = [], []
    for head in heads:
        target = next_state(state=head.state, action=Action.CANCEL, actor=actor, makers=head.makers, comment=comment)
        moves.append({"plan_id": head.plan_id, "version": head.version + 1, "at": at, "actor": actor.user_id,
                      "action": Action.CANCEL, "source": head.state, "target": target, "comment": comment})  # fmt: skip
        events.append(Event(what="plan.cancel", subject=head.plan_id, before={"state": head.state},
                            after={"state": target, "comment": comment}))  # fmt: skip
    gone = _TABLE.c.plan_id.in_([head.plan_id for head in heads])
    connection.execute(update(_TABLE).where(gone).values(state=PlanState.CANCELLED, version=_TABLE.c.version + 1))
    connection.execute(tables.plan_moves.insert(), moves)
    append_all(connection, events, at=at, actor=actor.user_id)


def _told(plan: NewPlan, actor: User, proposed: PlanState) -> list[Event]:
    made = {"account_id": plan.account_id, "parent_id": None, "makers": [actor.user_id]}
    saved = Event(what="plan.save", subject=plan.plan_id, after=made)
    if not plan.proposed:
        return [saved]
    after = {"state": proposed, "comment": ""}
    return [saved, Event(what="plan.propose", subject=plan.plan_id, before={"state": PlanState.DRAFT}, after=after)]
