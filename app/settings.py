"""Where does this installation keep and reach things? The environment, read once into one frozen value."""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.domain.errors import DataError

_VARIABLES: Final = ("LOTSMITH_DB", "LOTSMITH_CONFIG", "LOTSMITH_EXPORTS", "LOTSMITH_USER")
_SECTIONS: Final = ("salesforce", "addepar", "fix", "prices", "monitor", "sign_in")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """database_url: an SQLAlchemy URL. exports: folder for files to custodians. user: who acts on the command line.

    connections: one table of settings for each outside system, from the file LOTSMITH_CONFIG names; it holds secrets,
    so it belongs outside the repository with the rights 0600. A file that it names as config lies relative to it.
    """

    database_url: str
    exports: Path
    user: str | None
    connections: Mapping[str, Mapping[str, Any]]


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of this process.

    Raises DataError for a LOTSMITH_ variable or a section that is not known, and for a file that is not TOML.
    """
    given = dict(os.environ if environment is None else environment)
    for name in given:
        if name.startswith("LOTSMITH_") and name not in _VARIABLES:
            near = difflib.get_close_matches(name, _VARIABLES, n=1)
            raise DataError(f"environment: unknown variable {name}" + (f"; did you mean {near[0]}?" if near else ""))
    home = _user_folder(given)
    return Settings(
        database_url=given.get("LOTSMITH_DB") or f"sqlite:///{home / 'lotsmith.db'}",
        exports=Path(given.get("LOTSMITH_EXPORTS") or home / "exports"),
        user=given.get("LOTSMITH_USER"),
        connections=_read_connections(given.get("LOTSMITH_CONFIG")),
    )


def child_environment(settings: Settings) -> dict[str, str]:
    """Return the environment for a process that is to work with the same settings, wherever it is started."""
    config = os.environ.get("LOTSMITH_CONFIG")
    return {
        **os.environ,
        "LOTSMITH_DB": _anywhere(settings.database_url),
        "LOTSMITH_EXPORTS": str(settings.exports.absolute()),
        **({"LOTSMITH_CONFIG": str(Path(config).absolute())} if config else {}),
    }


def _anywhere(url: str) -> str:
    """Return a database URL that means the same from any working folder: SQLite's may be relative to this one."""
    scheme, slashes, path = url.partition(":///")
    if not (slashes and scheme.startswith("sqlite") and path and path != ":memory:"):
        return url
    return f"{scheme}:///{Path(path).absolute()}"


def _user_folder(environment: Mapping[str, str]) -> Path:
    base = environment.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "lotsmith"


def _read_connections(path: str | None) -> Mapping[str, Mapping[str, Any]]:
    if not path:
        return {}
    try:
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"LOTSMITH_CONFIG: expected a readable TOML file at {path}: {error}") from error
    unknown = sorted(set(tables) - set(_SECTIONS))
    if unknown:
        raise DataError(f"{path}: unknown section [{unknown[0]}]; expected some of {', '.join(_SECTIONS)}")
    return {name: _beside(Path(path), table) for name, table in tables.items()}


def _beside(path: Path, table: Any) -> Mapping[str, Any]:
    if not isinstance(table, dict):
        raise DataError(f"{path}: expected sections such as [{_SECTIONS[0]}], found a value of that name")
    if isinstance(table.get("config"), str):
        return {**table, "config": str(path.absolute().parent / table["config"])}
    return table
