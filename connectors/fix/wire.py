"""How does a FIX message look on the wire? Fields in order, body length, checksum: made here, and checked here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from engine.domain.errors import DataError

SOH: Final = "\x01"
FIX42: Final = "FIX.4.2"
FIX44: Final = "FIX.4.4"
FIXT11: Final = "FIXT.1.1"
_HEAD: Final = re.compile(rb"8=(?:FIX\.4\.2|FIX\.4\.4|FIXT\.1\.1)\x019=(\d{1,7})\x01")
_TAIL: Final = re.compile(rb"10=(\d{3})\x01")
_BLANKS: Final = re.compile(rb"[\r\n]*")

Field = tuple[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FixMessage:
    """One message: every field between body length and checksum, in the order of the wire."""

    fields: tuple[Field, ...]

    @property
    def type(self) -> str:
        """MsgType (35)."""
        return self.require(35)

    def get(self, tag: int) -> str | None:
        """Return the first value of a tag, None where it is absent."""
        return next((value for found, value in self.fields if found == tag), None)

    def require(self, tag: int) -> str:
        """Return the first value of a tag. Raises DataError where it is absent."""
        value = self.get(tag)
        if value is None:
            kind, order = self.get(35) or "?", self.get(11) or "?"
            raise DataError(f"FIX message 35={kind}, ClOrdID {order}: expected tag {tag}, found none")
        return value

    def every(self, tag: int) -> tuple[str, ...]:
        """Return all values of a tag, as in a repeating group."""
        return tuple(value for found, value in self.fields if found == tag)


def encode(fields: Sequence[Field], *, begin: str = FIX44) -> bytes:
    """Return the message with begin string, body length and checksum around these fields (35 first).

    Raises DataError for a value that is empty or not printable ASCII: it would break the framing, or a counterparty.
    """
    for tag, value in fields:
        if not value or not value.isascii() or not value.isprintable():
            raise DataError(f"FIX tag {tag}: expected printable ASCII text, found {value!r}")
    body = "".join(f"{tag}={value}{SOH}" for tag, value in fields).encode("ascii")
    front = f"8={begin}{SOH}9={len(body)}{SOH}".encode("ascii") + body
    return front + f"10={sum(front) % 256:03d}{SOH}".encode("ascii")


def decode(data: bytes) -> tuple[FixMessage, ...]:
    """Return the messages of a FIX 4.2, 4.4 or FIXT.1.1 stream or file; line breaks between messages are skipped.

    Raises DataError, with the position, where the framing, a body length, a checksum or a field is wrong.
    """
    messages: list[FixMessage] = []
    place = _skip_blanks(data, 0)
    while place < len(data):
        message, place = _message_at(data, place)
        messages.append(message)
        place = _skip_blanks(data, place)
    return tuple(messages)


def utc_timestamp(at: datetime) -> str:
    """Return UTCTimestamp with milliseconds. Raises ValueError for a time without a zone."""
    if at.utcoffset() is None:
        raise ValueError(f"FIX time: expected a time with a zone, found {at}")
    return at.astimezone(UTC).strftime("%Y%m%d-%H:%M:%S.") + f"{at.microsecond // 1000:03d}"


def read_utc_timestamp(text: str) -> datetime:
    """Return the time that a UTCTimestamp states, with or without a fraction. Raises DataError."""
    for pattern in ("%Y%m%d-%H:%M:%S.%f", "%Y%m%d-%H:%M:%S"):
        try:
            return datetime.strptime(text, pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise DataError(f"FIX time: expected YYYYMMDD-HH:MM:SS[.sss], found {text!r}")


def _skip_blanks(data: bytes, place: int) -> int:
    match = _BLANKS.match(data, place)
    return match.end() if match else place


def _message_at(data: bytes, place: int) -> tuple[FixMessage, int]:
    head = _HEAD.match(data, place)
    if head is None:
        raise DataError(
            f"FIX data, byte {place}: expected 8=FIX.4.2, FIX.4.4 or FIXT.1.1, and 9=; "
            f"found {data[place : place + 24]!r}"
        )
    body_end = head.end() + int(head[1])
    tail = _TAIL.match(data, body_end)
    if tail is None or data[body_end - 1 : body_end] != SOH.encode():
        raise DataError(f"FIX data, byte {place}: expected 10= after a body of {int(head[1])} bytes, found otherwise")
    checksum = sum(data[place:body_end]) % 256
    if checksum != int(tail[1]):
        raise DataError(f"FIX data, byte {place}: expected checksum {checksum:03d}, found {tail[1].decode()}")
    parts = data[head.end() : body_end - 1].decode("latin-1").split(SOH)
    return FixMessage(fields=tuple(_field(part, place) for part in parts)), tail.end()


def _field(part: str, place: int) -> Field:
    tag, equals, value = part.partition("=")
    if not (tag.isascii() and tag.isdigit() and equals and value):
        raise DataError(f"FIX data, byte {place}: expected TAG=VALUE, found {part!r}")
    return int(tag), value
