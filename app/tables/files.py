"""Tables as files that people open in a spreadsheet: CSV and a workbook.

A cell that a spreadsheet would take for a formula is kept as text (CWE-1236): names and notes come from outside.
"""

from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pandas as pd

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return a table as UTF-8 CSV; text that begins like a formula gets a leading apostrophe."""
    return _plain(frame).to_csv(index=False).encode()


def workbook_bytes(frame: pd.DataFrame, *, sheet: str) -> bytes:
    """Return a table as an Excel workbook of one sheet; no cell of it is a formula or a link."""
    file = BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False}
    with pd.ExcelWriter(file, engine="xlsxwriter", engine_kwargs={"options": options}) as writer:
        shown = _flat(frame)
        for name in shown.select_dtypes("datetimetz"):
            shown[name] = shown[name].dt.tz_localize(None)  # a workbook knows no time zones; ours are UTC
        shown.to_excel(writer, sheet_name=sheet[:31], index=False, freeze_panes=(1, 0))
        writer.sheets[sheet[:31]].autofit()
    return file.getvalue()


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Return files as one archive, by their paths in it; the same files give the same bytes."""
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(ZipInfo(path), content)
    return file.getvalue()


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.map(lambda cell: ", ".join(map(str, cell)) if isinstance(cell, list | tuple) else cell)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    return _flat(frame).map(_text)


def _text(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
