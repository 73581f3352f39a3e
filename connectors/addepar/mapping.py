"""Which Addepar attribute holds what? The one place where a firm says so, with defaults, read from TOML."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, get_type_hints

from engine.domain.accounts import TransactionType
from engine.domain.errors import DataError

IGNORE: Final = "ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a portfolio query: an attribute's key and its arguments. An empty key is not asked for."""

    key: str
    arguments: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.key)


class AccountField(StrEnum):
    """What of our account an Addepar account is recognised by."""

    ACCOUNT_NUMBER = "account_number"
    ACCOUNT_ID = "account_id"


class HouseholdField(StrEnum):
    """What of our household an Addepar group is recognised by."""

    NAME = "name"
    HOUSEHOLD_ID = "household_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityKeys:
    """Accounts and households. account_key and household_key are attributes of an entity and of a group."""

    account_model_types: tuple[str, ...] = ("FINANCIAL_ACCOUNT",)
    account_key: str = "account_number"
    account_field: AccountField = AccountField.ACCOUNT_NUMBER
    household_group_type: str = "HOUSEHOLDS"
    household_key: str = "name"
    household_field: HouseholdField = HouseholdField.NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingKeys:
    """A portfolio query grouped by account, security and tax lot, and its columns.

    lot may be "" for a firm without a lot view: its lots are then rebuilt from transactions, and original_cost is what
    the position as a whole cost.

    original_cost and adjusted_cost are totals, the latter with wash sales; their difference becomes the lot's wash
    adjustment. Optional (may be ""): price (else value over units), lot_holding_start, adjusted_cost, and the
    year-to-date gains, which otherwise stay as the firm's database has them. A row whose asset class is one of
    cash_asset_classes and whose security the firm does not know is cash. units_tolerance: shares by which the lots may
    miss the position, because the other side adds up binary fractions.
    """

    account: str = "holding_account"
    security: str = "security"
    lot: str = "tax_lot"
    cusip: Column = Column(key="cusip")
    ticker: Column = Column(key="ticker_symbol")
    asset_class: Column = Column(key="asset_class")
    units: Column = Column(key="units")
    price: Column = Column(key="price")
    value: Column = Column(key="value")
    lot_id: Column = Column(key="tax_lot_id")
    lot_acquired: Column = Column(key="tax_lot_open_date")
    lot_holding_start: Column = Column(key="tax_lot_holding_period_start")
    original_cost: Column = Column(key="cost_basis", arguments={"cost_basis_type": "ORIGINAL"})
    adjusted_cost: Column = Column(key="cost_basis", arguments={"cost_basis_type": "ADJUSTED"})
    ytd_st_gain: Column = Column(key="")
    ytd_lt_gain: Column = Column(key="")
    cash_asset_classes: tuple[str, ...] = ("Cash & Cash Equivalents",)
    units_tolerance: Decimal = Decimal("0.000001")

    def columns(self) -> Mapping[str, Column]:
        """Return the columns to ask for, by the name of their field."""
        named = {f.name: getattr(self, f.name) for f in fields(self) if self.lot or f.name not in _OF_LOTS}
        return {name: value for name, value in named.items() if isinstance(value, Column) and value}

    def groupings(self) -> Mapping[str, str]:
        """Return the groupings to ask for, the coarsest first, by the name of their field."""
        named = {"account": self.account, "security": self.security, "lot": self.lot}
        return {name: key for name, key in named.items() if key}


_OF_LOTS: Final = frozenset({"lot_id", "lot_acquired", "lot_holding_start", "adjusted_cost"})

_DEFAULT_TYPES: Final[Mapping[str, str]] = {
    "buy": "buy", "sell": "sell", "reinvestment": "reinvest", "transfer_in": "transfer_in",
    "transfer_out": "transfer_out", "journal_in": "transfer_in", "journal_out": "transfer_out",
    "stock_split": "split", "stock_reverse_split": "split",
    **dict.fromkeys(
        ("deposit", "withdrawal", "cash_dividend", "interest_income", "interest_expense", "income", "expense", "tax",
         "tax_withholding", "tax_refund", "tax_withholding_refund", "fee", "fee_reimbursement", "account_fee",
         "account_fee_advisor", "account_fee_bank", "account_fee_custodian", "account_fee_management",
         "account_fee_professional", "payment_received_in_lieu_of_dividend", "payment_made_in_lieu_of_dividend",
         "cash_in_lieu", "valuation", "snapshot", "mark_to_market"), IGNORE),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionKeys:
    """Columns of a transactions query, and what each Addepar type means here ("ignore": it moves no shares).

    Optional (may be ""): lot_id and basis of what was sold, split_ratio (new shares for each old one; without it the
    ratio is worked out from the shares that the split added), and modified, by which a sync tells what has changed
    since the last one (without it, every sync reads every history). by_job: ask by a job, for histories so long that
    Addepar cannot answer within a minute.
    """

    since: date = date(2000, 1, 1)
    id: str = "id"
    type: str = "type"
    trade_date: str = "trade_date"
    owner: str = "direct_owner"
    security: str = "security"
    cusip: str = "cusip"
    ticker: str = "ticker_symbol"
    units: str = "units"
    price: str = "price_per_share"
    value: str = "value"
    lot_id: str = "tax_lot_id"
    basis: str = "cost_basis"
    split_ratio: str = ""
    modified: str = "modified_date"
    by_job: bool = False
    types: Mapping[str, str] = field(default_factory=lambda: dict(_DEFAULT_TYPES))

    def columns(self) -> Mapping[str, str]:
        """Return the columns to ask for, by the name of their field."""
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "modified"}
        return {name: key for name, key in named.items() if isinstance(key, str) and key}


