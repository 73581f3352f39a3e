"""Do the keys of a mapping exist in this firm's Addepar, and if not, which ones are probably meant?"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connectors.addepar.client import AddeparClient
from connectors.addepar.mapping import AddeparMapping
from connectors.addepar.written import written_keys

ALIKE: Final = 0.75
_GROUPING, _COLUMN = "groupings", "columns"
# What each setting asks for, and what firms usually call it on screen; no public page names the keys themselves.
WANTED: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "holdings.account": (_GROUPING, "the account", ("Holding Account", "Account", "Financial Account")),
    "holdings.security": (_GROUPING, "the security", ("Security", "Investment")),
    "holdings.lot": (_GROUPING, "the tax lot; empty if there is none", ("Tax Lot", "Lot", "Tax Lots")),
    "holdings.cusip": (_COLUMN, "CUSIP", ("CUSIP",)),
    "holdings.ticker": (_COLUMN, "ticker", ("Ticker Symbol", "Ticker")),
    "holdings.asset_class": (_COLUMN, "asset class, which tells cash", ("Asset Class",)),
    "holdings.units": (_COLUMN, "shares", ("Units", "Shares", "Quantity")),
    "holdings.price": (_COLUMN, "price a share", ("Price", "Price Per Share")),
    "holdings.value": (_COLUMN, "value", ("Value", "Market Value", "Adjusted Value")),
    "holdings.lot_id": (_COLUMN, "the lot's own id", ("Tax Lot ID", "Lot ID", "Lot Number")),
    "holdings.lot_acquired": (
        _COLUMN, "the day it was acquired",
        ("Tax Lot Open Date", "Open Date", "Acquisition Date", "Purchase Date", "Lot Open Date"),
    ),
    "holdings.lot_holding_start": (
        _COLUMN, "the day its holding period began, where a wash sale moved it",
        ("Tax Lot Holding Period Start Date", "Holding Period Start Date", "Adjusted Open Date"),
    ),
    "holdings.original_cost": (_COLUMN, "its cost before wash sales", ("Cost Basis", "Original Cost Basis")),
    "holdings.adjusted_cost": (_COLUMN, "its cost after wash sales", ("Cost Basis", "Adjusted Cost Basis")),
    "holdings.ytd_st_gain": (
        _COLUMN, "short-term gain of the year", ("Realized Short Term Gain, Year To Date", "Realized ST Gain YTD"),
    ),
    "holdings.ytd_lt_gain": (
        _COLUMN, "long-term gain of the year", ("Realized Long Term Gain, Year To Date", "Realized LT Gain YTD"),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A saved view of the firm's Addepar, and the keys that it groups and shows by, in order."""

    view_id: str
    name: str
    groupings: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One setting. written: as the mapping has it now; exists: None where nothing is asked for, or it is not known.

    proposed: what it should be: what it is where that exists, else the likest of the firm's attributes, "" for none.
    display_name: what the firm's screen calls the proposed key.
    """

    place: str
    meaning: str
    written: str
    exists: bool | None
    proposed: str
    display_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute of the firm's Addepar. usage: groupings, columns, filters."""

    key: str
    display_name: str
    usage: frozenset[str]


def read_attributes(client: AddeparClient) -> tuple[Attribute, ...]:
    """Return every attribute of the firm. Raises ExternalRefusal."""
    return tuple(_attribute(resource) for resource in client.pages("/v1/attributes"))


def read_views(client: AddeparClient) -> tuple[View, ...]:
    """Return the firm's saved views by name; what they show is not in the list. Raises ExternalRefusal."""
    listed = client.one("/v1/portfolio/views").get("data") or ()
    views = (View(view_id=str(r["id"]), name=_name(r)) for r in listed)
    return tuple(sorted(views, key=lambda view: view.name))


def read_view(client: AddeparClient, view_id: str) -> View:
    """Return one saved view with what it shows. Raises ExternalRefusal."""
    resource = client.one(f"/v1/portfolio/views/{view_id}").get("data") or {}
    parameters = (resource.get("attributes") or {}).get("parameters") or {}
    if "data" in parameters:  # the whole body of a query
        parameters = (parameters["data"] or {}).get("attributes") or {}
    return View(
        view_id=view_id,
        name=_name(resource),
        groupings=_keys(parameters, _GROUPING),
        columns=_keys(parameters, _COLUMN),
    )


def proposals(
    attributes: Iterable[Attribute], mapping: AddeparMapping, view: View | None = None
) -> tuple[Proposal, ...]:
    """Return one proposal for each setting of the holdings query.

    view: where one is given, what it shows comes before all else, and its third grouping is the lot.
    """
    known = {attribute.key: attribute for attribute in attributes}
    written = written_keys(mapping)
    return tuple(_proposal(place, written[place], known, view) for place in WANTED)


def as_it_is(mapping: AddeparMapping) -> tuple[Proposal, ...]:
    """Return each setting of the holdings query as it is, whether it exists not being known."""
    written = written_keys(mapping)
    return tuple(
        Proposal(place=place, meaning=WANTED[place][1], written=written[place], exists=None, proposed=written[place],
                 display_name="")
        for place in WANTED
    )  # fmt: skip


def _proposal(place: str, written: str, known: Mapping[str, Attribute], view: View | None) -> Proposal:
    usage, meaning, names = WANTED[place]
    key, _, arguments = written.partition(" ")
    exists = None if not key else key in known and usage in known[key].usage
    proposed = key if exists else _likest(names, usage, known, view)
    if not exists and view is not None and usage == _GROUPING and len(view.groupings) == 3:
        proposed = view.groupings[[p for p in WANTED if WANTED[p][0] == _GROUPING].index(place)]
    shown = known[proposed].display_name if proposed in known else ""
    return Proposal(place=place, meaning=meaning, written=written, exists=exists,
                    proposed=f"{proposed} {arguments}".strip() if proposed else "", display_name=shown)  # fmt: skip


def _likest(names: Sequence[str], usage: str, known: Mapping[str, Attribute], view: View | None) -> str:
    """The attribute whose name on screen is likest to one of these names, first among those that the view shows."""
    in_view = () if view is None else (*view.groupings, *view.columns)
    likeness = {attribute.key: _likeness(names, attribute) for attribute in known.values() if usage in attribute.usage}
    alike = [key for key, alikeness in likeness.items() if alikeness >= ALIKE]
    return max(alike, key=lambda key: (key in in_view, likeness[key], key), default="")


def _likeness(names: Sequence[str], attribute: Attribute) -> float:
    """From 0 to 1, where 1 is the first of the names; a later one of them counts a little less."""
    shown = [_words(attribute.display_name), _words(attribute.key)]
    return max(
        difflib.SequenceMatcher(None, _words(name), other).ratio() - 0.01 * place
        for place, name in enumerate(names)
        for other in shown
    )


def _words(text: str) -> str:
    return " ".join(sorted(text.casefold().replace("_", " ").replace(",", " ").split()))


def _attribute(resource: Mapping[str, Any]) -> Attribute:
    shown = resource.get("attributes") or {}
    return Attribute(
        key=str(resource["id"]), display_name=str(shown.get("display_name") or ""),
        usage=frozenset(map(str, shown.get("usage") or ())),
    )  # fmt: skip


def _name(resource: Mapping[str, Any]) -> str:
    shown = resource.get("attributes") or {}
    return str(shown.get("display_name") or shown.get("name") or resource.get("id") or "")


def _keys(parameters: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Keys as Addepar writes them: bare, or each in an object with its arguments."""
    entries = parameters.get(name) or ()
    return tuple(str(entry.get("key") if isinstance(entry, Mapping) else entry) for entry in entries)
