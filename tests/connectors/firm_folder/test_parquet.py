"""Parquet files say the same as CSV files, and cannot claim more than they are."""

import csv
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.firm_folder.read import read_firm


def as_parquet(path, **options):
    with path.open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    columns = {name: [row[i] or None for row in rows] for i, name in enumerate(header)}
    pq.write_table(pa.table({n: pa.array(v, pa.string()) for n, v in columns.items()}), path.with_suffix(".parquet"),
                   **options)  # fmt: skip
    path.unlink()


def test_the_same_firm_in_parquet_is_the_same_firm(folder):
    reference, books = read_firm(folder)
    expected = (repr(reference.securities), reference.prices, reference.models, tuple(books))
    for path in [*folder.glob("*.csv"), *folder.glob("risk/*.csv")]:
        as_parquet(path)

    again, books = read_firm(folder)

    assert (repr(again.securities), again.prices, again.models, tuple(books)) == expected
    assert again.risk.exposures.tolist() == reference.risk.exposures.tolist()


def test_typed_columns_mean_what_their_text_would(folder):
    (folder / "prices.csv").unlink()
    table = pa.table({
        "security_id": pa.array(["S1", "S2", "S3"]).dictionary_encode(),
        "date": pa.array([date(2026, 6, 30)] * 3, pa.date32()),
        "close": pa.array([Decimal("11.50"), Decimal("20"), Decimal("0.01")], pa.decimal128(12, 2)),
        "adjusted_close": pa.array([11.25, None, 0.1], pa.float64()),
    })  # fmt: skip
    pq.write_table(table, folder / "prices.parquet")

    first, second, third = read_firm(folder)[0].prices

    assert (first.dates, repr(first.closes), first.adjusted) == (
        (date(2026, 6, 30),), "(Decimal('11.50'),)", (Decimal("11.25"),))  # fmt: skip
    assert (second.adjusted, third.adjusted) == ((None,), (Decimal("0.1"),))


def test_faults_in_parquet_are_placed_as_in_the_csv(folder, problems):
    (folder / "prices.csv").unlink()
    close = pa.array([float("nan"), 0.0, 5.0], pa.float64())
    days = pa.array([datetime(2026, 6, 29), datetime(2026, 6, 30), datetime(2026, 6, 30)], pa.timestamp("s"))  # noqa: DTZ001  a day
    pq.write_table(pa.table({"security_id": ["S1", "S1", "S9"], "date": days, "close": close}),
                   folder / "prices.parquet")  # fmt: skip

    assert problems(folder) == [
        ("prices.parquet", 2, "close", "'nan'", "a number such as 0.50 > 0"),
        ("prices.parquet", 3, "close", "'0.0'", "a number such as 0.50 > 0"),
        ("prices.parquet", 4, "security_id", "'S9'", "a known security_id")]  # fmt: skip


def test_one_file_of_each_name(folder, problems):
    content = (folder / "substitutes.csv").read_bytes()
    as_parquet(folder / "substitutes.csv")
    (folder / "substitutes.csv").write_bytes(content)

    assert problems(folder) == [
        ("substitutes.parquet", None, None, "also substitutes.csv", "only one of the two")]  # fmt: skip


def test_a_column_of_another_type_is_refused(folder, problems):
    (folder / "substitutes.csv").unlink()
    pq.write_table(pa.table({"security_id": pa.array([["S1"]]), "substitute_id": ["S2"], "rank": [1]}),
                   folder / "substitutes.parquet")  # fmt: skip

    assert [(row, column, found) for _, row, column, found, _ in problems(folder)] == [
        (None, "'security_id'", "type list<element: string>")]  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\xff" * 100 + b"PAR1", b"security_id,x\n"])
def test_what_is_no_parquet_is_refused(folder, problems, content):
    (folder / "substitutes.csv").unlink()
    (folder / "substitutes.parquet").write_bytes(content)

    [(file, row, _, _, expected)] = problems(folder)

    assert (file, row, expected) == ("substitutes.parquet", None, "a readable Parquet file")


def test_a_parquet_that_breaks_off_is_refused(folder, problems):
    as_parquet(folder / "prices.csv", compression="none")
    content = bytearray((folder / "prices.parquet").read_bytes())
    content[4:60] = b"\xff" * 56
    (folder / "prices.parquet").write_bytes(bytes(content))

    assert ("prices.parquet", "a readable Parquet file") in [
        (file, expected) for file, _, _, _, expected in problems(folder)]  # fmt: skip


class TestZipBombs:
    def test_a_few_kilobytes_that_claim_millions_of_rows_are_refused(self, folder, problems):
        (folder / "substitutes.csv").unlink()
        cells = pa.DictionaryArray.from_arrays(pa.array([0]).take(pa.array([0] * 2_000_001)), pa.array(["S1"]))
        pq.write_table(pa.table({"security_id": cells}), folder / "substitutes.parquet", compression="zstd")

        size = (folder / "substitutes.parquet").stat().st_size
        assert size < 10_000
        assert problems(folder) == [
            ("substitutes.parquet", None, None, "2,000,001 rows", f"at most 1,000,000 for a file of {size:,} bytes")
        ]  # fmt: skip

    def test_a_hundred_kilobytes_that_claim_a_hundred_megabytes_are_refused(self, folder, problems):
        (folder / "substitutes.csv").unlink()
        pq.write_table(pa.table({"security_id": ["a" * 1_000] * 100_000}), folder / "substitutes.parquet",
                       compression="zstd", use_dictionary=False)  # fmt: skip

        size = (folder / "substitutes.parquet").stat().st_size
        [(_, _, _, found, expected)] = problems(folder)

        assert size < 120_000
        assert found.endswith("bytes when uncompressed")
        assert expected == f"at most 33,554,432 for a file of {size:,} bytes"

    def test_a_footer_that_hides_the_hundred_megabytes_is_not_believed(self, folder, problems, lie):
        (folder / "substitutes.csv").unlink()
        path = folder / "substitutes.parquet"
        columns = {"security_id": ["a" * 900] * 100_000, "substitute_id": ["S2"] * 100_000, "rank": ["1"] * 100_000}
        pq.write_table(pa.table(columns), path, compression="zstd", use_dictionary=False)
        true = pq.read_metadata(path).row_group(0)
        for size in (true.total_byte_size, true.column(0).total_uncompressed_size):
            lie(path, size, 1_000)

        footer = pq.read_metadata(path).row_group(0)
        [(_, _, _, found, expected)] = problems(folder)

        assert (footer.total_byte_size, footer.column(0).total_uncompressed_size) == (1_000, 1_000)
        assert int(found.split()[0].replace(",", "")) > 90_000_000
        assert found.endswith("bytes when uncompressed")
        assert expected.startswith("at most 33,554,432 for a file of")

    @pytest.mark.parametrize("stored", [True, False])
    def test_one_huge_text_repeated_by_reference_is_never_copied(self, folder, problems, stored):
        (folder / "substitutes.csv").unlink()
        huge = pa.array(["a" * 10_000_000])
        cells = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), huge)  # a terabyte, written out
        pq.write_table(pa.table({"security_id": cells}), folder / "substitutes.parquet", compression="zstd",
                       store_schema=stored)  # fmt: skip

        assert ("substitutes.parquet", 2, None, "a longer cell", "at most 1,000 characters") in problems(folder)
