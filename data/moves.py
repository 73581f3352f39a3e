"""How does one plan move? Its state, its history and the audit log change together, or not at all."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, select, update

from data import audit, tables
from data.database import insert_new
from data.suggest import unknown
from engine.domain.errors import CheckFailed, IllegalMove
from engine.domain.identifiers import AccountId, PlanId, UserId
from engine.domain.lifecycle import Action, PlanState, User, next_state
from engine.plan.document import plan_id as hash_of

_TABLE: Final = tables.plans


def move_plan(
    connection: Connection,
    plan_id: PlanId,
    action: Action,
    actor: User,
    *,
    at: datetime,
    comment: str,
    seen: str | None,
) -> PlanState:
    """Move a plan in the caller's transaction and return its new state; see PlanStore.move_all for what it raises."""
    row = read_plan(
        connection,
        select(_TABLE.c.account_id, _TABLE.c.state, _TABLE.c.version, _TABLE.c.document).with_for_update(),
        plan_id,
    )
    verify(plan_id, row["document"])
    if seen is not None and seen != plan_id:
        raise CheckFailed(f"plan {plan_id}: to {action} takes the document as it was seen, {seen}; it is another one")
    source, version = row["state"], row["version"]
    makers = read_makers(connection, [plan_id])[plan_id]
    target = next_state(state=source, action=action, actor=actor, makers=makers, comment=comment)
    if action is Action.PROPOSE:
        hold_accounts(connection, [row["account_id"]])
        # Who puts a machine's draft forward answers for it, and is no independent checker.
        insert_new(connection, tables.plan_makers, [{"plan_id": plan_id, "user_id": actor.user_id}])
    written = connection.execute(
        update(_TABLE)
        .where(_TABLE.c.plan_id == plan_id, _TABLE.c.version == version)
        .values(state=target, version=version + 1)
    )
    if written.rowcount != 1:
        raise IllegalMove(f"cannot {action} plan {plan_id}: it was moved by someone else in the meantime")
    move = {"action": action, "source": source, "target": target, "comment": comment, "actor": actor.user_id}
    connection.execute(tables.plan_moves.insert(), {**move, "plan_id": plan_id, "version": version + 1, "at": at})
    audit.append(
        connection,
        at=at,
        actor=actor.user_id,
        what=f"plan.{action}",
        subject=plan_id,
        before={"state": source},
        after={"state": target, "comment": comment},
    )
    return target


def hold_accounts(connection: Connection, account_ids: Iterable[AccountId]) -> None:
    """Let nobody else propose a plan for these accounts until this transaction ends.

    Their rows are locked, no table. Plans are locked before accounts, and accounts before the audit log.
    """
    rows = tables.accounts.c.account_id
    query = select(rows).where(rows.in_(list(account_ids))).order_by(rows)
    connection.execute(query.with_for_update(key_share=True)).all()


def verify(plan_id: PlanId, document: Mapping[str, Any]) -> None:
    """Raise CheckFailed unless a document is the one of this id."""
    found = hash_of(document)
    if not found == plan_id == document["plan_id"]:
        raise CheckFailed(f"plan {plan_id}: expected a document of that hash, found one that hashes to {found}")


def read_plan(connection: Connection, query: Select[Any], plan_id: PlanId) -> RowMapping:
    """Return the columns asked for of one plan. Raises DataError for an unknown one."""
    row = connection.execute(query.where(_TABLE.c.plan_id == plan_id)).mappings().one_or_none()
    if row is None:
        raise unknown("plan", plan_id, connection.scalars(select(_TABLE.c.plan_id)))
    return row


def read_makers(connection: Connection, plan_ids: Sequence[PlanId] | Select[Any]) -> Mapping[PlanId, frozenset[UserId]]:
    """Return who made, edited or proposed each of some plans."""
    table = tables.plan_makers
    makers: dict[PlanId, set[UserId]] = {}
    for row in connection.execute(select(table).where(table.c.plan_id.in_(plan_ids))):
        makers.setdefault(row.plan_id, set()).add(row.user_id)
    return {plan_id: frozenset(users) for plan_id, users in makers.items()}
