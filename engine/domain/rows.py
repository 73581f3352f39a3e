"""How are thousands of lots held without thousands of objects? As columns; a row is made when it is asked for."""

import types
import typing
from collections.abc import Callable, Collection, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache, cached_property
from typing import Any, Final, Generic, TypeVar, cast, get_args, get_origin, overload

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Floats = NDArray[np.float64]
Days = NDArray[np.int32]
Codes = NDArray[np.int32]
Places = NDArray[np.intp] | NDArray[np.bool_]

NO_DAY: Final = 0
NO_TEXT: Final = -1
_NONE: Final = np.iinfo(np.int64).min
_EXACT: Final = 2**53  # whole numbers below it are floats without a rounding
_LARGEST: Final = 10**18
_FARTHEST: Final = 127
_UNITS: Final = {exponent: Decimal((0, (1,), exponent)) for exponent in range(-_FARTHEST, _FARTHEST + 1)}
_TENS: Final = 10.0 ** np.arange(23)  # each exact


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Words, each kept once: codes (n,) are places in values, NO_TEXT for None."""

    codes: Codes
    values: tuple[str, ...]

    @classmethod
    def of(cls, items: Sequence[str | None]) -> "Texts":
        """Return the column of these words, values in the order in which they first appear."""
        places: dict[str, int] = {}
        codes = [NO_TEXT if item is None else places.setdefault(str(item), len(places)) for item in items]
        return cls(np.array(codes, dtype=np.int32), tuple(places))

    @classmethod
    def none(cls, size: int) -> "Texts":
        """Return a column without any value."""
        return cls(np.full(size, NO_TEXT, dtype=np.int32), ())

    @property
    def given(self) -> NDArray[np.bool_]:
        """Which are not None: (n,)."""
        return np.not_equal(self.codes, NO_TEXT)

    def among(self, words: Container[str | None]) -> NDArray[np.bool_]:
        """Return which are one of these words, None never: (n,)."""
        if len(self.codes) < len(self.values):
            return np.array([word is not None and word in words for word in self.items()], dtype=bool)
        found: NDArray[np.bool_] = np.array([*(value in words for value in self.values), False])  # place -1 is None
        return found[self.codes]

    def where(self, keep: Places) -> "Texts":
        return Texts(self.codes[keep], self.values)

    def followed_by(self, other: "Texts") -> "Texts":
        places = {word: place for place, word in enumerate(self.values)}
        moved = np.array([*(places.setdefault(word, len(places)) for word in other.values), NO_TEXT], dtype=np.int32)
        return Texts(np.concatenate([self.codes, moved[other.codes]]), tuple(places))

    def items(self) -> list[Any]:
        values = self.values
        return [values[code] if code >= 0 else None for code in self.codes.tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class Decimals:
    """Exact decimals: coefficient (n,) times ten to the exponent (n,). odd: by place, what does not fit that way."""

    coefficient: NDArray[np.int64]
    exponent: NDArray[np.int8]
    odd: Mapping[int, Decimal]

    @classmethod
    def of(cls, items: Sequence[Decimal | None]) -> "Decimals":
        """Return the column of these numbers, each to be had again with the very exponent that it has."""
        return cls.read(["" if item is None else str(item) for item in items])

    @classmethod
    def read(cls, texts: Sequence[str]) -> "Decimals":
        """Return the column of the numbers that texts state, as Decimal() would read them; "" is None."""
        coefficient, exponent, odd = [], [], {}
        for place, text in enumerate(texts):
            parts = _parts(text)
            if parts is None:
                odd[place], parts = Decimal(text), (0, 0)
            coefficient.append(parts[0])
            exponent.append(parts[1])
        return cls(np.array(coefficient, dtype=np.int64), np.array(exponent, dtype=np.int8), odd)

    @classmethod
    def none(cls, size: int) -> "Decimals":
        """Return a column without any value."""
        return cls(np.full(size, _NONE, dtype=np.int64), np.zeros(size, dtype=np.int8), {})

    @property
    def given(self) -> NDArray[np.bool_]:
        """Which are not None: (n,)."""
        return np.not_equal(self.coefficient, _NONE)

    def where(self, keep: Places) -> "Decimals":
        if not self.odd:
            return Decimals(self.coefficient[keep], self.exponent[keep], self.odd)
        kept = np.arange(len(self.coefficient))[keep].tolist()
        odd = {place: self.odd[old] for place, old in enumerate(kept) if old in self.odd}
        return Decimals(self.coefficient[keep], self.exponent[keep], odd)

    def followed_by(self, other: "Decimals") -> "Decimals":
        odd = {**self.odd, **{len(self.coefficient) + place: item for place, item in other.odd.items()}}
        coefficient = np.concatenate([self.coefficient, other.coefficient])
        return Decimals(coefficient, np.concatenate([self.exponent, other.exponent]), odd)

    def items(self) -> list[Decimal | None]:
        found = [
            None if coefficient == _NONE else Decimal(coefficient) * _UNITS[exponent]
            for coefficient, exponent in zip(self.coefficient.tolist(), self.exponent.tolist(), strict=True)
        ]
        for place, item in self.odd.items():
            found[place] = item
        return found

    @property
    def _is_plain(self) -> bool:
        """Whether every number is there and a whole number that floats hold over a power of ten that they hold."""
        sizes, places = self.coefficient, self.exponent
        return bool(
            sizes.min(initial=0) > -_EXACT
            and sizes.max(initial=0) < _EXACT
            and places.min(initial=0) >= -22
            and places.max(initial=0) <= 0
        )

    def floats(self) -> Floats:
        """Return the nearest float of each, as float() gives it, NaN for None: (n,)."""
        whole: Floats = self.coefficient.astype(np.float64)
        if not self.odd and self._is_plain:
            return whole / _TENS[-self.exponent]
        found: Floats = whole / _TENS[np.clip(-self.exponent, 0, 22)] * _TENS[np.clip(self.exponent, 0, 22)]
        found[self.coefficient == _NONE] = np.nan
        # One correctly rounded operation on exact floats is correctly rounded; for what is not exact Python rounds.
        inexact = (np.abs(self.coefficient) >= _EXACT) & (self.coefficient != _NONE)
        inexact |= (self.exponent < -22) | ((self.exponent > 0) & (np.abs(found) >= _EXACT))
        for place in np.flatnonzero(inexact).tolist():
            found[place] = float(Decimal(int(self.coefficient[place])).scaleb(int(self.exponent[place])))
        for place, item in self.odd.items():
            found[place] = float(item)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Dates:
    """Days as proleptic ordinals (date.toordinal), NO_DAY for None: (n,)."""

    days: Days

    @classmethod
    def of(cls, items: Sequence[date | None]) -> "Dates":
        """Return the column of these days."""
        return cls(np.array([NO_DAY if item is None else item.toordinal() for item in items], dtype=np.int32))

    @classmethod
    def none(cls, size: int) -> "Dates":
        """Return a column without any value."""
        return cls(np.full(size, NO_DAY, dtype=np.int32))

    @property
    def given(self) -> NDArray[np.bool_]:
        """Which are not None: (n,)."""
        return np.not_equal(self.days, NO_DAY)

    def where(self, keep: Places) -> "Dates":
        return Dates(self.days[keep])

    def followed_by(self, other: "Dates") -> "Dates":
        return Dates(np.concatenate([self.days, other.days]))

    def items(self) -> list[date | None]:
        return [None if day == NO_DAY else date.fromordinal(day) for day in self.days.tolist()]


Column = Texts | Decimals | Dates


class Rows(Sequence[T], Generic[T]):
    """Rows of one frozen dataclass of words, decimals, dates and enumerations: a sequence of them, held as columns.

    Columns make rows and rows make columns, each when it is first asked for; equal to any sequence of equal rows. What
    is asked of many rows at once is asked of the columns; where() narrows them before rows are made.
    """

    def __init__(self, kind: type[T], size: int, columns: Callable[[], Mapping[str, Column]]) -> None:
        """Hold size rows of a dataclass; columns makes the columns of all its fields, once they are asked for."""
        self.kind = kind
        self._size = size
        self._make = columns

    @classmethod
    def of(cls, kind: type[T], items: Iterable[T]) -> "Rows[T]":
        """Return the rows given; rows of columns are returned as they are."""
        if isinstance(items, Rows):
            return items
        rows = tuple(items)
        found = cls(kind, len(rows), lambda: _columns(kind, rows))
        found.__dict__["_rows"] = rows
        return found

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """Every field's column, by its name."""
        return self._make()

    @cached_property
    def _rows(self) -> tuple[T, ...]:
        if not self._size:
            return ()
        shape = kinds_of(self.kind)
        values = [_values(column, shape[name].enum) for name, column in self.columns.items()]
        names = tuple(self.columns)
        return tuple(self.kind(**dict(zip(names, row, strict=True))) for row in zip(*values, strict=True))

    def where(self, keep: Places) -> "Rows[T]":
        """Return the rows of a mask (n,) or of places, in that order, without making the others."""
        size = int(np.count_nonzero(keep)) if keep.dtype == np.bool_ else len(keep)
        return Rows(self.kind, size, lambda: _Made(self.columns, lambda name: self.columns[name].where(keep)))

    def followed_by(self, items: Iterable[T]) -> "Rows[T]":
        """Return these rows and then those, joined in columns."""
        more = Rows.of(self.kind, items)

        def joined(name: str) -> Column:
            first: Any = self.columns[name]
            return cast(Column, first.followed_by(more.columns[name]))

        return Rows(self.kind, len(self) + len(more), lambda: _Made(self.columns, joined)) if more else self

    def texts(self, name: str) -> Texts:
        """Return a column of words."""
        return cast(Texts, self.columns[name])

    def decimals(self, name: str) -> Decimals:
        """Return a column of exact decimals."""
        return cast(Decimals, self.columns[name])

    def floats(self, name: str) -> Floats:
        """Return a column of decimals as the floats nearest to them, NaN for None: (n,). It is made once."""
        known: dict[str, Floats] = self.__dict__.setdefault("_floats", {})
        if name not in known:
            known[name] = self.decimals(name).floats()
        return known[name]

    def days(self, name: str) -> Days:
        """Return a column of dates as ordinals, NO_DAY for None: (n,)."""
        return cast(Dates, self.columns[name]).days

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        return iter(self._rows)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[T, ...]: ...
    def __getitem__(self, place: int | slice) -> T | tuple[T, ...]:
        return self._rows[place]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rows | tuple):
            return NotImplemented
        return self is other or tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(self._rows)

    def __repr__(self) -> str:
        return repr(self._rows)

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_columns, (self.kind, self._size, dict(self.columns))


