"""Which tables belong to the systems that accounts are read from? Whence each account came, and what a sync keeps."""

from sqlalchemy import Boolean, CheckConstraint, Column, Date, Float, Integer, LargeBinary, Table, Text

from data.columns import Json, Names, UtcTime
from data.tables import metadata, only_row

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
    only_row(),
    CheckConstraint("id = 1", name="one_row"),
    Column("settings", Json, nullable=False),
    Column("saved_by", Text, nullable=False),
    Column("saved_at", UtcTime, nullable=False),
)

addepar_synced = Table(
    "addepar_synced",
    metadata,
    only_row(),
    CheckConstraint("id = 1", name="one_row"),
    Column("at", UtcTime, nullable=False),
    Column("mapping", Text, nullable=False),
)
