"""What does the account hold, and what is it worth? Its lots as columns, every digit kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from engine.domain.accounts import Lot
from engine.domain.exact import Whole, decimal_of, product, total, units
from engine.domain.identifiers import LotId, SecurityId
from engine.domain.listing import Listing
from engine.domain.rows import NO_DAY, Decimals, Rows

Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Holding:
    """An account's lots as columns: (l,), as the account lists them.

    code: of the security. quantity and cost a share, exactly: whole numbers of 10^-quantity_decimals and
    10^-cost_decimals. acquired, held_from: ordinals. has_more: its basis is not its cost alone.
    """

    lots: Rows[Lot]
    code: Indices
    quantity: Whole
    quantity_decimals: int
    cost: Whole
    cost_decimals: int
    acquired: Indices
    held_from: Indices
    has_more: Flags

    def lot_id(self, row: int) -> LotId:
        ids = self.lots.texts("lot_id")
        return LotId(ids.values[ids.codes[row]])

    def shares(self, row: int) -> Decimal:
        """Return the shares of a lot, with the digits that the account states."""
        return _number(self.lots.decimals("quantity"), row)

    def cost_per_share(self, row: int) -> Decimal:
        """Return what a share of a lot cost, USD, with the digits that the account states."""
        return _number(self.lots.decimals("cost_per_share"), row)

    def worth(self, listing: Listing) -> Decimal:
        """Return the market value of all lots, USD."""
        each = product(self.quantity, listing.price_whole[self.code])
        return decimal_of(total(each), self.quantity_decimals + listing.price_decimals)

    def some(self, rows: Sequence[int]) -> Iterable[Lot]:
        """Return lots by their places."""
        return self.lots.where(np.array(rows, dtype=np.intp))


def securities_of(lots: Rows[Lot]) -> set[SecurityId]:
    """Return the securities that these lots are of."""
    column = lots.texts("security_id")
    used = np.bincount(column.codes, minlength=len(column.values))
    return {SecurityId(name) for name, count in zip(column.values, used.tolist(), strict=True) if count}


def holding_of(lots: Rows[Lot], listing: Listing) -> Holding:
    """Return the lots as columns. Their securities must be listed."""
    quantity, cost = units(lots.decimals("quantity")), units(lots.decimals("cost_per_share"))
    names, code = lots.texts("security_id"), listing.code
    codes = np.array([code.get(SecurityId(name), -1) for name in names.values], dtype=np.intp)
    acquired, started = lots.days("acquired"), lots.days("holding_start")
    return Holding(
        lots=lots,
        code=codes[names.codes],
        quantity=quantity.whole,
        quantity_decimals=quantity.decimals,
        cost=cost.whole,
        cost_decimals=cost.decimals,
        acquired=acquired.astype(np.intp),
        held_from=np.where(started == NO_DAY, acquired, started).astype(np.intp),
        has_more=_counts(lots.decimals("wash_adjustment")) | lots.decimals("gift_price").given,
    )


def _number(column: Decimals, row: int) -> Decimal:
    odd = column.odd.get(row)
    return decimal_of(int(column.coefficient[row]), -int(column.exponent[row])) if odd is None else odd


def _counts(column: Decimals) -> Flags:
    """Return where a number is given and not zero."""
    found = column.given & (column.coefficient != 0)
    found[list(column.odd)] = True
    return np.asarray(found)
