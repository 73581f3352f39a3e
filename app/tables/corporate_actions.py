"""What issuers did and which models change, as tables."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from app.steps.corporate_actions import Reconstitution
from app.tables.parts import table_of
from engine.domain.identifiers import AccountId
from engine.domain.market import CorporateAction

_NOT_BOOKED = "_not_booked"


def action_table(actions: Iterable[tuple[CorporateAction, str]]) -> pd.DataFrame:
    """Return one row an action: its day, its kind, what happened, and the part of the basis that moves."""
    rows = [
        {
            "effective": action.ex_date,
            "action_kind": action.kind.replace("_", " "),
            "happened": sentence,
            "basis_pct": None if action.basis_fraction is None else 100 * float(action.basis_fraction),
        }
        for action, sentence in actions
    ]
    return table_of(rows, "effective action_kind happened basis_pct")


def unbooked_table(documents: Mapping[AccountId, Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row an action that an account had not booked when it was last scanned."""
    rows = [
        {"account": account_id, "problem": problem["sentence"]}
        for account_id, seen in documents.items()
        for problem in seen["problems"]
        if problem["code"].endswith(_NOT_BOOKED) and problem["code"] != f"split{_NOT_BOOKED}"
    ]
    return table_of(rows, "account problem")


def reconstitution_table(coming: Iterable[Reconstitution]) -> pd.DataFrame:
    """Return one row a model that changes: from when on, how many names, how much it turns over, for how many."""
    rows = [
        {
            "model": each.model_id,
            "effective": each.effective,
            "names_in": each.names_in,
            "names_out": each.names_out,
            "reweighted": each.reweighted,
            "turnover_pct": 100 * float(each.turnover),
            "followers": each.accounts,
        }
        for each in coming
    ]
    return table_of(rows, "model effective names_in names_out reweighted turnover_pct followers")
