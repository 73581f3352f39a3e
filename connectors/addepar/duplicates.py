"""Is one account in Addepar twice, under two custodians? Then its shares would be planned twice."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from connectors.addepar.issues import UNCHANGED, DataIssue, Severity
from engine.domain.accounts import AccountBook, Lot

FEWEST_LOTS: Final = 3  # fewer may be alike by chance


def duplicate_accounts(books: Iterable[AccountBook]) -> tuple[DataIssue, ...]:
    """Return an issue for every account whose lots are, one by one, those of an account at another custodian.

    An account that moved from one custodian to another shows so while the old one is still open. Lots are alike by
    security, shares, day and cost; accounts with fewer than FEWEST_LOTS say nothing.
    """
    alike: defaultdict[tuple[tuple[object, ...], ...], list[AccountBook]] = defaultdict(list)
    for book in books:
        if len(book.lots) >= FEWEST_LOTS:
            alike[tuple(sorted((_print(lot) for lot in book.lots), key=str))].append(book)
    return tuple(
        _issue(book, other)
        for same in alike.values()
        for book in same
        if (other := next((o for o in same if o.account.custodian != book.account.custodian), None)) is not None
    )


def _print(lot: Lot) -> tuple[object, ...]:
    return lot.security_id, lot.quantity.normalize(), lot.acquired, round(lot.cost_per_share, 4).normalize()


def _issue(book: AccountBook, other: AccountBook) -> DataIssue:
    return DataIssue(
        severity=Severity.ERROR,
        account_id=book.account.account_id,
        subject="account",
        field="holdings.lot",
        found=f"the very lots of {other.account.account_id} at {other.account.custodian}",
        expected=f"lots at {book.account.custodian} alone",
        effect=UNCHANGED,
    )
