"""How does a frozen value become a row, and a row a value? Field by field: columns carry the names of the fields."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import RowMapping

T = TypeVar("T")


def to_row(item: Any, *, leave: Iterable[str] = (), **more: Any) -> dict[str, Any]:
    """Return the fields of a dataclass by name, without those to leave, with some columns more."""
    return {field.name: getattr(item, field.name) for field in fields(item) if field.name not in leave} | more


def from_row(kind: type[T], row: Mapping[str, Any] | RowMapping, **more: Any) -> T:
    """Return the dataclass whose fields a row holds; columns that are no field of it are passed over."""
    names = [field.name for field in fields(kind) if field.name not in more]  # type: ignore[arg-type]  # a dataclass
    return kind(**{name: row[name] for name in names}, **more)
