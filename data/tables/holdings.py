"""Which tables hold the firm as it was read? Reference data in rows; lots, histories and market data as documents."""

from sqlalchemy import Boolean, Column, Date, ForeignKey, Integer, LargeBinary, Table, Text

from data.columns import Choice, Exact, Names, UtcTime
from data.tables.schema import metadata, only_row, place
from engine.domain.accounts import Registration, Rule
from engine.domain.market import ActionKind

documents = Table(
    "documents",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

firm = Table(
    "firm",
    metadata,
    *only_row(),
    Column("as_of", Date, nullable=False),
    Column("currency", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("imported_at", UtcTime, nullable=False),
    Column("prices_hash", Text, ForeignKey("documents.hash"), nullable=False),
    Column("risk_hash", Text, ForeignKey("documents.hash")),
    Column("risk_inputs", Text, nullable=False),
)

securities = Table(
    "securities",
    metadata,
    Column("security_id", Text, primary_key=True),
    place(),
    Column("ticker", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("sector", Text, nullable=False),
    Column("cusip", Text),
    Column("identical_group", Text),
    Column("lot_size", Exact),
    Column("tradable", Boolean),
    Column("cost_bp", Exact),
    Column("adv_usd", Exact),
    Column("tags", Names, nullable=False),
)

marks = Table(
    "marks",
    metadata,
    Column("security_id", Text, primary_key=True),
    place(),
    Column("price", Exact, nullable=False),
    Column("on", Date, nullable=False),
)

corporate_actions = Table(
    "corporate_actions",
    metadata,
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("security_id", Text, nullable=False),
    Column("ex_date", Date, nullable=False, index=True),
    Column("kind", Choice(ActionKind), nullable=False),
    Column("value", Exact, nullable=False),
    Column("successor", Text),
    Column("cash", Exact),
    Column("price", Exact),
    Column("basis_fraction", Exact),
    Column("ticker", Text),
    Column("taxable", Boolean),
)

models = Table("models", metadata, Column("model_id", Text, primary_key=True), place())

model_weights = Table(
    "model_weights",
    metadata,
    Column("model_id", Text, ForeignKey("models.model_id"), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("security_id", Text, nullable=False),
    Column("weight", Exact, nullable=False),
)

dated_models = Table(
    "dated_models",
    metadata,
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("model_id", Text, nullable=False),
    Column("effective", Date, nullable=False),
    Column("security_id", Text, nullable=False),
    Column("weight", Exact, nullable=False),
)

households = Table(
    "households",
    metadata,
    Column("household_id", Text, primary_key=True),
    place(),
    Column("name", Text, nullable=False),
    Column("advisor", Text, nullable=False),
    Column("segment", Text),
    Column("not_visible", Names),
)

accounts = Table(
    "accounts",
    metadata,
    Column("account_id", Text, primary_key=True),
    place(),
    Column("household_id", Text, ForeignKey("households.household_id"), nullable=False, index=True),
    Column("registration", Choice(Registration), nullable=False),
    Column("custodian", Text, nullable=False),
    Column("account_number", Text, nullable=False),
    Column("model_id", Text, nullable=False),
    Column("cash", Exact, nullable=False),
    Column("st_rate", Exact, nullable=False),
    Column("lt_rate", Exact, nullable=False),
    Column("ytd_st_gain", Exact, nullable=False),
    Column("ytd_lt_gain", Exact, nullable=False),
    Column("st_carryforward", Exact, nullable=False),
    Column("lt_carryforward", Exact, nullable=False),
    Column("settings", Text),
    Column("lots_hash", Text, ForeignKey("documents.hash"), nullable=False),
    Column("transactions_hash", Text, ForeignKey("documents.hash"), nullable=False),
)

restrictions = Table(
    "restrictions",
    metadata,
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("scope", Text, nullable=False, index=True),
    Column("target", Text, nullable=False),
    Column("rule", Choice(Rule), nullable=False),
    Column("value", Exact),
    Column("until", Date),
    Column("reason", Text, nullable=False),
)

substitutes = Table(
    "substitutes",
    metadata,
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("security_id", Text, nullable=False),
    Column("substitute_id", Text, nullable=False),
    Column("rank", Integer, nullable=False),
)

settings = Table("settings", metadata, Column("name", Text, primary_key=True), Column("text", Text, nullable=False))

risk_estimates = Table(
    "risk_estimates",
    metadata,
    Column("inputs", Text, primary_key=True),
    Column("risk_hash", Text, ForeignKey("documents.hash"), nullable=False),
)

account_sources = Table(
    "account_sources",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("read_on", Date),
    Column("tried_on", Date, nullable=False),
    Column("derived", Boolean, nullable=False),
    Column("faults", Names, nullable=False),
)
