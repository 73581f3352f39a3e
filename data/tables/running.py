"""Which tables hold what the app does and has done? Messages to send, the audit log, scans, jobs and runs."""

from sqlalchemy import Column, Date, Float, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from data.columns import Choice, Json, Names, UtcTime
from data.tables.schema import metadata, only_row, place
from engine.domain.jobs import JobOutcome

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
    *only_row(),
    Column("rows", Integer, nullable=False),
    Column("hash", Text, nullable=False),
)

scan = Table(
    "scan",
    metadata,
    *only_row(),
    Column("at", UtcTime, nullable=False),
    Column("marks", Json, nullable=False),
    Column("since", Json, nullable=False),
)

account_scans = Table(
    "account_scans",
    metadata,
    Column("account_id", Text, primary_key=True),
    place(),
    Column("document", Json, nullable=False),
)

scan_queue = Table(
    "scan_queue",
    metadata,
    *only_row(),
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

rehearsals = Table(
    "rehearsals",
    metadata,
    Column("rehearsal_id", Text, primary_key=True),
    Column("book", Text, nullable=False, index=True),
    Column("inputs", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("change", Json, nullable=False),
    Column("words", Names, nullable=False),
    Column("sample", Json, nullable=False),
    Column("now_hash", Text, ForeignKey("documents.hash"), nullable=False),
    Column("then_hash", Text, ForeignKey("documents.hash"), nullable=False),
)

views = Table(
    "views",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("page", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("state", Json, nullable=False),
)
