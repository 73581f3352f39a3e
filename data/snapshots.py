"""From what was a plan computed? Account and market snapshots as documents, exact, named by their hash."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, TypeVar

from data.codec import codec, dumps, from_columns, loads
from data.columnar import MAGIC, read_rows, write_rows
from data.documents import Document
from engine.domain.accounts import Account, AccountBook, AccountSnapshot, Household, Lot, Restriction, Transaction
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, SecurityId
from engine.domain.market import WRITTEN_IF_GIVEN, MarketSnapshot, PriceHistory, RiskModel
from engine.domain.rows import Rows
from engine.domain.sources import AccountSource
from engine.plan.document import canonical_json

T = TypeVar("T", Lot, Transaction)
Fetch = Callable[[Sequence[str]], Mapping[str, bytes]]
"""Contents of documents by hash; see data.documents.get."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _BookReference:
    account: Account
    lots: str
    transactions: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _SnapshotContent:
    """An AccountSnapshot whose lots and transactions are named, not repeated: a night's plans share them."""

    as_of: date
    household: Household
    book: _BookReference
    household_books: tuple[_BookReference, ...]
    restrictions: tuple[Restriction, ...]
    pending: tuple[Transaction, ...]
    sources: tuple[AccountSource, ...] | None = field(default=None, metadata=WRITTEN_IF_GIVEN)


def inputs_hash(snapshot: Document, market: Document) -> str:
    """Return the SHA-256 that stands for all that a plan was computed from, 64 hex digits."""
    return hashlib.sha256(canonical_json({"snapshot": snapshot.hash, "market": market.hash})).hexdigest()


def snapshot_document(snapshot: AccountSnapshot) -> Document:
    """Return the document of a snapshot; its parts are the lots and transactions of every book in it."""
    parts: dict[str, Document] = {}
    content = _SnapshotContent(
        as_of=snapshot.as_of,
        household=snapshot.household,
        book=_refer(snapshot.book, parts),
        household_books=tuple(_refer(book, parts) for book in snapshot.household_books),
        restrictions=snapshot.restrictions,
        pending=snapshot.pending,
        sources=snapshot.sources,
    )
    return Document(kind=_SNAPSHOT, content=dumps(content), parts=tuple(parts.values()))


def read_snapshot(content: bytes, fetch: Fetch) -> AccountSnapshot:
    """Return the snapshot of a stored document, its parts fetched by their hash."""
    stored = loads(_SnapshotContent, content)
    references = (stored.book, *stored.household_books)
    contents = fetch([name for reference in references for name in (reference.lots, reference.transactions)])
    own = _book(stored.book, contents)
    return AccountSnapshot(
        as_of=stored.as_of,
        household=stored.household,
        book=own,
        household_books=tuple(
            own if reference == stored.book else _book(reference, contents) for reference in stored.household_books
        ),
        restrictions=stored.restrictions,
        pending=stored.pending,
        sources=stored.sources,
    )


def market_document(market: MarketSnapshot) -> Document:
    """Return the document of a market snapshot. Raises ValueError where its risk model holds a NaN.

    The newest one is remembered: a night's plans share one market, and writing it takes longer than solving a plan.
    """
    known = _newest.get()
    if known is None or known[0] is not market:
        known = (market, Document(kind=_MARKET, content=dumps(market)))
        _newest.set(known)
    return known[1]


def read_market(content: bytes) -> MarketSnapshot:
    """Return the market snapshot of a stored document, its floats and the order of its mappings as they were."""
    return loads(MarketSnapshot, content)


def risk_document(risk: RiskModel) -> Document:
    """Return the document of a risk model."""
    return Document(kind="risk", content=dumps(risk))


def lots_document(book: AccountBook) -> Document:
    """Return the document of a book's lots. Raises DataError where a lot belongs to another account."""
    return _rows_document("lots", book.account.account_id, book.lot_rows)


