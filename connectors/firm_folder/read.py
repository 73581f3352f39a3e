"""What does a firm folder say? All of it, checked before any of it is given out, or every problem at once."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from connectors.firm_folder import actions, references
from connectors.firm_folder.books import Books, waiting_lots, waiting_transactions
from connectors.firm_folder.files import Found, find_files, find_settings
from connectors.firm_folder.reference import accounts, firm_reference
from connectors.firm_folder.report import Report
from connectors.firm_folder.risk import risk_model, with_factors
from connectors.firm_folder.schema import FILES, LOTS, TRANSACTIONS, File
from connectors.firm_folder.table import Known, Rows, check_header, checked_rows, open_source
from engine.domain.accounts import AccountBook, FirmReference
from engine.domain.errors import DataError
from engine.domain.settings import settings_from_toml

Progress = Callable[[str, float], None]


def read_firm(folder: Path, *, progress: Progress | None = None) -> tuple[FirmReference, Iterable[AccountBook]]:
    """Return a firm's reference data and its accounts, ordered by account_id.

    Every file is read and checked before this returns; the books are built one at a time while they are gone through
    (again, if wanted), from a temporary copy. progress is called with a file's name and the fraction of all bytes
    checked. Raises DataError whose `problems` holds everything found wrong; nothing is returned then.
    """
    report, known = Report(), Known()
    found = find_files(folder, report)
    settings = _read_settings(folder, known, report)
    lots, transactions = waiting_lots(), waiting_transactions()
    keeping = {LOTS.name: lots.add, TRANSACTIONS.name: transactions.add}
    read: dict[str, tuple[str, Rows]] = {}
    done, total = 0, sum(file.size for file in found.values())
    for name, schema in FILES.items():
        if name not in found:
            continue
        file = found[name]
        rows = read_rows(file, schema, known, report, keeping.get(name), _meter(progress, file, done, total))
        done += file.size
        if rows:
            read[name] = (file.label, rows)
            _check_across(name, file.label, rows, known, {n: r for n, (_, r) in read.items()}, report)
    risk = risk_model(read, report)
    report.raise_if_any(folder)
    rows_of = {name: rows for name, (_, rows) in read.items()}
    books = Books(accounts(rows_of["accounts"]), lots, transactions)
    return firm_reference(rows_of, risk, settings), books


def _meter(progress: Progress | None, file: Found, done: int, total: int) -> Callable[[float], None]:
    def advance(fraction: float) -> None:
        if progress:
            progress(file.label, (done + fraction * file.size) / max(total, 1))

    return advance


def read_rows(
    found: Found,
    schema: File,
    known: Known,
    report: Report,
    keep: Callable[[Rows], None] | None = None,
    advance: Callable[[float], None] = lambda _fraction: None,
) -> Rows | None:
    """Return all rows of a file, or, with keep, an empty table after handing them to it; None if it has no header.

    What is wrong goes to the report. References to ids that `known` does not have at all go unchecked.
    """
    source = open_source(found, schema, report)
    if not source.header:
        return None
    if schema.name.startswith("risk/") and schema.name != "risk/specific":
        schema = with_factors(schema, source, report)
    check_header(source, schema, report)
    lines: list[int] = []
    # The texts of half a million prices are of no further use.
    texts = () if schema.name == "prices" else schema.columns
    text: dict[str, list[str]] = {column.name: [] for column in texts if column.name in source.header}
    value: dict[str, list[Any]] = {column.name: [] for column in schema.columns}
    for rows in checked_rows(source, schema, known, report, advance):
        if keep:
            if schema.name == "lots":
                references.check_lots(found.label, rows, report)
            if schema.name in ("lots", "transactions"):
                references.check_gifts(found.label, rows, report)
            if schema.name == "transactions":
                references.check_arranged(found.label, rows, known, report)
                actions.check_exchanges(found.label, rows, report)
            keep(rows)
            continue
        lines += rows.lines
        for name in text:
            text[name] += rows.text[name]
        for name in value:
            value[name] += rows.value[name]
    return Rows(lines=lines, text=text, value=value)


def _check_across(name: str, label: str, rows: Rows, known: Known, read: Mapping[str, Rows], report: Report) -> None:
    match name:
        case "firm":
            references.check_firm(label, rows, report)
            known.as_of = next(iter(rows.value["as_of"]), None)
        case "securities":
            references.check_securities(label, rows, report)
        case "corporate_actions":
            actions.check_actions(label, rows, report)
        case "models":
            references.check_models(label, rows, report)
            actions.check_dated(label, rows, known, report)
        case "households" | "accounts":
            references.check_ids(label, rows, f"{name[:-1]}_id", report)
        case "restrictions":
            references.check_restrictions(label, rows, known, read.get("securities"), report)
        case "substitutes":
            references.check_substitutes(label, rows, report)


def _read_settings(folder: Path, known: Known, report: Report) -> dict[str, str]:
    """Return the TOML texts by name as the firm wrote them, each proved to be settings."""
    texts: dict[str, str] = {}
    known.ids["settings"] = texts
    for file in find_settings(folder, report):
        texts[file.name] = ""
        try:
            texts[file.name] = file.path.read_bytes().decode("utf-8-sig")
            settings_from_toml(texts[file.name], source=file.label)
        except UnicodeDecodeError as error:
            report.add(file.label, None, None, found=f"byte {error.object[error.start]:#04x}", expected="UTF-8 text")
        except DataError as error:
            reason = "".join(c if c.isprintable() else " " for c in str(error).removeprefix(f"{file.label}: "))
            report.add(file.label, None, None, found=reason, expected="one section [plan] of known settings")
    return texts
