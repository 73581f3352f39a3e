"""Which plans are there, in which state, and who moved them? Every move is one transaction with its audit row."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, select, update

from data import audit, documents, tables
from data.database import Database, insert_new
from data.documents import Document
from data.moves import move_plan, read_makers, read_plan, verify
from data.outbox import OutboxItem, enqueue
from data.snapshots import inputs_hash, read_market, read_snapshot
from data.suggest import unknown
from engine.domain.accounts import AccountSnapshot
from engine.domain.errors import CheckFailed, DataError, NotAllowed
from engine.domain.identifiers import AccountId, HouseholdId, PlanId, UserId
from engine.domain.lifecycle import Action, PlanState, User, why_note_is_fixed
from engine.domain.market import MarketSnapshot

_TABLE: Final = tables.plans
_HEAD: Final = [column for column in _TABLE.c if column.name not in ("document", "snapshot_hash", "market_hash")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHead:
    """What a list of plans shows. version counts the moves.

    makers: who made, edited or proposed the plan, or one that it came from. note: its name in the first line, and what
    else people wrote of it below. run_id: of the night that made it, None once a person named or proposed it.
    """

    plan_id: PlanId
    account_id: AccountId
    household_id: HouseholdId
    parent_id: PlanId | None
    state: PlanState
    version: int
    created_at: datetime
    note: str
    run_id: str | None
    makers: frozenset[UserId]

    @property
    def name(self) -> str:
        return self.note.partition("\n")[0]

    @property
    def remarks(self) -> str:
        return self.note.partition("\n")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlan(PlanHead):
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMove:
    """One step of a plan's life; version is the one that it led to."""

    version: int
    at: datetime
    actor: UserId
    action: Action
    source: PlanState
    target: PlanState
    comment: str


