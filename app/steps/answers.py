"""What did custodians say? Each answer, from a file or a live session, written down once."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from app.ports import Services
from connectors.fix.fix42 import modern
from connectors.fix.messages import (
    SESSION_REJECT,
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
from data.mailbox import Received
from data.order_events import answer_change, answer_instruction, blocks_of, record_correction
from data.orders import Acknowledgement, Correction, record_acknowledgements, record_fills
from engine.domain.errors import CheckFailed, DataError
from engine.domain.identifiers import ClOrdId
from engine.domain.orders import Fill

REJECTED: Final = "rejected"
ENDED: Final = "ended"
STATUS: Final = "status"
"""An answer to a question; its text is the number of shares that the custodian says are filled."""
_AT_ONCE: Final = 200  # messages in one transaction: others want to write too
_BREATH_S: Final = 0.005  # between two of them, so that who waits for the database gets its turn


def take_in_sessions(services: Services) -> int:
    """Take in what the gateway received from live sessions; return how many messages that were.

    A message that makes no sense, or is of no order of ours, is kept with the reason and holds up no other.
    """
    count = 0
    while services.inbox.waiting():
        if count:
            time.sleep(_BREATH_S)
        with services.database.begin() as connection:
            received = services.inbox.take(connection, _AT_ONCE)
            services.inbox.taken(connection, _problems(connection, received, services.now()), at=services.now())
        count += len(received)
    return count


def _problems(connection: Connection, received: Sequence[Received], at: datetime) -> dict[int, str | None]:
    """Write messages down, in one go where nothing is wrong with any; return what is wrong with each."""
    try:
        with connection.begin_nested():
            record_answers(connection, [_parsed(each.text) for each in received], at=at)
    except (DataError, CheckFailed):
        return {each.id: _problem(connection, each.text, at) for each in received}
    return {each.id: None for each in received}


def _problem(connection: Connection, text: str, at: datetime) -> str | None:
    try:
        with connection.begin_nested():
            record_answers(connection, [_parsed(text)], at=at)
    except (DataError, CheckFailed) as error:
        return str(error)
    return None


def _parsed(text: str) -> FixMessage:
    (message,) = decode(text.encode("latin-1"))  # as the gateway keeps it: a letter a byte
    return message


def record_answers(connection: Connection, messages: Sequence[FixMessage], *, at: datetime) -> int:
    """Write answers down in the caller's transaction; return how many said anything new.

    at: now. What answers a change counts for the block that it changed. Raises DataError for a message that makes no
    sense or is of no order of ours; CheckFailed where it contradicts what was said before.
    """
    spoken = [modern(message) for message in messages if message.type != SESSION_REJECT]  # the gateway has refused it
    answers = [(message, read_answer(message)) for message in spoken]
    blocks = blocks_of(connection, {a.cl_ord_id for _, a in answers if not isinstance(a, AllocationAnswer)})
    fills: list[Fill] = []
    told: list[Acknowledgement] = []
    others: list[tuple[FixMessage, Answer]] = []
    for message, answer in answers:
        if isinstance(answer, Fill):
            fills.append(replace(answer, cl_ord_id=blocks[answer.cl_ord_id]))
        elif isinstance(answer, Acknowledged) or (isinstance(answer, Status) and answer.known):
            told.append(_acknowledgement(message, answer, blocks[answer.cl_ord_id]))
        else:
            others.append((message, answer))
    new = record_fills(connection, fills) + record_acknowledgements(connection, told)
    return new + sum(_record_other(connection, *each, blocks, at) for each in others)


def _record_other(
    connection: Connection, message: FixMessage, answer: Answer, blocks: Mapping[ClOrdId, ClOrdId], at: datetime
) -> bool:
    """Write down what is not said of every order: what ends, changes, corrects or refuses; return whether it is new."""
    if isinstance(answer, AllocationAnswer):
        return _record_split(connection, answer)
    if isinstance(answer, Status):
        return False  # unknown there: the gateway has asked, and sends it again
    own = answer.cl_ord_id
    block = blocks[own]
    if block != own:
        _record_change(connection, answer)
    if isinstance(answer, ChangeRejected) or (block != own and isinstance(answer, Rejected)):
        return block != own or _stray(own)
    if isinstance(answer, Rejected) and answer_instruction(connection, own, taken=False, text=answer.text):
        return True
    if isinstance(answer, Corrected):
        return _record_correction(connection, answer, block, message.require(17), at)
    return bool(record_acknowledgements(connection, [_acknowledgement(message, answer, block)]))


def _record_split(connection: Connection, answer: AllocationAnswer) -> bool:
    if answer.taken is None:
        return False
    return answer_instruction(connection, answer.alloc_id, taken=answer.taken, text=answer.text) or _stray(
        answer.alloc_id
    )


def _record_change(connection: Connection, answer: Answer) -> None:
    if isinstance(answer, Replaced | Ended):
        answer_change(connection, answer.cl_ord_id, taken=True, text="")
    elif isinstance(answer, Rejected) or (isinstance(answer, ChangeRejected) and not answer.had_it):
        answer_change(connection, answer.cl_ord_id, taken=False, text=answer.text or f"reason {answer.code}")


def _record_correction(connection: Connection, answer: Corrected, block: ClOrdId, exec_id: str, at: datetime) -> bool:
    if answer.instead is not None:
        record_fills(connection, [replace(answer.instead, cl_ord_id=block)])
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
