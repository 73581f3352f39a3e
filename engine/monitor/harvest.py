"""Which losses could be taken today, what would they save, and which must wait? Lot by lot, taxable accounts only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from engine.domain.accounts import AccountSnapshot, Lot, Rule, TransactionType
from engine.domain.identifiers import LotId, SecurityId
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Lock, LockRule, Term
from engine.domain.policy import means, restrictions_in_force
from engine.domain.settings import PlanSettings
from engine.tax.gifts import basis_at, held_from_at
from engine.tax.holding import term
from engine.tax.netting import plan_liability

WASH_SALE_LOCK: Final = "wash_sale_lock"
BELOW_THRESHOLD: Final = "below_threshold"
RESTRICTED: Final = "restricted"
NOT_TRADABLE: Final = "not_tradable"
PENDING: Final = "pending"
_LOST: Final = Decimal(0)  # a price at which every lot is at a loss


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

    lots: tuple[LossLot, ...]
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
    locked = _locked_until(locks)
    restricted = _restricted(snapshot, market)
    pending = {
        trade.lot_id
        for trade in snapshot.pending
        if trade.account_id == snapshot.account.account_id and trade.type is TransactionType.SELL
    }
    lots = []
    for lot in snapshot.lots:
        loss = _loss(lot, market)
        if loss <= 0:
            continue
        security = market.securities.get(lot.security_id)
        until = locked.get(security.group if security else lot.security_id)
        blocked = None
        if security is not None and security.tradable is False:
            blocked = NOT_TRADABLE
        elif lot.security_id in restricted:
            blocked = RESTRICTED
        elif lot.lot_id in pending:
            blocked = PENDING
        elif until is not None:
            blocked = WASH_SALE_LOCK
        elif _small(lot, loss, settings):
            blocked = BELOW_THRESHOLD
        lots.append(_loss_lot(lot, loss, snapshot, blocked, until))
    return _summed(sorted(lots, key=lambda lot: (-lot.tax_saved, -lot.loss, lot.lot_id)))


def _locked_until(locks: Iterable[Lock]) -> dict[str, date]:
    until: dict[str, date] = {}
    for lock in locks:
        if lock.rule is LockRule.NO_LOSS_SALE:
            until[lock.identical_group] = max(lock.until, until.get(lock.identical_group, lock.until))
    return until


def _restricted(snapshot: AccountSnapshot, market: MarketSnapshot) -> frozenset[SecurityId]:
    in_force = restrictions_in_force(snapshot.restrictions, snapshot.account, snapshot.as_of)
    targets = [restriction.target for restriction in in_force if restriction.rule is Rule.DO_NOT_SELL]
    held = {lot.security_id for lot in snapshot.lots} & market.securities.keys()
    return frozenset(name for name in held if any(means(target, market.securities[name]) for target in targets))


def _loss(lot: Lot, market: MarketSnapshot) -> Decimal:
    mark = market.marks.get(lot.security_id)
    return Decimal(0) if mark is None else basis_at(lot, mark.price) - lot.quantity * mark.price


def _small(lot: Lot, loss: Decimal, settings: PlanSettings) -> bool:
    return loss < settings.harvest_min_loss_usd or float(loss) < settings.harvest_min_loss_pct * float(
        basis_at(lot, _LOST)
    )


def _loss_lot(lot: Lot, loss: Decimal, snapshot: AccountSnapshot, blocked: str | None, until: date | None) -> LossLot:
    account = snapshot.account
    held = term(held_from_at(lot, _LOST), snapshot.as_of)
    st_gain, lt_gain = (-loss, Decimal(0)) if held is Term.SHORT else (Decimal(0), -loss)
    return LossLot(
        lot_id=lot.lot_id,
        security_id=lot.security_id,
        quantity=lot.quantity,
        term=held,
        loss=loss,
        tax_saved=-plan_liability(st_gain, lt_gain, st_rate=account.st_rate, lt_rate=account.lt_rate),
        blocked=blocked,
        until=until if blocked == WASH_SALE_LOCK else None,
    )


def _summed(lots: Sequence[LossLot]) -> Harvest:
    free = [lot for lot in lots if lot.blocked is None]
    return Harvest(
        lots=tuple(lots),
        st_loss=sum((lot.loss for lot in free if lot.term is Term.SHORT), Decimal(0)),
        lt_loss=sum((lot.loss for lot in free if lot.term is Term.LONG), Decimal(0)),
        tax_saved=sum((lot.tax_saved for lot in free), Decimal(0)),
    )
