"""How do tax lots get into FIX 4.4? The tags of extension pack 127 added to the standard's dictionary, by agreement."""

import xml.etree.ElementTree as Tree
from typing import Final

from connectors.fix.messages import ALLOCATION, EXECUTION_REPORT, NEW_ORDER, REPLACE
from engine.domain.errors import DataError

_TAGS: Final = (
    ("1752", "CustodialLotID", "STRING"),
    ("1753", "VersusPurchaseDate", "LOCALMKTDATE"),
    ("1754", "VersusPurchasePrice", "PRICE"),
)
_AFTER: Final = "AllocQty"
_ANSWER: Final = "P"
_WITH_LOTS: Final = frozenset({NEW_ORDER, REPLACE, EXECUTION_REPORT, ALLOCATION, _ANSWER})


def with_lots(dictionary: str) -> str:
    """Return a FIX 4.4 dictionary (XML text) whose allocations may name a lot, its day of purchase and its price.

    Allocations in an allocation's answer get the number of shares too, as later versions have it. Raises DataError for
    text that is no such dictionary.
    """
    try:
        root = Tree.fromstring(dictionary)  # noqa: S314  the file that comes with quickfix
    except Tree.ParseError as error:
        raise DataError(f"FIX dictionary: expected XML, found {error}") from error
    fields, messages = root.find("fields"), root.find("messages")
    if fields is None or messages is None:
        raise DataError("FIX dictionary: expected fields and messages, found none")
    for number, name, kind in _TAGS:
        Tree.SubElement(fields, "field", number=number, name=name, type=kind)
    components = {part.get("name"): part for part in root.iterfind("components/component")}
    for message in messages:
        if message.get("msgtype") in _WITH_LOTS:
            for group in _allocations(message, components):
                _add(group)
    return Tree.tostring(root, encoding="unicode")


def _allocations(message: Tree.Element, components: dict[str | None, Tree.Element]) -> list[Tree.Element]:
    parts = [message, *(components[part.get("name")] for part in message.iterfind("component"))]
    return [group for part in parts for group in part.iterfind("group[@name='NoAllocs']")]


def _add(group: Tree.Element) -> None:
    names = [part.get("name") for part in group]
    if _TAGS[0][1] in names:  # a component that several messages share
        return
    if _AFTER not in names:
        names.append(_AFTER)
        Tree.SubElement(group, "field", name=_AFTER, required="N")
    place = names.index(_AFTER) + 1
    for offset, (_, name, _kind) in enumerate(_TAGS):
        group.insert(place + offset, Tree.Element("field", name=name, required="N"))
