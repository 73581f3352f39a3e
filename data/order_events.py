"""What changed after an order was sent? Changes that people asked for, executions taken back, splits over accounts."""

from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import Connection, Table, select, update

from data import tables
from data.orders import AskedChange, Correction, Instruction, insert_same, require_block
from data.rows import to_row
from engine.domain.errors import DataError
from engine.domain.identifiers import ClOrdId

_CHANGES: Final = tables.order_changes
_SPLITS: Final = tables.allocation_instructions


def record_correction(connection: Connection, correction: Correction) -> bool:
    """Write that an execution no longer stands, in the caller's transaction; return whether that is new.

    Raises DataError for a block nobody sent, or an execution that was never reported; CheckFailed where the same
    execution was corrected by another report before.
    """
    require_block(connection, correction.cl_ord_id)
    fills = tables.fills
    named = (fills.c.cl_ord_id == correction.cl_ord_id) & (fills.c.exec_id == correction.exec_ref_id)
    if connection.execute(select(fills.c.exec_id).where(named)).first() is None:
        raise DataError(
            f"correction of execution {correction.exec_ref_id} of {correction.cl_ord_id}: found no such execution"
        )
    return insert_same(connection, tables.fill_corrections, to_row(correction), but="at")


def record_change(connection: Connection, change: AskedChange) -> None:
    """Write a change that a person asked for, in the caller's transaction."""
    insert_same(connection, _CHANGES, to_row(change))


def record_instruction(connection: Connection, instruction: Instruction) -> bool:
    """Write a split that a custodian is told, in the caller's transaction; return whether that is new."""
    return insert_same(connection, _SPLITS, to_row(instruction), but="at")


def blocks_of(connection: Connection, ids: Collection[ClOrdId]) -> Mapping[ClOrdId, ClOrdId]:
    """Return the block that each id stands for: its own, or that of a change of it."""
    query = select(_CHANGES.c.cl_ord_id, _CHANGES.c.block_id).where(_CHANGES.c.cl_ord_id.in_(ids))
    changed = {ClOrdId(row.cl_ord_id): ClOrdId(row.block_id) for row in connection.execute(query)}
    return {cl_ord_id: changed.get(cl_ord_id, cl_ord_id) for cl_ord_id in ids}


def answer_change(connection: Connection, cl_ord_id: ClOrdId, *, taken: bool, text: str) -> bool:
    """Write what the custodian said to a change; return whether there is such a change."""
    return _answer(connection, _CHANGES, cl_ord_id, taken=taken, text=text)


def answer_instruction(connection: Connection, alloc_id: ClOrdId, *, taken: bool, text: str) -> bool:
    """Write what the custodian said to a split; return whether there is such a split."""
    return _answer(connection, _SPLITS, alloc_id, taken=taken, text=text)


def _answer(connection: Connection, table: Table, key: ClOrdId, *, taken: bool, text: str) -> bool:
    (column,) = table.primary_key
    return connection.execute(update(table).where(column == key).values(taken=taken, text=text)).rowcount == 1
