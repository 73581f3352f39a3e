"""The pages of a Parquet file tell how large they become, whatever its footer says."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.firm_folder.pages import Weight, weigh

# One column of 64-bit integers that are never null: a plain page of n of them is 8 n bytes.
NUMBERS = pa.table({"n": pa.array(range(5_000))}, schema=pa.schema([pa.field("n", pa.int64(), nullable=False)]))


@pytest.mark.parametrize("options", [
    {"compression": "none"},
    {"compression": "zstd"},
    {"compression": "snappy", "data_page_size": 1_000},
    {"compression": "gzip", "row_group_size": 999},
    {"compression": "zstd", "data_page_version": "2.0"},
    {"compression": "zstd", "write_page_checksum": True},
], ids=str)  # fmt: skip
def test_five_thousand_numbers_are_forty_thousand_bytes_however_they_are_stored(tmp_path, options):
    path = tmp_path / "numbers.parquet"
    pq.write_table(NUMBERS, path, use_dictionary=False, **options)

    assert weigh(path) == Weight(rows=5_000, unpacked_bytes=40_000)


def test_a_dictionary_is_a_page_too(tmp_path):
    path = tmp_path / "texts.parquet"
    pq.write_table(pa.table({"t": ["x" * 500, "y" * 500]}), path, compression="zstd", row_group_size=1)

    # Each group: a dictionary of one text, its length in 4 bytes, and a page of a few bytes with its place in it.
    assert 2 * 504 < weigh(path).unpacked_bytes < 2 * 520


def number(value):
    """The next integer field of a struct in Thrift's compact protocol: zigzag, 7 bits a byte, the lowest first."""
    left = value << 1 if value >= 0 else ~(value << 1)
    parts = [0x15]
    while left > 127:
        parts.append(left & 127 | 128)
        left >>= 7
    return bytes([*parts, left])


@pytest.mark.parametrize(("header", "reason"), [
    (b"\x00", "a number is missing"),
    (number(0) + number(-1) + number(9) + b"\x00", "a page of impossible size at byte 4"),
    (number(0) + number(2**31) + number(9) + b"\x00", "a page of impossible size at byte 4"),
    (number(0) + number(9) + number(-9) + b"\x00", "a page of impossible size at byte 4"),
    (number(0) + number(2**40) + number(9) + b"\x05\x04\x12\x00", "field 2 comes twice"),
    (number(0) + b"\x15" + b"\xff" * 12, "an integer of more than 64 bits"),
    (b"\xff" * 40, "a field of type 15"),
    (b"\x19\xf1\xff\xff\xff\x0f", "a list of booleans"),
    (b"\x19\xf7\xff\xff\xff\xff\x0f", "it breaks off"),  # four thousand million numbers in a list
    (b"\x18\xff\xff\xff\x0f", "it breaks off"),  # a text beyond the end
    (b"\x1c" * 40, "structs too deep in each other"),
])  # fmt: skip
def test_what_is_no_page_header_is_refused(tmp_path, header, reason):
    path = tmp_path / "numbers.parquet"
    pq.write_table(NUMBERS, path, use_dictionary=False)
    content = path.read_bytes()
    path.write_bytes(content[:4] + header + content[4 + len(header) :])

    with pytest.raises(ValueError, match=reason):
        weigh(path)


@pytest.mark.parametrize(("content", "reason"), [
    (b"", "no footer at its end"),
    (b"PAR1", "no footer at its end"),
    (b"PAR1\x00\x00\x00\x00PAR1", "it breaks off"),
    (b"PAR1\x00\x01\x00\x00\x00PAR1", "a number is missing"),
    (b"PAR1\xff\x00\x00\x00PAR1", "no footer at its end"),
    (b"PAR1" + b"\x00" * 3_000_000 + (3_000_000).to_bytes(4, "little") + b"PAR1", "a footer of 3,000,000 bytes"),
])  # fmt: skip
def test_what_has_no_footer_is_refused(tmp_path, content, reason):
    path = tmp_path / "numbers.parquet"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=reason):
        weigh(path)


def test_columns_that_share_their_bytes_are_refused(tmp_path, lie):
    """A footer of a megabyte could else send the reader through the same pages ten thousand times."""
    path = tmp_path / "numbers.parquet"
    pq.write_table(NUMBERS, path, use_dictionary=False, compression="none")
    size = pq.read_metadata(path).row_group(0).column(0).total_compressed_size
    lie(path, size, 1_000_000)

    with pytest.raises(ValueError, match="columns that take more bytes than the file has"):
        weigh(path)


def test_a_column_beyond_the_end_is_refused(tmp_path, lie):
    path = tmp_path / "numbers.parquet"
    pq.write_table(NUMBERS, path, use_dictionary=False, row_group_size=2_500)
    lie(path, pq.read_metadata(path).row_group(1).column(0).data_page_offset, 900_000)

    with pytest.raises(ValueError, match="a column that lies outside the file"):
        weigh(path)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6), st.booleans())
def test_a_damaged_file_is_weighed_or_refused_and_nothing_else(damages, cut):
    with TemporaryDirectory() as place:
        path = Path(place) / "numbers.parquet"
        pq.write_table(NUMBERS.slice(0, 20), path, compression="zstd")
        content = bytearray(path.read_bytes())
        for at, byte in damages:
            content[at % len(content)] = byte
        path.write_bytes(content[: damages[0][0] % len(content)] if cut else content)

        with suppress(ValueError):
            assert weigh(path).unpacked_bytes >= 0
