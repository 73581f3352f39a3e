"""Which tables are there? Reference data in rows; lots, histories and market data as documents under their hash."""

from typing import Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from data.columns import Choice, Exact, Json, Names, UtcTime
from engine.domain.accounts import Registration, Rule
from engine.domain.jobs import JobOutcome
from engine.domain.lifecycle import Action, PlanState
from engine.domain.market import ActionKind
from engine.domain.plans import Side

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _place() -> Column[int]:
    """The place of a row in its source, so that what is read back has the same order."""
    return Column("place", Integer, nullable=False)


def only_row() -> Column[int]:
    """The key of a table that holds one row."""
    return Column("id", Integer, primary_key=True, autoincrement=False)


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
    only_row(),
    CheckConstraint("id = 1", name="one_row"),
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
    _place(),
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
    _place(),
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
)

models = Table("models", metadata, Column("model_id", Text, primary_key=True), _place())

model_weights = Table(
    "model_weights",
    metadata,
    Column("model_id", Text, ForeignKey("models.model_id"), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("security_id", Text, nullable=False),
    Column("weight", Exact, nullable=False),
)

households = Table(
    "households",
    metadata,
    Column("household_id", Text, primary_key=True),
    _place(),
    Column("name", Text, nullable=False),
    Column("advisor", Text, nullable=False),
    Column("segment", Text),
    Column("not_visible", Names),
)

accounts = Table(
    "accounts",
    metadata,
    Column("account_id", Text, primary_key=True),
    _place(),
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

users = Table(
    "users",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("roles", Names, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    Column("plan_id", Text, primary_key=True),
    Column("account_id", Text, nullable=False, index=True),  # no foreign key: a plan outlives the firm it was made for
    Column("household_id", Text, nullable=False, index=True),
    Column("parent_id", Text, ForeignKey("plans.plan_id")),
    Column("state", Choice(PlanState), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("note", Text, nullable=False),
    Column("snapshot_hash", Text, ForeignKey("documents.hash"), nullable=False),
    Column("market_hash", Text, ForeignKey("documents.hash"), nullable=False),
    Column("document", Json, nullable=False),
    CheckConstraint("state IN (" + ", ".join(f"'{state}'" for state in PlanState) + ")", name="state"),
)

plan_makers = Table(
    "plan_makers",
    metadata,
    Column("plan_id", Text, ForeignKey("plans.plan_id"), primary_key=True),
    Column("user_id", Text, primary_key=True),
)

plan_moves = Table(
    "plan_moves",
    metadata,
    Column("plan_id", Text, ForeignKey("plans.plan_id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Choice(Action), nullable=False),
    Column("source", Choice(PlanState), nullable=False),
    Column("target", Choice(PlanState), nullable=False),
    Column("comment", Text, nullable=False),
)

opinions = Table(
    "opinions",
    metadata,
    Column("plan_id", Text, ForeignKey("plans.plan_id"), primary_key=True),
    Column("checker", Text, nullable=False),
    Column("inputs_hash", Text, nullable=False),
    Column("checks", Json, nullable=False),
    Column("year_gain", Exact),
    Column("seen", Text, nullable=False),
    Column("on", Date, nullable=False),
    Column("stale", Names, nullable=False),
    Column("washed", Names, nullable=False),
    Column("at", UtcTime, nullable=False),
)

blocks = Table(
    "blocks",
    metadata,
    Column("cl_ord_id", Text, primary_key=True),
    Column("custodian", Text, nullable=False),
    Column("security_id", Text, nullable=False),
    Column("ticker", Text, nullable=False),
    Column("cusip", Text),
    Column("side", Choice(Side), nullable=False),
    Column("quantity", Exact, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    Column("cl_ord_id", Text, primary_key=True),
    Column("block_id", Text, ForeignKey("blocks.cl_ord_id"), nullable=False, index=True),
    _place(),
    Column("plan_id", Text, ForeignKey("plans.plan_id"), nullable=False, index=True),
    Column("account_id", Text, nullable=False),
    Column("account_number", Text, nullable=False),
    Column("custodian", Text, nullable=False),
    Column("security_id", Text, nullable=False),
    Column("ticker", Text, nullable=False),
    Column("cusip", Text),
    Column("side", Choice(Side), nullable=False),
    Column("quantity", Exact, nullable=False),
    Column("reference_price", Exact, nullable=False),
    Column("lots", Json, nullable=False),
)

fills = Table(
    "fills",
    metadata,
    Column("cl_ord_id", Text, ForeignKey("blocks.cl_ord_id"), primary_key=True),
    Column("exec_id", Text, primary_key=True),  # unique at one broker only, hence by block
    Column("quantity", Exact, nullable=False),
    Column("price", Exact, nullable=False),
    Column("executed_at", UtcTime, nullable=False),
)

acknowledgements = Table(
    "acknowledgements",
    metadata,
    Column("cl_ord_id", Text, ForeignKey("blocks.cl_ord_id"), primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)

fill_corrections = Table(
    "fill_corrections",
    metadata,
    Column("cl_ord_id", Text, ForeignKey("blocks.cl_ord_id"), primary_key=True),
    Column("exec_ref_id", Text, primary_key=True),  # the execution that no longer stands
    Column("exec_id", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)

order_changes = Table(
    "order_changes",
    metadata,
    Column("cl_ord_id", Text, primary_key=True),
    Column("block_id", Text, ForeignKey("blocks.cl_ord_id"), nullable=False, index=True),
    Column("replaces", Text, nullable=False),
    Column("quantity", Exact, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("taken", Boolean),
    Column("text", Text, nullable=False),
)

allocation_instructions = Table(
    "allocation_instructions",
    metadata,
    Column("alloc_id", Text, primary_key=True),
    Column("block_id", Text, ForeignKey("blocks.cl_ord_id"), nullable=False, index=True),
    Column("at", UtcTime, nullable=False),
    Column("taken", Boolean),
    Column("text", Text, nullable=False),
)

fix_inbox = Table(
    "fix_inbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("custodian", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("taken_at", UtcTime),
    Column("problem", Text),
    UniqueConstraint("custodian", "key"),
    Index(None, "taken_at", "id"),
)

exported_files = Table(
    "exported_files",
    metadata,
    Column("plan_id", Text, ForeignKey("plans.plan_id"), primary_key=True),
    Column("file_name", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("payload", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("sent_at", UtcTime),
    Column("answer", Json),
    Column("error", Text),
    UniqueConstraint("key"),
    Index(None, "sent_at", "due_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("subject", Text, nullable=False, index=True),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    only_row(),
    CheckConstraint("id = 1", name="one_row"),
    Column("rows", Integer, nullable=False),
    Column("hash", Text, nullable=False),
)

scan = Table(
    "scan",
    metadata,
    only_row(),
    CheckConstraint("id = 1", name="one_row"),
    Column("at", UtcTime, nullable=False),
    Column("marks", Json, nullable=False),
    Column("since", Json, nullable=False),
)

account_scans = Table(
    "account_scans",
    metadata,
    Column("account_id", Text, primary_key=True),
    _place(),
    Column("document", Json, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("began_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("outcome", Choice(JobOutcome)),
    Column("detail", Text),
    Column("findings", Json),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("began_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("actor", Text, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("engine_version", Text, nullable=False),
    Column("settings", Json, nullable=False),
    Column("accounts", Integer, nullable=False),
)

run_accounts = Table(
    "run_accounts",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), primary_key=True),
    Column("account_id", Text, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("plan_id", Text),
    Column("cause", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("seen", Json),
    Column("row", Json),
)

scan_queue = Table(
    "scan_queue",
    metadata,
    only_row(),
    CheckConstraint("id = 1", name="one_row"),
    Column("at", UtcTime, nullable=False),
    Column("on", Date, nullable=False),
    Column("rows", LargeBinary, nullable=False),
)

scan_days = Table(
    "scan_days",
    metadata,
    Column("on", Date, primary_key=True),
    Column("rows", LargeBinary, nullable=False),
)

views = Table(
    "views",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("page", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("state", Json, nullable=False),
)

crm_records = Table(
    "crm_records",
    metadata,
    Column("plan_id", Text, ForeignKey("plans.plan_id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("record_id", Text, nullable=False, index=True),
)

crm_told = Table(
    "crm_told",
    metadata,
    Column("plan_id", Text, ForeignKey("plans.plan_id"), primary_key=True),
    Column("version", Integer, nullable=False),
)

crm_usage = Table(
    "crm_usage",
    metadata,
    only_row(),
    CheckConstraint("id = 1", name="one_row"),
    Column("used", Integer, nullable=False),
    Column("allowed", Integer, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("resume_at", UtcTime),
)

webhook_calls = Table(
    "webhook_calls", metadata, Column("signature", Text, primary_key=True), Column("at", UtcTime, nullable=False)
)
