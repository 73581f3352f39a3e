"""Which attributes does the stand-in Addepar know, and what does it call them on screen?"""

from collections.abc import Mapping
from typing import Any, Final

_COLUMN, _GROUPING, _FILTER = "columns", "groupings", "filters"

# key: (display name, category, output type, usages)
CATALOGUE: Final[Mapping[str, tuple[str, str, str, tuple[str, ...]]]] = {
    "holding_account": ("Holding Account", "Ownership", "Word", (_COLUMN, _GROUPING, _FILTER)),
    "top_level_owner": ("Top Level Owner", "Ownership", "Word", (_COLUMN, _GROUPING, _FILTER)),
    "security": ("Security", "Security Details", "Word", (_COLUMN, _GROUPING, _FILTER)),
    "asset_class": ("Asset Class", "Security Details", "Word", (_COLUMN, _GROUPING, _FILTER)),
    "tax_lot": ("Tax Lot", "Tax Lots", "Word", (_GROUPING,)),
    "account_number": ("Account Number", "Ownership", "Word", (_COLUMN, _FILTER)),
    "cusip": ("CUSIP", "Security Details", "Word", (_COLUMN, _FILTER)),
    "ticker_symbol": ("Ticker Symbol", "Security Details", "Word", (_COLUMN, _FILTER)),
    "currency": ("Currency", "Security Details", "Word", (_COLUMN, _FILTER)),
    "node_id": ("Entity ID", "Security Details", "Number", (_COLUMN,)),
    "units": ("Units", "Holding Details", "Number", (_COLUMN,)),
    "price": ("Price", "Holding Details", "Currency", (_COLUMN,)),
    "value": ("Value", "Holding Details", "Currency", (_COLUMN,)),
    "cost_basis": ("Cost Basis", "Tax Lots", "Currency", (_COLUMN,)),
    "tax_lot_id": ("Tax Lot ID", "Tax Lots", "Word", (_COLUMN,)),
    "tax_lot_open_date": ("Tax Lot Open Date", "Tax Lots", "Date", (_COLUMN,)),
    "tax_lot_holding_period_start": ("Tax Lot Holding Period Start Date", "Tax Lots", "Date", (_COLUMN,)),
    "realized_gain_short_term_ytd": ("Realized Short Term Gain, Year To Date", "Tax Lots", "Currency", (_COLUMN,)),
    "realized_gain_long_term_ytd": ("Realized Long Term Gain, Year To Date", "Tax Lots", "Currency", (_COLUMN,)),
}

TRANSACTION_COLUMNS: Final = frozenset({
    "id", "vendor_id", "type", "trade_date", "direct_owner", "direct_owner_id", "security", "entity_id", "cusip",
    "ticker_symbol", "units", "units_changed", "price_per_share", "value", "currency", "account_number", "tax_lot_id",
    "cost_basis", "split_ratio", "modified_date",
})  # fmt: skip

ARGUMENTS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "cost_basis": {"cost_basis_type": ("ORIGINAL", "ADJUSTED")},
}


# id: (name on screen, groupings, columns) of the firm's saved views
VIEWS: Final[Mapping[str, tuple[str, tuple[str, ...], tuple[dict[str, Any], ...]]]] = {
    "7": ("Overview", ("asset_class",), ({"key": "value"},)),
    "8": (
        "Tax lots",
        ("holding_account", "security", "tax_lot"),
        (
            {"key": "units"}, {"key": "tax_lot_id"}, {"key": "tax_lot_open_date"},
            {"key": "cost_basis", "arguments": {"cost_basis_type": "ORIGINAL"}},
            {"key": "cost_basis", "arguments": {"cost_basis_type": "ADJUSTED"}},
        ),
    ),
}  # fmt: skip


def view_resource(view_id: str, *, whole: bool) -> dict[str, Any]:
    """Return a saved view as the list shows it, or whole: with the query that it stands for."""
    name, groupings, columns = VIEWS[view_id]
    shown: dict[str, Any] = {"share_type": "FIRM", "display_name": name}
    if whole:
        shown["parameters"] = {"columns": list(columns), "groupings": list(groupings), "filters": []}
    link = {"self": f"/v1/portfolio_views/{view_id}"}
    return {"id": view_id, "type": "portfolio_views", "attributes": shown, "links": link}


def attribute_resource(key: str) -> dict[str, Any]:
    """Return an attribute as /v1/attributes shows it."""
    display_name, category, output_type, usage = CATALOGUE[key]
    shown = {"display_name": display_name, "category": category, "output_type": output_type, "usage": list(usage)}
    arguments = [{"id": name, "type": "arguments"} for name in ARGUMENTS.get(key, ())]
    return {"id": key, "type": "attributes", "attributes": shown, "relationships": {"arguments": {"data": arguments}}}


def argument_resource(key: str, name: str) -> dict[str, Any]:
    """Return an argument of an attribute as /v1/attributes/KEY/arguments shows it."""
    choices = ARGUMENTS[key][name]
    shown = {"arg_type": "discrete", "default_value": choices[0], "values": list(choices)}
    return {"id": name, "type": "arguments", "attributes": shown}
