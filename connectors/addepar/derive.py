"""Which lots are left of what an account bought and sold? For firms whose Addepar shows none; exact or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from connectors.addepar.holdings import Position
from connectors.addepar.issues import Faults
from engine.domain.accounts import AccountBook, Lot, Registration
from engine.domain.identifiers import AccountId, LotId, SecurityId
from engine.tax.parcels import FRACTION, Parcel
from engine.tax.replay import replay

_COST_TOLERANCE_USD: Final = Decimal(1)
_COST_TOLERANCE: Final = Decimal("0.0001")  # of the cost: averages of many fills are rounded by the source


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlotted:
    """An account whose positions and history are known. book: without lots; faults: where more may be put."""

    book: AccountBook
    positions: Mapping[SecurityId, Position]
    faults: Faults


def derived_lots(household: Sequence[Unlotted], *, as_of: date) -> Mapping[AccountId, tuple[Lot, ...]]:
    """Return each account's open lots, rebuilt from the household's transactions by the engine's own replay.

    Sales close the lot that they name, else the oldest (FIFO is the rule of law where nothing was said); splits and
    moves within the household carry lots along. Adjustments of wash sales are not in them: the ledger derives those
    from the same transactions. What does not add up to the position in shares and cost is a fault of its account.
    """
    # Wash sales would raise the basis of what replaced the shares; nothing is disallowed where gains are not taxed.
    books = [replace(one.book, account=replace(one.book.account, registration=Registration.ROTH)) for one in household]
    parcels: dict[tuple[AccountId, LotId], list[Parcel]] = {}
    for parcel in replay(books, as_of=as_of, groups={}).left:
        parcels.setdefault((parcel.account_id, parcel.lot_id), []).append(parcel)
    found: dict[AccountId, tuple[Lot, ...]] = {}
    for one in household:
        account_id = one.book.account.account_id
        lots = [
            lot
            for (owner, _), same in parcels.items()
            if owner == account_id and (lot := _lot(same, one.faults)) is not None
        ]
        lots.sort(key=lambda lot: lot.lot_id)
        _compare(lots, one)
        found[account_id] = tuple(lots)
    return found


def _lot(parcels: Sequence[Parcel], faults: Faults) -> Lot | None:
    first = parcels[0]
    shares = sum((parcel.quantity for parcel in parcels), Decimal(0))
    if shares <= FRACTION:
        return None
    days = {parcel.acquired for parcel in parcels}
    if first.acquired is None or len(days) > 1:
        found = "shares transferred in" if None in days else f"shares bought on {len(days)} days moved in as one"
        faults.error(f"lot {first.lot_id} of {first.security_id}", "transactions.type", found=found,
                     expected="the day on which they were bought, which only a view of lots tells")  # fmt: skip
        return None
    return Lot(
        account_id=first.account_id,
        lot_id=first.lot_id,
        security_id=first.security_id,
        quantity=shares,
        cost_per_share=sum((parcel.basis for parcel in parcels), Decimal(0)) / shares,
        acquired=first.acquired,
    )


def _compare(lots: Sequence[Lot], one: Unlotted) -> None:
    shares: dict[SecurityId, Decimal] = {}
    costs: dict[SecurityId, Decimal] = {}
    for lot in lots:
        shares[lot.security_id] = shares.get(lot.security_id, Decimal(0)) + lot.quantity
        costs[lot.security_id] = costs.get(lot.security_id, Decimal(0)) + lot.basis
    for security_id in sorted(shares.keys() | one.positions.keys()):
        position = one.positions.get(security_id, Position(shares=Decimal(0), cost=None))
        rebuilt = shares.get(security_id, Decimal(0))
        subject = f"position {security_id}"
        if abs(rebuilt - position.shares) > FRACTION:
            one.faults.error(subject, "holdings.units", found=f"{position.shares} shares",
                             expected=f"the {rebuilt} shares that its transactions left")  # fmt: skip
        elif position.cost is not None:
            cost = costs.get(security_id, Decimal(0))
            if abs(cost - position.cost) > max(_COST_TOLERANCE_USD, _COST_TOLERANCE * abs(position.cost)):
                one.faults.error(subject, "holdings.original_cost", found=str(position.cost),
                                 expected=f"{cost:.2f}, the cost of the lots that its transactions left")  # fmt: skip
