"""What do shares received as a gift come to when they are sold? Two bases, one for a gain and one for a loss.

Where the shares were worth less on the day of the gift than their donor's adjusted basis, that value is the basis for
a loss and the donor's the basis for a gain; a sale between the two has neither (26 U.S.C. 1015(a), Treas. Reg.
1.1015-1(a)). The donor's holding period counts where the donor's basis does (1223(2)); where the value of that day
does, the period starts with the day after the gift (IRS Pub. 544, 550). What a wash sale adds is added to both.
"""

from datetime import date
from decimal import Decimal

from engine.domain.accounts import Lot
from engine.tax.parcels import Parcel


def basis_at(lot: Lot, price: Decimal) -> Decimal:
    """Return the basis that counts for a whole lot sold at a price, USD; proceeds where they are no gain or loss."""
    if lot.gift_price is None:
        return lot.basis
    return max(_basis_for_loss(lot), min(lot.basis, lot.quantity * price))


def held_from_at(lot: Lot, price: Decimal) -> date:
    """Return the day that the holding period is counted from, for a sale at a price."""
    if lot.gift_date is None or lot.quantity * price >= _basis_for_loss(lot) or _basis_for_loss(lot) == lot.basis:
        return lot.held_from
    return lot.gift_date


def as_sold(parcel: Parcel, proceeds: Decimal) -> Parcel:
    """Return a parcel with the basis and the holding period that count for these proceeds, USD for all its shares."""
    gift = parcel.gift
    if gift is None or gift.value >= parcel.basis or proceeds >= parcel.basis:
        return parcel
    if proceeds < gift.value:
        return parcel._replace(basis=gift.value, holding_start=gift.on)
    return parcel._replace(basis=proceeds)


def _basis_for_loss(lot: Lot) -> Decimal:
    given = lot.quantity * (lot.gift_price or Decimal(0)) + (lot.wash_adjustment or Decimal(0))
    return min(given, lot.basis)
