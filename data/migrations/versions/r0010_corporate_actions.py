"""Splits and dividends of the firm's securities, as its price source tells them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0009"


def upgrade() -> None:
    op.create_table(
        "corporate_actions",
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("security_id", sa.Text(), nullable=False),
        sa.Column("ex_date", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_corporate_actions")),
    )
    op.create_index(op.f("ix_corporate_actions_ex_date"), "corporate_actions", ["ex_date"])
