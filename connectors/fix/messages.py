"""What is every message made of, and what does a custodian's answer mean, whatever the version of FIX? Pure mapping."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from connectors.fix.wire import FIX44, Field, FixMessage, encode, read_utc_timestamp, utc_timestamp
from engine.domain.errors import DataError
from engine.domain.identifiers import ClOrdId
from engine.domain.orders import Fill

LOGON: Final = "A"
NEW_ORDER: Final = "D"
EXECUTION_REPORT: Final = "8"
SESSION_REJECT: Final = "3"
BUSINESS_REJECT: Final = "j"
STATUS_REQUEST: Final = "H"
MASS_STATUS: Final = "AF"
CANCEL: Final = "F"
REPLACE: Final = "G"
CANCEL_REJECT: Final = "9"
ALLOCATION: Final = "J"
ALLOCATION_ANSWER: Final = "P"

_NUMBER: Final = re.compile(r"-?\d{1,18}(\.\d{0,12})?")  # FIX knows no exponents
_WORKING: Final = frozenset({"0", "A", "D", "9", "7", "6", "E"})  # new, restated, ..., a change is being looked at
_ENDED: Final = {"3": "done for the day", "4": "cancelled", "C": "expired"}
_TRADE, _TRADE_CORRECT, _TRADE_CANCEL, _REJECTED, _STATUS, _REPLACED = "F", "G", "H", "8", "I", "5"
_UNKNOWN_ORDER, _DUPLICATE_ORDER = "5", "6"
_QUESTIONS: Final = frozenset({STATUS_REQUEST, MASS_STATUS})
_ALLOCATION_REFUSED: Final = frozenset({"1", "2", "5"})  # the block, some accounts, or by an intermediary
_ALLOCATION_TAKEN: Final = "0"


class Said(NamedTuple):
    """A message of ours without its header: MsgType and fields in order."""

    kind: str
    fields: tuple[Field, ...]


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
    """The answer to a status request. known is False where the custodian never got the order; filled in shares.

    request_id: the question's, "" where this version of FIX gives it none. last: no other order follows in the answer
    to a question about all of them.
    """

    cl_ord_id: ClOrdId
    request_id: str
    known: bool
    refused: bool
    filled: Decimal
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """The custodian took our change: the order is now held under this id, for quantity shares in all."""

    cl_ord_id: ClOrdId
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRejected:
    """Our wish to cancel or replace was refused; the order stands as it was. code: CxlRejReason (102)."""

    cl_ord_id: ClOrdId
    code: str
    text: str

    @property
    def had_it(self) -> bool:
        """Whether our wish came a second time: what was said to the first stands."""
        return self.code == _DUPLICATE_ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationAnswer:
    """What the custodian says to a split over accounts and lots; alloc_id is that of our instruction.

    taken: True accepted, False refused, None not decided yet. text: its reasons, each account's with its number.
    """

    alloc_id: ClOrdId
    taken: bool | None
    text: str


Answer = Acknowledged | Rejected | Ended | Corrected | Status | Replaced | ChangeRejected | AllocationAnswer | Fill


def message(
    kind: str,
    fields: Iterable[Field],
    *,
    sender: str,
    target: str,
    sequence: int,
    sent: datetime,
    begin: str = FIX44,
) -> bytes:
    """Return a whole message of this type: header, fields, length and checksum. Raises DataError as encode does."""
    header = (35, kind), (49, sender), (56, target), (34, str(sequence)), (52, utc_timestamp(sent))
    return encode((*header, *fields), begin=begin)


def refusal(kind: str, key: str, reason: str) -> Said:
    """Return what a custodian would have answered to a message of ours that FIX itself, or we, did not let through.

    kind: its MsgType; key: the id that it gives itself. So that one reader learns of every refusal.
    """
    if kind in (CANCEL, REPLACE):
        return Said(CANCEL_REJECT, ((11, key), (102, "99"), (58, reason)))
    if kind == ALLOCATION:
        return Said(ALLOCATION_ANSWER, ((70, key), (87, "1"), (88, "99"), (58, reason)))
    return Said(EXECUTION_REPORT, ((11, key), (17, f"refused-{key}"), (150, "8"), (103, "99"), (58, reason)))


def withdrawal(change: ClOrdId) -> Said:
    """Return what a custodian would have answered to the cancellation of an order that had not left us yet."""
    text = "withdrawn before it was sent"
    return Said(EXECUTION_REPORT, ((11, change), (17, f"withdrawn-{change}"), (150, "4"), (58, text)))


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

    message: in the words of FIX 4.4 or later. A rejection as a duplicate (103=6) counts as an acknowledgement: the
    custodian holds that order. Raises DataError for a message of another type than those that answer ours, or an
    execution type with no known meaning.
    """
    if message.type == BUSINESS_REJECT:
        if message.get(372) in _QUESTIONS:
            raise DataError(
                f"FIX message 35=j: a question (35={message.get(372)}) was refused, which says nothing of an order"
            )
        order = ClOrdId(message.require(379))
        return Rejected(cl_ord_id=order, code=message.require(380), text=message.get(58) or "")
    if message.type == CANCEL_REJECT:
        asked = ClOrdId(message.require(11))
        return ChangeRejected(cl_ord_id=asked, code=message.get(102) or "", text=message.get(58) or "")
    if message.type == ALLOCATION_ANSWER:
        return _read_allocation(message)
    if message.type != EXECUTION_REPORT:
        raise DataError(
            f"FIX message 35={message.type}: expected an execution report (8), a reject (9, j) or an allocation's "
            "answer (P)"
        )
    return _read_report(message, ClOrdId(message.get(11) or ""), message.require(150))


