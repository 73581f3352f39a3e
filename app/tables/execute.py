"""What goes to custodians and comes back: blocks, fills, breaks, answers, the outbox."""

from collections.abc import Iterable, Mapping
from itertools import chain

import pandas as pd

from app.steps.amend import Working
from app.steps.outgoing import by_route, notional, on_lots
from app.steps.realised import Outcome
from app.steps.reconcile import Arrival, Sending
from app.tables.parts import table_of
from connectors.fix.destinations import Destination
from connectors.fix.gateway import redacted
from data.mailbox import Received
from data.orders import Acknowledgement, AskedChange
from data.outbox import OutboxRow
from engine.domain.identifiers import ClOrdId, SecurityId
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
                "blocks": len(one.blocks),
                "acknowledged": len(one.acknowledged),
                "rejected": len(one.rejected),
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
                "blocks": sum(len(arrival.blocks) for arrival in one.arrivals),
                "acknowledged": sum(len(arrival.acknowledged) for arrival in one.arrivals),
                "rejected": sum(len(arrival.rejected) for arrival in one.arrivals),
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


def custodian_table(sendings: Iterable[Sending], profiles: Mapping[str, Destination]) -> pd.DataFrame:
    """Return one row a custodian over all sendings: how it takes orders and lots, plans, blocks, and what it said.

    A block that several plans share is one.
    """
    by: dict[str, list[Arrival]] = {}
    for one in sendings:
        for arrival in one.arrivals:
            by.setdefault(arrival.custodian, []).append(arrival)
    return table_of(
        [
            {
                "custodian": name,
                "plans": len(own),
                "blocks": _distinct(arrival.blocks for arrival in own),
                "acknowledged": _distinct(arrival.acknowledged for arrival in own),
                "rejected": _distinct(arrival.rejected for arrival in own),
                "unanswered": _distinct(arrival.waiting for arrival in own),
                "orders_by": by_route(profiles[name]),
                "on_lots": on_lots(profiles[name]),
            }
            for name, own in sorted(by.items())
        ],
        "custodian plans blocks acknowledged rejected unanswered orders_by on_lots",
    )


def _distinct(blocks: Iterable[frozenset[ClOrdId]]) -> int:
    return len(frozenset(chain.from_iterable(blocks)))


def _arrival_word(one: Arrival) -> str:
    if one.rejected:
        return "✗ rejected" if one.rejected == one.blocks else "✗ rejected in part"
    if one.waiting:
        return "… waiting" if not one.acknowledged else "… acknowledged in part"
    if one.filled >= one.shares:
        return "✓ filled"
    return "… filled in part" if one.filled else "✓ acknowledged"


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


def outcome_table(outcome: Outcome) -> pd.DataFrame:
    """Return tax, trading cost and tracking error: predicted, as the fills made them, and the difference."""
    said, did = outcome.predicted, outcome.realised
    figures = (
        ("Tax, $", float(said.tax), None if did is None else float(did.tax)),
        ("Trading cost, bp of what is traded", said.cost_bp, None if did is None else did.cost_bp),
        ("Tracking error, % a year", 100 * said.tracking_error, None if did is None else 100 * did.tracking_error),
    )
    return table_of(
        [
            {
                "figure": name,
                "predicted": predicted,
                "realised": realised,
                "difference": None if realised is None else round(realised - predicted, 2) + 0.0,  # never -0.00
            }
            for name, predicted, realised in figures
        ],
        "figure predicted realised difference",
    )


def working_table(working: Iterable[Working]) -> pd.DataFrame:
    """Return one row a block that its custodian may still fill."""
    return table_of(
        [
            {
                "custodian": one.block.custodian,
                "side": one.block.side.value,
                "ticker": one.block.ticker,
                "shares": float(one.wanted),
                "filled": float(one.filled),
                "status": "change not answered yet" if one.open else "working",
                "cl_ord_id": one.block.cl_ord_id,
            }
            for one in working
        ],
        "custodian side ticker shares filled status cl_ord_id",
    )


def change_table(changes: Iterable[AskedChange], blocks: Iterable[Block]) -> pd.DataFrame:
    """Return one row a change that somebody asked for, with the side and ticker of its block."""
    of = {block.cl_ord_id: block for block in blocks}
    words = {None: "not answered yet", True: "taken", False: "refused"}
    return table_of(
        [
            {
                "at": one.at,
                "actor": one.actor,
                "side": of[one.block_id].side.value,
                "ticker": of[one.block_id].ticker,
                "asked": "cancel what is left" if not one.quantity else f"{one.quantity:f} shares in all",
                "status": words[one.taken],
                "text": one.text,
                "cl_ord_id": one.block_id,
            }
            for one in changes
        ],
        "at actor side ticker asked status text cl_ord_id",
    )


def not_understood_table(messages: Iterable[Received]) -> pd.DataFrame:
    """Return one row a message of a custodian that could not be taken in, and why."""
    return table_of(
        [
            {"at": one.at, "custodian": one.custodian, "problem": one.problem, "message": redacted(one.text)}
            for one in messages
        ],
        "at custodian problem message",
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
