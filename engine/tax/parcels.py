"""What is the smallest thing a wash sale can touch? Shares of one purchase that are alike in every respect."""

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
