"""What is kept of it all: the audit log."""

import json
from collections.abc import Iterable

import pandas as pd

from app.tables.parts import table_of
from data.audit import AuditRow


def audit_table(rows: Iterable[AuditRow]) -> pd.DataFrame:
    """Return one row an event of the audit log."""
    return table_of(
        [
            {
                "seq": row.seq,
                "at": row.at,
                "actor": row.actor,
                "what": row.what,
                "subject": row.subject,
                "before": "" if row.before is None else json.dumps(row.before, ensure_ascii=False),
                "after": "" if row.after is None else json.dumps(row.after, ensure_ascii=False),
                "hash": row.hash[:12],
            }
            for row in rows
        ],
        "seq at actor what subject before after hash",
    )
