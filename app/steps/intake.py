"""Which accounts take what Addepar shows, which keep what they have, and which must not be planned until mended?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from connectors.addepar.gifts import with_our_gifts
from connectors.addepar.issues import UNCHANGED, DataIssue, Severity
from connectors.addepar.sync import AddeparPull
from data import refresh
from engine.domain.accounts import AccountBook, Transaction
from engine.domain.identifiers import AccountId, ClOrdId, UserId
from engine.domain.sources import AccountSource
from engine.execute.unseen import own_trades, unseen_trades

SOURCE: Final = "Addepar"
SETTLING: Final = timedelta(days=5)  # calendar days in which a trade of ours shows there, over a long weekend


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """accounts: how many were brought in. kept: those that keep what they had; issues say why. histories: how many."""

    accounts: int
    kept: tuple[AccountId, ...]
    issues: tuple[DataIssue, ...]
    histories: int

    @property
    def words(self) -> str:
        return (
            f"{self.accounts:,} accounts brought in, {len(self.kept):,} kept as they were; "
            f"{self.histories:,} histories read"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """What becomes of one account. book: what it takes; source: None where it never came from Addepar."""

    book: AccountBook | None
    source: AccountSource | None
    issues: tuple[DataIssue, ...]


def take_in(writing: Connection, pulled: AddeparPull, *, derived: bool, actor: UserId, at: datetime) -> Synced:
    """Write every account that was read, the sources of all, the day and its prices, in the caller's transaction."""
    day = pulled.reference.as_of
    fresh = {book.account.account_id: book for book in pulled.books}
    ordered = refresh.orders_by_account(writing)
    before = {source.account_id: source for source in refresh.read_sources(writing)}
    issues_of: dict[AccountId | None, list[DataIssue]] = {}
    for issue in pulled.issues:
        issues_of.setdefault(issue.account_id, []).append(issue)
    judged: dict[AccountId, _Judged] = {}
    for present in refresh.present_books(writing, sorted({*fresh, *pulled.fenced})):
        account_id = present.account.account_id
        found = _judge(
            present,
            fresh.get(account_id),
            issues_of.get(account_id, ()),
            before.get(account_id),
            ours=ordered.get(account_id, frozenset()),
            day=day,
            derived=derived,
        )
        judged[account_id] = found
        if found.book is not None:
            refresh.write_book(writing, found.book)
    refresh.write_sources(writing, [one.source for one in judged.values() if one.source is not None])
    kept = tuple(account_id for account_id, one in judged.items() if one.book is None)
    refresh.move_on(
        writing,
        as_of=day,
        prices=pulled.reference.prices,
        households={home.household_id: home.name for home in pulled.reference.households},
        summary={"source": SOURCE, "accounts": len(judged) - len(kept), "kept": list(kept)},
        actor=actor,
        at=at,
    )
    issues = (*pulled.issues, *(issue for one in judged.values() for issue in one.issues))
    return Synced(accounts=len(judged) - len(kept), kept=kept, issues=issues, histories=pulled.histories)


def _judge(
    present: AccountBook,
    fresh: AccountBook | None,
    issues: Sequence[DataIssue],
    last: AccountSource | None,
    *,
    ours: frozenset[ClOrdId],
    day: date,
    derived: bool,
) -> _Judged:
    account_id = present.account.account_id
    never = last is None or last.read_on is None
    read_on, was_derived = (None, False) if last is None else (last.read_on, last.derived)
    if fresh is None:
        if never and all(issue.field == "entities.account_key" for issue in issues if _is_error(issue)):
            return _Judged(book=None, source=None, issues=())  # the firm's own account, which Addepar need not have
        faults = tuple(_sentence(issue) for issue in issues if _is_error(issue))
        source = AccountSource(account_id=account_id, source=SOURCE, read_on=read_on, tried_on=day,
                               derived=was_derived, faults=faults)  # fmt: skip
        return _Judged(book=None, source=source, issues=())
    fresh = with_our_gifts(fresh, present)
    # A history that was not read again is our own: what an order of ours booked in it meanwhile, Addepar has not shown.
    copied = own_trades(fresh.transactions, ours)
    shown = [row for row in fresh.transactions if row not in copied]
    unseen = unseen_trades(present.transactions, shown, ours=ours)
    missing = tuple(_missing(account_id, trade, day) for trade in unseen)
    source = AccountSource(
        account_id=account_id,
        source=SOURCE,
        read_on=read_on if unseen else day,
        tried_on=day,
        derived=was_derived if unseen else derived,
        faults=tuple(_sentence(issue) for issue in missing if _is_error(issue)),
    )
    return _Judged(book=None if unseen else fresh, source=source, issues=missing)


def _missing(account_id: AccountId, trade: Transaction, day: date) -> DataIssue:
    """Say that a trade booked here does not show there; after a while that is a break."""
    late = day - trade.trade_date > SETTLING
    return DataIssue(
        severity=Severity.ERROR if late else Severity.WARNING,
        account_id=account_id,
        subject=f"our order {trade.transaction_id}",
        field="transactions.id",
        found="nothing",
        expected=f"{trade.type} of {trade.quantity.normalize():f} {trade.security_id} on {trade.trade_date}",
        effect=UNCHANGED if late else "account left as booked here until it shows",
    )


def _is_error(issue: DataIssue) -> bool:
    return issue.severity is Severity.ERROR


def _sentence(issue: DataIssue) -> str:
    return f"{issue.subject}, {issue.field}: found {issue.found}, expected {issue.expected}"
