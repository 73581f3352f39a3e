"""How can the stand-in custodian be told to misbehave? A file of its own, read anew whenever it changes.

The file faults.json holds lists of tickers by fault, and "allocations" or "changes" with the value "reject":

    {"hold": ["AAA"], "bust": ["BBB"], "allocations": "reject"}

reject: the order is refused; hold: its last execution never comes; done: the same, and it is done for the day;
bust: the last execution is taken back and made again; correct: its price is mended by a cent; twice: every report
comes twice; silent: no word at all.
"""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from engine.domain.errors import DataError

_REJECT: Final = "reject"
_SWITCHES: Final = ("allocations", "changes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Tickers by fault, and what is refused altogether."""

    reject: frozenset[str] = frozenset()
    hold: frozenset[str] = frozenset()
    done: frozenset[str] = frozenset()
    bust: frozenset[str] = frozenset()
    correct: frozenset[str] = frozenset()
    twice: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    no_allocations: bool = False
    no_changes: bool = False


NO_FAULTS: Final = Faults()


def read_faults(path: Path) -> Faults:
    """Return the faults of a file, none where there is no file. Raises DataError for another content."""
    if not path.exists():
        return NO_FAULTS
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        told: dict[str, Any] = {name: frozenset(map(str, given[name])) for name in given if name not in _SWITCHES}
        told |= {f"no_{name}": given[name] == _REJECT for name in _SWITCHES if name in given}
        return Faults(**told)
    except (ValueError, TypeError) as error:
        known = ", ".join(field.name for field in fields(Faults) if not field.name.startswith("no_"))
        raise DataError(f"{path}: expected tickers by fault ({known}), found {error}") from error
