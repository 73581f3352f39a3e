"""The queue of the last scan as one block, a few figures of every account a day, and the views that people save."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"


def upgrade() -> None:
    # A queue is made again by the next scan; what an older scan saw has no such block, and shows as not scanned yet.
    op.create_table(
        "scan_queue",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("rows", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scan_queue")),
        sa.CheckConstraint("id = 1", name=op.f("ck_scan_queue_one_row")),
    )
    op.create_table(
        "scan_days",
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("rows", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("on", name=op.f("pk_scan_days")),
    )
    op.create_table(
        "views",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("user_id", "page", "name", "state")),
        sa.PrimaryKeyConstraint("user_id", "page", "name", name=op.f("pk_views")),
    )
