"""A household names the accounts that it has elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    op.add_column("households", sa.Column("not_visible", sa.Text()))
