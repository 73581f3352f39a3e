"""How is a setting of the mapping written in one line? `cost_basis cost_basis_type=ORIGINAL`: a key, its arguments."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from connectors.addepar.mapping import AddeparMapping, Column
from engine.domain.errors import DataError


def written_keys(mapping: AddeparMapping) -> Mapping[str, str]:
    """Return every setting that names an attribute, as section.name, and what it says."""
    found: dict[str, str] = {}
    for section in fields(mapping):
        part = getattr(mapping, section.name)
        for setting in fields(part):
            value = getattr(part, setting.name)
            if isinstance(value, Column):
                found[f"{section.name}.{setting.name}"] = _column(value)
            elif isinstance(value, str):
                found[f"{section.name}.{setting.name}"] = str(value)
    return found


def settings_with(settings: Mapping[str, Any], changes: Mapping[str, str]) -> dict[str, Any]:
    """Return the sections of a configuration with some settings written anew. Raises DataError for what is no place.

    settings: tables as in the file; changes: section.name -> one line. Whether the names exist is for the reader of the
    result to say.
    """
    found = {section: dict(values) for section, values in settings.items()}
    for place, line in changes.items():
        section, dot, name = place.partition(".")
        if not dot or not section or not name:
            raise DataError(f"mapping: expected a setting such as holdings.lot, found {place!r}")
        found.setdefault(section, {})[name] = _setting(place, line)
    return found


def merged(settings: Mapping[str, Any], saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return sections of a configuration with saved ones laid over them, setting by setting."""
    sections = {*settings, *saved}
    return {section: {**settings.get(section, {}), **saved.get(section, {})} for section in sorted(sections)}


def _setting(place: str, line: str) -> str | dict[str, str]:
    key, *arguments = line.split() or [""]
    if not arguments:
        return key
    pairs = [argument.partition("=") for argument in arguments]
    if not all(name and equals and value for name, equals, value in pairs):
        raise DataError(f"mapping: {place}: expected a key and name=value for each argument, found {line!r}")
    return {"key": key, **{name: value for name, _, value in pairs}}


def _column(column: Column) -> str:
    return " ".join([column.key, *(f"{name}={value}" for name, value in column.arguments.items())]).strip()
