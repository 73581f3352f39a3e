"""What the second checker said of a plan, kept beside it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    # Plans of before have no opinion here, and get one when they are next looked at.
    op.create_table(
        "opinions",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("plan_id", "checker", "inputs_hash", "checks")),
        sa.Column("year_gain", sa.Text(), nullable=True),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("stale", "washed", "at")),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_opinions")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.plan_id"], name=op.f("fk_opinions_plan_id")),
    )