class PlanStore:
    """Plans by their hash."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(
        self,
        document: Mapping[str, Any],
        *,
        snapshot: Document,
        market: Document,
        household_id: HouseholdId,
        actor: UserId,
        at: datetime,
        makers: Iterable[UserId] = (),
        note: str = "",
        parent_id: PlanId | None = None,
    ) -> PlanId:
        """Store a plan as a draft with the inputs it was computed from, and return its id.

        A plan that is there already keeps its state, note and parent; whoever saves it becomes one of its makers, with
        the makers given and those of the parent. Raises CheckFailed when the document's id or inputs_hash is not the
        hash it should be; DataError for an unknown parent.
        """
        with self._database.begin() as connection:
            return save_plan(connection, document, snapshot=snapshot, market=market, household_id=household_id,
                             actor=actor, at=at, makers=makers, note=note, parent_id=parent_id)  # fmt: skip

    def annotate(self, plan_id: PlanId, note: str, *, actor: UserId, at: datetime) -> None:
        """Write a plan's name, and on further lines what else is to be said of it; the audit log keeps what was there.

        Neither the document nor its state changes. Raises DataError for an unknown plan, NotAllowed for one that is no
        draft any more, or not the actor's.
        """
        with self._database.begin() as connection:
            row = read_plan(connection, select(_TABLE.c.note, _TABLE.c.state).with_for_update(), plan_id)
            before, makers = row["note"], read_makers(connection, [plan_id])[plan_id]
            if note == before:
                return
            fixed = why_note_is_fixed(row["state"], actor, makers)
            if fixed:
                raise NotAllowed(f"plan {plan_id[:12]}: {fixed}")
            connection.execute(update(_TABLE).where(_TABLE.c.plan_id == plan_id).values(note=note, run_id=None))
            audit.append(
                connection, at=at, actor=actor, what="plan.note", subject=plan_id,
                before={"note": before}, after={"note": note},
            )  # fmt: skip

    def get(self, plan_id: PlanId) -> StoredPlan:
        """Return a plan. Raises DataError for an unknown one; CheckFailed where its document was changed."""
        with self._database.read() as connection:
            row = read_plan(connection, select(*_HEAD, _TABLE.c.document), plan_id)
            makers = read_makers(connection, [plan_id])
        verify(plan_id, row["document"])
        return StoredPlan(**row, makers=makers[plan_id])

    def find(self, prefix: str) -> PlanId:
        """Return the id of the one plan that begins so. Raises DataError where none does, or more than one."""
        with self._database.read() as connection:
            ids = connection.scalars(
                select(_TABLE.c.plan_id).where(_TABLE.c.plan_id.startswith(prefix, autoescape=True)).limit(3)
            ).all()
            if not prefix or not ids:
                raise unknown("plan", prefix, connection.scalars(select(_TABLE.c.plan_id)))
        if len(ids) > 1:
            raise DataError(f"plan {prefix}: expected the beginning of one plan's id, found several; give more of it")
        return PlanId(ids[0])

    def heads(
        self,
        *,
        account_id: AccountId | None = None,
        household_ids: Iterable[HouseholdId] | None = None,
        states: Iterable[PlanState] | None = None,
    ) -> tuple[PlanHead, ...]:
        """Return the plans of an account, some households or some states, newest first, without their documents."""
        query = select(*_HEAD).order_by(_TABLE.c.created_at.desc(), _TABLE.c.plan_id)
        if account_id is not None:
            query = query.where(_TABLE.c.account_id == account_id)
        if household_ids is not None:
            query = query.where(_TABLE.c.household_id.in_(list(household_ids)))
        if states is not None:
            query = query.where(_TABLE.c.state.in_(list(states)))
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
            makers = read_makers(connection, query.with_only_columns(_TABLE.c.plan_id).order_by(None))
        return tuple(PlanHead(**row, makers=makers[row["plan_id"]]) for row in rows)

    def inputs(self, plan_id: PlanId) -> tuple[AccountSnapshot, MarketSnapshot]:
        """Return what a plan was computed from, to replay it. Raises CheckFailed where it was changed or is missing."""
        with self._database.read() as connection:
            row = read_plan(connection, select(_TABLE.c.snapshot_hash, _TABLE.c.market_hash), plan_id)
            contents = documents.get(connection, [row["snapshot_hash"], row["market_hash"]])
            snapshot = read_snapshot(contents[row["snapshot_hash"]], lambda names: documents.get(connection, names))
        return snapshot, read_market(contents[row["market_hash"]])

    def history(self, plan_id: PlanId) -> tuple[PlanMove, ...]:
        """Return every move of a plan, oldest first. Raises DataError for an unknown plan."""
        table = tables.plan_moves
        with self._database.read() as connection:
            read_plan(connection, select(_TABLE.c.plan_id), plan_id)
            rows = connection.execute(
                select(*(column for column in table.c if column.name != "plan_id"))
                .where(table.c.plan_id == plan_id)
                .order_by(table.c.version)
            )
            return tuple(PlanMove(**row) for row in rows.mappings())

    def move(
        self,
        plan_id: PlanId,
        action: Action,
        actor: User,
        *,
        at: datetime,
        comment: str = "",
        expected_hash: str | None = None,
        outbox: Sequence[OutboxItem] = (),
        within: Callable[[Connection], None] | None = None,
    ) -> PlanState:
        """Move one plan and return its new state; see move_all."""
        expected = None if expected_hash is None else {plan_id: expected_hash}
        return self.move_all(
            [plan_id], action, actor, at=at, comment=comment, expected=expected, outbox=outbox, within=within
        )

    def move_all(
        self,
        plan_ids: Iterable[PlanId],
        action: Action,
        actor: User,
        *,
        at: datetime,
        comment: str = "",
        expected: Mapping[PlanId, str] | None = None,
        outbox: Sequence[OutboxItem] = (),
        within: Callable[[Connection], None] | None = None,
    ) -> PlanState:
        """Move plans, all or none, and return their new state.

        States, moves, audit rows, outbox messages and whatever `within` writes are one transaction. Of two callers at
        once the second sees what the first has done. expected: what each document hashed to when the actor saw it.
        Raises IllegalMove or NotAllowed as next_state does (a NotAllowed is itself written to the audit log);
        CheckFailed where a document differs from the one seen or from its own id; DataError for an unknown plan.
        """
        ordered = sorted(set(plan_ids))  # one order for all callers, so that two never wait for each other
        if not ordered:
            raise DataError(f"to {action}: expected at least one plan, found none")
        moving = ordered[0]
        try:
            with self._database.begin() as connection:
                for moving in ordered:
                    seen = None if expected is None else expected.get(moving)
                    target = move_plan(connection, moving, action, actor, at=at, comment=comment, seen=seen)
                if action is Action.PROPOSE:
                    connection.execute(update(_TABLE).where(_TABLE.c.plan_id.in_(ordered)).values(run_id=None))
                enqueue(connection, outbox, at=at)
                if within is not None:
                    within(connection)
        except NotAllowed as refusal:
            with self._database.begin() as connection:
                audit.append(
                    connection,
                    at=at,
                    actor=actor.user_id,
                    what=f"plan.{action}.refused",
                    subject=moving,
                    after={"reason": str(refusal), "comment": comment},
                )
            raise
        return target


def save_plan(
    connection: Connection,
    document: Mapping[str, Any],
    *,
    snapshot: Document,
    market: Document,
    household_id: HouseholdId,
    actor: UserId,
    at: datetime,
    makers: Iterable[UserId] = (),
    note: str = "",
    parent_id: PlanId | None = None,
) -> PlanId:
    """Store a plan as a draft in the caller's transaction; see PlanStore.save."""
    plan_id = _checked(document, snapshot, market)
    everyone = {actor, *makers}
    if parent_id is not None:
        everyone |= read_head(connection, parent_id).makers
    documents.put(connection, [snapshot, market])
    row = {
        "plan_id": plan_id,
        "account_id": document["account_id"],
        "household_id": household_id,
        "parent_id": parent_id,
        "state": PlanState.DRAFT,
        "version": 0,
        "created_at": at,
        "note": note,
        "snapshot_hash": snapshot.hash,
        "market_hash": market.hash,
        "document": document,
    }
    new = insert_new(connection, _TABLE, [row])
    added = insert_new(
        connection, tables.plan_makers, [{"plan_id": plan_id, "user_id": user} for user in sorted(everyone)]
    )
    if new or added:
        after = {"account_id": document["account_id"], "parent_id": parent_id, "makers": sorted(everyone)}
        audit.append(connection, at=at, actor=actor, what="plan.save", subject=plan_id, after=after)
    return plan_id


