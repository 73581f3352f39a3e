"""Do the keys of a mapping exist in this firm's Addepar, and if not, which ones were probably meant?"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.addepar.client import AddeparClient
from connectors.addepar.mapping import AddeparMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCheck:
    """One attribute key of the mapping. suggestions are keys whose key or display name is near, best first."""

    key: str
    places: tuple[str, ...]  # as holdings.lot
    exists: bool
    suggestions: tuple[str, ...] = ()


def check_mapping(client: AddeparClient, mapping: AddeparMapping) -> tuple[KeyCheck, ...]:
    """Return discover's answer for a firm's own attributes, which it reads. Raises ExternalRefusal."""
    return discover(client.pages("/v1/attributes"), mapping)


def discover(attributes: Iterable[Mapping[str, Any]], mapping: AddeparMapping) -> tuple[KeyCheck, ...]:
    """Return one check for each key that the mapping uses, missing ones first.

    attributes: the resource objects of /v1/attributes. Transaction columns that Addepar does not list there show as
    missing without harm: only a refused query proves that they are.
    """
    names = {attribute["id"]: str((attribute.get("attributes") or {}).get("display_name", ""))
             for attribute in attributes}  # fmt: skip
    checks = [_check(key, places, names) for key, places in mapping.places().items()]
    return tuple(sorted(checks, key=lambda check: (check.exists, check.places)))


def _check(key: str, places: tuple[str, ...], names: Mapping[str, str]) -> KeyCheck:
    if key in names:
        return KeyCheck(key=key, places=places, exists=True)
    wanted = _words(key)
    likeness = {other: max(_likeness(wanted, _words(other)), _likeness(wanted, _words(name)))
                for other, name in names.items()}  # fmt: skip
    near = sorted((other for other in likeness if likeness[other] >= 0.6), key=lambda other: (-likeness[other], other))
    return KeyCheck(key=key, places=places, exists=False, suggestions=tuple(near[:3]))


def _words(text: str) -> str:
    return " ".join(sorted(text.casefold().replace("_", " ").split()))


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()
