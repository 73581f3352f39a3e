"""Does the plan do only what it may? Restrictions, exclusions, what must go, and which lots a sale may take."""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
    after = case.shares_after
    staying = [name for name in after if name in case.barred and after[name] > DUST and name not in case.plan.edited]
    for name in _not_kept(case, staying):
        yield f"{name}: {after[name].normalize():f} shares stay, though it may not be held"


def liquidation(case: Case) -> Iterable[str]:
    """Where everything is to be sold, nothing is bought, and what stays has a rule that keeps it."""
    if not case.settings.liquidate:
        return
    for trade in case.plan.trades:
        if trade.side is Side.BUY:
            yield f"{trade.security_id}: bought, though everything is to be sold"
    if case.settings.max_trades is not None and len(case.plan.trades) >= case.settings.max_trades:
        return
    after = case.shares_after
    for name in _not_kept(case, [name for name in after if after[name] > DUST]):
        yield f"{name}: {after[name].normalize():f} shares stay, though everything is to be sold"


def _not_kept(case: Case, names: Sequence[SecurityId]) -> Iterable[SecurityId]:
    """Return the names to go of which no rule may keep shares: a restriction, a wash sale, no market."""
    kept = frozenset[SecurityId]().union(
        *(case.meant(rule.target) for rule in case.in_force if rule.rule is Rule.DO_NOT_SELL)
    )
    marks, lots = case.market.marks, case.own.of(names)
    losing = {name: any(gain_of(lot, lot.quantity, marks[name].price) < 0 for lot in lots[name]) for name in names}
    washed = _washed(case, {name: lots[name] for name in names if losing[name]})
    for name in names:
        sells = case.security(name).tradable is not False and marks[name].price > 0
        if sells and name not in kept and name not in washed:
            yield name


def _washed(case: Case, losing: Mapping[SecurityId, Sequence[HeldLot]]) -> frozenset[SecurityId]:
    """Return the names with a loss that a wash sale may keep."""
    if not case.snapshot.account.registration.is_taxable:
        return frozenset()
    allowed = case.settings.wash_sales is WashSalePolicy.ALLOW
    may_wash: frozenset[SecurityId] = frozenset()
    if losing and allowed and case.settings.lot_method not in (LotMethod.HIFO, LotMethod.LIFO):
        may_wash = frozenset(name for name in losing if case.group(name) not in case.twin_groups)
    bought = case.household.of_those_bought_lately({case.group(name) for name in losing.keys() - may_wash})
    since = case.snapshot.as_of - WINDOW
    return frozenset(
        name
        for name, own in losing.items()
        if (
            # Only shares that are themselves replacements stay, and those go too where everything does.
            not case.settings.liquidate and any(lot.acquired >= since and lot.gift_date is None for lot in own)
            if name in may_wash
            else case.group(name) in bought
        )
    )


def lot_order(case: Case) -> Iterable[str]:
    """Where lots go in a fixed order, none is sold while shares are left of one that goes before it."""
    first = _FIRST_GOES_THE_LEAST.get(case.settings.lot_method)
    if first is None:
        return
    lots = case.own.of([trade.security_id for trade in case.plan.trades])
    for trade in case.plan.trades:
        left = [lot for lot in lots[trade.security_id] if lot.quantity - case.sold.get(lot.lot_id, Decimal(0)) > DUST]
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
