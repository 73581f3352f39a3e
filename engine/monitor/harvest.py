"""Which losses could be taken today, what would they save, and which must wait? Lot by lot, taxable accounts only."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.domain.accounts import Account, AccountSnapshot, Lot, Rule, TransactionType
from engine.domain.exact import Units, Whole, decimal_of, finer, product, quotients, total, units
from engine.domain.identifiers import LotId, SecurityId
from engine.domain.listing import Codes
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Lock, LockRule, Term
from engine.domain.policy import restrictions_in_force
from engine.domain.rows import NO_DAY, Decimals, Rows
from engine.domain.settings import PlanSettings
from engine.monitor.market_columns import Flags, MarketColumns, codes_of, columns_of
from engine.monitor.on_demand import OnDemand
from engine.tax.holding import last_long_term
from engine.tax.netting import plan_liability

WASH_SALE_LOCK: Final = "wash_sale_lock"
BELOW_THRESHOLD: Final = "below_threshold"
RESTRICTED: Final = "restricted"
NOT_TRADABLE: Final = "not_tradable"
PENDING: Final = "pending"
_BLOCKS: Final = (None, WASH_SALE_LOCK, BELOW_THRESHOLD, RESTRICTED, NOT_TRADABLE, PENDING)
_FREE: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LossLot:
    """A lot with a loss. loss > 0 and tax_saved in USD, at the account's marginal rate for its term.

    blocked: why it cannot be harvested today, None where it can. until: the first free day, behind a wash-sale lock.
    """

    lot_id: LotId
    security_id: SecurityId
    quantity: Decimal
    term: Term
    loss: Decimal
    tax_saved: Decimal
    blocked: str | None
    until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """Every loss lot, largest saving first, and the sums over those that can be harvested today, USD."""

    lots: Sequence[LossLot]
    st_loss: Decimal
    lt_loss: Decimal
    tax_saved: Decimal


def harvest(
    snapshot: AccountSnapshot, market: MarketSnapshot, settings: PlanSettings, locks: Sequence[Lock]
) -> Harvest:
    """Return the account's loss lots at today's marks; empty for an IRA or Roth, whose losses save no tax.

    A lot counts where its loss reaches harvest_min_loss_usd and harvest_min_loss_pct of its basis, no restriction or
    pending trade holds it, and the household bought no substantially identical share in the last 30 days.
    """
    if not snapshot.account.registration.is_taxable:
        return Harvest(lots=(), st_loss=Decimal(0), lt_loss=Decimal(0), tax_saved=Decimal(0))
    found = _losses(snapshot, columns_of(market))
    blocked = _blocked(found, snapshot, settings, locks)
    free = blocked == _FREE
    st_loss, lt_loss = found.sum(free & found.short), found.sum(free & ~found.short)
    return Harvest(
        lots=OnDemand(len(found.rows), lambda wanted: _loss_lots(found, blocked, snapshot, locks)[wanted]),
        st_loss=st_loss,
        lt_loss=lt_loss,
        tax_saved=_saved(st_loss, lt_loss, snapshot.account),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Losses:
    """Lots at a loss: (k,). code: of the security in the market's columns; loss > 0 and basis: USD in whole numbers of
    10^-decimals, basis being what counts for a loss; short: held for a year at most.
    """

    market: MarketColumns
    rows: Rows[Lot]
    code: Codes
    loss: Whole
    basis: Whole
    decimals: int
    short: Flags

    def sum(self, these: Flags) -> Decimal:
        """Return the losses of a mask, USD."""
        return decimal_of(total(self.loss[these]), self.decimals)


def _losses(snapshot: AccountSnapshot, market: MarketColumns) -> _Losses:
    """Return the lots worth less than gifts.basis_at says of them at their mark: every lot at once, digit for digit."""
    lots = snapshot.book.lot_rows
    code = codes_of(market, lots.texts("security_id"))
    marked = (code >= 0) & market.marked[code]
    quantity, cost = units(lots.decimals("quantity")), units(lots.decimals("cost_per_share"))
    gift_price, adjustment = _or_zero(lots.decimals("gift_price")), _or_zero(lots.decimals("wash_adjustment"))
    given = lots.decimals("gift_price").given

    per_share = max(cost.decimals, market.price_decimals, gift_price.decimals)
    decimals = max(quantity.decimals + per_share, adjustment.decimals)

    def usd(each: Whole, places: int) -> Whole:
        return finer(product(quantity.whole, each), decimals - quantity.decimals - places)

    added = finer(adjustment.whole, decimals - adjustment.decimals)
    worth = usd(market.price[code], market.price_decimals)
    basis = usd(cost.whole, cost.decimals) + added
    for_loss = basis
    if given.any():
        for_loss = np.where(given, np.minimum(basis, usd(gift_price.whole, gift_price.decimals) + added), basis)
    loss = np.maximum(for_loss, np.minimum(basis, worth)) - worth
    held_from = np.where(lots.days("holding_start") == NO_DAY, lots.days("acquired"), lots.days("holding_start"))
    by_gift = given & (for_loss > 0) & (for_loss != basis)
    held_from = np.where(by_gift, lots.days("gift_date"), held_from)

    rows = np.flatnonzero(marked & (loss > 0))
    return _Losses(
        market=market,
        rows=lots.where(rows),
        code=code[rows],
        loss=loss[rows],
        basis=np.maximum(for_loss, np.minimum(basis, 0))[rows],
        decimals=decimals,
        short=held_from[rows] > last_long_term(snapshot.as_of).toordinal(),
    )


def _or_zero(column: Decimals) -> Units:
    """Return a column of decimals with 0 for what is not given."""
    given = column.given
    if not given.any():
        return Units(np.zeros(len(given), dtype=np.int64), 0)
    exact = units(column.where(given))
    whole = np.zeros(len(given), dtype=exact.whole.dtype)
    whole[given] = exact.whole
    return Units(whole, exact.decimals)


def _blocked(
    found: _Losses, snapshot: AccountSnapshot, settings: PlanSettings, locks: Sequence[Lock]
) -> NDArray[np.int8]:
    """Return why each lot cannot be harvested today, a place in _BLOCKS; of several reasons the last one set counts."""
    columns = found.market
    in_force = restrictions_in_force(snapshot.restrictions, snapshot.account, snapshot.as_of)
    restricted = columns.meant(each.target for each in in_force if each.rule is Rule.DO_NOT_SELL)
    locked = np.zeros(len(columns.group_number), dtype=bool)
    locked[[columns.group_number[group] for group in _locked_until(locks) if group in columns.group_number]] = True
    blocked = np.full(len(found.rows), _FREE, dtype=np.int8)
    blocked[_small(found, settings)] = _BLOCKS.index(BELOW_THRESHOLD)
    blocked[locked[columns.group[found.code]]] = _BLOCKS.index(WASH_SALE_LOCK)
    blocked[_pending(found, snapshot)] = _BLOCKS.index(PENDING)
    blocked[restricted[found.code]] = _BLOCKS.index(RESTRICTED)
    blocked[columns.barred[found.code]] = _BLOCKS.index(NOT_TRADABLE)
    return blocked


def _pending(found: _Losses, snapshot: AccountSnapshot) -> Flags:
    """Return which lots a trade that is not booked yet sells."""
    own = snapshot.account.account_id
    sold = {t.lot_id for t in snapshot.pending if t.account_id == own and t.type is TransactionType.SELL}
    return found.rows.texts("lot_id").among(sold) if sold else np.zeros(len(found.rows), dtype=bool)


def _small(found: _Losses, settings: PlanSettings) -> Flags:
    """Return which losses are below harvest_min_loss_usd, or below harvest_min_loss_pct of their basis."""
    unit = Fraction(10) ** found.decimals
    small = np.asarray(found.loss < math.ceil(Fraction(settings.harvest_min_loss_usd) * unit), dtype=bool)
    if settings.harvest_min_loss_pct:
        small |= quotients(found.loss, unit) < settings.harvest_min_loss_pct * quotients(found.basis, unit)
    return small


def _locked_until(locks: Iterable[Lock]) -> dict[str, date]:
    until: dict[str, date] = {}
    for lock in locks:
        if lock.rule is LockRule.NO_LOSS_SALE:
            until[lock.identical_group] = max(lock.until, until.get(lock.identical_group, lock.until))
    return until


def _loss_lots(
    found: _Losses, blocked: NDArray[np.int8], snapshot: AccountSnapshot, locks: Sequence[Lock]
) -> tuple[LossLot, ...]:
    """Return the lots themselves, largest saving first."""
    locked, groups = _locked_until(locks), list(found.market.group_number)
    each = zip(
        found.rows, found.code.tolist(), found.loss.tolist(), found.short.tolist(), blocked.tolist(), strict=True
    )
    lots = []
    for lot, code, whole, short, why in each:
        loss = decimal_of(whole, found.decimals)
        by_term = (loss, Decimal(0)) if short else (Decimal(0), loss)
        lots.append(
            LossLot(
                lot_id=lot.lot_id,
                security_id=lot.security_id,
                quantity=lot.quantity,
                term=Term.SHORT if short else Term.LONG,
                loss=loss,
                tax_saved=_saved(*by_term, snapshot.account),
                blocked=_BLOCKS[why],
                until=locked[groups[found.market.group[code]]] if _BLOCKS[why] == WASH_SALE_LOCK else None,
            )
        )
    return tuple(sorted(lots, key=lambda lot: (-lot.tax_saved, -lot.loss, lot.lot_id)))


def _saved(st_loss: Decimal, lt_loss: Decimal, account: Account) -> Decimal:
    return -plan_liability(-st_loss, -lt_loss, st_rate=account.st_rate, lt_rate=account.lt_rate)
