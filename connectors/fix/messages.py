"""How do we say a block in FIX 4.4, and what does a custodian's answer mean? Pure mapping, both ways."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from connectors.fix.wire import Field, FixMessage, encode, read_utc_timestamp, utc_timestamp
from engine.domain.errors import DataError
from engine.domain.identifiers import ClOrdId
from engine.domain.orders import Block, Fill, Order
from engine.domain.plans import Side

LOGON: Final = "A"
NEW_ORDER: Final = "D"
EXECUTION_REPORT: Final = "8"
SESSION_REJECT: Final = "3"
BUSINESS_REJECT: Final = "j"
STATUS_REQUEST: Final = "H"

_NUMBER: Final = re.compile(r"-?\d{1,18}(\.\d{0,12})?")  # FIX knows no exponents
_SIDES: Final = {Side.BUY: "1", Side.SELL: "2"}
_WORKING: Final = frozenset({"0", "A", "D", "9", "7"})  # new, pending new, restated, suspended, stopped
_ENDED: Final = {"3": "done for the day", "4": "cancelled", "C": "expired"}
_TRADE, _TRADE_CORRECT, _TRADE_CANCEL, _REJECTED, _STATUS = "F", "G", "H", "8", "I"
_UNKNOWN_ORDER, _DUPLICATE_ORDER = "5", "6"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The custodian holds the order."""

    cl_ord_id: ClOrdId
    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The order was refused. code: OrdRejReason (103) or the reject's own reason, "" where none was given."""

    cl_ord_id: ClOrdId
    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """No more executions will come: done for the day, cancelled or expired."""

    cl_ord_id: ClOrdId
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """An earlier execution is taken back (instead is None) or replaced. exec_ref_id names it."""

    cl_ord_id: ClOrdId
    exec_ref_id: str
    instead: Fill | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The answer to a status request. known is False where the custodian never got the order; filled in shares."""

    cl_ord_id: ClOrdId
    request_id: str
    known: bool
    refused: bool
    filled: Decimal


Answer = Acknowledged | Rejected | Ended | Corrected | Status | Fill


def new_order(block: Block, *, at: datetime) -> tuple[Field, ...]:
    """Return the fields of NewOrderSingle (35=D) for a block: at market, for the day, allocated in advance.

    at is the time of release (TransactTime). The fields come in the standard's order and hold standard tags only.
    """
    allocations = [field for order in block.allocations for field in _allocation(order)]
    cusip = [(48, block.cusip), (22, "1")] if block.cusip else []
    return (
        (11, block.cl_ord_id),
        (591, "0"),  # partial fills are shared pro rata
        (70, block.cl_ord_id),
        (78, str(len(block.allocations))),
        *allocations,
        (21, "1"),  # no manual handling
        (55, block.ticker),
        *cusip,
        (54, _SIDES[block.side]),
        (60, utc_timestamp(at)),
        (38, number(block.quantity)),
        (40, "1"),  # market
        (15, "USD"),
        (59, "0"),  # day
    )


def _allocation(order: Order) -> tuple[Field, ...]:
    return (79, order.account_number), (661, "99"), (467, order.cl_ord_id), (80, number(order.quantity))


def status_request(order: FixMessage, request_id: str) -> tuple[Field, ...]:
    """Return the fields of OrderStatusRequest (35=H) for an order sent before; request_id comes back as tag 790."""
    return (11, order.require(11)), (790, request_id), (55, order.require(55)), (54, order.require(54))


def message(kind: str, fields: Iterable[Field], *, sender: str, target: str, sequence: int, sent: datetime) -> bytes:
    """Return a whole message of this type: header, fields, length and checksum. Raises DataError as encode does."""
    header = (35, kind), (49, sender), (56, target), (34, str(sequence)), (52, utc_timestamp(sent))
    return encode((*header, *fields))


def number(value: Decimal) -> str:
    """Return a decimal as FIX writes it: no exponent, no trailing zeros."""
    return format(value.normalize(), "f") if value else "0"


def read_number(message: FixMessage, tag: int) -> Decimal:
    """Return a quantity or price. Raises DataError where the tag is absent or not a FIX number."""
    text = message.require(tag)
    if not _NUMBER.fullmatch(text):
        raise DataError(f"FIX tag {tag} of {message.get(11) or '?'}: expected a number, found {text!r}")
    return Decimal(text)


def read_answer(message: FixMessage) -> Answer:
    """Return what a custodian's message says about one of our orders.

    A rejection as a duplicate (103=6) counts as an acknowledgement: the custodian holds that order. Raises DataError
    for a message that is no execution report or business reject, or an execution type with no known meaning.
    """
    if message.type == BUSINESS_REJECT:
        order = ClOrdId(message.require(379))
        return Rejected(cl_ord_id=order, code=message.require(380), text=message.get(58) or "")
    if message.type != EXECUTION_REPORT:
        raise DataError(f"FIX message 35={message.type}: expected an execution report (8) or business reject (j)")
    return _read_report(message, ClOrdId(message.require(11)), message.require(150))


def _read_report(message: FixMessage, order: ClOrdId, kind: str) -> Answer:
    if kind == _TRADE:
        return _read_fill(message, order)
    if kind in (_TRADE_CORRECT, _TRADE_CANCEL):
        instead = _read_fill(message, order) if kind == _TRADE_CORRECT else None
        return Corrected(cl_ord_id=order, exec_ref_id=message.require(19), instead=instead)
    if kind == _STATUS or (message.get(103) == _UNKNOWN_ORDER and message.get(790)):
        return _read_status(message, order)
    if kind in _WORKING or (kind == _REJECTED and message.get(103) == _DUPLICATE_ORDER):
        return Acknowledged(cl_ord_id=order, order_id=message.require(37))
    if kind == _REJECTED:
        return Rejected(cl_ord_id=order, code=message.get(103) or "", text=message.get(58) or "")
    if kind in _ENDED:
        return Ended(cl_ord_id=order, how=_ENDED[kind])
    raise DataError(f"execution report of {order}: expected a known ExecType (150), found {kind}")


def _read_status(message: FixMessage, order: ClOrdId) -> Status:
    known = message.get(103) != _UNKNOWN_ORDER
    return Status(
        cl_ord_id=order,
        request_id=message.get(790) or "",
        known=known,
        refused=known and message.require(39) == _REJECTED,
        filled=read_number(message, 14),
    )


def _read_fill(message: FixMessage, order: ClOrdId) -> Fill:
    quantity, price = read_number(message, 32), read_number(message, 31)
    if not (quantity > 0 and price > 0):
        raise DataError(f"execution of {order}: expected shares and price > 0, found {quantity} at {price}")
    return Fill(
        exec_id=message.require(17),
        cl_ord_id=order,
        quantity=quantity,
        price=price,
        executed_at=read_utc_timestamp(message.get(60) or message.require(52)),
    )


def fills_of(answers: Iterable[Answer]) -> tuple[Fill, ...]:
    """Return the executions that stand after corrections and cancellations, whatever order the answers came in.

    A report that came twice counts once. Raises DataError when two reports of one execution
    differ, or a correction names no execution among the answers.
    """
    fills: dict[tuple[ClOrdId, str], Fill] = {}
    replaced: set[tuple[ClOrdId, str]] = set()
    for answer in answers:
        if isinstance(answer, Corrected):
            replaced.add((answer.cl_ord_id, answer.exec_ref_id))
        fill = answer.instead if isinstance(answer, Corrected) else answer
        if isinstance(fill, Fill) and fills.setdefault((fill.cl_ord_id, fill.exec_id), fill) != fill:
            raise DataError(f"execution {fill.exec_id} of {fill.cl_ord_id}: expected one content, found two")
    strays = sorted(replaced - set(fills))
    if strays:
        raise DataError(f"correction of execution {strays[0][1]} of {strays[0][0]}: found no such execution")
    return tuple(fill for key, fill in fills.items() if key not in replaced)
