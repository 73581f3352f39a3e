"""Which losses did the household's own purchases take away, and what is it locked out of today?

One ledger over every account of a household, IRAs and reinvested dividends included (26 U.S.C. 1091, Treas. Reg.
1.1091-1 and 1.1091-2, Rev. Rul. 2008-5, IRS Pub. 550). The rule is in matching.py, the order of events in history.py.

Where the law leaves a choice, the ledger chooses: a replacement bought before the sale counts only while it is still
held when the day of the sale ends, for a share that is gone has no basis left to adjust; shares sold on one day
are sold together; days are trade dates; a transfer out is no disposal and a transfer in no purchase; of one lot the
shares that caught a loss are sold first; a loss inside an IRA is no deduction at all and is not listed. A whole
household counts as one taxpayer, which errs on the strict side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from engine.domain.accounts import AccountBook, Transaction
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, HouseholdId, LotId, SecurityId
from engine.domain.plans import Lock
from engine.tax.collector import collector_paused
from engine.tax.locking import locks_in_force
from engine.tax.matching import WASH_SALE_DAYS
from engine.tax.parcels import Parcel
from engine.tax.realised import Loss, Realised, losses_by_sale, realised_pieces
from engine.tax.recent_losses import losses_since, named_losses
from engine.tax.replay import replay


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLot:
    """Shares of a lot alike in their holding period; a lot that caught losses with some of its shares has several.

    basis USD for all of them, wash sales included. acquired is None where no book or transaction tells. Of shares
    received as a gift basis is the donor's, gift_value their value on gift_date, USD for all of them.
    """

    account_id: AccountId
    lot_id: LotId
    security_id: SecurityId
    quantity: Decimal
    basis: Decimal
    acquired: date | None
    holding_start: date | None
    gift_value: Decimal | None = None
    gift_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What a household's history comes to. lots are what is left of it.

    departed: given away, or moved to an account that nobody shows us. not_visible: accounts the household says it has
    elsewhere.
    """

    household_id: HouseholdId
    as_of: date
    losses: tuple[Loss, ...]
    realised: tuple[Realised, ...]
    lots: tuple[LedgerLot, ...]
    departed: tuple[LedgerLot, ...]
    locks: tuple[Lock, ...]
    not_visible: tuple[str, ...] = ()


@collector_paused()
def ledger(books: Sequence[AccountBook], *, as_of: date, groups: Mapping[SecurityId, str]) -> Ledger:
    """Return the wash-sale ledger of one household up to as_of.

    groups: substantially identical securities share a group name; a security left out is a group of its own. Lots that
    no transaction made keep the basis and holding period that their book states; all others get the ledger's own.
    Raises DataError for books of several households or of none, and where the basis of sold shares is nowhere.
    """
    household_id = _household(books)
    played = replay(books, as_of=as_of, groups=groups)
    realised = realised_pieces(played)
    return Ledger(
        household_id=household_id,
        as_of=as_of,
        losses=losses_by_sale(played, realised),
        realised=realised,
        lots=_lots(played.left),
        departed=_lots(played.departed),
        locks=locks_in_force(
            books, named_losses(played.sold, as_of - WASH_SALE_DAYS), household_id, as_of=as_of, groups=groups
        ),
    )


@collector_paused()
def locks(
    books: Sequence[AccountBook], *, as_of: date, groups: Mapping[SecurityId, str], pending: Sequence[Transaction] = ()
) -> tuple[Lock, ...]:
    """Return the wash-sale locks of one household in force on as_of, every cause its own, soonest free first.

    Sold at a loss on S in a taxable account: no purchase anywhere in the household before S + 31 days. Bought on B in
    any account: no sale at a loss before B + 31 days, even where the shares themselves are gone. pending: trades not
    booked yet, seen as if executed on as_of. Raises DataError as ledger does.
    """
    household_id = _household(books)
    pending = [replace(trade, trade_date=as_of) for trade in pending]
    lost = losses_since(books, as_of - WASH_SALE_DAYS, as_of=as_of, groups=groups, pending=pending)
    return locks_in_force(books, lost, household_id, as_of=as_of, groups=groups, pending=pending)


def _household(books: Sequence[AccountBook]) -> HouseholdId:
    found = sorted({book.account.household_id for book in books})
    if len(found) != 1:
        raise DataError(f"wash-sale ledger: expected the accounts of one household, found {', '.join(found) or 'none'}")
    return found[0]


def _lots(parcels: Sequence[Parcel]) -> tuple[LedgerLot, ...]:
    alike: dict[tuple[object, ...], LedgerLot] = {}
    for parcel in parcels:
        lot = LedgerLot(
            account_id=parcel.account_id,
            lot_id=parcel.lot_id,
            security_id=parcel.security_id,
            quantity=parcel.quantity,
            basis=parcel.basis,
            acquired=parcel.acquired,
            holding_start=parcel.holding_start,
            gift_value=None if parcel.gift is None else parcel.gift.value,
            gift_date=None if parcel.gift is None else parcel.gift.on,
        )
        key = (lot.account_id, lot.lot_id, lot.security_id, lot.acquired, lot.holding_start, lot.gift_date)
        seen = alike.get(key)
        alike[key] = lot if seen is None else _sum(seen, lot)
    return tuple(sorted(alike.values(), key=_place_in_list))


def _sum(lot: LedgerLot, other: LedgerLot) -> LedgerLot:
    gifts = None if lot.gift_value is None or other.gift_value is None else lot.gift_value + other.gift_value
    return replace(lot, quantity=lot.quantity + other.quantity, basis=lot.basis + other.basis, gift_value=gifts)


def _place_in_list(lot: LedgerLot) -> tuple[str, str, date, str, date]:
    return lot.account_id, lot.security_id, lot.acquired or date.min, lot.lot_id, lot.holding_start or date.max
