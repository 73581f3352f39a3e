"""Which lots may be sold, in which order, at what tax? And which lots does a sale of so many shares close?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from engine.domain.accounts import Account, Lot
from engine.domain.identifiers import LotId
from engine.domain.plans import LotSale, Term
from engine.domain.settings import LotMethod, PlanSettings
from engine.plan.rules import NameRules
from engine.plan.washes import Caught, is_recent
from engine.tax.closing import closing_order
from engine.tax.gifts import basis_at, held_from_at
from engine.tax.holding import term

RESTRICTED: Final = "restricted"
WASH_SALE_LOCK: Final = "wash_sale_lock"
BELOW_THRESHOLD: Final = "below_threshold"
LOT_METHOD: Final = "lot_method"
_ORDERED: Final = frozenset({LotMethod.FIFO, LotMethod.LIFO, LotMethod.HIFO})


class SaleLot(NamedTuple):  # a problem has thousands, and they are made in a quarter of the time of a dataclass
    """A lot, or some of its shares, as the optimiser sees it; per dollar sold: tax (at the marginal rate) and gain.

    quantity: shares; weight: theirs, a fraction of V. gain_usd: of the whole lot. blocked: why it may not be sold, None
    where it may. disallowed: a wash sale takes the loss away; tax is then what it may still save later, where it is
    deferred and not lost for good.
    """

    lot: Lot
    term: Term
    quantity: Decimal
    weight: float
    tax: float
    gain: float
    gain_usd: Decimal
    blocked: str | None
    disallowed: bool = False
    deferred: bool = False

    @property
    def counted_gain(self) -> float:
        """Gain per dollar sold that the tax return counts: none where a wash sale disallows the loss."""
        return 0.0 if self.disallowed else self.gain

    @property
    def is_loss(self) -> bool:
        return self.gain_usd < 0


def is_ordered(method: LotMethod) -> bool:
    """Return whether the method fixes the order of lots whatever their tax."""
    return method in _ORDERED


def sale_lots(
    lots: Sequence[Lot],
    account: Account,
    settings: PlanSettings,
    rules: NameRules,
    *,
    price: Decimal,
    value: Decimal,
    on: date,
    caught: Mapping[LotId, Sequence[Caught]] | None = None,
) -> tuple[SaleLot, ...]:
    """Return one security's lots in the order in which the lot method sells them.

    A method that fixes the order (FIFO, LIFO, HIFO) cannot pass over a lot: all lots after a blocked one are blocked.
    Registrations that pay no tax have rates of zero, and no lot of theirs is blocked for being a loss. caught: the
    shares of each lot whose loss a wash sale would take away; losses are then not blocked, but sold in the order of
    their acquisition, before any gain, the caught shares of a lot as an entry of their own. None: losses in a locked
    name are blocked.
    """
    if not lots:
        return ()
    taxable = account.registration.is_taxable
    st_rate, lt_rate = (account.st_rate, account.lt_rate) if taxable else (Decimal(0), Decimal(0))
    order = closing_order(lots, method=settings.lot_method, price=price, on=on, st_rate=st_rate, lt_rate=lt_rate)
    ordered = is_ordered(settings.lot_method)
    found: list[SaleLot] = []
    catches = caught is not None and not settings.liquidate and any(lot.lot_id in caught for lot in lots)
    short, long = float(st_rate), float(lt_rate)
    for lot in order:
        held, worth, basis = term(held_from_at(lot, price), on), lot.quantity * price, basis_at(lot, price)
        gain_usd = worth - basis
        per_dollar = float(gain_usd / worth) if price > 0 else 0.0
        may_wash = caught is not None and (settings.liquidate or not is_recent(lot, on))
        blocked = _blocked(basis, gain_usd, settings, rules, taxable=taxable, may_wash=may_wash)
        if catches and is_recent(lot, on):
            blocked = blocked or WASH_SALE_LOCK  # a replacement that is sold too would catch nothing
        if blocked is None and ordered and found and found[-1].blocked is not None:
            blocked = LOT_METHOD
        found.append(
            SaleLot(
                lot=lot,
                term=held,
                quantity=lot.quantity,
                weight=float(worth / value),
                tax=(long if held is Term.LONG else short) * per_dollar,
                gain=per_dollar,
                gain_usd=gain_usd,
                blocked=blocked,
            )
        )
    return tuple(found) if caught is None else _with_caught(found, caught, settings)


def _with_caught(
    lots: Sequence[SaleLot], caught: Mapping[LotId, Sequence[Caught]], settings: PlanSettings
) -> tuple[SaleLot, ...]:
    """Return losses in the order in which a wash sale catches them, caught shares apart, then all other lots."""
    losses = [entry for entry in lots if entry.is_loss]
    if not is_ordered(settings.lot_method):
        losses.sort(key=lambda entry: (entry.lot.acquired, entry.lot.lot_id))
        lots = [*losses, *(entry for entry in lots if not entry.is_loss)]
    found = []
    for entry in lots:
        left = entry.quantity
        for part in caught.get(entry.lot.lot_id, ()) if entry.blocked is None else ():
            kept = settings.carryforward_value if part.deferred else 0.0
            caught_part = part_of(entry, part.quantity)._replace(tax=entry.tax * kept)
            found.append(caught_part._replace(disallowed=True, deferred=part.deferred))
            left -= part.quantity
        if left > 0:
            found.append(part_of(entry, left) if left < entry.quantity else entry)
    return tuple(found)


def gain(lot: Lot, quantity: Decimal, price: Decimal) -> Decimal:
    """Return the gain on selling so many shares of a lot, USD: proceeds less their share of the basis that counts."""
    if lot.gift_price is not None:
        return (lot.quantity * price - basis_at(lot, price)) * quantity / lot.quantity  # 0, where it is, to the digit
    adjustment = lot.wash_adjustment or Decimal(0)
    return quantity * (price - lot.cost_per_share) - adjustment * quantity / lot.quantity


def sales(lots: Iterable[SaleLot], quantity: Decimal, price: Decimal) -> tuple[LotSale, ...]:
    """Return the lots that a sale of so many shares closes, taken in the order given; they must hold enough."""
    taken: dict[LotId, tuple[SaleLot, Decimal]] = {}
    missing = quantity
    for entry in lots:
        part = min(entry.quantity, missing)
        if part <= 0:
            break
        _, before = taken.get(entry.lot.lot_id, (entry, Decimal(0)))
        taken[entry.lot.lot_id] = (entry, before + part)
        missing -= part
    return tuple(
        LotSale(lot_id=lot_id, quantity=part, term=entry.term, gain=gain(entry.lot, part, price))
        for lot_id, (entry, part) in taken.items()
    )


def part_of(entry: SaleLot, quantity: Decimal) -> SaleLot:
    """Return some shares of a lot as an entry of their own."""
    return entry._replace(quantity=quantity, weight=entry.weight * float(quantity / entry.quantity))


def _blocked(
    basis: Decimal, gain_usd: Decimal, settings: PlanSettings, rules: NameRules, *, taxable: bool, may_wash: bool
) -> str | None:
    if rules.no_sell:
        return RESTRICTED
    if gain_usd >= 0 or not taxable:
        return None
    if rules.no_loss_sale and not may_wash:
        return WASH_SALE_LOCK
    loss = -gain_usd
    small = loss < settings.harvest_min_loss_usd or float(loss) < settings.harvest_min_loss_pct * float(basis)
    return BELOW_THRESHOLD if small and not rules.must_exit else None