@dataclass(frozen=True, slots=True, kw_only=True)
class AddeparMapping:
    """A firm's whole mapping: one section of its TOML file each."""

    entities: EntityKeys = EntityKeys()
    holdings: HoldingKeys = HoldingKeys()
    transactions: TransactionKeys = TransactionKeys()

    def places(self) -> Mapping[str, tuple[str, ...]]:
        """Return every attribute key in use with the settings that name it: {"tax_lot": ("holdings.lot",)}."""
        named = [(f"holdings.{name}", key) for name, key in self.holdings.groupings().items()]
        named += [(f"holdings.{name}", column.key) for name, column in self.holdings.columns().items()]
        named += [(f"transactions.{name}", key) for name, key in self.transactions.columns().items()]
        places: dict[str, tuple[str, ...]] = {}
        for place, key in named:
            places[key] = (*places.get(key, ()), place)
        return places


_REQUIRED: Final[Mapping[str, frozenset[str]]] = {
    "entities": frozenset({"account_key", "household_key"}),
    "holdings": frozenset(
        {"account", "security", "asset_class", "units", "value", "lot_id", "lot_acquired", "original_cost"}
    ),
    "transactions": frozenset({"id", "type", "trade_date", "owner", "units", "price"}),
}


def mapping_from_table(table: Mapping[str, Any], *, source: str) -> AddeparMapping:
    """Return the mapping written in a TOML table with the tables entities, holdings and transactions.

    What is not written keeps its default; transactions.types adds to the known types. source names the table in
    errors. Raises DataError for an unknown key (with a suggestion) or a bad value.
    """
    sections = get_type_hints(AddeparMapping)
    _refuse_unknown(table, sections, source, "section")
    return AddeparMapping(
        **{name: _section(name, kind, table.get(name, {}), source) for name, kind in sections.items()}
    )


def _section(section: str, kind: type, values: Any, source: str) -> Any:
    if not isinstance(values, dict):
        raise DataError(f"{source}: expected a section [{section}], found {values!r}")
    hints = get_type_hints(kind)
    _refuse_unknown(values, hints, source, f"[{section}] key")
    converted = {}
    for name, value in values.items():
        place = f"{source}: [{section}] {name}"
        converted[name] = _convert(hints[name], value, place)
        if not converted[name] and name in _REQUIRED[section]:
            raise DataError(f"{place}: expected the key of an Addepar attribute, found nothing")
    return kind(**converted)


def _convert(kind: Any, value: Any, place: str) -> Any:
    if kind is str and isinstance(value, str):
        return value
    if kind in (date, bool) and type(value) is kind:
        return value
    if kind is Column and isinstance(value, str):
        return Column(key=value)
    if kind is Column and isinstance(value, dict) and all(isinstance(v, str) for v in value.values()):
        return Column(key=value.get("key", ""), arguments={k: v for k, v in value.items() if k != "key"})
    if kind == tuple[str, ...] and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if isinstance(kind, type) and issubclass(kind, StrEnum) and value in set(kind):
        return kind(value)
    if kind is Decimal and isinstance(value, int | float) and 0 <= value < 1:
        return Decimal(str(value))
    if kind == Mapping[str, str] and isinstance(value, dict) and set(value.values()) <= {*TransactionType, IGNORE}:
        return {**_DEFAULT_TYPES, **value}
    raise DataError(f"{place}: expected {_wanted(kind)}, found {value!r}")


def _wanted(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return "one of " + ", ".join(kind)
    return {
        str: "a text", date: "a date", Column: 'a key, or { key = "...", argument = "..." }', Decimal: "0 to 1 shares",
        bool: "true or false",
        tuple[str, ...]: "a list of texts", Mapping[str, str]: f"types of {', '.join(TransactionType)} or {IGNORE}",
    }[kind]  # fmt: skip


def _refuse_unknown(found: Mapping[str, Any], known: Mapping[str, Any], source: str, what: str) -> None:
    for name in found:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; expected one of {', '.join(known)}"
            raise DataError(f"{source}: unknown {what} {name}{hint}")
