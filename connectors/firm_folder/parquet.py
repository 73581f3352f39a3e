"""What rows does a Parquet file hold? The same rows as the CSV, as text, after its claims have been weighed.

A few kilobytes of Parquet can become billions of rows. Row count and uncompressed size are read from the footer and
from the headers of the pages, and refused before any page is unpacked; columns stay dictionary-encoded until the length
of their texts is known.
"""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connectors.firm_folder.delimited import Batch
from connectors.firm_folder.files import Found
from connectors.firm_folder.limits import (
    FREE_EXPANSION_BYTES,
    FREE_ROWS,
    MAX_CELL_CHARS,
    MAX_EXPANSION,
    MAX_ROWS_PER_BYTE,
    PARQUET_BATCH_ROWS,
)
from connectors.firm_folder.pages import weigh
from connectors.firm_folder.report import Report, shown


class ParquetSource:
    """A Parquet file with the columns of the CSV, as text, decimals, integers, floats, dates or booleans.

    Row i of the file is reported as line i + 1: the line it would have in the CSV.
    """

    def __init__(self, found: Found, report: Report, *, max_rows: int) -> None:
        """Read the footer and the headers of the pages. Faults go to the report; header is then empty."""
        self.found = found
        self.header: tuple[str, ...] = ()
        try:
            weight = weigh(found.path)
            schema = pq.read_schema(found.path)
        except (pa.ArrowException, OSError, ValueError) as error:
            _refuse(found, report, error)
            return
        self._rows = weight.rows
        most_rows = min(max_rows, max(FREE_ROWS, MAX_ROWS_PER_BYTE * found.size))
        most_bytes = max(FREE_EXPANSION_BYTES, MAX_EXPANSION * found.size)
        if weight.rows > most_rows:
            report.add(found.label, None, None, found=f"{weight.rows:,} rows",
                       expected=f"at most {most_rows:,} for a file of {found.size:,} bytes")  # fmt: skip
        elif weight.unpacked_bytes > most_bytes:
            report.add(found.label, None, None, found=f"{weight.unpacked_bytes:,} bytes when uncompressed",
                       expected=f"at most {most_bytes:,} for a file of {found.size:,} bytes")  # fmt: skip
        elif _readable(found, schema, report):
            self.header = tuple(schema.names)
            self._texts = [field.name for field in schema if _is_text(field.type)]

    def batches(self, report: Report) -> Iterator[Batch]:
        """Yield the rows as text; report a file that breaks off or holds texts that are too long."""
        line = 2
        try:
            with pq.ParquetFile(self.found.path, read_dictionary=self._texts) as file:
                for batch in file.iter_batches(batch_size=PARQUET_BATCH_ROWS, use_threads=False):
                    if _longest(batch) > MAX_CELL_CHARS:
                        report.add(self.found.label, line, None, found="a longer cell",
                                   expected=f"at most {MAX_CELL_CHARS:,} characters")  # fmt: skip
                        return
                    lines = range(line, line + batch.num_rows)
                    line = lines.stop
                    columns = tuple([_text(value) for value in column.to_pylist()] for column in batch.columns)
                    yield Batch(lines=lines, columns=columns, fraction=(line - 2) / max(self._rows, 1))
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            _refuse(self.found, report, error)


def _refuse(found: Found, report: Report, error: Exception) -> None:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    report.add(found.label, None, None, found=shown(reason), expected="a readable Parquet file")


def _readable(found: Found, schema: pa.Schema, report: Report) -> bool:
    types = pa.types
    checks = (types.is_string, types.is_large_string, types.is_decimal, types.is_integer, types.is_floating,
              types.is_boolean, types.is_date, types.is_timestamp, types.is_null)  # fmt: skip
    bad = [field for field in schema if not any(check(_plain(field.type)) for check in checks)]
    for field in bad:
        report.add(found.label, None, shown(field.name), found=f"type {field.type}",
                   expected="text, a decimal, integer, float, date or boolean")  # fmt: skip
    return not bad


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _longest(batch: pa.RecordBatch) -> int:
    texts = (column.dictionary if pa.types.is_dictionary(column.type) else column for column in batch.columns)
    lengths = (pc.max(pc.utf8_length(text)).as_py() for text in texts if _is_text(text.type))
    return max((length or 0 for length in lengths), default=0)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.date().isoformat() if value == datetime.combine(value.date(), datetime.min.time()) else str(value)
    return value.isoformat() if isinstance(value, date) else repr(value)
