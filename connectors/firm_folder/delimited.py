"""What rows does a CSV file hold? Read by blocks of whole lines; every fault is reported at its own line.

A row is a line: a line break inside quotes is refused, because it is nearly always a quote that was never closed.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from connectors.firm_folder.files import Found
from connectors.firm_folder.limits import CSV_BLOCK_BYTES, MAX_CELL_CHARS, MAX_LINE_BYTES
from connectors.firm_folder.report import Report, shown

_UTF8_BOM: Final = b"\xef\xbb\xbf"
_UTF16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some rows: lines[i] is the line of row i, columns[c][i] its cell in column c of the header; blank is "".

    fraction: how much of the file has been read by the end of the batch.
    """

    lines: Sequence[int]
    columns: Sequence[Sequence[str]]
    fraction: float


class CsvSource:
    """A CSV file: UTF-8, with or without byte order mark, comma, double quotes, LF or CRLF."""

    def __init__(self, found: Found, report: Report) -> None:
        """Read the header. Faults go to the report; header is then empty."""
        self.found = found
        self.header: tuple[str, ...] = ()
        with found.path.open("rb") as stream:
            raw = stream.readline(MAX_LINE_BYTES + 1)
        if raw.startswith(_UTF16_BOMS) or b"\0" in raw:
            report.add(found.label, 1, None, found="UTF-16 or binary bytes", expected="UTF-8 text")
            return
        if len(raw) > MAX_LINE_BYTES:
            report.add(found.label, 1, None, found="a longer line", expected=f"at most {MAX_LINE_BYTES:,} bytes")
            return
        line = raw.removeprefix(_UTF8_BOM).removesuffix(b"\n").removesuffix(b"\r")
        if not line:
            report.add(found.label, None, None, found="no header", expected="a header row and then the rows")
        else:
            self.header = tuple(_cells(line, found.label, 1, report) or ())

    def batches(self, report: Report) -> Iterator[Batch]:
        """Yield the rows; report those with bad bytes, bad quotes or another number of cells than the header."""
        for first, block, fraction in self._blocks(report):
            plain = _plain_columns(block, len(self.header))
            if plain:
                yield Batch(lines=range(first, first + len(plain[0])), columns=plain, fraction=fraction)
                continue
            lines, rows = _rows(block, first, self.found.label, report)
            if set(map(len, rows)) - {len(self.header)}:
                lines, rows = self._even(lines, rows, report)
            if rows:
                yield Batch(lines=lines, columns=tuple(zip(*rows, strict=True)), fraction=fraction)

    def _even(self, lines: list[int], rows: list[list[str]], report: Report) -> tuple[list[int], list[list[str]]]:
        width, kept = len(self.header), []
        for line, row in zip(lines, rows, strict=True):
            if len(row) == width:
                kept.append((line, row))
            else:
                report.add(self.found.label, line, None, found=f"{len(row)} cells", expected=f"{width}")
        return [line for line, _ in kept], [row for _, row in kept]

    def _blocks(self, report: Report) -> Iterator[tuple[int, bytes, float]]:
        """Yield (number of the first line, whole lines without the last line's end, fraction read) after the header."""
        line, done = 2, 0
        with self.found.path.open("rb") as stream:
            rest = b""
            done = len(stream.readline(MAX_LINE_BYTES + 1))
            while piece := stream.read(CSV_BLOCK_BYTES):
                done += len(piece)
                whole, end, tail = piece.rpartition(b"\n")
                if end:
                    block, rest = rest + whole, tail
                    yield line, block, done / self.found.size
                    line += block.count(b"\n") + 1
                else:
                    rest += piece
                if len(rest) > MAX_LINE_BYTES:
                    report.add(self.found.label, line, None, found="a longer line",
                               expected=f"at most {MAX_LINE_BYTES:,} bytes")  # fmt: skip
                    return
            if rest:
                yield line, rest, 1.0


def _plain_columns(block: bytes, width: int) -> list[list[str]] | None:
    """Return the columns of a block where nothing is quoted and nothing wrong, as nearly every block is; else None.

    One split for all lines takes a third of the time of one a line.
    """
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError:
        return None
    lines = text.replace("\r\n", "\n").removesuffix("\r").split("\n")
    even = {line.count(",") for line in lines} == {width - 1}
    if '"' in text or "\0" in text or not even or max(map(len, lines)) > MAX_CELL_CHARS:
        return None
    cells = ",".join(lines).split(",")
    return [cells[column::width] for column in range(width)]


def _rows(block: bytes, first: int, label: str, report: Report) -> tuple[list[int], list[list[str]]]:
    """Return the line numbers and cells of the rows in a block; empty lines are passed over."""
    raw_lines = block.replace(b"\r\n", b"\n").removesuffix(b"\r").split(b"\n")
    kept = [
        (line, cells)
        for line, raw in enumerate(raw_lines, first)
        if raw and (cells := _cells(raw, label, line, report)) is not None
    ]
    return [line for line, _ in kept], [cells for _, cells in kept]


def _cells(raw: bytes, label: str, line: int, report: Report) -> list[str] | None:
    """Return the cells of one line, or None, reported, where it cannot be read."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"byte {raw[error.start]:#04x} at position {error.start + 1}"
        report.add(label, line, None, found=found, expected="UTF-8 text")
        return None
    if "\0" in text:
        report.add(label, line, None, found=f"a NUL byte at position {text.index(chr(0)) + 1}", expected="UTF-8 text")
        return None
    try:
        row = next(csv.reader([text], strict=True)) if '"' in text else text.split(",")
    except csv.Error:
        report.add(label, line, None, found=f"a stray or unclosed quote in {shown(text)}",
                   expected='cells in "..." closed on their line, inner quotes doubled')  # fmt: skip
        return None
    if len(text) > MAX_CELL_CHARS and any(len(cell) > MAX_CELL_CHARS for cell in row):
        report.add(label, line, None, found="a longer cell", expected=f"at most {MAX_CELL_CHARS:,} characters")
        return None
    return row
