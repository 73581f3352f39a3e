"""Which lots does each name have, in which order of sale, at what tax? All of an account's lots at once, as columns.

It is what lots.sale_lots says of one name after the other, and a test holds them to each other. Names with a lot whose
basis has more to it than a cost per share (a gift, an adjustment by a wash sale), and those whose losses a wash sale
catches share by share, are asked of sale_lots itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.domain.accounts import Account
from engine.domain.exact import Whole, finer, product, quotients, ranks, ratios, units
from engine.domain.identifiers import LotId
from engine.domain.listing import Listing
from engine.domain.market import Array
from engine.domain.plans import Term
from engine.domain.rows import Decimals
from engine.domain.settings import LotMethod, PlanSettings
from engine.plan.holding import Flags, Holding, Indices
from engine.plan.lots import (
    BELOW_THRESHOLD,
    LOT_METHOD,
    RESTRICTED,
    WASH_SALE_LOCK,
    SaleLot,
    is_ordered,
    sale_lots,
)
from engine.plan.rules import Rulings
from engine.plan.washes import Caught
from engine.tax.holding import last_long_term

_ZERO: Final = Decimal(0)
BLOCKS: Final = (None, RESTRICTED, WASH_SALE_LOCK, BELOW_THRESHOLD, LOT_METHOD)
"""Why a lot may not be sold, by number; 0 where it may."""

RESTRICTED_LOT, LOCKED, _BELOW, _METHOD = 1, 2, 3, 4


@dataclass(frozen=True, kw_only=True)
class LotTable:
    """Every name's lots in their order of sale, flat: those of name i are first[i] to first[i + 1]. See SaleLot.

    price: of each name. row: the lot's place in the account's list. blocked: a number of BLOCKS. gain_usd: exactly,
    whole numbers of 10^-gain_decimals; of names in apart, which list their own entries, as near as that comes.
    """

    holding: Holding
    price: tuple[Decimal, ...]
    first: Indices
    row: Indices
    weight: Array
    tax: Array
    gain: Array
    is_long: Flags
    is_loss: Flags
    blocked: NDArray[np.int8]
    disallowed: Flags
    gain_usd: Whole
    gain_decimals: int
    apart: Mapping[int, tuple[SaleLot, ...]]

    @property
    def owner(self) -> Indices:
        """The name of each lot."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    def entries(self, i: int) -> tuple[SaleLot, ...]:
        """Return the lots of one name."""
        if i in self.apart:
            return self.apart[i]
        own = range(self.first[i], self.first[i + 1])
        if not own:
            return ()
        lots = self.holding.some(self.row[own.start : own.stop].tolist())
        price = self.price[i]
        return tuple(
            SaleLot(
                lot=lot,
                term=self.term(j),
                quantity=lot.quantity,
                weight=float(self.weight[j]),
                tax=float(self.tax[j]),
                gain=float(self.gain[j]),
                gain_usd=lot.quantity * price - lot.basis,
                blocked=BLOCKS[self.blocked[j]],
            )
            for j, lot in zip(own, lots, strict=True)
        )

    def term(self, j: int) -> Term:
        return Term.LONG if self.is_long[j] else Term.SHORT

    def sold(self, j: int, most: Decimal, price: Decimal) -> tuple[Decimal, Decimal]:
        """Return how many shares a sale of at most so many takes of a lot of a name that is not apart, and their gain.

        The gain is in USD, with the digits that lots.gain and a SaleLot's gain_usd have.
        """
        held, cost = self.holding.shares(self.row[j]), self.holding.cost_per_share(self.row[j])
        if held <= most:
            return held, held * price - (held * cost + _ZERO)
        return most, most * (price - cost)


def lot_table(
    holding: Holding,
    rulings: Rulings,
    codes: Indices,
    listing: Listing,
    account: Account,
    settings: PlanSettings,
    *,
    value: Decimal,
    on: date,
    caught: Mapping[int, Mapping[LotId, Sequence[Caught]]],
) -> LotTable:
    """Return the lots of these names, by their codes in the listing. caught: as sale_lots has it, by name's number."""
    place = np.full(len(listing.ids), -1, dtype=np.intp)
    place[codes] = np.arange(len(codes))
    owner = place[holding.code]
    price, cost, scale = _aligned(holding, listing)
    gain_each = price - cost
    worth = product(holding.quantity, listing.price_whole[holding.code])
    gain = product(holding.quantity, gain_each)
    decimals = holding.quantity_decimals + scale
    is_long = holding.held_from <= last_long_term(on).toordinal()
    taxable = account.registration.is_taxable
    st_rate, lt_rate = (account.st_rate, account.lt_rate) if taxable else (Decimal(0), Decimal(0))
    order = _order(holding, owner, _rank(settings.lot_method, holding, gain_each, cost, is_long, st_rate, lt_rate))
    worth_unit = Fraction(value) * 10 ** (holding.quantity_decimals + listing.price_decimals)
    per_dollar = ratios(gain_each, price)
    is_loss = np.asarray(gain < 0, dtype=bool)
    blocked = np.zeros(len(owner), dtype=np.int8)
    if taxable:
        small = _below_threshold(holding, cost, gain, is_loss, decimals, settings)
        blocked[small & ~rulings.must_exit[owner]] = _BELOW
        blocked[is_loss & rulings.no_loss_sale[owner]] = LOCKED
    blocked[rulings.no_sell[owner]] = RESTRICTED_LOT
    first = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(codes)))]).astype(np.intp)
    blocked = blocked[order]
    if is_ordered(settings.lot_method):
        before = np.concatenate([[0], np.cumsum(blocked != 0)])
        begun = before[:-1] > before[first[owner[order]]]
        blocked[(blocked == 0) & begun] = _METHOD
    plain = LotTable(
        holding=holding,
        price=tuple(map(listing.price.__getitem__, codes.tolist())),
        first=first,
        row=order,
        weight=quotients(worth, worth_unit)[order],
        tax=(np.where(is_long, float(lt_rate), float(st_rate)) * per_dollar)[order],
        gain=per_dollar[order],
        is_long=is_long[order],
        is_loss=is_loss[order],
        blocked=blocked,
        disallowed=np.zeros(len(owner), dtype=bool),
        gain_usd=gain[order],
        gain_decimals=decimals,
        apart={},
    )
    special = {*np.unique(owner[holding.has_more]).tolist(), *caught}
    apart = {
        i: sale_lots(
            tuple(holding.some(np.flatnonzero(owner == i).tolist())),
            account,
            settings,
            rulings.of[i],
            price=listing.price[codes[i]],
            value=value,
            on=on,
            caught=caught.get(i),
        )
        for i in sorted(special)
    }
    return _with_apart(plain, apart) if apart else plain


