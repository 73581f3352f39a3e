"""What rows does a Parquet file hold? The same rows as the CSV, as text, after its claims have been weighed.

A few kilobytes of Parquet can claim billions of rows. Row count and uncompressed size are read from the file's footer
and refused before any page is opened; columns stay dictionary-encoded until the length of their texts is known.
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
from connectors.firm_folder.limits import FREE_EXPANSION_BYTES, MAX_CELL_CHARS, MAX_EXPANSION, PARQUET_BATCH_ROWS
from connectors.firm_folder.report import Report, shown


class ParquetSource:
    """A Parquet file with the columns of the CSV, as text, decimals, integers, floats, dates or booleans.

    Row i of the file is reported as line i + 1: the line it would have in the CSV.
    """

    def __init__(self, found: Found, report: Report, *, max_rows: int) -> None:
        """Read the footer. Faults go to the report; header is then empty."""
        self.found = found
        self.header: tuple[str, ...] = ()
        try:
            footer = pq.read_metadata(found.path)
            schema = footer.schema.to_arrow_schema()
        except (pa.ArrowException, OSError) as error:
            _refuse(found, report, error)
            return
        claimed = sum(footer.row_group(i).total_byte_size for i in range(footer.num_row_groups))
        allowed = max(FREE_EXPANSION_BYTES, MAX_EXPANSION * found.size)
        if footer.num_rows > max_rows:
            report.add(found.label, None, None, found=f"{footer.num_rows:,} rows", expected=f"at most {max_rows:,}")
        elif claimed > allowed:
            report.add(found.label, None, None, found=f"{claimed:,} bytes when uncompressed",
                       expected=f"at most {allowed:,} for a file of {found.size:,} bytes")  # fmt: skip
        elif _readable(found, schema, report):
            self.header = tuple(schema.names)
            self._rows = footer.num_rows
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
