"""Which night's run put a plan forward; a plan's name says nothing of that any more."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision: str | None = "0013"


def upgrade() -> None:
    op.add_column("plans", sa.Column("run_id", sa.Text()))
    # What was called so and is in no night's record is somebody's own.
    op.execute(
        "UPDATE plans SET run_id = made.run_id FROM (SELECT plan_id, MAX(run_id) AS run_id FROM run_accounts "
        "GROUP BY plan_id) AS made WHERE made.plan_id = plans.plan_id AND plans.note = 'night' "
        "AND plans.state IN ('draft', 'proposed')"
    )
