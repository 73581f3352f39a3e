"""What does the stand-in Addepar hold on a later day? Corrected, new and deleted transactions, each with its day."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from connectors.sandbox.addepar_firm import AddeparFirm


def moved_on(before: AddeparFirm, after: AddeparFirm, *, on: date) -> AddeparFirm:
    """Return a firm as it is later: rows that are new, other or gone since are modified on a day, gone ones deleted."""
    rows: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for entity, history in after.transactions.items():
        known = {row["id"]: row for row in before.transactions.get(entity, ())}
        now = [{**row, "modified_date": on.isoformat()} if _changed(known.get(row["id"]), row) else known[row["id"]]
               for row in history]  # fmt: skip
        there = {row["id"] for row in now}
        gone = [row if row["deleted"] else {**row, "deleted": True, "modified_date": on.isoformat()}
                for identifier, row in known.items() if identifier not in there]  # fmt: skip
        rows[entity] = tuple(sorted([*now, *gone], key=lambda row: str(row["trade_date"])))
    return replace(after, transactions=rows)


def _changed(known: Mapping[str, Any] | None, row: Mapping[str, Any]) -> bool:
    return known is None or {**known, "modified_date": None} != {**row, "modified_date": None}
