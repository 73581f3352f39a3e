"""Long work leaves a record of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("kind", "actor", "began_at")),
        *(sa.Column(name, sa.Text()) for name in ("ended_at", "outcome", "detail", "findings")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
