"""What is wrong with the data of a few demo accounts? Faults that import cleanly and that monitoring should show."""

from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from typing import Final

from data.demo.people import CUSTODIANS, LOST_BASIS, Profile
from engine.domain.accounts import AccountBook, TransactionType
from engine.domain.identifiers import AccountId

_EVERY: Final = 120  # accounts; each fault comes once in so many
_EXTRA_SHARES: Final = Decimal(7)
_OVERDRAWN: Final = Decimal("-1842.17")


class Dirt(StrEnum):
    """One kind of dirty data; the value says what is wrong."""

    NO_BASIS = "a lot with cost_per_share 0: the basis was not delivered"
    LOTS_DIFFER = "lots that do not add up with the transactions"
    SHARED_NUMBER = "the account number of another account, at another custodian"
    OVERDRAWN = "negative cash"


_PLACES: Final = {LOST_BASIS: Dirt.NO_BASIS, 11: Dirt.LOTS_DIFFER, 17: Dirt.SHARED_NUMBER, 23: Dirt.OVERDRAWN}


def dirt_of(index: int) -> Dirt | None:
    """Return what is wrong with account `index` (from 0), None for nearly all."""
    return _PLACES.get(index % _EVERY)


def dirty_accounts(accounts: int) -> dict[AccountId, Dirt]:
    """Return the accounts of a demo firm whose data is dirty on purpose."""
    return {AccountId(f"A{i + 1:05d}"): dirt for i in range(accounts) if (dirt := dirt_of(i)) is not None}


def soiled(book: AccountBook, dirt: Dirt, neighbour: Profile) -> AccountBook:
    """Return the book with its fault; neighbour is the account before it."""
    if dirt is Dirt.OVERDRAWN:
        return replace(book, account=replace(book.account, cash=_OVERDRAWN))
    if dirt is Dirt.SHARED_NUMBER:
        other = CUSTODIANS[(CUSTODIANS.index(neighbour.custodian) + 1) % len(CUSTODIANS)]
        number = neighbour.account_number
        return replace(book, account=replace(book.account, account_number=number, custodian=other))
    if dirt is Dirt.LOTS_DIFFER:
        first = replace(book.lots[0], quantity=book.lots[0].quantity + _EXTRA_SHARES)
        return replace(book, lots=(first, *book.lots[1:-1]))
    return _without_basis(book)


def _without_basis(book: AccountBook) -> AccountBook:
    """Forget the basis of the first lot that was brought along, or of the first lot of all."""
    arrived = {t.lot_id for t in book.transactions if t.type is TransactionType.TRANSFER_IN}
    lot = next((lot for lot in book.lots if lot.lot_id in arrived), book.lots[0])
    return replace(
        book,
        lots=tuple(replace(other, cost_per_share=Decimal(0)) if other is lot else other for other in book.lots),
        transactions=tuple(
            replace(t, basis=None) if t.lot_id == lot.lot_id and t.type is TransactionType.TRANSFER_IN else t
            for t in book.transactions
        ),
    )
