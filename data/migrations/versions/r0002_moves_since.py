"""A scan keeps the earlier marks that it measured market moves from."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    # A scan is made again in seconds, so an old one is dropped instead of guessing what it measured from.
    op.execute("DELETE FROM account_scans")
    op.drop_table("scan")
    op.create_table(
        "scan",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("at", "marks", "since")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scan")),
        sa.CheckConstraint("id = 1", name=op.f("ck_scan_one_row")),
    )
