"""What the book shows: the queue of every account, what is chosen of it, and where in it the dollars are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from app.steps.bulk import Outcomes
from app.steps.views import BookView
from app.tables.parts import short_usd, table_of
from engine.domain.identifiers import AccountId

IN_LINE: Final = "in line"
NOT_PLANNED: Final = "not planned"
_REASONS: Final = {
    "data_problem": "data problem",
    "exception": NOT_PLANNED,
    "out_of_balance": "out of balance",
    "cash_low": "cash low",
    "cash_high": "cash high",
    "harvestable": "harvestable",
    "market_move": "market move",
    "gains_budget": "gains budget",
    "lock_ending": "lock ending",
}
REASONS: Final = (*_REASONS.values(), IN_LINE)
_DRIFT_EDGES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)  # per cent
DRIFTS: Final = ("below 0.5%", "0.5% to 1%", "1% to 2%", "2% to 4%", "4% to 8%", "above 8%")
_SAVING_EDGES: Final = (0.005, 1_000.0, 5_000.0, 25_000.0, 100_000.0)  # USD; the first tells nothing from a cent
SAVINGS: Final = ("nothing", "below $1k", "$1k to $5k", "$5k to $25k", "$25k to $100k", "above $100k")
COLUMNS: Final = (
    "account", "household", "at_stake", "at_stake_trend", "reasons", "tax_saved", "max_active_pct", "te_pct",
    "cash_pct", "nav", "plan_state", "advisor", "registration", "custodian", "model", "risk_at_stake", "tax_at_stake",
    "te_trend", "nav_trend", "saved_trend", "st_loss", "lt_loss", "gains_left", "locks", "data_age_days", "fenced",
)  # fmt: skip
USUAL: Final = COLUMNS[:12]
_TRENDS: Final = {"at_stake_trend": "at_stake", "te_trend": "tracking_error", "nav_trend": "nav",
                  "saved_trend": "tax_saved"}  # fmt: skip
_UNSORTED: Final = ("reasons", *_TRENDS)
ORDERS: Final = tuple(name for name in COLUMNS if name not in _UNSORTED)
_DAYS_OF_A_LINE: Final = 2  # one point is no line
_CHOICES: Final = {"advisor": "advisors", "custodian": "custodians", "registration": "registrations",
                   "_drift": "drifts", "_saving": "savings"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Book:
    """Every account of a scan, ready to be chosen from.

    frame: one row an account in the queue's order. flags: for the same rows, one bool column a reason. days: of the
    trends, oldest first.
    """

    frame: pd.DataFrame
    flags: pd.DataFrame
    days: tuple[date, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """How many accounts have a reason, and what is at stake in them, USD."""

    reason: str
    accounts: int
    at_stake: float


def book_of(table: pd.DataFrame, days: Sequence[tuple[date, pd.DataFrame]]) -> Book:
    """Return the book from a scan's rows and those of the days that are kept, as data.scans.ScanQueue has them."""
    reasons = table["reasons"].map(set)
    flags = pd.DataFrame({label: [code in found for found in reasons] for code, label in _REASONS.items()}, dtype=bool)
    flags[IN_LINE] = ~flags.any(axis=1)
    frame = pd.DataFrame(
        {
            "account": table["account_id"],
            "household": table["household"],
            "advisor": table["advisor"],
            "registration": table["registration"],
            "custodian": table["custodian"],
            "model": table["model_id"],
            "at_stake": table["at_stake"],
            "risk_at_stake": table["risk_at_stake"],
            "tax_at_stake": table["tax_at_stake"],
            "reasons": [[_REASONS[code] for code in found] for found in table["reasons"]],
            "nav": table["nav"],
            "te_pct": 100 * table["tracking_error"],
            "max_active_pct": 100 * table["max_active_weight"],
            "cash_pct": 100 * table["cash_weight"],
            "tax_saved": table["tax_saved"],
            "st_loss": table["st_loss"],
            "lt_loss": table["lt_loss"],
            "gains_left": table["gains_left"],
            "locks": table["locks"],
            "data_age_days": table["data_age_days"],
            "fenced": table["fenced"],
        }
    )
    frame["_text"] = (frame["account"] + " " + frame["household"] + " " + frame["advisor"]).str.lower()
    frame["_drift"] = _binned(frame["max_active_pct"], _DRIFT_EDGES, DRIFTS)
    frame["_saving"] = _binned(frame["tax_saved"], _SAVING_EDGES, SAVINGS)
    if len(days) >= _DAYS_OF_A_LINE:
        for name, figure in _TRENDS.items():
            frame[name] = _trend(frame["account"], [day.set_index("account_id")[figure] for _, day in days])
    return Book(frame=frame, flags=flags, days=tuple(day for day, _ in days))