def _checked(document: Mapping[str, Any], snapshot: Document, market: Document) -> PlanId:
    plan_id = PlanId(document["plan_id"])
    verify(plan_id, document)
    found = inputs_hash(snapshot, market)
    if document["inputs_hash"] != found:
        raise CheckFailed(f"plan {plan_id}: its inputs_hash is {document['inputs_hash']}, the inputs given hash to "
                          f"{found}")  # fmt: skip
    return plan_id


def lock_heads(
    connection: Connection, household_ids: Iterable[HouseholdId], states: Iterable[PlanState]
) -> tuple[PlanHead, ...]:
    """Return the plans of some households in some states, by plan_id; nobody else moves them in this transaction."""
    return _heads(connection, _of_households(household_ids, states).with_for_update())


def read_heads(
    connection: Connection, household_ids: Iterable[HouseholdId], states: Iterable[PlanState]
) -> tuple[PlanHead, ...]:
    """Return the plans of some households in some states, by plan_id, as they stand in the caller's transaction."""
    return _heads(connection, _of_households(household_ids, states))


def read_head(connection: Connection, plan_id: PlanId) -> PlanHead:
    """Return a plan without its document, in the caller's transaction. Raises DataError for an unknown one."""
    row = read_plan(connection, select(*_HEAD), plan_id)
    return PlanHead(**row, makers=read_makers(connection, [plan_id])[plan_id])


def _of_households(household_ids: Iterable[HouseholdId], states: Iterable[PlanState]) -> Select[Any]:
    query = select(*_HEAD).where(_TABLE.c.household_id.in_(list(household_ids)), _TABLE.c.state.in_(list(states)))
    return query.order_by(_TABLE.c.plan_id)


def _heads(connection: Connection, query: Select[Any]) -> tuple[PlanHead, ...]:
    rows = connection.execute(query).mappings().all()
    makers = read_makers(connection, [row["plan_id"] for row in rows])
    return tuple(PlanHead(**row, makers=makers[row["plan_id"]]) for row in rows)
