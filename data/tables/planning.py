"""Which tables hold the plans and the people who decide on them?"""

from sqlalchemy import CheckConstraint, Column, Date, ForeignKey, Integer, Table, Text

from data.columns import Choice, Exact, Json, Names, PackedJson, UtcTime
from data.tables.schema import metadata
from engine.domain.lifecycle import Action, PlanState

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
    Column("document", PackedJson, nullable=False),
    Column("run_id", Text),  # of the night that made it, until a person takes it up
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
