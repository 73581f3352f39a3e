"""What the CRM was told of each plan's moves, how much of its daily limit is used, and which calls it has made."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"


def upgrade() -> None:
    op.drop_table("crm_cursors")
    op.create_table(
        "crm_told",
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_crm_told")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.plan_id"], name=op.f("fk_crm_told_plan_id_plans")),
    )
    # A plan that was put there under an older schema was told of its moves one by one.
    op.execute(
        "INSERT INTO crm_told (plan_id, version) SELECT plans.plan_id, plans.version FROM plans "
        "JOIN crm_records ON crm_records.plan_id = plans.plan_id AND crm_records.name = 'plan'"
    )
    op.create_table(
        "crm_usage",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("allowed", sa.Integer(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("resume_at", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_usage")),
        sa.CheckConstraint("id = 1", name=op.f("ck_crm_usage_one_row")),
    )
    op.create_table(
        "webhook_calls",
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("signature", name=op.f("pk_webhook_calls")),
    )
