"""Which shares does the household own, where, and which of them does a disposal take? Parcels on shelves."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from engine.domain.accounts import Lot, Transaction, TransactionType
from engine.domain.identifiers import LotId, SecurityId, TransactionId
from engine.tax.history import History, Place
from engine.tax.parcels import DUST, Gift, Parcel, received
from engine.tax.shelves import Purchases, Shelf

_ONE: Final = Decimal(1)


class Holdings:
    """The household's shares while its history runs; it changes with every event.

    held: what events brought in. kept: what the books still show of lots older than the history, which no event of the
    history can have sold. away: transferred out and still the household's, by transfer. gone: given away.
    """

    def __init__(self, history: History, groups: Mapping[SecurityId, str]) -> None:
        self.history = history
        self.groups = groups
        self.held: defaultdict[Place, Shelf] = defaultdict(Shelf)
        self.kept: defaultdict[Place, Shelf] = defaultdict(Shelf)
        self.away: dict[TransactionId, Shelf] = {}
        self.gone: list[Parcel] = []
        self._purchases: defaultdict[str, Purchases] = defaultdict(Purchases)
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
            bought=lot.acquired if lot.gift_date is None else None,  # a gift is no purchase
            used=bool(lot.wash_adjustment),
            order=self._next(),
            gift=_gift(lot, lot.quantity),
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
        arrived = self.away.pop(source).clear() if source in self.away else []
        here = [parcel._replace(account_id=event.account_id, lot_id=lot_id) for parcel in arrived]
        missing = event.quantity - sum((parcel.quantity for parcel in here), Decimal(0))
        unknown = self.older(event, missing) if missing > DUST else None
        return here if unknown is None else [*here, unknown._replace(lot_id=lot_id, cause=event.transaction_id)]

    def exchanged(self, event: Transaction) -> list[Parcel]:
        """Return what an exchange or spin-off brings: the very parcels that went into it, as shares of another name.

        They go on from where they were: bought when the old shares were, and used up by a loss if those were. Where
        nothing is known to have gone in, the row speaks for itself.
        """
        lot_id = event.lot_id or LotId(event.transaction_id)
        given = self.away.pop(event.origin).clear() if event.origin in self.away else []
        if given:
            return received(given, event.quantity, event.security_id, lot_id)
        unknown = self.older(event, event.quantity)
        return [] if unknown is None else [unknown._replace(lot_id=lot_id, cause=event.transaction_id)]

    def part_with(self, event: Transaction) -> None:
        """Take the basis that a spin-off moves out of its lot, and keep it for the lot that it makes.

        A lot older than the history stands in its book with what the spin-off left of its basis: the row says what
        went.
        """
        place = (event.account_id, event.security_id)
        fraction, lot_id = event.basis_fraction or Decimal(0), event.lot_id or LotId("")
        given = self.held[place].part_with(lot_id, fraction) if place in self.held else []
        if not given and event.basis is not None:
            older = self.older(event, event.quantity)
            given = [] if older is None else [older]
        self.send(event, given)

    def shelve(self, shelves: defaultdict[Place, Shelf], parcels: Iterable[Parcel]) -> None:
        """Put parcels on their place's shelf, behind what lies there."""
        for parcel in parcels:
            self._put(shelves[parcel.account_id, parcel.security_id], parcel)

    def send(self, event: Transaction, parcels: Iterable[Parcel]) -> None:
        """Keep parcels that are on their way to another account."""
        self.away[event.transaction_id] = shelf = Shelf()
        for parcel in parcels:
            self._put(shelf, parcel)

    def take(self, event: Transaction, *, pending: bool) -> tuple[list[Parcel], Decimal]:
        """Take what a disposal names, or the oldest shares, off the shelves.

        Returns the parcels, and how many shares the household is not known to have had. A pending disposal takes from
        lots older than the history too: the books show them as they are before it. So does an exchange, which tells
        itself of the lot that it ends.
        """
        whole = pending or event.type is TransactionType.EXCHANGE_OUT
        place = (event.account_id, event.security_id)
        older = Decimal(0)
        if event.lot_id is None and not pending and place in self._unseen:
            scale = self._scale.get(place, _ONE)
            older = min(self._unseen[place] * scale, event.quantity)
            self._unseen[place] -= older / scale
        taken: list[Parcel] = []
        missing = event.quantity - older
        for shelves in (self.held, self.kept) if whole else (self.held,):
            if place in shelves:
                parcels, missing = shelves[place].draw(missing, event.lot_id)
                taken += parcels
        return taken, missing + older

    def older(self, event: Transaction, quantity: Decimal) -> Parcel | None:
        """Return shares that no event bought, or None where neither the row nor the rest of the lot has a basis.

        Acquisition, holding period and what tells a gift are those of the rest of the lot, where the book still shows
        one; of a gift, a transfer in may tell itself.
        """
        lot = None if event.lot_id is None else self.history.stated.get((event.account_id, event.lot_id))
        if event.lot_id is not None and (lot is None or lot.security_id != event.security_id):
            lot = self.history.ended.get((event.account_id, event.security_id, event.lot_id))
        later_splits = self._later_splits((event.account_id, event.security_id))
        if event.basis is not None:
            basis = event.basis * quantity / event.quantity
        elif lot is not None:
            basis = lot.basis / lot.quantity * later_splits * quantity
        else:
            return None
        gift = None if lot is None else _gift(lot, later_splits * quantity)
        if event.gift_price is not None and event.gift_date is not None:
            gift = Gift(event.gift_price * quantity, event.gift_date)
        lot_id = event.lot_id or LotId("")
        return Parcel(
            account_id=event.account_id,
            lot_id=lot_id,
            security_id=event.security_id,
            cause=TransactionId(lot_id),
            quantity=quantity,
            basis=basis,
            acquired=event.acquired or (lot.acquired if lot else None),
            holding_start=event.holding_start or (lot.holding_start if lot else None),
            bought=None,
            used=False,
            order=self._next(),
            gift=gift,
        )

    def split(self, event: Transaction) -> None:
        """Split the shares of one account."""
        place = (event.account_id, event.security_id)
        self._scale[place] = self._scale.get(place, _ONE) * event.quantity
        for shelves in (self.held, self.kept):
            if place in shelves:
                shelves[place].split(event.quantity, event.security_id)

    def split_away(self, event: Transaction) -> None:
        """Split the shares on their way that this row is the first to tell of."""
        for departure in self.history.splits_on_the_way.get(event.transaction_id, ()):
            self.away[departure].split(event.quantity, event.security_id)

    def purchases(self, group: str) -> Purchases:
        """Return what the household bought of a group and may still replace a loss."""
        return self._purchases[group]

    def group(self, security_id: SecurityId) -> str:
        """Return the wash-sale group of a security: its own id where nothing else is said."""
        return self.groups.get(security_id, security_id)

    def _put(self, shelf: Shelf, parcel: Parcel) -> None:
        self.purchases(self.group(parcel.security_id)).add(parcel, shelf.put(parcel), shelf)

    def _later_splits(self, place: Place) -> Decimal:
        return self.history.scale.get(place, _ONE) / self._scale.get(place, _ONE)

    def _next(self) -> int:
        self._order += 1
        return self._order


def _gift(lot: Lot, quantity: Decimal) -> Gift | None:
    """Return what tells of so many of a lot's shares, counted as its book does, that they were a gift."""
    if lot.gift_price is None or lot.gift_date is None:
        return None
    adjustment = (lot.wash_adjustment or Decimal(0)) * quantity / lot.quantity
    return Gift(lot.gift_price * quantity + adjustment, lot.gift_date)
