"""What is the smallest thing a wash sale can touch? Shares of one purchase that are alike in every respect."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from engine.domain.identifiers import AccountId, LotId, SecurityId, TransactionId

# Basis is divided by shares again and again, which is not exact in decimals: an amount (USD or shares) below this is 0.
DUST: Final = Decimal("1e-9")
# Custodians keep a share to three decimals or more: books that differ by less than this do not differ.
FRACTION: Final = Decimal("0.001")
_SHARE_STEP: Final = Decimal("1e-12")


class Gift(NamedTuple):
    """What shares that were received as a gift were worth on that day, USD for all of them: their basis for a loss."""

    value: Decimal
    on: date


class Parcel(NamedTuple):
    """Shares of one purchase in one account with one basis a share, one holding period and one wash-sale past.

    cause: the transaction that bought them (the lot's own id for a lot that is older than the history): what a match
    and a lock name. quantity in today's shares, basis USD for all of them. acquired and holding_start are None where
    the history does not tell. bought: the day on which they count as an acquisition; None where they came in no
    purchase that 26 U.S.C. 1091(a) knows. used: they caught a loss already (Treas. Reg. 1.1091-1(e)).
    order: the place in the household's history, which breaks ties between purchases of one day. gift: None for shares
    that were bought.
    """

    quantity: Decimal
    basis: Decimal
    account_id: AccountId
    lot_id: LotId
    security_id: SecurityId
    cause: TransactionId
    acquired: date | None
    holding_start: date | None
    bought: date | None
    used: bool
    order: int
    gift: Gift | None = None

    @property
    def held_from(self) -> date | None:
        return self.holding_start or self.acquired


def divide(parcel: Parcel, quantity: Decimal) -> tuple[Parcel, Parcel | None]:
    """Return `quantity` shares of a parcel, and the rest (None where nothing is left); their bases sum exactly."""
    if parcel.quantity - quantity < DUST:
        return parcel, None
    basis = parcel.basis * quantity / parcel.quantity
    alike = parcel[2:]  # all but quantity and basis: _replace takes twice as long, and a history divides all the time
    part, rest = Parcel(quantity, basis, *alike), Parcel(parcel.quantity - quantity, parcel.basis - basis, *alike)
    if parcel.gift is not None:
        value = parcel.gift.value * quantity / parcel.quantity
        part = part._replace(gift=parcel.gift._replace(value=value))
        rest = rest._replace(gift=parcel.gift._replace(value=parcel.gift.value - value))
    return part, rest


def split_shares(quantity: Decimal, ratio: Decimal) -> Decimal:
    """Return shares after a stock split of `ratio` new for each old one, without the dust of a third."""
    return (quantity * ratio).quantize(_SHARE_STEP).normalize() + 0


def split_parcel(parcel: Parcel, ratio: Decimal) -> Parcel:
    """Return the parcel after a stock split: more shares, the same basis."""
    return parcel._replace(quantity=split_shares(parcel.quantity, ratio))


def part_basis(parcel: Parcel, fraction: Decimal) -> tuple[Parcel, Parcel]:
    """Return a parcel without a fraction of its basis, and that fraction as shares bought by no purchase, exactly.

    Both keep the day of acquisition and the holding period: that of what is spun off is tacked (26 U.S.C. 358(c),
    1223(1)). The wash-sale past stays with the shares that were bought.
    """
    basis = parcel.basis * fraction
    kept, given = parcel._replace(basis=parcel.basis - basis), parcel._replace(basis=basis, bought=None)
    if parcel.gift is not None:
        value = parcel.gift.value * fraction
        kept = kept._replace(gift=parcel.gift._replace(value=parcel.gift.value - value))
        given = given._replace(gift=parcel.gift._replace(value=value))
    return kept, given


def add_basis(parcel: Parcel, change: Decimal) -> Parcel:
    """Return a parcel whose basis an exchange changed; what a gift was worth follows it, and is never below nothing."""
    gift = parcel.gift
    if gift is not None:
        gift = gift._replace(value=max(gift.value + change, Decimal(0)))
    return parcel._replace(basis=parcel.basis + change, gift=gift)


def received(parcels: Sequence[Parcel], quantity: Decimal, security_id: SecurityId, lot_id: LotId) -> list[Parcel]:
    """Return parcels as `quantity` shares of another security in one lot, in their proportion; bases stay."""
    before = sum((parcel.quantity for parcel in parcels), Decimal(0))
    left = quantity
    found = []
    for number, parcel in enumerate(parcels, start=1):
        share = left if number == len(parcels) else split_shares(parcel.quantity, quantity / before)
        left -= share
        found.append(parcel._replace(quantity=share, security_id=security_id, lot_id=lot_id))
    return found


def recognised(basis: Decimal, worth: Decimal, cash: Decimal) -> Decimal:
    """Return the gain that money beside shares makes of an exchange in a reorganisation, USD >= 0.

    The whole gain, but no more than the money; a loss is not recognised (26 U.S.C. 356(a)(1), (c)). worth: of all that
    was received, the money in it.
    """
    return max(min(cash, worth - basis), Decimal(0))