def _binned(figures: pd.Series, edges: Sequence[float], labels: Sequence[str]) -> pd.Series:
    places = np.digitize(figures.to_numpy(float), edges)
    return pd.Series(np.array(labels)[places], dtype=pd.CategoricalDtype(list(labels)))


def _trend(accounts: pd.Series, days: Sequence[pd.Series]) -> list[list[float]]:
    """Return the figures of each account, oldest first; days before the account came in are left out."""
    table = np.column_stack([day.reindex(accounts).to_numpy(float) for day in days])
    return [row[~np.isnan(row)].tolist() for row in table]


def chosen(book: Book, view: BookView) -> pd.Series:
    """Return for each row of the book whether the view shows it: it has one of the chosen values of every kind."""
    keep = _besides_reasons(book, view)
    known = [reason for reason in view.reasons if reason in book.flags]
    return keep & book.flags[known].any(axis=1) if known else keep


def _besides_reasons(book: Book, view: BookView) -> pd.Series:
    frame, text = book.frame, view.search.strip().lower()
    keep = pd.Series(data=True, index=frame.index)
    if text:
        keep &= frame["_text"].str.contains(text, regex=False)
    for column, part in _CHOICES.items():
        wanted = getattr(view, part)
        if wanted:
            keep &= frame[column].isin(list(wanted))
    return keep


def tiles(book: Book, view: BookView) -> tuple[Tile, ...]:
    """Return a tile a reason, of the accounts that the rest of the view shows, whichever reasons are chosen."""
    keep = _besides_reasons(book, view)
    flags = book.flags[keep].to_numpy(bool)
    dollars = book.frame["at_stake"][keep].to_numpy(float)
    return tuple(
        Tile(reason=reason, accounts=int(has.sum()), at_stake=float(dollars[has].sum()))
        for reason, has in zip(book.flags.columns, flags.T, strict=True)
    )


def queue_table(
    book: Book, view: BookView, *, plan_states: Mapping[AccountId, str]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return what the view shows, in its order, and the names of the columns to show.

    The table holds those columns, and always the account, so that no more goes to a browser than is looked at.
    plan_states: where the newest plan of an account stands.
    """
    frame = book.frame[chosen(book, view)]
    if view.order in ORDERS and view.order in frame:
        frame = frame.sort_values(view.order, ascending=view.smallest_first, kind="stable")
    if "plan_state" in (view.columns or USUAL):
        frame = frame.assign(plan_state=[plan_states.get(account, "") for account in frame["account"]])
    names = tuple(name for name in (view.columns or USUAL) if name in frame)
    return frame[list(dict.fromkeys(("account", *names)))].reset_index(drop=True), names


def columns_of(book: Book) -> tuple[str, ...]:
    """Return the columns that can be shown: trends from the second day on."""
    return tuple(name for name in COLUMNS if name in book.frame or name == "plan_state")


def usual_of(book: Book) -> tuple[str, ...]:
    """Return the columns that are shown where nobody chose any."""
    return tuple(name for name in USUAL if name in columns_of(book))


def heat(book: Book, view: BookView) -> pd.DataFrame:
    """Return one row a cell of drift against tax saved that holds an account: accounts and at_stake (USD), with words.

    The cells are those of every account that the view shows but for its own choice of cells.
    """
    keep = chosen(book, replace(view, drifts=(), savings=()))
    cells = book.frame[keep].groupby(["_drift", "_saving"], observed=True)["at_stake"].agg(["size", "sum"])
    cells = cells.reset_index().set_axis(["drift", "saving", "accounts", "at_stake"], axis=1)
    return cells.assign(count=cells["accounts"].map("{:,}".format), dollars=cells["at_stake"].map(short_usd))


def outcome_table(outcomes: Outcomes) -> pd.DataFrame:
    """Return one row an account that was planned or proposed together with others, refusals first."""
    did = "proposed" if outcomes.proposed else "draft"
    return table_of(
        [
            {"account": each.account_id, "state": "refused" if each.refused else did, "because": each.refused}
            for each in (*outcomes.refused, *outcomes.done)
        ],
        "account state because",
    )
