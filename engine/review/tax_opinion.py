"""Is the tax right? Terms, gains, what a wash sale takes away, and the year's bill, from the law's own words."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Final

from engine.domain.accounts import Transaction, TransactionType
from engine.domain.plans import Term
from engine.domain.settings import WashSalePolicy
from engine.review.case import ACQUIRES, CENT, Case, gain_of, held_over_a_year
from engine.review.replacements import WINDOW, disallowed_losses

INCOME_OFFSET_USD: Final = Decimal(3000)  # 26 U.S.C. 1211(b)(1): net loss that ordinary income takes up in a year
_ZERO: Final = Decimal(0)


def terms_and_gains(case: Case) -> Iterable[str]:
    """Each lot sold has the term and the gain that its dates and basis give."""
    for trade, sale in case.sales:
        lot = case.lots[sale.lot_id]
        expected = Term.LONG if held_over_a_year(lot.held_from, case.snapshot.as_of) else Term.SHORT
        if sale.term is not expected:
            yield f"lot {sale.lot_id}: term {sale.term}, expected {expected}"
        gain = gain_of(lot, sale.quantity, trade.price)
        if abs(gain - sale.gain) > CENT:
            yield f"lot {sale.lot_id}: gain {sale.gain}, expected {gain:.2f}"


def tax(case: Case) -> Iterable[str]:
    """The plan's tax figures follow from its lots: what the year counts by term, and what that costs."""
    account, stated = case.snapshot.account, case.plan.tax
    if not account.registration.is_taxable:
        if stated.liability:
            yield f"an account that pays no tax shows a liability of {stated.liability}"
        return
    taken = disallowed_losses(case) if case.settings.wash_sales is WashSalePolicy.ALLOW else {}
    counted = {Term.SHORT: _ZERO, Term.LONG: _ZERO}
    losses = _ZERO
    for _, sale in case.sales:
        counted[sale.term] += sale.gain + taken.get(sale.lot_id, _ZERO)
        losses += max(-sale.gain, _ZERO) - taken.get(sale.lot_id, _ZERO)
    short, long = counted[Term.SHORT], counted[Term.LONG]
    expected = {"st_gain": short, "lt_gain": long, "harvested_loss": losses, "liability": _bill(case, short, long)}
    if case.settings.wash_sales is WashSalePolicy.ALLOW:
        expected["disallowed"] = sum(taken.values(), _ZERO)
    slack = CENT * (len(case.sales) + 1)
    for name, amount in expected.items():
        if abs(getattr(stated, name) - amount) > slack:
            yield f"{name} {getattr(stated, name)}, expected {amount:.2f}"


def _bill(case: Case, short: Decimal, long: Decimal) -> Decimal:
    """Return what these net gains add to the year's tax: at marginal rates, or netted with the year so far."""
    account = case.snapshot.account
    if not case.settings.net_taxes:
        return short * account.st_rate + long * account.lt_rate
    short_before = account.ytd_st_gain - account.st_carryforward
    long_before = account.ytd_lt_gain - account.lt_carryforward
    before, after = _of_year(case, short_before, long_before), _of_year(case, short_before + short, long_before + long)
    return after - before


def _of_year(case: Case, short: Decimal, long: Decimal) -> Decimal:
    """Return the tax of a year of these net results, USD, a loss counted with what it saves now and later.

    A loss of one term meets the other term's gain first (26 U.S.C. 1222). What is left is taxed at the rate of the term
    it is left in; a loss that is left takes 3,000 USD off ordinary income, short-term first (1211(b), 1212(b)(2)), and
    the rest is carried in its term (1212(b)(1)), worth a part of that term's rate.
    """
    account, worth = case.snapshot.account, Decimal(str(case.settings.carryforward_value))
    if short >= 0 and long >= 0:
        return short * account.st_rate + long * account.lt_rate
    net = short + long
    if net >= 0:
        return net * (account.st_rate if short > 0 else account.lt_rate)
    lost_short, lost_long = (-short, -long) if short < 0 and long < 0 else (-net, _ZERO) if short < 0 else (_ZERO, -net)
    off_income = min(lost_short + lost_long, INCOME_OFFSET_USD)
    carried_short = max(lost_short - INCOME_OFFSET_USD, _ZERO)
    carried_long = lost_short + lost_long - off_income - carried_short
    saved_later = worth * (carried_short * account.st_rate + carried_long * account.lt_rate)
    return -(off_income * account.st_rate + saved_later)


def wash_sales(case: Case) -> Iterable[str]:
    """Nothing is bought within 30 days of a loss sale, and no loss meets a purchase that the policy does not allow."""
    for group in sorted(case.loss_groups & case.bought_groups):
        yield f"{group}: the plan both buys it and sells it at a loss"
    since = case.snapshot.as_of - WINDOW
    recent = [entry for entry in case.history() if entry.trade_date >= since]
    for entry in recent:
        group = case.security(entry.security_id).group
        if group in case.bought_groups and _is_taxable_loss(case, entry):
            yield f"{group}: bought, but sold at a loss on {entry.trade_date} ({entry.transaction_id})"
    if case.snapshot.account.registration.is_taxable:
        yield from _losses_after_purchases(case, recent)


def _losses_after_purchases(case: Case, recent: Iterable[Transaction]) -> Iterable[str]:
    """A loss of a name bought lately is sold nowhere; where it is allowed, only not among twins, nor the purchase.

    Where everything is to be sold, the purchase goes too: shares sold together replace each other no more.
    """
    allowed = case.settings.wash_sales is WashSalePolicy.ALLOW
    barred = case.loss_groups & case.twin_groups if allowed else case.loss_groups
    for entry in recent:
        group = case.security(entry.security_id).group
        if entry.type in ACQUIRES and group in barred:
            yield f"{group}: sold at a loss, but bought on {entry.trade_date} ({entry.transaction_id})"
    for trade, sale in case.sales if allowed and not case.settings.liquidate else ():
        lot = case.lots[sale.lot_id]
        if gain_of(lot, sale.quantity, trade.price) < 0 and _is_recent(lot.acquired, case.snapshot.as_of):
            yield f"lot {sale.lot_id}: sold at a loss, but itself bought on {lot.acquired}"


def _is_recent(acquired: date, as_of: date) -> bool:
    return as_of - acquired <= WINDOW


def _is_taxable_loss(case: Case, entry: Transaction) -> bool:
    registration = {book.account.account_id: book.account.registration for book in case.snapshot.household_books}
    if entry.type is not TransactionType.SELL or entry.basis is None:
        return False
    taxable = entry.account_id not in registration or registration[entry.account_id].is_taxable
    return taxable and entry.quantity * entry.price < entry.basis
