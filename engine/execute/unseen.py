"""Which trades that we booked does another system not know yet? It shows yesterday; we sold this morning."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from engine.domain.accounts import Transaction, TransactionType
from engine.domain.identifiers import ClOrdId, SecurityId

_Trade = tuple[date, SecurityId, TransactionType]


def unseen_trades(
    booked: Iterable[Transaction], shown: Iterable[Transaction], *, ours: frozenset[ClOrdId]
) -> tuple[Transaction, ...]:
    """Return the rows that our own orders booked and that another system's history does not cover, oldest first.

    ours: every order made here for this account; a row that one booked is named after it. A trade is covered where the
    history shows at least as many shares of its security bought, or sold, on its day.
    """
    own = sorted(own_trades(booked, ours), key=lambda t: t.trade_date)
    there = _shares(shown)
    here = _shares(own)
    return tuple(t for t in own if here[_trade(t)] > there.get(_trade(t), Decimal(0)))


def own_trades(booked: Iterable[Transaction], ours: frozenset[ClOrdId]) -> list[Transaction]:
    """Return the rows that our own orders booked."""
    return [t for t in booked if t.transaction_id.partition("-")[0] in ours]


def _shares(rows: Iterable[Transaction]) -> Mapping[_Trade, Decimal]:
    shares: dict[_Trade, Decimal] = {}
    for row in rows:
        shares[_trade(row)] = shares.get(_trade(row), Decimal(0)) + row.quantity
    return shares


def _trade(row: Transaction) -> _Trade:
    return row.trade_date, row.security_id, row.type
