"""What did the second checker say of a plan, of which inputs, and when? Kept, so that nobody waits for it twice."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, delete, select

from data import tables
from data.codec import codec
from data.database import Database, serialise
from engine.domain.identifiers import PlanId
from engine.domain.plans import Check

_TABLE: Final = tables.opinions
_CHECKS: Final = codec(tuple[Check, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """The second checker's opinion of one plan, on its own inputs and against the firm as it stood at one moment.

    checker: its version. inputs_hash: what the checks were worked out from. seen: stands for all of the firm that stale
    and washed depend on; on: the day of its prices. stale: why the plan no longer held then, but for its approval's
    age; washed: what of it would have been, or made, a wash sale. year_gain: net gain of the year with the plan, USD,
    None where no tax is paid.
    """

    plan_id: PlanId
    checker: str
    inputs_hash: str
    checks: tuple[Check, ...]
    year_gain: Decimal | None
    seen: str
    on: date
    stale: tuple[str, ...]
    washed: tuple[str, ...]
    at: datetime


class OpinionStore:
    """The newest opinion of each plan that was ever judged."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, plan_ids: Iterable[PlanId]) -> Mapping[PlanId, Opinion]:
        """Return the opinions of these plans; a plan that nobody judged has none."""
        with self._database.read() as connection:
            rows = connection.execute(select(_TABLE).where(_TABLE.c.plan_id.in_(list(plan_ids)))).mappings()
            return {row["plan_id"]: _read(row) for row in rows}

    def keep(self, opinion: Opinion) -> None:
        """Store an opinion in the place of the one before."""
        with self._database.begin() as connection:
            write_opinions(connection, [opinion])


def write_opinions(connection: Connection, opinions: Sequence[Opinion]) -> None:
    """Store opinions in the caller's transaction, each in the place of the one before of its plan."""
    for plan_id in sorted(opinion.plan_id for opinion in opinions):
        serialise(connection, f"opinion {plan_id}")
    connection.execute(delete(_TABLE).where(_TABLE.c.plan_id.in_([opinion.plan_id for opinion in opinions])))
    rows = [
        {each.name: getattr(opinion, each.name) for each in fields(opinion)} | {"checks": _CHECKS.write(opinion.checks)}
        for opinion in opinions
    ]
    if rows:
        connection.execute(_TABLE.insert(), rows)


def _read(row: RowMapping) -> Opinion:
    values: dict[str, Any] = {**row, "checks": _CHECKS.read(row["checks"])}
    return Opinion(**values)
