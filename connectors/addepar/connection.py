"""What does the [addepar] table of a firm's configuration file say? Where its Addepar is, and what is what in there."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from connectors.addepar.config import AddeparConfig
from connectors.addepar.mapping import AddeparMapping, mapping_from_table
from engine.domain.errors import DataError


def connection_from_table(table: Mapping[str, Any], *, source: str) -> tuple[AddeparConfig, AddeparMapping]:
    """Return the connection and the mapping written in one TOML table.

    Plain values are the fields of AddeparConfig, tables the sections of AddeparMapping. source names the table in
    errors. Raises DataError for what is missing, unknown or of the wrong kind; a secret is never in the message.
    """
    plain = {name: value for name, value in table.items() if not isinstance(value, Mapping)}
    known = {f.name: f for f in fields(AddeparConfig)}
    unknown = sorted(set(plain) - set(known))
    if unknown:
        raise DataError(f"{source}: unknown key {unknown[0]}; expected some of {', '.join(known)}")
    missing = [name for name, f in known.items() if f.default is MISSING and name not in plain]
    if missing:
        raise DataError(f"{source}: expected {', '.join(missing)}, found nothing")
    for name, value in plain.items():
        number = isinstance(known[name].default, int | float)
        if isinstance(value, bool) or not isinstance(value, int | float if number else str):
            raise DataError(f"{source}: {name}: expected a {'number' if number else 'text'}, "
                            f"found a value of type {type(value).__name__}")  # fmt: skip
    mapping = mapping_from_table({n: v for n, v in table.items() if isinstance(v, Mapping)}, source=source)
    return AddeparConfig(**plain), mapping
