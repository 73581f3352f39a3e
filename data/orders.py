"""What was ordered, what came back, and what was written? Orders, blocks, executions, answers and exported files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, RowMapping, Table, select

from data import tables
from data.codec import codec
from data.database import Database, insert_new
from data.rows import from_row, to_row
from engine.domain.errors import CheckFailed, DataError
from engine.domain.identifiers import ClOrdId, PlanId
from engine.domain.orders import Block, Fill, LotInstruction, Order

T = TypeVar("T")
_LOTS: Final = codec(tuple[LotInstruction, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """A custodian's answer to a block. message_id makes it unique for that block; status is the custodian's word."""

    message_id: str
    cl_ord_id: ClOrdId
    status: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """A file made from a plan, and the SHA-256 of its bytes."""

    file_name: str
    sha256: str
    at: datetime


def save_blocks(connection: Connection, blocks: Sequence[Block]) -> None:
    """Write blocks and their orders in the caller's transaction; what is there already must be the same.

    Raises CheckFailed where an order or block of that id differs or is in another block.
    """
    for block in blocks:
        _insert_same(connection, tables.blocks, to_row(block, leave=["allocations"]))
        for place, order in enumerate(block.allocations):
            lots = _LOTS.write(order.lots)
            row = to_row(order, leave=["lots"], lots=lots, block_id=block.cl_ord_id, place=place)
            _insert_same(connection, tables.orders, row)


def record_fill(connection: Connection, fill: Fill) -> bool:
    """Write an execution in the caller's transaction; return False where it is there already.

    Raises DataError for a block nobody sent; CheckFailed where the execution was reported with another content before.
    """
    _require_block(connection, fill.cl_ord_id)
    return _insert_same(connection, tables.fills, to_row(fill))


def record_acknowledgement(connection: Connection, answer: Acknowledgement) -> bool:
    """Write a custodian's answer in the caller's transaction; return False and raise as record_fill does."""
    _require_block(connection, answer.cl_ord_id)
    return _insert_same(connection, tables.acknowledgements, to_row(answer))


def record_files(connection: Connection, plan_id: PlanId, files: Mapping[str, str], *, at: datetime) -> None:
    """Write the names and SHA-256 of the files made from a plan. Raises CheckFailed where one differs from before."""
    for name, sha256 in files.items():
        row = {"plan_id": plan_id, "file_name": name, "sha256": sha256}
        _insert_same(connection, tables.exported_files, {**row, "at": at}, but="at")


class OrderStore:
    """Reading orders and what came of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def orders(self, plan_id: PlanId) -> tuple[Order, ...]:
        """Return the orders of a plan by block and place."""
        table = tables.orders
        with self._database.read() as connection:
            rows = connection.execute(select(table).where(table.c.plan_id == plan_id)).mappings().all()
        return tuple(_order(row) for row in sorted(rows, key=lambda row: (row["block_id"], row["place"])))

    def blocks(self, plan_id: PlanId) -> tuple[Block, ...]:
        """Return every block that holds an order of a plan, whole, by id."""
        table = tables.orders
        with self._database.read() as connection:
            return _blocks(connection, select(table.c.block_id).where(table.c.plan_id == plan_id))

    def block(self, cl_ord_id: ClOrdId) -> Block:
        """Return the block of an id. Raises DataError for an unknown one."""
        with self._database.read() as connection:
            _require_block(connection, cl_ord_id)
            return _blocks(connection, [cl_ord_id])[0]

    def fills(self, plan_id: PlanId) -> tuple[Fill, ...]:
        """Return the executions of a plan's blocks, by time."""
        return tuple(
            sorted(self._of_plan(tables.fills, Fill, plan_id), key=lambda fill: (fill.executed_at, fill.exec_id))
        )

    def acknowledgements(self, plan_id: PlanId) -> tuple[Acknowledgement, ...]:
        """Return the answers to a plan's blocks, by time."""
        found = self._of_plan(tables.acknowledgements, Acknowledgement, plan_id)
        return tuple(sorted(found, key=lambda answer: (answer.at, answer.message_id)))

    def files(self, plan_id: PlanId) -> tuple[ExportedFile, ...]:
        """Return the files made from a plan, by name."""
        table = tables.exported_files
        with self._database.read() as connection:
            rows = connection.execute(select(table).where(table.c.plan_id == plan_id)).mappings().all()
        return tuple(sorted((from_row(ExportedFile, row) for row in rows), key=lambda file: file.file_name))

    def _of_plan(self, table: Table, kind: type[T], plan_id: PlanId) -> list[T]:
        own = select(tables.orders.c.block_id).where(tables.orders.c.plan_id == plan_id)
        with self._database.read() as connection:
            rows = connection.execute(select(table).where(table.c.cl_ord_id.in_(own))).mappings()
            return [from_row(kind, row) for row in rows]


def _blocks(connection: Connection, ids: Any) -> tuple[Block, ...]:
    headers = connection.execute(select(tables.blocks).where(tables.blocks.c.cl_ord_id.in_(ids))).mappings().all()
    members: dict[str, list[Order]] = {header["cl_ord_id"]: [] for header in headers}
    table = tables.orders
    for row in connection.execute(
        select(table).where(table.c.block_id.in_(list(members))).order_by(table.c.place)
    ).mappings():
        members[row["block_id"]].append(_order(row))
    found = (Block(**header, allocations=tuple(members[header["cl_ord_id"]])) for header in headers)
    return tuple(sorted(found, key=lambda block: block.cl_ord_id))


def _require_block(connection: Connection, cl_ord_id: ClOrdId) -> None:
    column = tables.blocks.c.cl_ord_id
    if connection.execute(select(column).where(column == cl_ord_id)).one_or_none() is None:
        raise DataError(f"block {cl_ord_id}: expected one that was sent, found none of that id")


def _insert_same(connection: Connection, table: Table, row: Mapping[str, Any], *, but: str | None = None) -> bool:
    """Insert a row, or hold the one that is there against it; return whether it is new."""
    if insert_new(connection, table, [row]):
        return True
    key = list(table.primary_key)
    known = connection.execute(select(table).where(*(column == row[column.name] for column in key))).mappings().one()
    different = [name for name in row if name != but and known[name] != row[name]]
    if different:
        name = " ".join(str(row[column.name]) for column in key)
        raise CheckFailed(
            f"{table.name} {name}: expected the same content as before, found another {', '.join(different)}"
        )
    return False


def _order(row: RowMapping) -> Order:
    return from_row(Order, row, lots=_LOTS.read(row["lots"]))
