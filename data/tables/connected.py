"""Which tables hold what is known of the systems outside: the CRM and Addepar?"""

from sqlalchemy import Column, Float, ForeignKey, Integer, LargeBinary, Table, Text

from data.columns import Json, UtcTime
from data.tables.schema import metadata, only_row

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
    *only_row(),
    Column("used", Integer, nullable=False),
    Column("allowed", Integer, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("resume_at", UtcTime),
)

webhook_calls = Table(
    "webhook_calls", metadata, Column("signature", Text, primary_key=True), Column("at", UtcTime, nullable=False)
)

addepar_requests = Table(
    "addepar_requests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("firm", Text, nullable=False),
    Column("at", Float, nullable=False),
)

addepar_answers = Table(
    "addepar_answers",
    metadata,
    Column("key", Text, primary_key=True),
    Column("run", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

addepar_mapping = Table(
    "addepar_mapping",
    metadata,
    *only_row(),
    Column("settings", Json, nullable=False),
    Column("saved_by", Text, nullable=False),
    Column("saved_at", UtcTime, nullable=False),
)

addepar_synced = Table(
    "addepar_synced",
    metadata,
    *only_row(),
    Column("at", UtcTime, nullable=False),
    Column("mapping", Text, nullable=False),
)
