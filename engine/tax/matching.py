"""Which shares caught which loss? The wash-sale rule itself, on parcels of shares.

Shares sold at a loss are matched one for one with shares bought from 30 days before to 30 days after the sale
(26 U.S.C. 1091(a)): losses in the order of sale, shares sold on one day in the order of their acquisition (Treas. Reg.
1.1091-1(b)), replacements in the order of purchase (1.1091-1(c), (d)). A share that caught a loss catches no other
(1.1091-1(e)).
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from engine.domain.identifiers import AccountId, TransactionId
from engine.tax.parcels import DUST, Parcel, divide

WASH_SALE_DAYS: Final = timedelta(days=30)  # each side of the sale, 61 days in all; 26 U.S.C. 1091(a)


class OpenLoss(NamedTuple):
    """Shares sold at a loss that no replacement has caught yet. sale: index of the sold piece it belongs to.

    cause: the purchase that the sold shares came from. quantity in today's shares; loss > 0, USD for all of them.
    """

    sale: int
    cause: TransactionId
    on: date
    held_from: date | None
    quantity: Decimal
    loss: Decimal


class Match(NamedTuple):
    """Replacement shares that caught a loss: the purchase, its account, how many, and what became of the loss.

    disallowed USD > 0. basis_increase is what their basis grew by: the disallowed loss, or 0 behind an IRA, where it
    is lost for good. holding_start is the tacked start, None where there is none.
    """

    transaction_id: TransactionId
    account_id: AccountId
    quantity: Decimal
    disallowed: Decimal
    basis_increase: Decimal
    holding_start: date | None


def may_catch(parcel: Parcel, loss: OpenLoss) -> bool:
    """Return whether the law lets these shares be a replacement for those sold.

    Bought inside the window, not used before, and not of the very purchase that the sold shares came from: part of one
    purchase sold within 30 days reduces a holding and replaces nothing (Rev. Rul. 56-602).
    """
    return (
        parcel.bought is not None
        and not parcel.used
        and abs(parcel.bought - loss.on) <= WASH_SALE_DAYS
        and parcel.cause != loss.cause
    )


def catch(parcel: Parcel, loss: OpenLoss, *, taxable: bool) -> tuple[Match, Parcel, Parcel | None, OpenLoss | None]:
    """Return a match of a parcel with a loss, the shares that caught it, those that did not, and the open rest.

    taxable: of the parcel's account. There the disallowed loss joins the basis (26 U.S.C. 1091(d)) and the holding
    period of the sold shares joins theirs (1223(3)); in an IRA or Roth IRA neither happens (Rev. Rul. 2008-5).
    """
    quantity = min(parcel.quantity, loss.quantity)
    caught, untouched = divide(parcel, quantity)
    remaining = loss.quantity - quantity
    disallowed = loss.loss * quantity / loss.quantity if remaining > DUST else loss.loss
    increase = disallowed if taxable else Decimal(0)
    start = _tacked(loss, caught) if taxable else None
    caught = caught._replace(used=True, basis=caught.basis + increase, holding_start=start or caught.holding_start)
    match = Match(
        transaction_id=parcel.cause,
        account_id=parcel.account_id,
        quantity=quantity,
        disallowed=disallowed,
        basis_increase=increase,
        holding_start=start,
    )
    rest = loss._replace(quantity=remaining, loss=loss.loss - disallowed) if remaining > DUST else None
    return match, caught, untouched, rest


def _tacked(loss: OpenLoss, parcel: Parcel) -> date | None:
    """Return the start of the replacement's holding period once that of the sold shares is included.

    Days on which neither was held are not included, and days on which both were held count once: a replacement bought
    g days after the sale starts g days later than the sold shares did, one bought before it starts where they did, or
    where it did itself if that is earlier.
    """
    if loss.held_from is None or parcel.bought is None or parcel.held_from is None:
        return None
    return min(parcel.held_from, loss.held_from + max(parcel.bought - loss.on, timedelta(0)))
