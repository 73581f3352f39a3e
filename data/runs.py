"""What did each night come to? One row a run and one an account, written as it goes, so that a killed run goes on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, func, select, update

from data import audit, tables
from data.codec import codec
from data.database import Database, insert_new
from engine.domain.identifiers import AccountId, PlanId, UserId
from engine.monitor.document import QueueRow

_RUNS: Final = tables.runs
_ACCOUNTS: Final = tables.run_accounts
_ROW: Final = codec(QueueRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One night. run_id stands for all that it was computed from; ended_at is None until it is through.

    settings: what was chosen for the run, by name. accounts: how many the firm has.
    """

    run_id: str
    began_at: datetime
    ended_at: datetime | None
    actor: UserId
    as_of: date
    engine_version: str
    settings: Mapping[str, Any]
    accounts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRun:
    """What a night came to for one account; see AccountNight. seen and row are gone once the run has ended."""

    account_id: AccountId
    outcome: str
    plan_id: PlanId | None
    cause: str
    seconds: float
    seen: Mapping[str, Any] | None = None
    row: QueueRow | None = None


class RunStore:
    """Runs, newest last, and what each came to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, run: RunRecord) -> RunRecord:
        """Record that a run has begun and return it; where it is there already, return it as it is."""
        with self._database.begin() as connection:
            row = {name: getattr(run, name) for name in _RUNS.c.keys()}  # noqa: SIM118  columns, not their names
            if insert_new(connection, _RUNS, [row]):
                audit.append(
                    connection, at=run.began_at, actor=run.actor, what="night.begin", subject=run.run_id,
                    after={"as_of": run.as_of.isoformat(), "accounts": run.accounts},
                )  # fmt: skip
            return _run(connection, run.run_id)

    def end(self, run_id: str, *, at: datetime, actor: UserId, counts: Mapping[str, int]) -> None:
        """Record that a run is through. What was seen of its accounts is kept by the scan, and goes here."""
        with self._database.begin() as connection:
            connection.execute(update(_RUNS).where(_RUNS.c.run_id == run_id).values(ended_at=at))
            connection.execute(update(_ACCOUNTS).where(_ACCOUNTS.c.run_id == run_id).values(seen=None, row=None))
            audit.append(connection, at=at, actor=actor, what="night.end", subject=run_id, after=dict(counts))

    def newest(self, *, limit: int = 30) -> tuple[RunRecord, ...]:
        """Return the newest runs, newest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(_RUNS).order_by(_RUNS.c.began_at.desc()).limit(limit)).mappings()
            return tuple(RunRecord(**row) for row in rows)

    def accounts(self, run_id: str, *, outcome: str | None = None) -> tuple[AccountRun, ...]:
        """Return what a run came to, by account_id; of one outcome where one is given."""
        query = select(_ACCOUNTS).where(_ACCOUNTS.c.run_id == run_id).order_by(_ACCOUNTS.c.account_id)
        if outcome is not None:
            query = query.where(_ACCOUNTS.c.outcome == outcome)
        with self._database.read() as connection:
            return tuple(_account(row) for row in connection.execute(query).mappings())

    def counts(self, run_id: str) -> Mapping[str, int]:
        """Return how many accounts of a run came to each outcome so far."""
        query = select(_ACCOUNTS.c.outcome, func.count().label("accounts")).where(_ACCOUNTS.c.run_id == run_id)
        with self._database.read() as connection:
            return {row.outcome: row.accounts for row in connection.execute(query.group_by(_ACCOUNTS.c.outcome))}


def write_accounts(connection: Connection, run_id: str, accounts: Iterable[AccountRun]) -> None:
    """Write what a run came to for some accounts, in the caller's transaction; what is there already stays."""
    rows = [
        {
            "run_id": run_id,
            "account_id": each.account_id,
            "outcome": each.outcome,
            "plan_id": each.plan_id,
            "cause": each.cause,
            "seconds": each.seconds,
            "seen": each.seen,
            "row": None if each.row is None else _ROW.write(each.row),
        }
        for each in accounts
    ]
    insert_new(connection, _ACCOUNTS, rows)


def _run(connection: Connection, run_id: str) -> RunRecord:
    return RunRecord(**connection.execute(select(_RUNS).where(_RUNS.c.run_id == run_id)).mappings().one())


def _account(row: Mapping[str, Any] | RowMapping) -> AccountRun:
    values = {name: row[name] for name in ("account_id", "outcome", "plan_id", "cause", "seconds", "seen")}
    return AccountRun(**values, row=None if row["row"] is None else _ROW.read(row["row"]))
