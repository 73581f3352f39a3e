"""Which lots are sold, as a table for people and uploads? One row an order and lot; written, and read back."""

import csv
import io
from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

from connectors.fix.messages import number
from engine.domain.errors import DataError
from engine.domain.orders import Block
from engine.execute.written import Key, WrittenLot

COLUMNS: Final = (
    "cl_ord_id", "block_id", "account", "symbol", "cusip", "quantity", "acquired", "cost_per_share", "lot_id",
)  # fmt: skip
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def write(blocks: Iterable[Block]) -> tuple[bytes, int]:
    """Return the sheet, and its number of rows without the header."""
    rows = [
        (order.cl_ord_id, block.cl_ord_id, order.account_number, block.ticker, block.cusip or "", number(lot.quantity),
         lot.acquired.isoformat(), number(lot.cost_per_share), lot.lot_id)
        for block in blocks for order in block.allocations for lot in order.lots
    ]  # fmt: skip
    return as_csv([COLUMNS, *rows]), len(rows)


def read(content: bytes) -> dict[Key, tuple[WrittenLot, ...]]:
    """Return the lots of each sale as the sheet states them. Raises DataError, with the line, where it is no sheet."""
    found: dict[Key, list[WrittenLot]] = {}
    rows = rows_of(content, "lot sheet")
    if not rows or tuple(rows[0]) != COLUMNS:
        raise DataError(f"lot sheet, line 1: expected {','.join(COLUMNS)}, found {','.join(rows[0]) if rows else ''}")
    for line, cells in enumerate(rows[1:], start=2):
        try:
            row = dict(zip(COLUMNS, cells, strict=True))
            lot = WrittenLot(
                lot_id=row["lot_id"],
                quantity=Decimal(row["quantity"]),
                acquired=date.fromisoformat(row["acquired"]),
                cost_per_share=Decimal(row["cost_per_share"]),
            )
        except (ValueError, InvalidOperation) as error:
            raise DataError(f"lot sheet, line {line}: expected a lot, found {','.join(cells)}") from error
        found.setdefault(Key(account=row["account"], ticker=row["symbol"], sells=True), []).append(lot)
    return {key: tuple(lots) for key, lots in found.items()}


def as_csv(rows: Iterable[Iterable[str]]) -> bytes:
    """Return rows as a CSV that no spreadsheet takes for a formula: an apostrophe goes before what begins like one."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([_cell(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def rows_of(content: bytes, name: str) -> list[list[str]]:
    """Return the rows that as_csv wrote. Raises DataError for text that is no CSV."""
    try:
        rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{name}: expected a CSV, found {error}") from error
    return [[_text(cell) for cell in row] for row in rows]


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(("'", *_FORMULA_STARTS)) else text


def _text(cell: str) -> str:
    return cell[1:] if cell.startswith("'") else cell