def _aligned(holding: Holding, listing: Listing) -> tuple[Whole, Whole, int]:
    """Return each lot's price and cost a share in the same unit, and its decimals."""
    scale = max(holding.cost_decimals, listing.price_decimals)
    price = finer(listing.price_whole, scale - listing.price_decimals)[holding.code]
    return price, finer(holding.cost, scale - holding.cost_decimals), scale


def _rank(
    method: LotMethod,
    holding: Holding,
    gain_each: Whole,
    cost: Whole,
    is_long: Flags,
    st_rate: Decimal,
    lt_rate: Decimal,
) -> Whole:
    """Return what closing_order ranks each lot by, in a unit of its own."""
    if method is LotMethod.FIFO:
        return holding.acquired
    if method is LotMethod.LIFO:
        return -holding.acquired
    if method is LotMethod.HIFO:
        return -cost
    st, lt = units(Decimals.of([st_rate, lt_rate])).whole
    return product(np.where(is_long, lt, st), gain_each)


def _order(holding: Holding, owner: Indices, rank: Whole) -> Indices:
    """Return the lots name by name, lowest rank first, then oldest first, then by lot_id."""
    number = ranks(rank)
    order = np.lexsort((holding.acquired, number, owner))
    a, b = order[:-1], order[1:]
    alike = (owner[a] == owner[b]) & (number[a] == number[b]) & (holding.acquired[a] == holding.acquired[b])
    last = 0
    for k in np.flatnonzero(alike).tolist():
        if k < last:
            continue
        last = k + 1
        while last < len(alike) and alike[last]:
            last += 1
        order[k : last + 1] = sorted(order[k : last + 1].tolist(), key=holding.lot_id)
    return order


def _below_threshold(
    holding: Holding, cost: Whole, gain: Whole, is_loss: Flags, decimals: int, settings: PlanSettings
) -> Flags:
    """Return the losses that are too small to take."""
    if not (settings.harvest_min_loss_usd or settings.harvest_min_loss_pct):
        return np.zeros(len(is_loss), dtype=bool)
    unit = Fraction(10) ** decimals
    small = np.asarray(-gain < -int(-Fraction(settings.harvest_min_loss_usd) * unit // 1), dtype=bool)
    if settings.harvest_min_loss_pct:
        basis = quotients(product(holding.quantity, cost), unit)
        small |= quotients(-gain, unit) < settings.harvest_min_loss_pct * basis
    return small & is_loss


def _with_apart(plain: LotTable, apart: Mapping[int, tuple[SaleLot, ...]]) -> LotTable:
    """Return the table with the entries of some names in place of theirs."""
    owner = plain.owner
    kept = ~np.isin(owner, list(apart))
    rows = {plain.holding.lot_id(row): row for row in plain.row[~kept].tolist()}
    entries = [entry for own in apart.values() for entry in own]
    owners = np.repeat(np.array(list(apart), dtype=np.intp), [len(own) for own in apart.values()])
    everyone = np.concatenate([owner[kept], owners])
    order = np.argsort(everyone, kind="stable")
    number = {block: k for k, block in enumerate(BLOCKS)}

    def joined(column: NDArray[Any], more: Sequence[object]) -> NDArray[Any]:
        return np.concatenate([column[kept], np.array(more, dtype=column.dtype)])[order]

    first = np.concatenate([[0], np.cumsum(np.bincount(everyone, minlength=len(plain.first) - 1))]).astype(np.intp)
    columns = {
        "row": [rows[entry.lot.lot_id] for entry in entries],
        "weight": [entry.weight for entry in entries],
        "tax": [entry.tax for entry in entries],
        "gain": [entry.gain for entry in entries],
        "is_long": [entry.term is Term.LONG for entry in entries],
        "is_loss": [entry.is_loss for entry in entries],
        "blocked": [number[entry.blocked] for entry in entries],
        "disallowed": [entry.disallowed for entry in entries],
        "gain_usd": [int(entry.gain_usd.scaleb(plain.gain_decimals)) for entry in entries],
    }
    made: dict[str, Any] = {name: joined(getattr(plain, name), more) for name, more in columns.items()}
    return replace(plain, first=first, apart=apart, **made)
