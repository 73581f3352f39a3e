"""What each rehearsal of another policy came to; its figures lie in two documents."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision: str | None = "0011"


def upgrade() -> None:
    op.create_table(
        "rehearsals",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("rehearsal_id", "book", "inputs", "at", "actor")),
        sa.Column("as_of", sa.Date(), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("change", "words", "sample", "now_hash", "then_hash")
        ),
        sa.PrimaryKeyConstraint("rehearsal_id", name=op.f("pk_rehearsals")),
        sa.ForeignKeyConstraint(["now_hash"], ["documents.hash"], name=op.f("fk_rehearsals_now_hash_documents")),
        sa.ForeignKeyConstraint(["then_hash"], ["documents.hash"], name=op.f("fk_rehearsals_then_hash_documents")),
    )
    op.create_index(op.f("ix_rehearsals_book"), "rehearsals", ["book"])
