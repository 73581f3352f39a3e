"""Which files are in the folder, and are they plain files of a sane size? Nothing is opened here."""

import difflib
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from connectors.firm_folder.limits import MAX_FILE_BYTES, MAX_SETTINGS_BYTES
from connectors.firm_folder.report import Report
from connectors.firm_folder.schema import FILES
from engine.domain.errors import DataError

_TABLES: Final = (".csv", ".parquet")
_FOLDERS: Final = ("risk", "settings")
_NEEDED: Final = tuple(name for name, schema in FILES.items() if not schema.optional)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file that is there: name as in the schema, or settings/NAME; label as reports show it."""

    name: str
    label: str
    path: Path
    size: int


def find_files(folder: Path, report: Report, *, needed: Collection[str] = _NEEDED) -> dict[str, Found]:
    """Return the folder's files by name; report what is missing, doubled, unknown, too large or not a plain file.

    needed: the files that must be there. Raises DataError when the folder itself is not there.
    """
    if not folder.is_dir():
        raise DataError(f"firm folder {folder}: found no such folder; expected one with firm.csv and the other files")
    found: dict[str, Found] = {}
    for file in _tables(folder, report):
        if file.name in found:
            report.add(file.label, None, None, found=f"also {found[file.name].label}", expected="only one of the two")
        else:
            found[file.name] = file
    for name in needed:
        if name not in found:
            report.add(f"{name}.csv", None, None, found="no such file", expected=f"{name}.csv or {name}.parquet")
    return found


def find_settings(folder: Path, report: Report) -> tuple[Found, ...]:
    """Return the files settings/NAME.toml in order of name."""
    paths = sorted((folder / "settings").glob("*.toml")) if _is_folder(folder / "settings") else []
    files = (_plain_file(path, path.stem, f"settings/{path.name}", MAX_SETTINGS_BYTES, report) for path in paths)
    return tuple(file for file in files if file)


def find_risk(folder: Path, report: Report) -> dict[str, Found]:
    """Return the files of a risk model that lies in a folder, or in its risk/, by name. Raises DataError for no folder.

    What else lies there is left alone.
    """
    if not folder.is_dir():
        raise DataError(f"risk model {folder}: found no such folder; expected one with exposures.csv and the others")
    home = folder / "risk" if _is_folder(folder / "risk") else folder
    found: dict[str, Found] = {}
    for name in (name for name in FILES if name.startswith("risk/")):
        for suffix in _TABLES:
            path = home / f"{name.removeprefix('risk/')}{suffix}"
            file = _plain_file(path, name, f"risk/{path.name}", MAX_FILE_BYTES, report) if path.exists() else None
            if file and name in found:
                report.add(file.label, None, None, found=f"also {found[name].label}", expected="only one of the two")
            elif file:
                found[name] = file
    return found


def find_table(path: Path, name: str, report: Report) -> Found | None:
    """Return one file that has the columns of a file of the format; None, reported, where it is no plain file.

    Raises DataError where there is no such file, or it is neither CSV nor Parquet by its name.
    """
    if not path.is_file() or path.suffix not in _TABLES:
        raise DataError(f"{name} {path}: expected a file that ends in {' or '.join(_TABLES)}, found none there")
    return _plain_file(path, name, path.name, MAX_FILE_BYTES, report)


def _tables(folder: Path, report: Report) -> Iterator[Found]:
    for path in sorted(folder.iterdir()):
        if path.name in _FOLDERS:
            if not _is_folder(path):
                report.add(path.name, None, None, found=_kind(path), expected="a folder")
        elif path.suffix.lower() in _TABLES or path.is_dir():
            yield from _table(path, "", report)
    if _is_folder(folder / "risk"):
        for path in sorted((folder / "risk").iterdir()):
            if path.suffix.lower() in _TABLES:
                yield from _table(path, "risk/", report)


def _table(path: Path, prefix: str, report: Report) -> Iterator[Found]:
    name, label = prefix + path.stem, prefix + path.name
    if name in FILES and path.suffix in _TABLES:
        file = _plain_file(path, name, label, MAX_FILE_BYTES, report)
        if file:
            yield file
        return
    known = [f"{name}{suffix}" for name in FILES for suffix in _TABLES] + list(_FOLDERS)
    near = difflib.get_close_matches(label.lower(), known, n=1, cutoff=0.8)
    if near or path.suffix.lower() in _TABLES:
        hint = f"{near[0]}?" if near else "only the files of the format"
        report.add(label, None, None, found="an unknown name", expected=hint)


def _plain_file(path: Path, name: str, label: str, most: int, report: Report) -> Found | None:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        report.add(label, None, None, found=_kind(path), expected="a plain file")
        return None
    if status.st_size > most:
        report.add(label, None, None, found=f"{status.st_size:,} bytes", expected=f"at most {most:,}")
        return None
    return Found(name=name, label=label, path=path, size=status.st_size)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _kind(path: Path) -> str:
    if path.is_symlink():
        return "a symbolic link"
    return "a folder" if path.is_dir() else "a special file"
