"""How are thousands of rows of a queue kept? As one compressed Arrow block, read whole in milliseconds."""

from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from engine.domain.errors import CheckFailed
from engine.monitor.document import QueueRow

QUEUE: Final = pa.schema(
    [
        ("account_id", pa.string()),
        ("household", pa.string()),
        ("advisor", pa.string()),
        ("registration", pa.string()),
        ("custodian", pa.string()),
        ("model_id", pa.string()),
        ("at_stake", pa.float64()),
        ("risk_at_stake", pa.float64()),
        ("tax_at_stake", pa.float64()),
        ("reasons", pa.list_(pa.string())),
        ("fenced", pa.bool_()),
        ("nav", pa.float64()),
        ("cash_weight", pa.float64()),
        ("tracking_error", pa.float64()),
        ("max_active_weight", pa.float64()),
        ("st_loss", pa.float64()),
        ("lt_loss", pa.float64()),
        ("tax_saved", pa.float64()),
        ("locks", pa.int64()),
        ("data_age_days", pa.int64()),
        ("gains_left", pa.float64()),
    ]
)
TREND: Final = ("nav", "at_stake", "tracking_error", "tax_saved")
_DAY: Final = pa.schema([QUEUE.field(name) for name in ("account_id", *TREND)])


def queue_block(rows: Sequence[QueueRow]) -> bytes:
    """Return rows, in their order, as bytes; equal rows make equal bytes."""
    return _block(pa.table({field.name: [getattr(row, field.name) for row in rows] for field in QUEUE}, schema=QUEUE))


def day_block(rows: Sequence[QueueRow]) -> bytes:
    """Return the few figures of each account that are kept of a day, as bytes."""
    return _block(pa.table({field.name: [getattr(row, field.name) for row in rows] for field in _DAY}, schema=_DAY))


def read_block(block: bytes) -> pa.Table:
    """Return the table of a block. Raises CheckFailed for bytes that are none."""
    try:
        with pa.ipc.open_file(pa.BufferReader(block)) as reader:
            return reader.read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise CheckFailed(f"scan: its stored rows cannot be read: {error}") from error


def _block(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    block: bytes = sink.getvalue().to_pybytes()
    return block
