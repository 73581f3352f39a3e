"""The first schema: a firm and its documents, plans, orders, outbox, audit log."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None

_STATES: Final = (
    "state IN ('draft', 'proposed', 'in_review', 'changes_requested', 'approved', 'released', 'sent', 'filled', "
    "'reconciled', 'rejected', 'held', 'stale', 'cancelled')"
)
_REFUSAL: Final = "the audit log is append-only"


def upgrade() -> None:
    _firm()
    _plans()
    _audit()


def _firm() -> None:
    op.create_table(
        "documents",
        *_text("hash", "kind"),
        *_whole("size"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_documents")),
    )
    op.create_table(
        "firm",
        *_whole("id"),
        sa.Column("as_of", sa.Date(), nullable=False),
        *_text("currency", "name", "imported_at", "prices_hash"),
        *_text("risk_hash", nullable=True),
        *_text("risk_inputs"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_firm")),
        sa.CheckConstraint("id = 1", name=op.f("ck_firm_one_row")),
        _refers("firm", "prices_hash", "documents.hash"),
        _refers("firm", "risk_hash", "documents.hash"),
    )
    op.create_table(
        "securities",
        *_text("security_id"),
        *_whole("place"),
        *_text("ticker", "name", "sector"),
        *_text("cusip", "identical_group", "lot_size", nullable=True),
        sa.Column("tradable", sa.Boolean()),
        *_text("cost_bp", "adv_usd", nullable=True),
        *_text("tags"),
        sa.PrimaryKeyConstraint("security_id", name=op.f("pk_securities")),
    )
    op.create_table(
        "marks",
        *_text("security_id"),
        *_whole("place"),
        *_text("price"),
        sa.Column("on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("security_id", name=op.f("pk_marks")),
    )
    op.create_table(
        "models",
        *_text("model_id"),
        *_whole("place"),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_models")),
    )
    op.create_table(
        "model_weights",
        *_text("model_id"),
        *_whole("place"),
        *_text("security_id", "weight"),
        sa.PrimaryKeyConstraint("model_id", "place", name=op.f("pk_model_weights")),
        _refers("model_weights", "model_id", "models.model_id"),
    )
    op.create_table(
        "households",
        *_text("household_id"),
        *_whole("place"),
        *_text("name", "advisor"),
        *_text("segment", nullable=True),
        sa.PrimaryKeyConstraint("household_id", name=op.f("pk_households")),
    )
    op.create_table(
        "accounts",
        *_text("account_id"),
        *_whole("place"),
        *_text(
            "household_id",
            "registration",
            "custodian",
            "account_number",
            "model_id",
            "cash",
            "st_rate",
            "lt_rate",
            "ytd_st_gain",
            "ytd_lt_gain",
            "st_carryforward",
            "lt_carryforward",
        ),
        *_text("settings", nullable=True),
        *_text("lots_hash", "transactions_hash"),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_accounts")),
        _refers("accounts", "household_id", "households.household_id"),
        _refers("accounts", "lots_hash", "documents.hash"),
        _refers("accounts", "transactions_hash", "documents.hash"),
    )
    _index("accounts", "household_id")
    op.create_table(
        "restrictions",
        *_whole("place"),
        *_text("scope", "target", "rule"),
        *_text("value", nullable=True),
        sa.Column("until", sa.Date(), nullable=True),
        *_text("reason"),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_restrictions")),
    )
    _index("restrictions", "scope")
    op.create_table(
        "substitutes",
        *_whole("place"),
        *_text("security_id", "substitute_id"),
        *_whole("rank"),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_substitutes")),
    )
    op.create_table(
        "settings",
        *_text("name", "text"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_settings")),
    )
    op.create_table(
        "risk_estimates",
        *_text("inputs", "risk_hash"),
        sa.PrimaryKeyConstraint("inputs", name=op.f("pk_risk_estimates")),
        _refers("risk_estimates", "risk_hash", "documents.hash"),
    )
    op.create_table(
        "scan",
        *_whole("id"),
        *_text("at", "marks"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scan")),
        sa.CheckConstraint("id = 1", name=op.f("ck_scan_one_row")),
    )
    op.create_table(
        "account_scans",
        *_text("account_id"),
        *_whole("place"),
        *_text("document"),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_scans")),
    )
    op.create_table(
        "users",
        *_text("user_id", "name", "email", "roles"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_users")),
    )


def _plans() -> None:
    op.create_table(
        "plans",
        *_text("plan_id", "account_id", "household_id"),
        *_text("parent_id", nullable=True),
        *_text("state"),
        *_whole("version"),
        *_text("created_at", "note", "snapshot_hash", "market_hash", "document"),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_plans")),
        sa.CheckConstraint(_STATES, name=op.f("ck_plans_state")),
        _refers("plans", "market_hash", "documents.hash"),
        _refers("plans", "parent_id", "plans.plan_id"),
        _refers("plans", "snapshot_hash", "documents.hash"),
    )
    _index("plans", "account_id")
    _index("plans", "household_id")
    _index("plans", "state")
    op.create_table(
        "plan_makers",
        *_text("plan_id", "user_id"),
        sa.PrimaryKeyConstraint("plan_id", "user_id", name=op.f("pk_plan_makers")),
        _refers("plan_makers", "plan_id", "plans.plan_id"),
    )
    op.create_table(
        "plan_moves",
        *_text("plan_id"),
        *_whole("version"),
        *_text("at", "actor", "action", "source", "target", "comment"),
        sa.PrimaryKeyConstraint("plan_id", "version", name=op.f("pk_plan_moves")),
        _refers("plan_moves", "plan_id", "plans.plan_id"),
    )
    op.create_table(
        "blocks",
        *_text("cl_ord_id", "custodian", "security_id", "ticker"),
        *_text("cusip", nullable=True),
        *_text("side", "quantity"),
        sa.PrimaryKeyConstraint("cl_ord_id", name=op.f("pk_blocks")),
    )
    op.create_table(
        "orders",
        *_text("cl_ord_id", "block_id"),
        *_whole("place"),
        *_text("plan_id", "account_id", "account_number", "custodian", "security_id", "ticker"),
        *_text("cusip", nullable=True),
        *_text("side", "quantity", "reference_price", "lots"),
        sa.PrimaryKeyConstraint("cl_ord_id", name=op.f("pk_orders")),
        _refers("orders", "block_id", "blocks.cl_ord_id"),
        _refers("orders", "plan_id", "plans.plan_id"),
    )
    _index("orders", "block_id")
    _index("orders", "plan_id")
    op.create_table(
        "fills",
        *_text("cl_ord_id", "exec_id", "quantity", "price", "executed_at"),
        sa.PrimaryKeyConstraint("cl_ord_id", "exec_id", name=op.f("pk_fills")),
        _refers("fills", "cl_ord_id", "blocks.cl_ord_id"),
    )
    op.create_table(
        "acknowledgements",
        *_text("cl_ord_id", "message_id", "status", "text", "at"),
        sa.PrimaryKeyConstraint("cl_ord_id", "message_id", name=op.f("pk_acknowledgements")),
        _refers("acknowledgements", "cl_ord_id", "blocks.cl_ord_id"),
    )
    op.create_table(
        "exported_files",
        *_text("plan_id", "file_name", "sha256", "at"),
        sa.PrimaryKeyConstraint("plan_id", "file_name", name=op.f("pk_exported_files")),
        _refers("exported_files", "plan_id", "plans.plan_id"),
    )
    op.create_table(
        "outbox",
        *_whole("id"),
        *_text("topic", "key", "payload", "created_at", "due_at"),
        *_whole("attempts"),
        *_text("sent_at", "answer", "error", nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
    )
    _index("outbox", "sent_at", "due_at")
    op.create_table(
        "crm_records",
        *_text("plan_id", "name", "record_id"),
        sa.PrimaryKeyConstraint("plan_id", "name", name=op.f("pk_crm_records")),
        _refers("crm_records", "plan_id", "plans.plan_id"),
    )
    _index("crm_records", "record_id")
    op.create_table(
        "crm_cursors",
        *_text("name", "position"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_crm_cursors")),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        *_whole("seq"),
        *_text("at", "actor", "what", "subject", "before", "after", "previous", "hash"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
    )
    _index("audit", "subject")
    op.create_table(
        "audit_head",
        *_whole("id", "rows"),
        *_text("hash"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_one_row")),
    )
    op.execute(sa.text("INSERT INTO audit_head (id, rows, hash) VALUES (1, 0, :start)").bindparams(start="0" * 64))
    guard = _guard_postgresql if op.get_bind().dialect.name == "postgresql" else _guard_sqlite
    guard()


def _text(*names: str, nullable: bool = False) -> Sequence[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=nullable) for name in names]


def _whole(*names: str) -> Sequence[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), nullable=False) for name in names]


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f("_".join(["ix", table, *columns])), table, list(columns))


def _guard_sqlite() -> None:
    # The last one is for REPLACE INTO, which deletes without firing the trigger on deletion.
    for name, event in (
        ("audit_update", "BEFORE UPDATE ON audit"),
        ("audit_delete", "BEFORE DELETE ON audit"),
        ("audit_head_delete", "BEFORE DELETE ON audit_head"),
        ("audit_replace", "BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq)"),
    ):
        op.execute(f"CREATE TRIGGER {name} {event} BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END")


def _guard_postgresql() -> None:
    body = f"BEGIN RAISE EXCEPTION '{_REFUSAL}'; END"
    op.execute(f"CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
    for name, event in (
        ("audit_change", "BEFORE UPDATE OR DELETE OR TRUNCATE ON audit"),
        ("audit_head_delete", "BEFORE DELETE OR TRUNCATE ON audit_head"),
    ):
        op.execute(f"CREATE TRIGGER {name} {event} FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()")
