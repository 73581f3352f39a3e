"""Are a file's rows what its schema says? Header, cells, references, dates and keys, for any file of the format."""

import difflib
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any

import numpy as np

from connectors.firm_folder.delimited import Batch, CsvSource
from connectors.firm_folder.files import Found
from connectors.firm_folder.parquet import ParquetSource
from connectors.firm_folder.report import Report, shown
from connectors.firm_folder.schema import Column, File

Source = CsvSource | ParquetSource

_SUGGESTIONS = 20  # looking for the nearest id is slow: only for the first bad ones of a batch ...
_SEARCHED_IDS = 20_000  # ... and not among more ids than these


@dataclass(slots=True, kw_only=True)
class Known:
    """What the files read so far have established: the firm's day, and the ids that later files may refer to.

    An id kind whose own file could not be read is absent, and references to it go unchecked.
    """

    as_of: date | None = None
    ids: dict[str, Collection[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Some rows of one file by column name: text as written, value as meant (None where blank, bad or absent).

    value of a column whose cells are all usual is made when it is asked for: of millions of lots few are.
    """

    lines: Sequence[int]
    text: Mapping[str, Sequence[str]]
    value: Mapping[str, Sequence[Any]]


def open_source(found: Found, schema: File, report: Report) -> Source:
    """Open a CSV or Parquet file and report what is wrong with its header."""
    source: Source
    if found.path.suffix == ".parquet":
        source = ParquetSource(found, report, max_rows=schema.max_rows)
    else:
        source = CsvSource(found, report)
    return source


def check_header(source: Source, schema: File, report: Report) -> None:
    """Report unknown, doubled and missing columns."""
    label, header = source.found.label, source.header
    names = [column.name for column in schema.columns]
    missing = [column.name for column in schema.columns if not column.optional and column.name not in header]
    for name in dict.fromkeys(header):
        if name not in names:
            near = difflib.get_close_matches(name.strip().lower(), names, n=1)
            hint = f"{near[0]}?" if near else "one of " + ", ".join(names)
            report.add(label, 1, shown(name), found="an unknown column", expected=hint)
        elif header.count(name) > 1:
            report.add(label, 1, name, found=f"the column {header.count(name)} times", expected="each column once")
    for name in missing:
        report.add(label, 1, name, found="no such column", expected="a column of this name")


def checked_rows(
    source: Source, schema: File, known: Known, report: Report, advance: Callable[[float], None]
) -> Iterator[Rows]:
    """Yield a file's rows with every cell parsed; report bad cells, unknown references, future dates, doubled keys.

    advance is called with the fraction of the file read. Afterwards known.ids holds the id this file defines.
    """
    label, keys, count = source.found.label, _Keys(), 0
    defined: set[str] = set()
    for batch in source.batches(report):
        rows = _checked(batch, source.header, schema, known, report, label)
        count += len(batch.lines)
        if schema.defines and schema.defines in rows.text:
            defined.update(rows.text[schema.defines])
        if _has_key(source, schema):
            keys.add(_key(rows.text, schema, len(batch.lines)))
        advance(batch.fraction)
        yield rows
        if count > schema.max_rows:
            report.add(label, batch.lines[-1], None, found=f"{count:,} rows or more",
                       expected=f"at most {schema.max_rows:,}")  # fmt: skip
            return
    if schema.defines and schema.defines in source.header:
        known.ids[schema.defines] = defined
    repeated = keys.repeated()
    if schema.key and repeated:
        _report_repeats(source, schema, repeated, report)


def _checked(batch: Batch, header: Sequence[str], schema: File, known: Known, report: Report, label: str) -> Rows:
    written = dict(zip(header, batch.columns, strict=True))
    text: dict[str, Sequence[str]] = {}
    value = _Values()
    for column in schema.columns:
        cells = written.get(column.name)
        if cells is None:
            value[column.name] = [column.blank] * len(batch.lines)
            continue
        if _is_usual(cells, column, known):
            text[column.name] = cells
            value.later[column.name] = partial(_meant, cells, column)
            continue
        meant, wrong = _meaning(set(cells), column, known)
        if wrong:
            for line, cell in zip(batch.lines, cells, strict=True):
                if cell in wrong:
                    report.add(label, line, column.name, found=shown(cell), expected=wrong[cell])
        text[column.name] = cells
        value[column.name] = [meant[cell] for cell in cells]
    return Rows(lines=batch.lines, text=text, value=value)


class _Values(dict[str, Sequence[Any]]):
    """Columns of values; those that nobody has asked for are in `later`."""

    def __init__(self) -> None:
        super().__init__()
        self.later: dict[str, Callable[[], Sequence[Any]]] = {}

    def __missing__(self, name: str) -> Sequence[Any]:
        self[name] = self.later.pop(name)()
        return self[name]


def _is_usual(cells: Sequence[str], column: Column, known: Known) -> bool:
    """Return whether a quick look already tells that every cell of a column may stand there."""
    ids = known.ids.get(column.refers_to) if column.refers_to else None
    return (
        column.kind.all_usual is not None
        and not column.past
        and column.kind.all_usual(cells)
        and (ids is None or all(cell in ids for cell in set(cells) - {""}))
        and (column.optional or "" not in cells)
    )


def _meant(cells: Sequence[str], column: Column) -> list[Any]:
    meant = {cell: column.kind.parse(cell) if cell else column.blank for cell in set(cells)}
    return [meant[cell] for cell in cells]


def _meaning(cells: Iterable[str], column: Column, known: Known) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what each distinct cell means, and what was expected instead of each bad one."""
    ids = known.ids.get(column.refers_to) if column.refers_to else None
    meant: dict[str, Any] = {"": column.blank}
    wrong: dict[str, str] = {}
    for cell in cells:
        if not cell:
            if not column.optional:
                wrong[cell] = column.kind.expected
            continue
        try:
            meant[cell] = column.kind.parse(cell)
        except ValueError:
            meant[cell] = column.blank
            wrong[cell] = column.kind.expected
            continue
        if ids is not None and cell not in ids:
            wrong[cell] = _known_ids(cell, column.refers_to or "", ids if len(wrong) < _SUGGESTIONS else ())
        if column.past and known.as_of and meant[cell] > known.as_of + timedelta(column.ahead):
            after = f" and {column.ahead} days" if column.ahead else ""
            wrong[cell] = f"a date up to as_of, {known.as_of}{after}"
    return meant, wrong


def _known_ids(cell: str, kind: str, ids: Collection[str]) -> str:
    near = difflib.get_close_matches(cell, ids, n=1, cutoff=0.8) if len(ids) <= _SEARCHED_IDS else []
    place = "the name of a file settings/NAME.toml" if kind == "settings" else f"a known {kind}"
    return place + (f"; {near[0]}?" if near else "")


def _has_key(source: Source, schema: File) -> bool:
    optional = {column.name for column in schema.columns if column.optional}
    return all(name in source.header or name in optional for name in schema.key)


def _key(text: Mapping[str, Sequence[str]], schema: File, count: int) -> Iterable[tuple[str, ...]]:
    """Return the keys of so many rows; an optional column that is not there is blank."""
    blank = [""] * count
    return zip(*(text.get(name, blank) for name in schema.key), strict=True)


class _Keys:
    """Has a key come before? Keeps 8 bytes a row, so that a hundred million rows stay within memory."""

    def __init__(self) -> None:
        self._hashes: list[np.ndarray[Any, np.dtype[np.int64]]] = []

    def add(self, keys: Iterable[Hashable]) -> None:
        self._hashes.append(np.fromiter(map(hash, keys), dtype=np.int64))

    def repeated(self) -> set[int]:
        """Return the hashes that came more than once: equal keys, or by a rare chance different ones."""
        if not self._hashes:
            return set()
        hashes = np.concatenate(self._hashes)
        self._hashes = []
        hashes.sort()
        return set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())


def _report_repeats(source: Source, schema: File, repeated: set[int], report: Report) -> None:
    first: dict[tuple[str, ...], int] = {}
    for batch in source.batches(Report()):
        text = dict(zip(source.header, batch.columns, strict=True))
        column = [name for name in schema.key if name in text][-1]
        for line, key in zip(batch.lines, _key(text, schema, len(batch.lines)), strict=True):
            if hash(key) in repeated and first.setdefault(key, line) != line:
                found = ", ".join(shown(part) for part in key if part)
                report.add(source.found.label, line, column, found=f"{found} again",
                           expected=f"no second row like line {first[key]}")  # fmt: skip
