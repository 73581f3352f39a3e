"""How are rows written down so that thousands are read at once? A header in JSON, then each column's bytes.

    rows 1\n | bytes of the header, 8 of them, little-endian | header | arrays, little-endian

Header and arrays are each filled up with zeros to a multiple of 8 bytes, so that arrays are read where they lie. The
header is canonical JSON: {"columns": [[name, "texts", values] | [name, "decimals", odd] | [name, "dates"]], "size": n}.
Arrays of a column: texts, codes as int32; decimals, coefficients as int64 and exponents as int8; dates, ordinals as
int32; see engine.domain.rows for what they mean. A column without any value is left out, and read as None.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.domain.rows import NO_TEXT, Column, Dates, Decimals, Rows, Texts, kinds_of
from engine.plan.document import canonical_json

T = TypeVar("T")

MAGIC: Final = b"rows 1\n\0"
_ALIGNED: Final = 8


def write_rows(rows: Rows[Any], *, leave: Sequence[str] = ()) -> bytes:
    """Return rows as bytes, the same for equal rows; columns to leave are not written."""
    columns = {name: _told(column) for name, column in rows.columns.items() if name not in leave}
    described: list[list[object]] = []
    arrays: list[NDArray[Any]] = []
    for name, column in columns.items():
        if not column.given.any():
            continue
        match column:
            case Texts():
                described.append([name, "texts", list(column.values)])
                arrays.append(column.codes.astype("<i4"))
            case Decimals():
                odd = {str(place): str(item) for place, item in column.odd.items()}
                described.append([name, "decimals", odd])
                arrays += [column.coefficient.astype("<i8"), column.exponent.astype("<i1")]
            case Dates():
                described.append([name, "dates"])
                arrays.append(column.days.astype("<i4"))
    header = canonical_json({"columns": described, "size": len(rows)})
    parts = [header, *(array.tobytes() for array in arrays)]
    return MAGIC + len(header).to_bytes(8, "little") + b"".join(part + bytes(-len(part) % _ALIGNED) for part in parts)


def read_rows(kind: type[T], content: bytes, *, constant: Mapping[str, str]) -> Rows[T]:
    """Return the rows that write_rows wrote, nothing copied; constant: columns of one word that were left out.

    Raises ValueError for bytes that write_rows did not write, and TypeError for columns that are not of this kind.
    """
    if not content.startswith(MAGIC):
        raise ValueError(f"expected columns that begin with {MAGIC!r}, found {content[:8]!r}")
    begins = len(MAGIC) + 8
    length = int.from_bytes(content[len(MAGIC) : begins], "little")
    header = json.loads(content[begins : begins + length])
    size, arrays = header["size"], _arrays(content, begins + length + -length % _ALIGNED)
    found: dict[str, Column] = {}
    for name, form, *more in header["columns"]:
        match form:
            case "texts":
                found[name] = Texts(arrays(size, "<i4"), tuple(more[0]))
            case "decimals":
                odd = {int(place): Decimal(text) for place, text in more[0].items()}
                found[name] = Decimals(arrays(size, "<i8"), arrays(size, "<i1"), odd)
            case _:
                found[name] = Dates(arrays(size, "<i4"))
    for name, word in constant.items():
        found[name] = Texts(np.zeros(size, dtype=np.int32), (word,))
    columns = {name: found.get(name) or part.column.none(size) for name, part in kinds_of(kind).items()}
    return Rows(kind, size, lambda: columns)


def _arrays(content: bytes, begins: int) -> Any:
    """Return a reader of one array after the other."""
    place = begins

    def read(size: int, form: str) -> Any:
        nonlocal place
        array = np.frombuffer(content, dtype=form, count=size, offset=place)
        place += array.nbytes + -array.nbytes % _ALIGNED
        return array

    return read


def _told(column: Column) -> Column:
    """Return a column of words in the one form that equal columns share: each word in use, by first appearance."""
    if not isinstance(column, Texts):
        return column
    codes = column.codes
    used, first = np.unique(codes[codes != NO_TEXT], return_index=True)
    if len(used) == len(column.values) and (np.diff(first) > 0).all():
        return column
    return Texts.of(column.items())
