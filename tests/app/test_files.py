"""Tables as files: every cell comes back, and no cell is a formula."""

import csv
import io
import zipfile

import pandas as pd
import pytest

from app.tables.files import csv_bytes, workbook_bytes

FRAME = pd.DataFrame(
    {
        "note": ["plain", "=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)"],
        "gain": [1.5, -2.0, 0.0, 3.25, -0.5],
        "reasons": [["drift", "cash low"], [], [], [], []],
    }
)


def test_text_that_a_spreadsheet_would_run_is_text_in_the_csv_and_numbers_keep_their_sign():
    rows = list(csv.DictReader(io.StringIO(csv_bytes(FRAME).decode())))

    assert [row["note"] for row in rows] == ["plain", "'=1+1", "'+cmd|' /C calc'!A0", "'-2", "'@SUM(A1)"]
    assert [float(row["gain"]) for row in rows] == [1.5, -2.0, 0.0, 3.25, -0.5]
    assert rows[0]["reasons"] == "drift, cash low"


def test_a_workbook_holds_every_row_and_no_formula():
    stamped = FRAME.assign(at=pd.to_datetime(["2026-01-02T03:04:05"] * 5, utc=True))
    content = workbook_bytes(stamped, sheet="a name longer than a sheet of a workbook may have")

    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
        texts = parts.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in sheet
    assert sheet.count("<row ") == 6
    assert "=1+1" in texts


@pytest.mark.parametrize("write", [csv_bytes, lambda frame: workbook_bytes(frame, sheet="x")])
def test_the_table_itself_is_left_as_it_was(write):
    before = FRAME.copy(deep=True)
    write(FRAME)
    pd.testing.assert_frame_equal(FRAME, before)
