"""What goes to custodians and comes back: blocks, fills, breaks, answers, the outbox."""

from collections.abc import Iterable

import pandas as pd

from app.tables.parts import table_of
from data.orders import Acknowledgement
from data.outbox import OutboxRow
from engine.domain.orders import Block
from engine.execute.fills import FilledOrder
from engine.execute.reconcile import Break


def block_table(blocks: Iterable[Block]) -> pd.DataFrame:
    """Return one row a block order."""
    return table_of(
        [
            {
                "custodian": block.custodian,
                "ticker": block.ticker,
                "side": block.side.value,
                "shares": float(block.quantity),
                "allocations": len(block.allocations),
                "cl_ord_id": block.cl_ord_id,
            }
            for block in blocks
        ],
        "custodian ticker side shares allocations cl_ord_id",
    )


def fill_table(filled: Iterable[FilledOrder]) -> pd.DataFrame:
    """Return one row an order of a plan: what was asked, what was got, at which average price."""
    return table_of(
        [
            {
                "ticker": one.order.ticker,
                "side": one.order.side.value,
                "shares": float(one.order.quantity),
                "filled": float(one.quantity),
                "reference_price": float(one.order.reference_price),
                "price": float(one.price) if one.quantity else None,
            }
            for one in filled
        ],
        "ticker side shares filled reference_price price",
    )


def break_table(breaks: Iterable[Break]) -> pd.DataFrame:
    """Return one row a break between what was ordered and what was executed."""
    return table_of(
        [{"kind": one.kind.value, "sentence": one.sentence, "cl_ord_id": one.cl_ord_id} for one in breaks],
        "kind sentence cl_ord_id",
    )


def answer_table(answers: Iterable[Acknowledgement]) -> pd.DataFrame:
    """Return one row a custodian's answer to an order."""
    return table_of(
        [{"at": one.at, "status": one.status, "text": one.text, "cl_ord_id": one.cl_ord_id} for one in answers],
        "at status text cl_ord_id",
    )


def outbox_table(rows: Iterable[OutboxRow]) -> pd.DataFrame:
    """Return one row a message that waits for an outside system."""
    return table_of(
        [
            {
                "topic": row.topic,
                "created": row.created_at,
                "attempts": row.attempts,
                "due": row.due_at,
                "error": row.error or "",
            }
            for row in rows
        ],
        "topic created attempts due error",
    )
