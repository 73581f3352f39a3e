"""Does the plan do only what it may? Restrictions, exclusions, what must go, and which lots a sale may take."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final

from engine.domain.accounts import Restriction, Rule
from engine.domain.identifiers import SecurityId
from engine.domain.plans import Side, Trade
from engine.domain.settings import LotMethod, WashSalePolicy
from engine.review.basis import basis_of, gain_of
from engine.review.case import DUST, Case
from engine.review.household import WINDOW
from engine.review.lots import HeldLot

_FIRST_GOES_THE_LEAST: Final[Mapping[LotMethod, Callable[[HeldLot, Decimal], Decimal]]] = {
    LotMethod.FIFO: lambda lot, _: Decimal(lot.acquired.toordinal()),
    LotMethod.LIFO: lambda lot, _: -Decimal(lot.acquired.toordinal()),
    LotMethod.HIFO: lambda lot, price: -basis_of(lot, price) / lot.quantity,
}


def restrictions(case: Case) -> Iterable[str]:
    """Nothing is traded that a restriction in force, the settings or the market forbids to trade."""
    meant = [(restriction, case.meant(restriction.target)) for restriction in case.in_force]
    excluded = [case.meant(target) for target in case.settings.exclude]
    for trade in case.plan.trades:
        for restriction, names in meant:
            if trade.security_id in names:
                yield from _broken(restriction, trade)
        if trade.side is Side.BUY and any(trade.security_id in names for names in excluded):
            yield f"{trade.security_id}: bought, but excluded by the settings"
        if case.security(trade.security_id).tradable is False:
            yield f"{trade.security_id}: traded, but not tradable"


def _broken(restriction: Restriction, trade: Trade) -> Iterable[str]:
    name, rule = trade.security_id, restriction.rule
    if trade.side is Side.BUY and rule in (Rule.DO_NOT_BUY, Rule.DO_NOT_HOLD):
        yield f"{name}: bought, but restricted ({rule}: {restriction.reason})"
    if trade.side is Side.SELL and rule is Rule.DO_NOT_SELL:
        yield f"{name}: sold, but restricted ({rule}: {restriction.reason})"


def exits(case: Case) -> Iterable[str]:
    """What may not be held is sold, unless a rule keeps it or a person has set its trade by hand."""
    if case.settings.liquidate:
        return
    for name, shares in case.shares_after.items():
        if case.must_go(name) and shares > DUST and name not in case.plan.edited and not is_kept(case, name):
            yield f"{name}: {shares.normalize():f} shares stay, though it may not be held"


def liquidation(case: Case) -> Iterable[str]:
    """Where everything is to be sold, nothing is bought, and what stays has a rule that keeps it."""
    if not case.settings.liquidate:
        return
    for trade in case.plan.trades:
        if trade.side is Side.BUY:
            yield f"{trade.security_id}: bought, though everything is to be sold"
    if case.settings.max_trades is not None and len(case.plan.trades) >= case.settings.max_trades:
        return
    for name, shares in case.shares_after.items():
        if shares > DUST and not is_kept(case, name):
            yield f"{name}: {shares.normalize():f} shares stay, though everything is to be sold"


def is_kept(case: Case, name: SecurityId) -> bool:
    """Return whether a rule may keep shares of a name that is to go: a restriction, a wash sale, no market."""
    security = case.security(name)
    price = case.market.marks[name].price
    if security.tradable is False or price <= 0:
        return True
    for restriction in case.in_force:
        if restriction.rule is Rule.DO_NOT_SELL and name in case.meant(restriction.target):
            return True
    own = case.own.of(name)
    losing = any(gain_of(lot, lot.quantity, price) < 0 for lot in own)
    if not losing or not case.snapshot.account.registration.is_taxable:
        return False
    may_wash = (
        case.settings.wash_sales is WashSalePolicy.ALLOW
        and case.group(name) not in case.twin_groups
        and case.settings.lot_method not in (LotMethod.HIFO, LotMethod.LIFO)
    )
    if may_wash:  # only shares that are themselves replacements stay, and those go too where everything does
        since = case.snapshot.as_of - WINDOW
        return not case.settings.liquidate and any(lot.acquired >= since and lot.gift_date is None for lot in own)
    return bool(case.household.bought_lately([case.group(name)]))


def lot_order(case: Case) -> Iterable[str]:
    """Where lots go in a fixed order, none is sold while shares are left of one that goes before it."""
    first = _FIRST_GOES_THE_LEAST.get(case.settings.lot_method)
    if first is None:
        return
    for trade in case.plan.trades:
        left = [
            lot for lot in case.own.of(trade.security_id) if lot.quantity - case.sold.get(lot.lot_id, Decimal(0)) > DUST
        ]
        for sale in trade.lots:
            place = first(case.lots[sale.lot_id], trade.price)
            skipped = [lot.lot_id for lot in left if first(lot, trade.price) < place]
            if skipped:
                yield f"lot {sale.lot_id}: sold before {', '.join(skipped)}, against {case.settings.lot_method}"


def small_losses(case: Case) -> Iterable[str]:
    """No lot is sold at a loss smaller than the settings ask for, unless its name must go or was set by hand."""
    settings = case.settings
    if settings.liquidate or not case.snapshot.account.registration.is_taxable:
        return
    least_part = Decimal(str(settings.harvest_min_loss_pct))
    for trade, sale, lot, basis, _ in case.sold_lots:
        if basis <= lot.quantity * trade.price:
            continue
        if case.must_go(trade.security_id) or trade.security_id in case.plan.edited:
            continue
        loss = -gain_of(lot, lot.quantity, trade.price)
        if 0 < loss < max(settings.harvest_min_loss_usd, least_part * basis) - DUST:
            yield f"lot {sale.lot_id}: loses {loss:.2f} in all, too little to be sold"
