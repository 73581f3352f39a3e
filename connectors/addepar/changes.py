"""Whose transactions have changed since the last good sync? Late corrections and deletions among them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from connectors.addepar.answers import AddeparRefusal
from connectors.addepar.client import AddeparClient
from connectors.addepar.mapping import TransactionKeys
from connectors.addepar.values import day, entity_id
from engine.domain.accounts import Transaction
from engine.domain.identifiers import AccountId

MOST_CHANGES: Final = 5000
_OVERLAP: Final = timedelta(days=1)  # a modified date has no zone, and a sync takes its time
_FIRM: Final = 1  # the portfolio id of a whole firm


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an earlier sync read. at: when it began; history: an account's transactions as it left them."""

    at: datetime
    accounts: frozenset[AccountId]
    history: Callable[[AccountId], tuple[Transaction, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """unchanged: the Addepar entities of accounts whose history need not be read again."""

    unchanged: frozenset[str]
    history: Callable[[AccountId], tuple[Transaction, ...]]


def changed_owners(
    client: AddeparClient, keys: TransactionKeys, *, since: datetime, as_of: date, most: int = MOST_CHANGES
) -> frozenset[str] | None:
    """Return the owners of every transaction made, corrected or deleted since; None where it cannot be told.

    One request: the transactions of the whole firm, the last modified first, deleted ones with them. It cannot be told
    where the firm maps no modified date, as many as `most` were modified, Addepar cannot answer in time, or a row
    has no owner. What changed is not taken from these rows: each owner's whole history is read again, which is right
    whatever the change was.
    """
    if not keys.modified:
        return None
    first = since.date() - _OVERLAP
    query = {
        "portfolio_type": "FIRM",
        "portfolio_id": _FIRM,
        "start_date": keys.since.isoformat(),
        "end_date": as_of.isoformat(),
        "columns": list(dict.fromkeys((keys.id, keys.owner, keys.modified))),
        "sorting": [{"attribute": keys.modified, "ascending": False}],
        "limit": most,
        "include_deleted": True,
    }
    try:
        document = client.query("/v1/transactions/query", {"type": "transaction_query", "attributes": query})
    except AddeparRefusal:
        return None
    rows = [resource.get("attributes") or {} for resource in document.get("data") or ()]
    try:
        days = [day(row.get(keys.modified)) for row in rows]
    except ValueError:
        return None
    changed = {entity_id(row.get(keys.owner)) for row, on in zip(rows, days, strict=True) if on is None or on >= first}
    newer_than_all = len(rows) >= most and (days[-1] is None or days[-1] >= first)
    return None if newer_than_all or "" in changed else frozenset(changed)
