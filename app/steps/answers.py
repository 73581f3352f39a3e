"""What did custodians say? Each answer, from a file or a live session, written down once."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from app.ports import Services
from connectors.fix.fix42 import modern
from connectors.fix.messages import (
    Acknowledged,
    AllocationAnswer,
    Answer,
    ChangeRejected,
    Corrected,
    Ended,
    Rejected,
    Replaced,
    Status,
    number,
    read_answer,
)
from connectors.fix.wire import FixMessage, decode, read_utc_timestamp
from data.order_events import answer_change, answer_instruction, block_of, record_correction
from data.orders import Acknowledgement, Correction, record_acknowledgement, record_fill
from engine.domain.errors import CheckFailed, DataError
from engine.domain.identifiers import ClOrdId
from engine.domain.orders import Fill

REJECTED: Final = "rejected"
ENDED: Final = "ended"
STATUS: Final = "status"
"""An answer to a question; its text is the number of shares that the custodian says are filled."""
_AT_ONCE: Final = 200  # messages in one transaction: others want to write too


def take_in_sessions(services: Services) -> int:
    """Take in what the gateway received from live sessions; return how many messages that were.

    A message that makes no sense, or is of no order of ours, is kept with the reason and holds up no other.
    """
    count = 0
    while services.inbox.waiting():
        with services.database.begin() as connection:
            received = services.inbox.take(connection, _AT_ONCE)
            problems: dict[int, str | None] = {}
            for each in received:
                problems[each.id] = _problem(connection, each.text, services.now())
            services.inbox.taken(connection, problems, at=services.now())
        count += len(received)
        if not received:
            break  # another process holds the rest
    return count


def record_answer(connection: Connection, message: FixMessage, *, at: datetime) -> bool:
    """Write one answer down in the caller's transaction; return whether it said anything new.

    at: now. What answers a change counts for the block that it changed. Raises DataError for a message that makes no
    sense or is of no order of ours; CheckFailed where it contradicts what was said before.
    """
    message = modern(message)
    answer = read_answer(message)
    if isinstance(answer, AllocationAnswer):
        return _record_split(connection, answer)
    if isinstance(answer, Status) and not answer.known:
        return False  # the gateway has asked, and sends it again
    own = answer.cl_ord_id
    block = block_of(connection, own)
    if block != own:
        _record_change(connection, answer)
    if isinstance(answer, ChangeRejected) or (block != own and isinstance(answer, Rejected)):
        return block != own or _stray(own)
    if isinstance(answer, Rejected) and answer_instruction(connection, own, taken=False, text=answer.text):
        return True
    if isinstance(answer, Fill):
        return record_fill(connection, replace(answer, cl_ord_id=block))
    if isinstance(answer, Corrected):
        return _record_correction(connection, answer, block, message.require(17), at)
    return record_acknowledgement(connection, _acknowledgement(message, answer, block))


def _problem(connection: Connection, text: str, at: datetime) -> str | None:
    try:
        with connection.begin_nested():
            (message,) = decode(text.encode("utf-8", "surrogateescape"))
            if message.type != "3":  # a reject by the session: the gateway has noted what it refuses
                record_answer(connection, message, at=at)
    except (DataError, CheckFailed) as error:
        return str(error)
    return None


def _record_split(connection: Connection, answer: AllocationAnswer) -> bool:
    if answer.taken is None:
        return False
    return answer_instruction(connection, answer.alloc_id, taken=answer.taken, text=answer.text) or _stray(
        answer.alloc_id
    )


def _record_change(connection: Connection, answer: Answer) -> None:
    if isinstance(answer, Replaced | Ended):
        answer_change(connection, answer.cl_ord_id, taken=True, text="")
    elif isinstance(answer, ChangeRejected | Rejected):
        answer_change(connection, answer.cl_ord_id, taken=False, text=answer.text or f"reason {answer.code}")


def _record_correction(connection: Connection, answer: Corrected, block: ClOrdId, exec_id: str, at: datetime) -> bool:
    if answer.instead is not None:
        record_fill(connection, replace(answer.instead, cl_ord_id=block))
    correction = Correction(cl_ord_id=block, exec_ref_id=answer.exec_ref_id, exec_id=exec_id, at=at)
    return record_correction(connection, correction)


def _stray(key: ClOrdId) -> bool:
    raise DataError(f"answer to {key}: expected one that was sent, found none of that id")


def _acknowledgement(message: FixMessage, answer: Answer, block: ClOrdId) -> Acknowledgement:
    status, text = "answered", ""
    if isinstance(answer, Rejected):
        status, text = REJECTED, answer.text
    if isinstance(answer, Acknowledged):
        status, text = "acknowledged", answer.order_id
    if isinstance(answer, Replaced):
        status, text = "replaced", f"{number(answer.quantity)} shares"
    if isinstance(answer, Ended):
        status, text = ENDED, answer.how
    if isinstance(answer, Status) and answer.known:
        status, text = STATUS, number(answer.filled)
    return Acknowledgement(
        message_id=(message.get(17) or message.require(34)) + (message.get(790) or message.get(584) or ""),
        cl_ord_id=block,
        status=status,
        text=text,
        at=read_utc_timestamp(message.get(60) or message.require(52)),  # the custodian's: read again, it is the same
    )
