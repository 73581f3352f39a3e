"""Where do parcels lie, and in which order are they taken? Every step costs the logarithm of what lies there."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from heapq import heappop, heappush

from engine.domain.identifiers import AccountId, LotId, SecurityId
from engine.tax.matching import WASH_SALE_DAYS, Match, OpenLoss, catch, may_catch
from engine.tax.parcels import DUST, Parcel, divide, part_basis, split_parcel

_Entry = tuple[date, int, int, "Slot"]  # acquired, turn, part of it: no two are alike, so slots are never compared


class Shelf:
    """Parcels of one security in one account, or on one way between two.

    Heaps with the parcel to take first at their head: one of all parcels and, from the first draw that names a lot, one
    of each lot. A parcel that one heap gave away is an empty slot in the other.
    """

    __slots__ = ("_all", "_lots", "_turn")

    def __init__(self) -> None:
        self._all: list[_Entry] = []
        self._lots: dict[LotId, list[_Entry]] | None = None
        self._turn = 0

    def __iter__(self) -> Iterator[Parcel]:
        """Give the parcels, oldest first."""
        return (slot.parcel for *_, slot in sorted(self._all) if slot.parcel is not None)

    def put(self, parcel: Parcel) -> "Slot":
        """Put a parcel behind those of its day of acquisition; unknown days are the oldest."""
        self._turn += 1
        return self._put(parcel, self._turn, 0)

    def draw(self, quantity: Decimal, lot_id: LotId | None) -> tuple[list[Parcel], Decimal]:
        """Take up to `quantity` shares, of one lot or else of all, oldest first; return them and what is missing.

        First in, first out is the law's order where no lot is named (Treas. Reg. 1.1012-1(c)(1)).
        """
        heap = self._all if lot_id is None else self._by_lot().get(lot_id, [])
        taken: list[Parcel] = []
        while heap and quantity > DUST:
            slot = heap[0][-1]
            parcel = slot.parcel
            if parcel is None:
                heappop(heap)
                continue
            part, slot.parcel = divide(parcel, min(quantity, parcel.quantity))
            taken.append(part)
            quantity -= part.quantity
        return taken, quantity

    def clear(self) -> list[Parcel]:
        """Take everything, oldest first."""
        taken = list(self)
        for *_, slot in self._all:
            slot.parcel = None
        return taken

    def split(self, ratio: Decimal, security_id: SecurityId) -> None:
        """Split every parcel of a security."""
        for *_, slot in self._all:
            if slot.parcel is not None and slot.parcel.security_id == security_id:
                slot.parcel = split_parcel(slot.parcel, ratio)

    def part_with(self, lot_id: LotId, fraction: Decimal) -> list[Parcel]:
        """Take a fraction of the basis of a lot's parcels, and return it as parcels of as many shares, bought by none.

        What the shareholders of a company receive of another in a spin-off is no purchase (26 U.S.C. 355, 1091(a)).
        """
        given: list[Parcel] = []
        for *_, slot in sorted(self._by_lot().get(lot_id, [])):
            if slot.parcel is not None:
                slot.parcel, other = part_basis(slot.parcel, fraction)
                given.append(other)
        return given

    def part(self, slot: "Slot", caught: Parcel, untouched: Parcel | None) -> "Slot | None":
        """Leave the shares that caught a loss in their slot, and those that did not behind them; return their slot."""
        slot.parcel = caught
        return None if untouched is None else self._put(untouched, slot.turn, slot.part + 1)

    def _put(self, parcel: Parcel, turn: int, part: int) -> "Slot":
        slot = Slot(parcel, turn, part)
        entry = (parcel.acquired or date.min, turn, part, slot)
        heappush(self._all, entry)
        if self._lots is not None:
            heappush(self._lots.setdefault(parcel.lot_id, []), entry)
        return slot

    def _by_lot(self) -> dict[LotId, list[_Entry]]:
        if self._lots is None:
            self._lots = {}
            for entry in sorted(self._all):
                if entry[-1].parcel is not None:
                    self._lots.setdefault(entry[-1].parcel.lot_id, []).append(entry)
        return self._lots


class Slot:
    """The place of a parcel on a shelf; its parcel gets smaller, splits, and in the end is None.

    It does not know its shelf: that would be a reference in a circle, which only the collector takes apart.
    """

    __slots__ = ("parcel", "part", "turn")

    def __init__(self, parcel: Parcel, turn: int, part: int) -> None:
        self.parcel: Parcel | None = parcel
        self.turn = turn
        self.part = part


_Purchase = tuple[date, int, int, Slot, Shelf]  # bought, order of the parcel, turn here; the slot and where it is


class Purchases:
    """What a group bought and may still replace a loss, earliest purchase first (Treas. Reg. 1.1091-1(c)).

    Purchases of one day go by account and row, parts of one purchase as they came to their shelves. Losses are asked
    about in order of sale, so what is too old for one is too old for all that follow.
    """

    __slots__ = ("_heap", "_turn")

    def __init__(self) -> None:
        self._heap: list[_Purchase] = []
        self._turn = 0

    def add(self, parcel: Parcel, slot: Slot, shelf: Shelf) -> None:
        """Let a parcel that was just put into a slot of a shelf replace losses, where the law does."""
        if parcel.bought is not None and not parcel.used:
            self._turn += 1
            heappush(self._heap, (parcel.bought, parcel.order, self._turn, slot, shelf))

    def catch(self, loss: OpenLoss, taxable: Mapping[AccountId, bool]) -> tuple[list[Match], OpenLoss | None]:
        """Match a loss with what was bought before its sale; return the matches and what is still open of it.

        taxable: by account.
        """
        matches: list[Match] = []
        of_its_own: list[_Purchase] = []
        rest: OpenLoss | None = loss
        while rest is not None and self._heap:
            purchase = heappop(self._heap)
            bought, order, turn, slot, shelf = purchase
            parcel = slot.parcel
            if parcel is None or parcel.used or loss.on - bought > WASH_SALE_DAYS:
                continue
            if not may_catch(parcel, rest):
                of_its_own.append(purchase)
                continue
            match, caught, untouched, rest = catch(parcel, rest, taxable=taxable[parcel.account_id])
            matches.append(match)
            left = shelf.part(slot, caught, untouched)
            if left is not None:
                heappush(self._heap, (bought, order, turn, left, shelf))
        for purchase in of_its_own:
            heappush(self._heap, purchase)
        return matches, rest