def _read_report(message: FixMessage, order: ClOrdId, kind: str) -> Answer:
    if kind == _STATUS or (message.get(103) == _UNKNOWN_ORDER and (message.get(790) or message.get(584))):
        return _read_status(message, order)
    order = ClOrdId(message.require(11))
    if kind == _TRADE:
        return _read_fill(message, order)
    if kind in (_TRADE_CORRECT, _TRADE_CANCEL):
        instead = _read_fill(message, order) if kind == _TRADE_CORRECT else None
        return Corrected(cl_ord_id=order, exec_ref_id=message.require(19), instead=instead)
    if kind in _WORKING or (kind == _REJECTED and message.get(103) == _DUPLICATE_ORDER):
        return Acknowledged(cl_ord_id=order, order_id=message.require(37))
    if kind == _REPLACED:
        return Replaced(cl_ord_id=order, quantity=read_number(message, 38))
    if kind == _REJECTED:
        return Rejected(cl_ord_id=order, code=message.get(103) or "", text=message.get(58) or "")
    if kind in _ENDED:
        return Ended(cl_ord_id=order, how=_ENDED[kind])
    raise DataError(f"execution report of {order}: expected a known ExecType (150), found {kind}")


def _read_allocation(message: FixMessage) -> AllocationAnswer:
    status = message.require(87)
    taken = True if status == _ALLOCATION_TAKEN else False if status in _ALLOCATION_REFUSED else None
    reasons, account = [message.get(58)], ""
    for tag, value in message.fields:
        if tag == 79:
            account = value
        if tag == 161:
            reasons.append(f"{account}: {value}")
    said = "; ".join(reason for reason in reasons if reason)
    code = message.get(88)
    return AllocationAnswer(
        alloc_id=ClOrdId(message.require(70)), taken=taken, text=said or (f"reason {code}" if code else "")
    )


def _read_status(message: FixMessage, order: ClOrdId) -> Status:
    known = message.get(103) != _UNKNOWN_ORDER
    return Status(
        cl_ord_id=order,
        request_id=message.get(790) or message.get(584) or "",
        known=known,
        refused=known and message.require(39) == _REJECTED,
        filled=read_number(message, 14),
        last=message.get(912) == "Y" or not known,
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
