"""What the connection with Addepar shows: settings and proposals, the lots that a mapping reads, what was spent."""

from collections.abc import Iterable
from datetime import datetime

import pandas as pd

from app.steps.addepar import Standing, Tested
from app.tables.parts import table_of
from connectors.addepar.budget import in_words
from connectors.addepar.discover import Proposal
from connectors.addepar.issues import DataIssue
from engine.domain.accounts import AccountBook

_EXISTS = {True: "yes", False: "no", None: ""}


def proposal_table(proposals: Iterable[Proposal]) -> pd.DataFrame:
    """Return one row a setting: what it is for, its key now, whether that exists, and the key proposed."""
    return table_of(
        [
            {
                "setting": one.place,
                "meaning": one.meaning,
                "now": one.written,
                "exists": _EXISTS[one.exists],
                "proposed": one.proposed,
                "display_name": one.display_name,
            }
            for one in proposals
        ],
        "setting meaning now exists proposed display_name",
    )


def lots_table(book: AccountBook) -> pd.DataFrame:
    """Return one row a lot as it was read."""
    return table_of(
        [
            {
                "security": lot.security_id,
                "lot": lot.lot_id,
                "acquired": lot.acquired,
                "held_from": lot.held_from,
                "shares": float(lot.quantity),
                "basis": float(lot.basis),
                "wash_adjustment": float(lot.wash_adjustment) if lot.wash_adjustment else None,
            }
            for lot in book.lots
        ],
        "security lot acquired held_from shares basis wash_adjustment",
    )


def issue_table(issues: Iterable[DataIssue]) -> pd.DataFrame:
    """Return one row a fault of the source."""
    return table_of(
        [
            {
                "severity": issue.severity.value,
                "place": f"{issue.subject}, {issue.field}",
                "found": issue.found,
                "expected": issue.expected,
                "effect": issue.effect,
            }
            for issue in issues
        ],
        "severity place found expected effect",
    )


def standing_words(standing: Standing) -> tuple[str, ...]:
    """Return in words what was asked of Addepar, when it was last read, and what there is to note."""
    spent = [
        f"{used:,} of {allowance.requests:,} requests in {in_words(allowance.seconds)}"
        for allowance, used in standing.used
    ]
    last = "never synced" if standing.synced is None else f"last good sync {_minute(standing.synced)}"
    return (f"spent: {', '.join(spent)}", last, *notes(standing))


def notes(standing: Standing) -> tuple[str, ...]:
    """Return in words which sync was cut off, and who saved the mapping; nothing where neither happened."""
    words = []
    if standing.cut_off is not None:
        words.append(f"a sync that began {_minute(standing.cut_off)} runs or was cut off; what it read is kept")
    if standing.saved is not None:
        words.append(f"mapping saved by {standing.saved.saved_by} on {_minute(standing.saved.saved_at)}")
    return tuple(words)


def _minute(at: datetime) -> str:
    return f"{at:%d %b %Y %H:%M} UTC"


def trial_words(tested: Tested) -> str:
    """Return in words what a mapping reads of an account."""
    if tested.book is None:
        return "This account would be fenced off: see its faults."
    book = tested.book
    return f"{len(book.lots):,} lots, {len(book.transactions):,} transactions, cash {book.account.cash:,.2f} USD."
