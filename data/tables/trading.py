"""Which tables hold what leaves the house, and what comes back of it?"""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from data.columns import Choice, Exact, Json, UtcTime
from data.tables.schema import metadata, place
from engine.domain.plans import Side

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
    place(),
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
