"""What was ordered, what came back, and what was written? Orders, blocks, executions, answers and exported files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, RowMapping, Table, select

from data import tables
from data.codec import codec
from data.database import Database, insert_new
from data.rows import from_row, to_row
from engine.domain.errors import CheckFailed, DataError
from engine.domain.identifiers import ClOrdId, PlanId, UserId
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """An execution of a block that no longer stands, by the report that said so (exec_id); at: when it was taken in."""

    cl_ord_id: ClOrdId
    exec_ref_id: str
    exec_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedChange:
    """A change of a sent block that a person asked for: see engine.domain.orders.Change.

    taken: whether the custodian took it, None until it answers; text: why not.
    """

    cl_ord_id: ClOrdId
    block_id: ClOrdId
    replaces: ClOrdId
    quantity: Decimal
    actor: UserId
    at: datetime
    taken: bool | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """A split of a filled block over accounts and lots, as the custodian was told it; taken and text as above."""

    alloc_id: ClOrdId
    block_id: ClOrdId
    at: datetime
    taken: bool | None
    text: str


def save_blocks(connection: Connection, blocks: Sequence[Block]) -> None:
    """Write blocks and their orders in the caller's transaction; what is there already must be the same.

    Raises CheckFailed where an order or block of that id differs or is in another block.
    """
    headers = [to_row(block, leave=["allocations"]) for block in blocks]
    orders = [
        to_row(order, leave=["lots"], lots=_LOTS.write(order.lots), block_id=block.cl_ord_id, place=place)
        for block in blocks
        for place, order in enumerate(block.allocations)
    ]
    for table, rows in ((tables.blocks, headers), (tables.orders, orders)):
        if insert_new(connection, table, rows) < len(rows):
            for row in rows:
                insert_same(connection, table, row)


def record_fills(connection: Connection, fills: Sequence[Fill]) -> int:
    """Write executions in the caller's transaction; return how many are new.

    Raises DataError for a block nobody sent; CheckFailed where one was reported with another content before.
    """
    return _insert_answers(connection, tables.fills, fills)


def record_acknowledgements(connection: Connection, answers: Sequence[Acknowledgement]) -> int:
    """Write custodians' answers in the caller's transaction; return and raise as record_fills does."""
    return _insert_answers(connection, tables.acknowledgements, answers)


def record_files(connection: Connection, plan_id: PlanId, files: Mapping[str, str], *, at: datetime) -> None:
    """Write the names and SHA-256 of the files made from a plan. Raises CheckFailed where one differs from before."""
    for name, sha256 in files.items():
        row = {"plan_id": plan_id, "file_name": name, "sha256": sha256}
        insert_same(connection, tables.exported_files, {**row, "at": at}, but="at")


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
            require_block(connection, cl_ord_id)
            return _blocks(connection, [cl_ord_id])[0]

    def fills(self, plan_id: PlanId) -> tuple[Fill, ...]:
        """Return the executions of a plan's blocks that stand, by time: those taken back or corrected are left out."""
        gone = {(one.cl_ord_id, one.exec_ref_id) for one in self.corrections(plan_id)}
        found = self._of_plan(tables.fills, Fill, plan_id)
        standing = [fill for fill in found if (fill.cl_ord_id, fill.exec_id) not in gone]
        return tuple(sorted(standing, key=lambda fill: (fill.executed_at, fill.exec_id)))

    def corrections(self, plan_id: PlanId) -> tuple[Correction, ...]:
        """Return what was taken back or corrected of the executions of a plan's blocks."""
        return tuple(self._of_plan(tables.fill_corrections, Correction, plan_id))

    def changes(self, plan_id: PlanId) -> tuple[AskedChange, ...]:
        """Return the changes that people asked for in a plan's blocks, by time."""
        return tuple(sorted(self._of_plan(tables.order_changes, AskedChange, plan_id), key=lambda one: one.at))

    def instructions(self, plan_id: PlanId) -> tuple[Instruction, ...]:
        """Return the splits over accounts that custodians were told after the fills of a plan's blocks, by time."""
        found = self._of_plan(tables.allocation_instructions, Instruction, plan_id)
        return tuple(sorted(found, key=lambda one: one.at))

    def corrected_plans(self) -> frozenset[PlanId]:
        """Return every plan in whose blocks an execution was taken back or corrected."""
        column = tables.orders.c.plan_id
        of_block = tables.fill_corrections.c.cl_ord_id == tables.orders.c.block_id
        with self._database.read() as connection:
            return frozenset(connection.scalars(select(column).join(tables.fill_corrections, of_block)))

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
        block = table.c.block_id if "block_id" in table.c else table.c.cl_ord_id
        with self._database.read() as connection:
            rows = connection.execute(select(table).where(block.in_(own))).mappings()
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


def require_block(connection: Connection, cl_ord_id: ClOrdId) -> None:
    """Raise DataError for a block nobody sent."""
    column = tables.blocks.c.cl_ord_id
    if connection.execute(select(column).where(column == cl_ord_id)).one_or_none() is None:
        raise DataError(f"block {cl_ord_id}: expected one that was sent, found none of that id")


def _insert_answers(connection: Connection, table: Table, answers: Sequence[Fill] | Sequence[Acknowledgement]) -> int:
    blocks = {answer.cl_ord_id for answer in answers}
    column = tables.blocks.c.cl_ord_id
    known = set(connection.scalars(select(column).where(column.in_(blocks)))) if blocks else set()
    for stranger in sorted(blocks - known):
        require_block(connection, stranger)
    rows = [to_row(answer) for answer in answers]
    new = insert_new(connection, table, rows)
    if new < len(rows):
        for row in rows:
            insert_same(connection, table, row)
    return new


def insert_same(connection: Connection, table: Table, row: Mapping[str, Any], *, but: str | None = None) -> bool:
    """Insert a row, or hold the one that is there against it; return whether it is new.

    but: a column that may differ. Raises CheckFailed where another does.
    """
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
