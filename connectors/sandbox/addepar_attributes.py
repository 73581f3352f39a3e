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
    "cost_basis", "split_ratio",
})  # fmt: skip

ARGUMENTS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "cost_basis": {"cost_basis_type": ("ORIGINAL", "ADJUSTED")},
}


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
