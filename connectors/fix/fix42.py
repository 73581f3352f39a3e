"""How is a block said in FIX 4.2, and its answers understood? Accounts and shares alone; lots go by the sheet.

4.2 tells executions apart by ExecTransType (20) where later versions have their own ExecType (150): an answer is
turned into the words of 4.4 first, so that one reader understands both.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final

from connectors.fix import fix44
from connectors.fix.dialect import AllocationType, Dialect
from connectors.fix.messages import (
    ALLOCATION,
    EXECUTION_REPORT,
    NEW_ORDER,
    REPLACE,
    STATUS_REQUEST,
    Said,
    number,
)
from connectors.fix.wire import FIX42, Field, FixMessage
from engine.domain.identifiers import ClOrdId
from engine.domain.orders import Block, Change
from engine.execute.fills import Share, shared

_BY_TRANSACTION: Final = {"1": "H", "2": "G", "3": "I"}  # ExecTransType: cancel, correct, status
_EXECUTIONS: Final = frozenset({"1", "2"})  # ExecType: partial fill, fill


def new_order(block: Block, *, at: datetime, lots: bool) -> Said:  # noqa: ARG001  4.2 has no tags for lots
    """Return NewOrderSingle (35=D); see fix44. Lots are not said."""
    return Said(NEW_ORDER, ((11, block.cl_ord_id), *_order(block, block.quantity, at)))


def change(asked: Change, block: Block, *, at: datetime, lots: bool) -> Said:  # noqa: ARG001  as above
    """Return OrderCancelRequest (35=F) or OrderCancelReplaceRequest (35=G)."""
    if asked.cancels:
        return fix44.cancel(asked, block, at)
    return Said(REPLACE, ((41, asked.replaces), (11, asked.cl_ord_id), *_order(block, asked.quantity, at)))


def allocation(
    block: Block,
    *,
    alloc_id: ClOrdId,
    filled: Decimal,
    price: Decimal,
    at: datetime,
    kind: AllocationType,  # noqa: ARG001  4.2 has no such field
    lots: bool,  # noqa: ARG001  as above
    replaces: ClOrdId | None = None,
) -> Said:
    """Return Allocation (35=J): how the shares that were filled are split over accounts; see fix44."""
    transaction = ((71, "0"),) if replaces is None else ((71, "1"), (72, replaces))
    return Said(
        ALLOCATION,
        (
            (70, alloc_id),
            *transaction,
            (73, "1"),
            (11, block.cl_ord_id),
            *fix44.traded(block, filled, price, at),
            *_allocations(shared(block, filled)),
        ),
    )


def status_request(order: FixMessage, request_id: str) -> Said:  # noqa: ARG001  4.2 gives a question no name
    """Return OrderStatusRequest (35=H) about an order sent before."""
    return Said(STATUS_REQUEST, ((11, order.require(11)), (55, order.require(55)), (54, order.require(54))))


def modern(report: FixMessage) -> FixMessage:
    """Return an answer in the words of 4.4; one that is so already, or is no execution report, stays as it is.

    The answer to a question has ExecID 0 in 4.2, each time; it gets one of its own, from its number and time.
    """
    transaction = report.get(20)
    if report.type != EXECUTION_REPORT or transaction is None:
        return report
    kind = _BY_TRANSACTION.get(transaction) or ("F" if report.get(150) in _EXECUTIONS else report.require(150))
    words = {150: kind}
    if kind == "I":
        words[17] = "-".join(("0", report.get(34) or "", report.get(122) or report.get(52) or ""))
    return FixMessage(fields=tuple((tag, words.get(tag, value)) for tag, value in report.fields if tag != 20))


def _order(block: Block, quantity: Decimal, at: datetime) -> tuple[Field, ...]:
    return *_allocations(shared(block, quantity)), *fix44.terms(block, quantity, at)


def _allocations(shares: Iterable[Share]) -> tuple[Field, ...]:
    return fix44.group(
        [((79, each.order.account_number), (80, number(each.quantity))) for each in shares if each.quantity]
    )


DIALECT: Final = Dialect(
    name="FIX.4.2",
    begin=FIX42,
    application="FIX42.xml",
    carries_lots=False,
    new_order=new_order,
    change=change,
    allocation=allocation,
    status_request=status_request,
    mass_status=None,
)
