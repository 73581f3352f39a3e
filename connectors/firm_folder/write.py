"""How is a firm written down so that reading it gives the same firm? Canonical files, all of them or none."""

import csv
import io
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, TextIO

import numpy as np

from connectors.firm_folder.cells import written
from connectors.firm_folder.schema import (
    ACCOUNTS,
    ACTIONS,
    COVARIANCE,
    EXPOSURES,
    FILES,
    FIRM,
    HOUSEHOLDS,
    LOTS,
    MODELS,
    PRICES,
    RESTRICTIONS,
    SECURITIES,
    SPECIFIC,
    SUBSTITUTES,
    TRANSACTIONS,
    File,
)
from connectors.firm_folder.spool import Spool
from engine.domain.accounts import AccountBook, FirmReference, Restriction
from engine.domain.errors import DataError
from engine.domain.market import Model, RiskModel, action_key

_SETTINGS_NAME: Final = re.compile(r"[^/\\\x00-\x1f.][^/\\\x00-\x1f]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """The header and rows of one file; row values are in the order of the columns."""

    name: str
    header: tuple[str, ...]
    rows: Iterable[Iterable[Any]]


def write_firm(folder: Path, reference: FirmReference, books: Iterable[AccountBook]) -> None:
    """Write a firm folder: CSV files ordered by key, every column present, so that equal firms give equal bytes.

    Books may come in any order, one at a time. A folder of an earlier export is replaced; the new one appears under
    its name only when it is complete. Raises DataError, leaving what was there, when the folder holds anything that
    is not of a firm folder, or a value cannot be written (control characters, not a number).
    """
    folder = folder.absolute()
    _refuse_foreign(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for table in _reference_tables(reference):
            _write_table(partial, table)
        _write_books(partial, books)
        _write_settings(partial, reference.settings)
        partial.chmod(0o755)
        _put_in_place(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def models_text(models: Iterable[Model]) -> str:
    """Return models as models.csv has them."""
    return _text(_models_table(models))


def restrictions_text(restrictions: Iterable[Restriction]) -> str:
    """Return restrictions as restrictions.csv has them, in their order."""
    return _text(_table(RESTRICTIONS, restrictions))


def _text(table: _Table) -> str:
    stream = io.StringIO()
    _write_rows(stream, table.name, [table.header])
    _write_rows(stream, table.name, table.rows)
    return stream.getvalue()


def _refuse_foreign(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise DataError(f"{folder}: found a file; expected a new folder or one of an earlier export")
    own = {f"{name}{suffix}" for name in FILES for suffix in (".csv", ".parquet")}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not (name in own or name in ("risk", "settings") or re.fullmatch(r"settings/[^/]+\.toml", name)):
            raise DataError(f"{folder}: found {name} in it; expected a new folder or nothing but an earlier export")


def _put_in_place(partial: Path, folder: Path) -> None:
    if not folder.exists():
        partial.rename(folder)
        return
    old = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.old."))
    folder.rename(old)  # onto an empty folder: allowed, and atomic
    partial.rename(folder)
    shutil.rmtree(old)


def _reference_tables(reference: FirmReference) -> Iterator[_Table]:
    yield _table(FIRM, [reference])
    yield _table(SECURITIES, sorted(reference.securities, key=lambda s: s.security_id))
    yield _Table(name=PRICES.name, header=_names(PRICES), rows=_price_rows(reference))
    if reference.actions:
        yield _table(ACTIONS, sorted(reference.actions, key=action_key))
    yield _models_table(reference.models)
    yield _table(HOUSEHOLDS, sorted(reference.households, key=lambda h: h.household_id))
    if reference.restrictions:
        yield _table(RESTRICTIONS, reference.restrictions)
    if reference.substitutes:
        yield _table(SUBSTITUTES, sorted(reference.substitutes, key=lambda s: (s.security_id, s.rank, s.substitute_id)))
    if reference.risk:
        yield from _risk_tables(reference.risk)


def _models_table(models: Iterable[Model]) -> _Table:
    weights = ((model.model_id, *weight, model.effective) for model in models for weight in model.weights)
    return _trimmed(MODELS, sorted(weights, key=lambda row: (row[0], row[3] or date.min, row[1])))


def _price_rows(reference: FirmReference) -> Iterator[tuple[Any, ...]]:
    for history in sorted(reference.prices, key=lambda history: history.security_id):
        for day, close, adjusted in zip(history.dates, history.closes, history.adjusted, strict=True):
            yield history.security_id, day, close, adjusted


def _risk_tables(risk: RiskModel) -> Iterator[_Table]:
    order = sorted(range(len(risk.security_ids)), key=lambda row: risk.security_ids[row])
    exposures = ((risk.security_ids[row], *risk.exposures[row].tolist()) for row in order)
    yield _Table(name=EXPOSURES.name, header=("security_id", *risk.factors), rows=exposures)
    covariance = ((name, *row.tolist()) for name, row in zip(risk.factors, risk.factor_covariance, strict=True))
    yield _Table(name=COVARIANCE.name, header=("factor", *risk.factors), rows=covariance)
    volatility = np.sqrt(risk.specific_variance).tolist()
    specific = ((risk.security_ids[row], volatility[row]) for row in order)
    yield _Table(name=SPECIFIC.name, header=_names(SPECIFIC), rows=specific)


def _table(schema: File, items: Iterable[Any]) -> _Table:
    return _trimmed(schema, list(_fields(schema, items)))


def _trimmed(schema: File, rows: Sequence[Sequence[Any]]) -> _Table:
    """Return rows as a table, without the late columns where none of them has a value."""
    late = schema.late
    if late and not any(cell is not None for row in rows for cell in row[-late:]):
        return _Table(name=schema.name, header=_names(schema)[:-late], rows=(row[:-late] for row in rows))
    return _Table(name=schema.name, header=_names(schema), rows=rows)


def _fields(schema: File, items: Iterable[Any]) -> Iterator[list[Any]]:
    names = _names(schema)
    for item in items:
        yield [getattr(item, name) for name in names]


def _names(schema: File) -> tuple[str, ...]:
    return tuple(column.name for column in schema.columns)


def _write_table(folder: Path, table: _Table) -> None:
    path = folder / f"{table.name}.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        _write_rows(stream, table.name, [table.header])
        _write_rows(stream, table.name, table.rows)


def _write_rows(stream: TextIO, name: str, rows: Iterable[Iterable[Any]]) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    for row in rows:
        cells = list(row)
        try:
            writer.writerow([written(cell) for cell in cells])
        except ValueError as error:
            raise DataError(
                f"{name}.csv: found {str(error)!r} in the row of {cells[0]!r}; expected finite numbers, and text "
                "without control characters or spaces around it"
            ) from error


def _write_books(folder: Path, books: Iterable[AccountBook]) -> None:
    """Write the three files of accounts; each account's lines wait in a temporary file until all are known."""
    schemas = (ACCOUNTS, LOTS, TRANSACTIONS)
    spools = {schema.name: Spool() for schema in schemas}
    with_late: dict[str, set[str]] = {schema.name: set() for schema in schemas}  # accounts that have late columns
    for book in books:
        lots = sorted(book.lots, key=lambda lot: lot.lot_id)
        transactions = sorted(book.transactions, key=lambda transaction: transaction.trade_date)
        items: tuple[Iterable[Any], ...] = ([book.account], lots, transactions)
        for schema, rows in zip(schemas, items, strict=True):
            text, table = io.StringIO(), _trimmed(schema, list(_fields(schema, rows)))
            _write_rows(text, schema.name, table.rows)
            spools[schema.name].add(book.account.account_id, text.getvalue().encode())
            if table.header == _names(schema):
                with_late[schema.name].add(book.account.account_id)
    for schema in schemas:
        whole = with_late[schema.name]
        header = _names(schema) if whole or not schema.late else _names(schema)[: -schema.late]
        blanks = b"," * schema.late + b"\n"
        with (folder / f"{schema.name}.csv").open("wb") as stream:
            stream.write((",".join(header) + "\n").encode())
            for account_id in spools[schema.name].ordered():
                for piece in spools[schema.name].pieces(account_id):
                    short = whole and account_id not in whole  # no cell holds a line break, so each is a row's end
                    stream.write(piece.replace(b"\n", blanks) if short else piece)


def _write_settings(folder: Path, settings: Mapping[str, str]) -> None:
    for name, text in sorted(settings.items()):
        if not _SETTINGS_NAME.fullmatch(name):
            raise DataError(
                f"settings {name!r}: expected the name of a file: no slashes, no leading dot, at most 64 characters"
            )
        path = folder / "settings" / f"{name}.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
