"""How is an exact value kept in a column, the same on SQLite and PostgreSQL? As text that comes back equal."""

import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeVar

import pyarrow as pa
from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

from engine.domain.errors import CheckFailed
from engine.plan.document import canonical_json

T = TypeVar("T")


class _AsText(TypeDecorator[T]):
    """A value kept as the text that to_text makes; NULL is None."""

    impl = Text
    cache_ok = True

    def to_text(self, value: T) -> str:
        raise NotImplementedError

    def from_text(self, text: str) -> T:
        raise NotImplementedError

    def process_bind_param(self, value: T | None, dialect: Dialect) -> str | None:  # noqa: ARG002  SQLAlchemy's hook
        return None if value is None else self.to_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> T | None:  # noqa: ARG002  SQLAlchemy's hook
        return None if value is None else self.from_text(value)


class Exact(_AsText[Decimal]):
    """A decimal with its exponent: 1.50 stays 1.50. Not for arithmetic or order in SQL."""

    cache_ok = True

    def to_text(self, value: Decimal) -> str:
        return str(value)

    def from_text(self, text: str) -> Decimal:
        return Decimal(text)


class UtcTime(_AsText[datetime]):
    """An instant, to the microsecond, as ISO text in UTC; the order of the texts is the order of the instants."""

    cache_ok = True

    def to_text(self, value: datetime) -> str:
        return utc_text(value)

    def from_text(self, text: str) -> datetime:
        return datetime.fromisoformat(text)


class Choice(_AsText[StrEnum]):
    """A member of one enumeration."""

    cache_ok = True

    def __init__(self, choices: type[StrEnum]) -> None:
        super().__init__()
        self.choices = choices

    def to_text(self, value: StrEnum) -> str:
        return str(self.choices(value))

    def from_text(self, text: str) -> StrEnum:
        return self.choices(text)


class Names(_AsText[tuple[str, ...]]):
    """A few words in their order."""

    cache_ok = True

    def to_text(self, value: tuple[str, ...]) -> str:
        return canonical_json(list(value)).decode()

    def from_text(self, text: str) -> tuple[str, ...]:
        return tuple(json.loads(text))


class Json(_AsText[Any]):
    """JSON values, the keys of their objects in the order given."""

    cache_ok = True

    def to_text(self, value: Any) -> str:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    def from_text(self, text: str) -> Any:
        return json.loads(text)


class PackedJson(Json):
    """JSON values as Json keeps them, compressed: of a plan a tenth is left. What Json wrote is read as well."""

    cache_ok = True

    def to_text(self, value: Any) -> str:
        return value if isinstance(value, Packed) else packed_json(value)

    def from_text(self, text: str) -> Any:
        return unpacked_json(Packed(text)) if text.startswith(_PACKED) else super().from_text(text)


class Packed(str):
    """JSON values in the form in which PackedJson keeps them: made where there is time for it."""

    __slots__ = ()


def packed_json(value: Any) -> Packed:
    """Return JSON values compressed: zstd:, the size in bytes, and base64. The keys of objects keep their order."""
    content = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    body = b64encode(pa.Codec("zstd", compression_level=3).compress(content, asbytes=True)).decode()
    return Packed(f"{_PACKED}{len(content)}:{body}")


def unpacked_json(packed: Packed) -> Any:
    """Return the JSON values that packed_json compressed. Raises CheckFailed where somebody changed the text."""
    try:
        size, body = packed.removeprefix(_PACKED).split(":")
        return json.loads(pa.Codec("zstd").decompress(b64decode(body, validate=True), int(size), asbytes=True))
    except (ValueError, OSError) as error:
        raise CheckFailed(f"a stored document cannot be read, it is not what was written: {error}") from error


_PACKED: Final = "zstd:"


def utc_text(at: datetime) -> str:
    """Return an instant as fixed-width ISO text in UTC. Raises ValueError for a time without a zone."""
    if at.utcoffset() is None:
        raise ValueError(f"expected a time with its zone, found {at.isoformat()}")
    return at.astimezone(UTC).isoformat(timespec="microseconds")
