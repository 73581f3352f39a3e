"""Mergers, spin-offs and ticker changes among the corporate actions; models that hold from a day on."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision: str | None = "0012"

_ADDED = ("successor", "cash", "price", "basis_fraction", "ticker")


def upgrade() -> None:
    for name in _ADDED:
        op.add_column("corporate_actions", sa.Column(name, sa.Text()))
    op.add_column("corporate_actions", sa.Column("taxable", sa.Boolean()))
    op.create_table(
        "dated_models",
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("effective", sa.Date(), nullable=False),
        sa.Column("security_id", sa.Text(), nullable=False),
        sa.Column("weight", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_dated_models")),
    )
