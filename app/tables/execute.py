"""What goes to custodians and comes back: blocks, fills, breaks, answers, the outbox."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from app.steps.outgoing import notional
from app.steps.reconcile import Arrival, Sending
from app.tables.parts import table_of
from data.orders import Acknowledgement
from data.outbox import OutboxRow
from engine.domain.identifiers import SecurityId
from engine.domain.market import Security
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


def outgoing_table(blocks: Iterable[Block], securities: Mapping[SecurityId, Security]) -> pd.DataFrame:
    """Return one row a block that would be sent, with its dollars at the plans' prices."""
    return table_of(
        [
            {
                "custodian": block.custodian,
                "side": block.side.value,
                "ticker": block.ticker,
                "name": securities[block.security_id].name,
                "shares": float(block.quantity),
                "amount": float(notional(block)),
                "allocations": len(block.allocations),
                "cl_ord_id": block.cl_ord_id,
            }
            for block in blocks
        ],
        "custodian side ticker name shares amount allocations cl_ord_id",
    )


def signed_table(blocks: Iterable[Block], securities: Mapping[SecurityId, Security]) -> pd.DataFrame:
    """Return what a person signs: side, ticker, name, shares and dollars of each block, and where it goes."""
    return table_of(
        [
            {
                "Side": block.side.value,
                "Ticker": block.ticker,
                "Name": securities[block.security_id].name,
                "Shares": float(block.quantity),
                "Dollars": float(notional(block)),
                "To": block.custodian,
            }
            for block in blocks
        ],
        "Side Ticker Name Shares Dollars To",
    )


def arrival_table(arrivals: Iterable[Arrival]) -> pd.DataFrame:
    """Return one row a custodian: what it was sent, and what it said so far."""
    return table_of(
        [
            {
                "custodian": one.custodian,
                "status": _arrival_word(one),
                "blocks": one.blocks,
                "acknowledged": one.acknowledged,
                "rejected": one.rejected,
                "shares": float(one.shares),
                "filled": float(one.filled),
                "filled_pct": 100 * float(one.filled / one.shares) if one.shares else 0.0,
                "at": one.at,
            }
            for one in arrivals
        ],
        "custodian status blocks acknowledged rejected shares filled filled_pct at",
    )


def sent_table(sendings: Iterable[Sending]) -> pd.DataFrame:
    """Return one row a plan that left the house, in the order given."""
    return table_of(
        [
            {
                "account": one.head.account_id,
                "stage": one.head.state.value,
                "breaks": len(one.breaks),
                "custodian": ", ".join(arrival.custodian for arrival in one.arrivals),
                "blocks": sum(arrival.blocks for arrival in one.arrivals),
                "acknowledged": sum(arrival.acknowledged for arrival in one.arrivals),
                "rejected": sum(arrival.rejected for arrival in one.arrivals),
                "filled_pct": one.filled_pct,
                "created": one.head.created_at,
                "plan": one.head.plan_id[:12],
            }
            for one in sendings
        ],
        "account stage breaks custodian blocks acknowledged rejected filled_pct created plan",
    )


def all_breaks_table(sendings: Iterable[Sending]) -> pd.DataFrame:
    """Return one row a break of any plan, with how far what came is from what was expected."""
    return table_of(
        [
            {
                "account": one.head.account_id,
                "kind": each.kind.value.replace("_", " "),
                "ordered": float(each.expected),
                "came": float(each.found),
                "off_pct": 100 * float((each.found - each.expected) / each.expected) if each.expected else None,
                "sentence": each.sentence,
                "cl_ord_id": each.cl_ord_id,
                "plan": one.head.plan_id[:12],
            }
            for one in sendings
            for each in one.breaks
        ],
        "account kind ordered came off_pct sentence cl_ord_id plan",
    )


def custodian_table(sendings: Iterable[Sending]) -> pd.DataFrame:
    """Return one row a custodian over all sendings: plans, blocks, what it said, breaks."""
    rows: dict[str, dict[str, Any]] = {}
    for one in sendings:
        for arrival in one.arrivals:
            row = rows.setdefault(
                arrival.custodian,
                {"custodian": arrival.custodian, "plans": 0, "blocks": 0, "acknowledged": 0, "rejected": 0,
                 "unanswered": 0},
            )  # fmt: skip
            row["plans"] += 1
            row["blocks"] += arrival.blocks
            row["acknowledged"] += arrival.acknowledged
            row["rejected"] += arrival.rejected
            row["unanswered"] += arrival.waiting
    return table_of([rows[name] for name in sorted(rows)], "custodian plans blocks acknowledged rejected unanswered")


def _arrival_word(one: Arrival) -> str:
    if one.rejected:
        return "✗ rejected" if one.rejected == one.blocks else "✗ rejected in part"
    if one.waiting:
        return "… waiting" if not one.acknowledged else "… acknowledged in part"
    return "✓ filled" if one.filled >= one.shares else "✓ acknowledged"


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
        [
            {"kind": one.kind.value.replace("_", " "), "sentence": one.sentence, "cl_ord_id": one.cl_ord_id}
            for one in breaks
        ],
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
