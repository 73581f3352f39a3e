"""Which shares does the household own, where, and which of them does a disposal take? Parcels on shelves."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from engine.domain.accounts import Lot, Transaction
from engine.domain.identifiers import LotId, SecurityId, TransactionId
from engine.tax.history import History, Place
from engine.tax.parcels import DUST, Parcel, draw, split_parcel

_ONE: Final = Decimal(1)


class Holdings:
    """The household's shares while its history runs; it changes with every event.

    held: what events brought in. kept: what the books still show of lots older than the history, which no event of the
    history can have sold. away: transferred out and still the household's, by transfer. gone: given away.
    """

    def __init__(self, history: History, groups: Mapping[SecurityId, str]) -> None:
        self.history = history
        self.groups = groups
        self.held: dict[Place, list[Parcel]] = {}
        self.kept: dict[Place, list[Parcel]] = {}
        self.away: dict[TransactionId, list[Parcel]] = {}
        self.gone: list[Parcel] = []
        self._places: dict[str, dict[Place, None]] = {}
        self._scale: dict[Place, Decimal] = {}
        self._unseen = dict(history.unseen)
        self._order = 0

    def opened(self, lot: Lot) -> Parcel:
        """Return a lot that no event made as of the day it was acquired; its custodian's wash sales count as known."""
        place = (lot.account_id, lot.security_id)
        return Parcel(
            account_id=lot.account_id,
            lot_id=lot.lot_id,
            security_id=lot.security_id,
            cause=TransactionId(lot.lot_id),
            quantity=lot.quantity / self._later_splits(place),
            basis=lot.basis,
            acquired=lot.acquired,
            holding_start=lot.holding_start,
            bought=lot.acquired,
            used=bool(lot.wash_adjustment),
            order=self._next(),
        )

    def bought(self, event: Transaction) -> Parcel:
        """Return the shares that a purchase brings."""
        return Parcel(
            account_id=event.account_id,
            lot_id=self.history.made.get(event.transaction_id) or event.lot_id or LotId(event.transaction_id),
            security_id=event.security_id,
            cause=event.transaction_id,
            quantity=event.quantity,
            basis=event.quantity * event.price,
            acquired=event.trade_date,
            holding_start=None,
            bought=event.trade_date,
            used=False,
            order=self._next(),
        )

    def moved_in(self, event: Transaction) -> list[Parcel]:
        """Return what a transfer brings: the very parcels that left another account, else shares of a stated basis.

        Moving is no purchase: parcels replace only what they could have replaced before.
        """
        lot_id = self.history.made.get(event.transaction_id)
        if lot_id is None:
            return []
        source = self.history.moves.get(event.transaction_id)
        arrived = [] if source is None else self.away.pop(source, [])
        here = [replace(parcel, account_id=event.account_id, lot_id=lot_id) for parcel in arrived]
        missing = event.quantity - sum((parcel.quantity for parcel in here), Decimal(0))
        unknown = self.older(event, missing) if missing > DUST else None
        return here if unknown is None else [*here, replace(unknown, lot_id=lot_id, cause=event.transaction_id)]

    def shelve(self, shelves: dict[Place, list[Parcel]], parcels: Iterable[Parcel]) -> None:
        """Put parcels on their place's shelf, behind what lies there."""
        for parcel in parcels:
            place = (parcel.account_id, parcel.security_id)
            shelves.setdefault(place, []).append(parcel)
            self._places.setdefault(self.group(parcel.security_id), {})[place] = None

    def take(self, event: Transaction, *, pending: bool) -> tuple[list[Parcel], Decimal]:
        """Take what a disposal names, or the oldest shares, off the shelves.

        Returns the parcels, and how many shares the household is not known to have had. A pending disposal takes from
        lots older than the history too: the books show them as they are before it.
        """
        place = (event.account_id, event.security_id)
        older = Decimal(0)
        if event.lot_id is None and not pending and place in self._unseen:
            scale = self._scale.get(place, _ONE)
            older = min(self._unseen[place] * scale, event.quantity)
            self._unseen[place] -= older / scale
        taken: list[Parcel] = []
        missing = event.quantity - older
        for shelves in (self.held, self.kept) if pending else (self.held,):
            parcels, missing = draw(shelves.get(place, []), missing, event.lot_id)
            taken += parcels
        return taken, missing + older

    def older(self, event: Transaction, quantity: Decimal) -> Parcel | None:
        """Return shares that no event bought, or None where neither the row nor the rest of the lot has a basis.

        Acquisition and holding period are those of the rest of the lot, where the book still shows one.
        """
        lot = None if event.lot_id is None else self.history.stated.get((event.account_id, event.lot_id))
        if event.basis is not None:
            basis = event.basis * quantity / event.quantity
        elif lot is not None:
            later_splits = self._later_splits((event.account_id, event.security_id))
            basis = lot.basis / lot.quantity * later_splits * quantity
        else:
            return None
        lot_id = event.lot_id or LotId("")
        return Parcel(
            account_id=event.account_id,
            lot_id=lot_id,
            security_id=event.security_id,
            cause=TransactionId(lot_id),
            quantity=quantity,
            basis=basis,
            acquired=lot.acquired if lot else None,
            holding_start=lot.holding_start if lot else None,
            bought=None,
            used=False,
            order=self._next(),
        )

    def split(self, event: Transaction) -> None:
        """Split the shares of one account."""
        place = (event.account_id, event.security_id)
        self._scale[place] = self._scale.get(place, _ONE) * event.quantity
        for shelves in (self.held, self.kept):
            if place in shelves:
                shelves[place] = [split_parcel(parcel, event.quantity) for parcel in shelves[place]]

    def split_away(self, event: Transaction) -> None:
        """Split the shares that lie in no account that we are shown."""
        for transfer, parcels in self.away.items():
            self.away[transfer] = [
                split_parcel(parcel, event.quantity) if parcel.security_id == event.security_id else parcel
                for parcel in parcels
            ]

    def replacements(self, group: str) -> list[tuple[list[Parcel], Parcel]]:
        """Return every parcel of a group that was bought, with its shelf, earliest purchase first.

        That is the order of Treas. Reg. 1.1091-1(c); purchases of one day go by account and row.
        """
        places = self._places.get(group, {})
        shelves = [shelves[place] for shelves in (self.held, self.kept) for place in places if place in shelves]
        found = [
            (parcel.bought, parcel.order, shelf, parcel)
            for shelf in (*shelves, *self.away.values())
            for parcel in shelf
            if parcel.bought is not None and self.group(parcel.security_id) == group
        ]
        found.sort(key=lambda entry: entry[:2])
        return [(shelf, parcel) for _, _, shelf, parcel in found]

    def group(self, security_id: SecurityId) -> str:
        """Return the wash-sale group of a security: its own id where nothing else is said."""
        return self.groups.get(security_id, security_id)

    def _later_splits(self, place: Place) -> Decimal:
        return self.history.scale.get(place, _ONE) / self._scale.get(place, _ONE)

    def _next(self) -> int:
        self._order += 1
        return self._order
