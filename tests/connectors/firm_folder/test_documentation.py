"""What docs/firm-folder.md says of files, columns and limits is what the code takes."""

import re
from pathlib import Path

import pytest

from connectors.firm_folder import limits
from connectors.firm_folder.schema import FILES

PAGE = (Path(__file__).parents[3] / "docs/firm-folder.md").read_text(encoding="utf-8")
TABLES = {name: schema for name, schema in FILES.items() if not name.startswith("risk/")}


def section(heading):
    _, _, rest = PAGE.partition(f"### {heading}\n")
    return re.split(r"^##", rest, maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("name", TABLES)
def test_every_column_of_a_file_is_documented_and_no_other(name):
    mark = "?" if FILES[name].optional else ""
    rows = re.findall(r"^\| ([^|]+) \|", section(f"`{name}.csv`{mark}"), flags=re.MULTILINE)
    documented = [column for row in rows[1:] for column in row.split(", ")]

    assert rows[0] == "column"
    assert sorted(documented) == sorted(c.name + ("?" if c.optional else "") for c in FILES[name].columns)


@pytest.mark.parametrize("name", sorted(FILES.keys() - TABLES.keys()))
def test_every_column_of_a_risk_file_is_documented(name):
    [columns] = re.findall(rf"^\| `{name}\.csv` \| ([^|]+) \|", section("`risk/`?"), flags=re.MULTILINE)

    assert all(column.name in columns for column in FILES[name].columns)


@pytest.mark.parametrize("name", ["accounts", "transactions", "restrictions"])
def test_every_word_of_a_closed_list_is_documented(name):
    [words] = [column.kind.expected.removeprefix("one of ").split(", ") for column in FILES[name].columns
               if column.kind.expected.startswith("one of ")]  # fmt: skip

    assert all(f"`{word}`" in PAGE for word in words)


def test_the_limits_are_those_of_the_code():
    assert f"{limits.MAX_ID_CHARS} characters, a text {limits.MAX_CELL_CHARS:,}" in PAGE
    assert limits.MAX_NUMBER == 10**15
    assert f"at most 10^15 in\n  size, {limits.MAX_DIGITS} digits, {limits.MAX_DECIMALS} decimals" in PAGE
    assert f"the first {limits.MAX_PROBLEMS_PER_FILE:,} a file" in PAGE
    assert (f"{limits.MAX_FILE_BYTES >> 30} GB; settings {limits.MAX_SETTINGS_BYTES >> 10} KB") in PAGE
    assert f"{limits.MAX_LINE_BYTES >> 10} KB, {limits.MAX_CELL_CHARS:,} characters" in PAGE
    assert f"{limits.MAX_EXPANSION} for each byte on disk, or {limits.FREE_EXPANSION_BYTES >> 20} MB" in PAGE
    assert f"{limits.MAX_ROWS_PER_BYTE} for each byte on disk, or {limits.FREE_ROWS // 10**6} million" in PAGE
    assert f"at most {limits.MAX_FACTORS:,}" in PAGE
    assert f"no number above {limits.MAX_FLOAT:,.0f}" in PAGE


def test_the_most_rows_are_those_of_the_code():
    [told] = re.findall(r"^\| rows of a file \| (.*); others", PAGE, flags=re.MULTILINE)
    words = dict(part.split(" ", 1) for part in told.split(", "))

    assert words == {name: f"{FILES[name].max_rows // 10**6} million" for name in words}
    assert len(words) == 4