class _Made(Mapping[str, Column]):
    """Columns that come of others, each made when it is asked for."""

    def __init__(self, names: Collection[str], make: Callable[[str], Column]) -> None:
        self._names = names
        self._make = make
        self._made: dict[str, Column] = {}

    def __getitem__(self, name: str) -> Column:
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = self._make(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _values(column: Column, enum: type[StrEnum] | None) -> list[Any]:
    items: list[Any] = column.items()
    if enum is None:
        return items
    return [None if item is None else enum(item) for item in items]


@dataclass(frozen=True, slots=True)
class FieldKind:
    """What a field of a row holds. column: the class of its column; enum: of an enumeration, its class."""

    column: type[Column]
    enum: type[StrEnum] | None = None


def kinds_of(kind: type[Any]) -> Mapping[str, FieldKind]:
    """Return what each field of a dataclass holds. Raises TypeError for a field that no column can hold."""
    return _kinds_of(cast(Hashable, kind))


@cache
def _kinds_of(kind: Any) -> Mapping[str, FieldKind]:
    hints = typing.get_type_hints(kind)
    return {field.name: _kind(hints[field.name], f"{kind.__name__}.{field.name}") for field in fields(kind)}


def _kind(hint: Any, name: str) -> FieldKind:
    if get_origin(hint) in (typing.Union, types.UnionType):
        (hint,) = (each for each in get_args(hint) if each is not types.NoneType)
    hint = getattr(hint, "__supertype__", hint)
    if hint is str:
        return FieldKind(Texts)
    if hint is Decimal:
        return FieldKind(Decimals)
    if hint is date:
        return FieldKind(Dates)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return FieldKind(Texts, hint)
    raise TypeError(f"{name}: expected words, a decimal, a date or an enumeration, found {hint}")


def _columns(kind: type[T], rows: Sequence[Any]) -> Mapping[str, Column]:
    return {name: part.column.of([getattr(row, name) for row in rows]) for name, part in kinds_of(kind).items()}


def _from_columns(kind: type[T], size: int, columns: Mapping[str, Column]) -> Rows[T]:
    return Rows(kind, size, lambda: columns)


def _parts(text: str) -> tuple[int, int] | None:
    """Return (coefficient, exponent) of a number, None where they do not fit; no text has a place of its own."""
    if not text:
        return _NONE, 0
    whole, _, fraction = text.partition(".")
    try:
        coefficient, exponent = int(whole + fraction), -len(fraction)
    except ValueError:  # 1E+3, or no number at all
        item = Decimal(text)
        if not item.is_finite():
            return None
        exponent = int(item.as_tuple().exponent)
        coefficient = int("".join(map(str, item.as_tuple().digits))) * (-1 if item.is_signed() else 1)
    negative_zero = coefficient == 0 and text.startswith("-")
    fits = abs(coefficient) < _LARGEST and abs(exponent) <= _FARTHEST and not negative_zero
    return (coefficient, exponent) if fits else None