def transactions_document(book: AccountBook) -> Document:
    """Return the document of a book's transactions. Raises DataError where one belongs to another account."""
    return _rows_document("transactions", book.account.account_id, book.history)


def read_lots(account_id: AccountId, content: bytes) -> Rows[Lot]:
    """Return the lots that lots_document wrote for this account; they remember the document that they are from."""
    return _read_rows("lots", Lot, account_id, content)


def read_transactions(account_id: AccountId, content: bytes) -> Rows[Transaction]:
    """Return the transactions that transactions_document wrote for this account; they remember it, as lots do."""
    return _read_rows("transactions", Transaction, account_id, content)


def prices_document(histories: Sequence[PriceHistory]) -> Document:
    """Return the document of all price histories; a calendar that many share is written once."""
    calendars: dict[tuple[date, ...], int] = {}
    rows = [
        [
            history.security_id,
            calendars.setdefault(history.dates, len(calendars)),
            list(map(str, history.closes)),
            _ADJUSTED.write(history.adjusted),
        ]
        for history in histories
    ]
    content = {"calendars": [[day.isoformat() for day in days] for days in calendars], "histories": rows}
    return Document(kind="prices", content=canonical_json(content))


def read_prices(content: bytes) -> tuple[PriceHistory, ...]:
    """Return the price histories that prices_document wrote."""
    stored = json.loads(content)
    calendars = [tuple(map(date.fromisoformat, days)) for days in stored["calendars"]]
    return tuple(
        PriceHistory(
            security_id=SecurityId(security_id),
            dates=calendars[calendar],
            closes=_CLOSES.read(closes),
            adjusted=_ADJUSTED.read(adjusted),
        )
        for security_id, calendar, closes, adjusted in stored["histories"]
    )


def _refer(book: AccountBook, parts: dict[str, Document]) -> _BookReference:
    lots, transactions = lots_document(book), transactions_document(book)
    parts |= {lots.hash: lots, transactions.hash: transactions}
    return _BookReference(account=book.account, lots=lots.hash, transactions=transactions.hash)


def _book(reference: _BookReference, contents: Mapping[str, bytes]) -> AccountBook:
    account_id = reference.account.account_id
    return AccountBook(
        account=reference.account,
        lots=read_lots(account_id, contents[reference.lots]),
        transactions=read_transactions(account_id, contents[reference.transactions]),
    )


class _Stored(Rows[T]):
    """Rows as they were read, with the document that says so: writing them again would only make it once more."""

    document: Document


def _rows_document(kind: str, account_id: AccountId, rows: Rows[T]) -> Document:
    owners = rows.texts(_OWNER)
    stray = next(
        (owners.values[code] for code in set(owners.codes.tolist()) if owners.values[code] != account_id), None
    )
    if stray is not None:
        raise DataError(f"account {account_id}: expected its own {kind}, found one of account {stray}")
    if isinstance(rows, _Stored):
        return rows.document
    return Document(kind=kind, content=write_rows(rows, leave=[_OWNER]))


def _read_rows(kind: str, row: type[T], account_id: AccountId, content: bytes) -> Rows[T]:
    if content.startswith(MAGIC):
        held = read_rows(row, content, constant={_OWNER: account_id})
    else:  # written before rows were held as columns
        columns: dict[str, Any] = json.loads(content)
        held = Rows.of(row, from_columns(row, {_OWNER: [account_id] * len(columns["security_id"]), **columns}))
    rows = _Stored(row, len(held), lambda: held.columns)
    rows.document = Document(kind=kind, content=content)
    return rows


_OWNER: Final = "account_id"
_SNAPSHOT: Final = "snapshot"
_MARKET: Final = "market"
_CLOSES: Final = codec(PriceHistory.__annotations__["closes"])
_ADJUSTED: Final = codec(PriceHistory.__annotations__["adjusted"])
_newest: ContextVar[tuple[MarketSnapshot, Document] | None] = ContextVar("newest market document", default=None)
