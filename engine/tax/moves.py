"""Which transfers in are shares that another account of the household sent, and which splits met them on their way?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from engine.domain.accounts import AccountBook, Transaction, TransactionType
from engine.domain.identifiers import AccountId, SecurityId, TransactionId
from engine.tax.parcels import split_shares

POSTING_TIME: Final = timedelta(days=7)  # within it, two custodians' rows of one ratio are one and the same split
_TRANSFER_TIME: Final = timedelta(days=30)  # the longest that shares are taken to travel between two custodians


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """origin: transfer in -> the transfer out that it continues. splits: split row -> the transfers out it splits.

    A split is of shares on their way from its first row in any account of the household. Shares that arrive as their
    account counts them before it, and are split there by a row of its own, are not among those it splits.
    """

    origin: Mapping[TransactionId, TransactionId]
    splits: Mapping[TransactionId, tuple[TransactionId, ...]]


class _Split:
    """One split of a security: the first row that told of it, and the accounts that have posted it so far."""

    def __init__(self, row: Transaction) -> None:
        self.row = row
        self.posted: set[AccountId] = set()


class _Departure:
    """A transfer out, the splits since, and its shares before the first, after it, after the second, ..."""

    def __init__(self, row: Transaction, turn: int) -> None:
        self.row = row
        self.turn = turn
        self.splits: list[_Split] = []
        self.counts = [row.quantity]

    def splits_told(self, arrival: Transaction) -> int | None:
        """Return how many of the splits are in an arrival's quantity: all that its account has posted, at least."""
        least = max((n for n, split in enumerate(self.splits, 1) if arrival.account_id in split.posted), default=0)
        return next((n for n in range(len(self.splits), least - 1, -1) if self.counts[n] == arrival.quantity), None)


def read_moves(books: Sequence[AccountBook], events: Iterable[Transaction]) -> Moves:
    """Return the moves of events in their order: shares that only changed the account, of one kind of registration.

    Shares keep their basis and holding period (26 U.S.C. 1223(2)), and are as many as left after the splits since. Of
    several transfers out that fit, the first is taken where the arrival names its lot; one that names none has to leave
    no doubt.
    """
    road = _Road({book.account.account_id: book.account.registration for book in books})
    for event in events:
        if event.type is TransactionType.SPLIT:
            road.split(event)
        elif event.type is TransactionType.TRANSFER_OUT:
            road.leave(event)
        elif event.type is TransactionType.TRANSFER_IN:
            road.arrive(event)
    splits: dict[TransactionId, list[TransactionId]] = {}
    for departure in road.departures:
        for split in departure.splits:
            splits.setdefault(split.row.transaction_id, []).append(departure.row.transaction_id)
    return Moves(origin=road.origin, splits={row: tuple(departures) for row, departures in splits.items()})


class _Road:
    """What is on its way between two accounts while the events go by."""

    def __init__(self, registrations: Mapping[AccountId, object]) -> None:
        self.registrations = registrations
        self.departures: list[_Departure] = []
        self.origin: dict[TransactionId, TransactionId] = {}
        self._away: dict[SecurityId, dict[TransactionId, _Departure]] = {}
        self._by_count: dict[tuple[SecurityId, Decimal], list[_Departure]] = {}
        self._splits: dict[tuple[SecurityId, Decimal], _Split] = {}

    def split(self, row: Transaction) -> None:
        key = (row.security_id, row.quantity)
        split = self._splits.get(key)
        if split is None or row.trade_date - split.row.trade_date > POSTING_TIME:
            split = self._splits[key] = _Split(row)
            for departure in self._away.get(row.security_id, {}).values():
                departure.splits.append(split)
                departure.counts.append(split_shares(departure.counts[-1], row.quantity))
                self._by_count.setdefault((row.security_id, departure.counts[-1]), []).append(departure)
        split.posted.add(row.account_id)

    def leave(self, row: Transaction) -> None:
        departure = _Departure(row, turn=len(self.departures))
        self.departures.append(departure)
        self._away.setdefault(row.security_id, {})[row.transaction_id] = departure
        self._by_count.setdefault((row.security_id, row.quantity), []).append(departure)

    def arrive(self, row: Transaction) -> None:
        away = self._away.get(row.security_id, {})
        fitting = {
            departure.turn: departure
            for departure in self._by_count.get((row.security_id, row.quantity), ())
            if departure.row.transaction_id in away
            and departure.row.account_id != row.account_id
            and self.registrations[departure.row.account_id] is self.registrations[row.account_id]
            and row.trade_date - departure.row.trade_date <= _TRANSFER_TIME
            and departure.splits_told(row) is not None
        }
        if not fitting or (row.lot_id is None and len(fitting) > 1):
            return
        departure = fitting[min(fitting)]
        del departure.splits[departure.splits_told(row) :]
        del away[departure.row.transaction_id]
        self._by_count[row.security_id, row.quantity].remove(departure)
        self.origin[row.transaction_id] = departure.row.transaction_id
