"""How does a value become JSON and come back equal? One pair of functions for each type, made from its annotations."""

import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin

import numpy as np

from engine.plan.document import canonical_json

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """write makes JSON values; read makes the value again, equal to the last decimal, exponent and order."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def dumps(value: object) -> bytes:
    """Return the canonical JSON of a value of one of our dataclasses, or of JSON values. Raises ValueError for NaN."""
    return canonical_json(codec(type(value)).write(value))


def loads(kind: type[T], content: str | bytes) -> T:
    """Return the value of this type that dumps wrote."""
    return cast(T, codec(kind).read(json.loads(content)))


def from_columns(kind: type[T], columns: Mapping[str, Sequence[Any]]) -> tuple[T, ...]:
    """Return rows of one dataclass that were written as JSON columns; one that came later may be missing."""
    later = _later(kind)
    parts = {name: part for name, part in _parts_of(kind).items() if name not in later or name in columns}
    values = [map(part.read, columns[name]) for name, part in parts.items()]
    return tuple(kind(**dict(zip(parts, row, strict=True))) for row in zip(*values, strict=True))


def codec(kind: Any) -> Codec:
    """Return the codec of a type annotation. Raises TypeError for a type it does not know."""
    return _codec(kind)


@cache
def _codec(kind: Any) -> Codec:
    if hasattr(kind, "__supertype__"):  # a NewType
        return codec(kind.__supertype__)
    if get_origin(kind) is not None:
        return _generic(kind)
    if isinstance(kind, type):
        if issubclass(kind, StrEnum):
            return Codec(write=str, read=kind)
        if is_dataclass(kind):
            return _dataclass(kind)
    if kind in _PLAIN:
        return _PLAIN[kind]
    raise TypeError(f"no exact JSON form is known for {kind}")


def _generic(kind: Any) -> Codec:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (typing.Union, types.UnionType):
        (inner,) = (codec(argument) for argument in arguments if argument is not types.NoneType)
        return Codec(
            write=lambda value: None if value is None else inner.write(value),
            read=lambda value: None if value is None else inner.read(value),
        )
    if origin is tuple and arguments[-1] is Ellipsis:
        item = codec(arguments[0])
        return Codec(write=lambda value: list(map(item.write, value)), read=lambda value: tuple(map(item.read, value)))
    if origin is tuple:
        parts = [codec(argument) for argument in arguments]
        return Codec(
            write=lambda value: [part.write(v) for part, v in zip(parts, value, strict=True)],
            read=lambda value: tuple(part.read(v) for part, v in zip(parts, value, strict=True)),
        )
    if origin is np.ndarray:
        return Codec(write=_array, read=lambda value: np.array(value["values"], np.float64).reshape(value["shape"]))
    if origin in (Mapping, dict):
        # Pairs and not an object: the order of a mapping decides the order of sums, and so the last bit of a figure.
        key, item = map(codec, arguments)
        return Codec(
            write=lambda value: [[key.write(k), item.write(v)] for k, v in value.items()],
            read=lambda value: {key.read(k): item.read(v) for k, v in value},
        )
    raise TypeError(f"no exact JSON form is known for {kind}")


def _array(value: Any) -> dict[str, Any]:
    return {"shape": list(value.shape), "values": np.asarray(value, np.float64).ravel().tolist()}


def _dataclass(kind: type[Any]) -> Codec:
    parts = _parts_of(kind)
    later = _later(kind)
    if not later:
        return Codec(
            write=lambda value: {name: part.write(getattr(value, name)) for name, part in parts.items()},
            read=lambda value: kind(**{name: part.read(value[name]) for name, part in parts.items()}),
        )
    return Codec(
        write=lambda value: {
            name: part.write(getattr(value, name))
            for name, part in parts.items()
            if name not in later or getattr(value, name) is not None
        },
        read=lambda value: kind(
            **{name: part.read(value[name]) for name, part in parts.items() if name not in later or name in value}
        ),
    )


def _later(kind: Any) -> frozenset[str]:
    return frozenset(field.name for field in fields(kind) if field.metadata.get("written_if_given"))


def _parts_of(kind: Any) -> Mapping[str, Codec]:
    return _parts(kind)


@cache
def _parts(kind: Any) -> Mapping[str, Codec]:
    hints = typing.get_type_hints(kind)
    return {field.name: codec(hints[field.name]) for field in fields(kind)}


def _same(value: Any) -> Any:
    return value


_SAME = Codec(write=_same, read=_same)
_PLAIN: Mapping[Any, Codec] = {
    str: _SAME,
    bool: _SAME,
    int: _SAME,
    float: _SAME,
    Any: _SAME,
    dict: _SAME,
    list: _SAME,
    Decimal: Codec(write=str, read=Decimal),
    date: Codec(write=date.isoformat, read=date.fromisoformat),
    datetime: Codec(write=datetime.isoformat, read=datetime.fromisoformat),
}
