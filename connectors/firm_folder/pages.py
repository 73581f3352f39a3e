"""How large does a Parquet file become? Asked of its pages themselves, because a footer may lie.

A reader makes room for what each page's header says, whatever the footer says, so it is the headers that are weighed,
before any other library sees the file. Source: Apache Parquet, parquet.thrift (FileMetaData, RowGroup, ColumnChunk,
ColumnMetaData, PageHeader), whose field ids are named below.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from connectors.firm_folder.limits import MAX_FOOTER_BYTES
from connectors.firm_folder.thrift import Compact

_MAGIC: Final = b"PAR1"
_TAIL_BYTES: Final = 8  # the length of the footer, and the magic
_HEADER_BYTES: Final = 64 * 1024  # a page header holds at most two statistics besides a few numbers
_LARGEST_PAGE: Final = 2**31 - 1
_FILE_ROWS, _ROW_GROUPS = 3, 4
_GROUP_COLUMNS, _GROUP_ROWS = 1, 3
_CHUNK_METADATA: Final = 3
_CHUNK_COMPRESSED, _CHUNK_DATA, _CHUNK_DICTIONARY = 7, 9, 11
_PAGE_UNCOMPRESSED, _PAGE_COMPRESSED = 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What a file would become: rows, and the bytes of its pages when uncompressed."""

    rows: int
    unpacked_bytes: int


def weigh(path: Path) -> Weight:
    """Return the weight of a Parquet file. Raises ValueError for what is none, or not put together honestly."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        try:
            footer = _footer(stream, size)
            groups = footer[_ROW_GROUPS]
            rows = max(footer[_FILE_ROWS], sum(group[_GROUP_ROWS] for group in groups))
            chunks = [chunk[_CHUNK_METADATA] for group in groups for chunk in group[_GROUP_COLUMNS]]
            if sum(chunk[_CHUNK_COMPRESSED] for chunk in chunks) > size:
                raise ValueError("columns that take more bytes than the file has")
            return Weight(rows=rows, unpacked_bytes=sum(_unpacked(stream, chunk, size) for chunk in chunks))
        except (LookupError, TypeError, AttributeError) as error:
            raise ValueError("a number is missing where the format has one") from error


def _footer(stream: BinaryIO, size: int) -> dict[int, Any]:
    stream.seek(max(size - _TAIL_BYTES, 0))
    tail = stream.read()
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or length > size - _TAIL_BYTES:
        raise ValueError("no footer at its end")
    if length > MAX_FOOTER_BYTES:
        raise ValueError(f"a footer of {length:,} bytes; at most {MAX_FOOTER_BYTES:,}")
    stream.seek(size - _TAIL_BYTES - length)
    return Compact(stream.read(length)).struct()


def _unpacked(stream: BinaryIO, chunk: dict[int, Any], size: int) -> int:
    at = min(chunk[_CHUNK_DATA], chunk.get(_CHUNK_DICTIONARY) or chunk[_CHUNK_DATA])
    end, total = at + chunk[_CHUNK_COMPRESSED], 0
    if not 0 <= at <= end <= size:
        raise ValueError("a column that lies outside the file")
    while at < end:
        stream.seek(at)
        header = Compact(stream.read(_HEADER_BYTES))
        fields = header.struct()
        uncompressed, compressed = fields[_PAGE_UNCOMPRESSED], fields[_PAGE_COMPRESSED]
        if not (0 <= uncompressed <= _LARGEST_PAGE and 0 <= compressed <= _LARGEST_PAGE):
            raise ValueError(f"a page of impossible size at byte {at:,}")
        total += uncompressed
        at += header.length + compressed
    return total
