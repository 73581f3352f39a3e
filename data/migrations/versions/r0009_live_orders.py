"""Live orders: what the gateway received, executions taken back, changes that people asked for, allocations."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _of_a_block(table: str, column: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}")
    return sa.ForeignKeyConstraint([column], ["blocks.cl_ord_id"], name=name)


def upgrade() -> None:
    op.create_table(
        "fill_corrections",
        *_texts("cl_ord_id", "exec_ref_id", "exec_id", "at"),
        _of_a_block("fill_corrections", "cl_ord_id"),
        sa.PrimaryKeyConstraint("cl_ord_id", "exec_ref_id", name=op.f("pk_fill_corrections")),
    )
    op.create_table(
        "order_changes",
        *_texts("cl_ord_id", "block_id", "replaces", "quantity", "actor", "at"),
        sa.Column("taken", sa.Boolean()),
        *_texts("text"),
        _of_a_block("order_changes", "block_id"),
        sa.PrimaryKeyConstraint("cl_ord_id", name=op.f("pk_order_changes")),
    )
    op.create_table(
        "allocation_instructions",
        *_texts("alloc_id", "block_id", "at"),
        sa.Column("taken", sa.Boolean()),
        *_texts("text"),
        _of_a_block("allocation_instructions", "block_id"),
        sa.PrimaryKeyConstraint("alloc_id", name=op.f("pk_allocation_instructions")),
    )
    op.create_table(
        "fix_inbox",
        sa.Column("id", sa.Integer(), nullable=False),
        *_texts("custodian", "key", "text", "at"),
        *(sa.Column(name, sa.Text()) for name in ("taken_at", "problem")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fix_inbox")),
        sa.UniqueConstraint("custodian", "key", name=op.f("uq_fix_inbox_custodian_key")),
    )
    op.create_index(op.f("ix_fix_inbox_taken_at_id"), "fix_inbox", ["taken_at", "id"])
    for table in ("order_changes", "allocation_instructions"):
        op.create_index(op.f(f"ix_{table}_block_id"), table, ["block_id"])
