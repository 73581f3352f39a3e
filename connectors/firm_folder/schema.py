"""Which files and columns make a firm folder? The format as data: reader, writer and documentation follow it.

Column names are the field names of the engine's types, so that a row is a type and a type is a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connectors.firm_folder import cells
from connectors.firm_folder.cells import Kind
from engine.domain.accounts import Registration, Rule, TransactionType
from engine.domain.market import ActionKind

ARRANGED_DAYS: Final = 92  # a quarter: so far ahead dividends are declared, and no typing error in a year gets by


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. optional: it may be missing, and its cells blank. refers_to: the id it must be one of, where known.

    past: a date that may not lie after the firm's as_of, or not by more than so many days ahead. blank: the value of a
    blank cell. late: it came later, stands behind the others, and an export has it only where a row has a value.
    """

    name: str
    kind: Kind
    optional: bool = False
    refers_to: str | None = None
    past: bool = False
    ahead: int = 0
    blank: Any = None
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file: NAME.csv or NAME.parquet. key: the columns that no two rows may share. defines: the id others refer to.

    max_rows bounds what is read at all; it is far above what the largest firms have.
    """

    name: str
    columns: tuple[Column, ...]
    max_rows: int
    key: tuple[str, ...] = ()
    defines: str | None = None
    optional: bool = False

    @property
    def late(self) -> int:
        """How many columns, the last ones, an export may leave out."""
        return sum(column.late for column in self.columns)


def _column(name: str, kind: Kind, **more: Any) -> Column:
    return Column(name=name, kind=kind, **more)


def _maybe(name: str, kind: Kind, **more: Any) -> Column:
    return Column(name=name, kind=kind, optional=True, **more)


def _late(name: str, kind: Kind, **more: Any) -> Column:
    return Column(name=name, kind=kind, optional=True, late=True, **more)


def _id(name: str) -> Column:
    return Column(name=name, kind=cells.IDENTIFIER)


def _reference(name: str, to: str | None = None) -> Column:
    return Column(name=name, kind=cells.IDENTIFIER, refers_to=to or name)


FIRM: Final = File(
    name="firm",
    columns=(_column("as_of", cells.DATE), _column("currency", cells.USD), _column("name", cells.TEXT)),
    max_rows=1,
)
SECURITIES: Final = File(
    name="securities",
    columns=(
        _id("security_id"),
        _column("ticker", cells.TEXT),
        _column("name", cells.TEXT),
        _column("sector", cells.TEXT),
        _maybe("cusip", cells.TEXT),
        _maybe("identical_group", cells.IDENTIFIER),
        _maybe("lot_size", cells.POSITIVE),
        _maybe("tradable", cells.FLAG),
        _maybe("cost_bp", cells.number(least=0, most=10_000)),
        _maybe("adv_usd", cells.NOT_NEGATIVE),
        _maybe("tags", cells.TAGS, blank=()),
    ),
    max_rows=200_000,
    key=("security_id",),
    defines="security_id",
)
PRICES: Final = File(
    name="prices",
    columns=(
        _reference("security_id"),
        _column("date", cells.DATE),
        _column("close", cells.POSITIVE),
        _maybe("adjusted_close", cells.POSITIVE),
    ),
    max_rows=50_000_000,
    key=("security_id", "date"),
)
_NO_DELISTING: Final = (
    "; for a delisting that pays money a merger of value 0 with that cash; one that leaves nothing is the "
    "custodian's to book (26 U.S.C. 165(g))"
)
ACTIONS: Final = File(
    name="corporate_actions",
    columns=(
        _reference("security_id"),
        _column("ex_date", cells.DATE),
        _column("kind", cells.choice(ActionKind, but=_NO_DELISTING)),
        _column("value", cells.NOT_NEGATIVE),
        _late("successor", cells.IDENTIFIER, refers_to="security_id"),
        _late("cash", cells.POSITIVE),
        _late("price", cells.POSITIVE),
        _late("basis_fraction", cells.FRACTION),
        _late("taxable", cells.FLAG),
        _late("ticker", cells.TEXT),
    ),
    max_rows=5_000_000,
    key=("security_id", "ex_date", "kind", "successor"),
    optional=True,
)
MODELS: Final = File(
    name="models",
    columns=(
        _id("model_id"),
        _reference("security_id"),
        _column("weight", cells.FRACTION),
        _late("effective", cells.DATE),
    ),
    max_rows=10_000_000,
    key=("model_id", "security_id", "effective"),
    defines="model_id",
)
HOUSEHOLDS: Final = File(
    name="households",
    columns=(
        _id("household_id"),
        _column("name", cells.TEXT),
        _column("advisor", cells.TEXT),
        _maybe("segment", cells.TEXT),
        _maybe("not_visible", cells.NAMES),
    ),
    max_rows=1_000_000,
    key=("household_id",),
    defines="household_id",
)
ACCOUNTS: Final = File(
    name="accounts",
    columns=(
        _id("account_id"),
        _reference("household_id"),
        _column("registration", cells.choice(Registration)),
        _column("custodian", cells.TEXT),
        _column("account_number", cells.TEXT),
        _reference("model_id"),
        _column("cash", cells.ANY_NUMBER),
        _column("st_rate", cells.FRACTION),
        _column("lt_rate", cells.FRACTION),
        _column("ytd_st_gain", cells.ANY_NUMBER),
        _column("ytd_lt_gain", cells.ANY_NUMBER),
        _column("st_carryforward", cells.NOT_NEGATIVE),
        _column("lt_carryforward", cells.NOT_NEGATIVE),
        _maybe("settings", cells.IDENTIFIER, refers_to="settings"),
    ),
    max_rows=1_000_000,
    key=("account_id",),
    defines="account_id",
)
LOTS: Final = File(
    name="lots",
    columns=(
        _reference("account_id"),
        _id("lot_id"),
        _reference("security_id"),
        _column("quantity", cells.POSITIVE),
        _column("cost_per_share", cells.NOT_NEGATIVE),
        _column("acquired", cells.DATE, past=True),
        _maybe("wash_adjustment", cells.NOT_NEGATIVE),
        _maybe("holding_start", cells.DATE, past=True),
        _maybe("gift_price", cells.NOT_NEGATIVE),
        _maybe("gift_date", cells.DATE, past=True),
    ),
    max_rows=200_000_000,
    key=("account_id", "lot_id"),
)
TRANSACTIONS: Final = File(
    name="transactions",
    columns=(
        _id("transaction_id"),
        _reference("account_id"),
        _column("trade_date", cells.DATE, past=True, ahead=ARRANGED_DAYS),
        _reference("security_id"),
        _column("type", cells.choice(TransactionType)),
        _column("quantity", cells.POSITIVE),
        _column("price", cells.NOT_NEGATIVE),
        _maybe("lot_id", cells.IDENTIFIER),
        _maybe("basis", cells.NOT_NEGATIVE),
        _maybe("gift_price", cells.NOT_NEGATIVE),
        _maybe("gift_date", cells.DATE, past=True),
        _late("origin", cells.IDENTIFIER),
        _late("acquired", cells.DATE, past=True),
        _late("holding_start", cells.DATE, past=True),
        _late("basis_fraction", cells.FRACTION),
        _late("cash", cells.NOT_NEGATIVE),
    ),
    max_rows=500_000_000,
    key=("transaction_id",),
)
RESTRICTIONS: Final = File(
    name="restrictions",
    columns=(
        _id("scope"),
        _column("target", cells.TEXT),
        _column("rule", cells.choice(Rule)),
        _maybe("value", cells.FRACTION),
        _maybe("until", cells.DATE),
        _column("reason", cells.TEXT),
    ),
    max_rows=2_000_000,
    optional=True,
)
SUBSTITUTES: Final = File(
    name="substitutes",
    columns=(_reference("security_id"), _reference("substitute_id", "security_id"), _column("rank", cells.RANK)),
    max_rows=2_000_000,
    key=("security_id", "substitute_id"),
    optional=True,
)
SPECIFIC: Final = File(
    name="risk/specific",
    columns=(_reference("security_id"), _column("specific_volatility", cells.VOLATILITY)),
    max_rows=200_000,
    key=("security_id",),
    optional=True,
)
# The factors' own columns are added by risk.py from the header of the file.
EXPOSURES: Final = File(
    name="risk/exposures", columns=(_reference("security_id"),), max_rows=200_000, key=("security_id",), optional=True
)
COVARIANCE: Final = File(
    name="risk/factor_covariance", columns=(_id("factor"),), max_rows=1_000, key=("factor",), optional=True
)

# In reading order: a file comes after those it refers to.
FILES: Final[Mapping[str, File]] = {
    file.name: file
    for file in (FIRM, SECURITIES, PRICES, ACTIONS, MODELS, HOUSEHOLDS, ACCOUNTS, LOTS, TRANSACTIONS, RESTRICTIONS,
                 SUBSTITUTES, EXPOSURES, COVARIANCE, SPECIFIC)
}  # fmt: skip
