"""Is the tax right? Terms, gains, what a wash sale takes away, and the year's bill, from the law's own words."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from engine.domain.accounts import Transaction
from engine.domain.plans import Term
from engine.domain.settings import WashSalePolicy
from engine.review.basis import held_over_a_year, starts_on
from engine.review.case import CENT, Case
from engine.review.household import WINDOW
from engine.review.replacements import disallowed_losses, losses_of_history

INCOME_OFFSET_USD: Final = Decimal(3000)  # 26 U.S.C. 1211(b)(1): net loss that ordinary income takes up in a year
_ZERO: Final = Decimal(0)


def terms_and_gains(case: Case) -> Iterable[str]:
    """Each lot sold has the term and the gain that its dates and basis give."""
    for trade, sale, lot, _, gain in case.sold_lots:
        expected = Term.LONG if held_over_a_year(starts_on(lot, trade.price), case.snapshot.as_of) else Term.SHORT
        if sale.term is not expected:
            yield f"lot {sale.lot_id}: term {sale.term}, expected {expected}"
        if abs(gain - sale.gain) > CENT:
            yield f"lot {sale.lot_id}: gain {sale.gain}, expected {gain:.2f}"


def tax(case: Case) -> Iterable[str]:
    """The plan's tax figures follow from its lots: what the year counts by term, and what that costs.

    A retirement account's sales are counted and cost nothing. Where losses are blocked nothing may be disallowed.
    """
    stated, pays = case.plan.tax, case.snapshot.account.registration.is_taxable
    taken = disallowed_losses(case) if case.settings.wash_sales is WashSalePolicy.ALLOW and pays else {}
    counted = {Term.SHORT: _ZERO, Term.LONG: _ZERO}
    losses = _ZERO
    for _, sale in case.sales:
        counted[sale.term] += sale.gain + taken.get(sale.lot_id, _ZERO)
        losses += max(-sale.gain, _ZERO) - taken.get(sale.lot_id, _ZERO)
    short, long = counted[Term.SHORT], counted[Term.LONG]
    expected = {
        "st_gain": short,
        "lt_gain": long,
        "harvested_loss": losses if pays else _ZERO,
        "liability": _bill(case, short, long) if pays else _ZERO,
        "disallowed": sum(taken.values(), _ZERO),
    }
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
    """Nothing is bought within 30 days of a loss sale, and no loss meets a purchase that the policy does not allow.

    A purchase in any account of the household counts, one in a retirement account too (Rev. Rul. 2008-5); a loss there
    is no deduction, and nothing can take it away.
    """
    for loss in losses_of_history(case, case.bought_groups):
        where = f"on {loss.on} in account {loss.account_id} ({loss.cause})"
        yield f"{case.group(loss.security_id)}: bought, but sold at a loss {where}"
    for row in _losses_to_come(case):
        where = f"on {row.trade_date} in account {row.account_id} ({row.transaction_id})"
        yield f"{case.group(row.security_id)}: bought, but to be sold at a loss {where}"
    if not case.snapshot.account.registration.is_taxable:
        return
    for group in sorted(case.loss_groups & case.bought_groups):
        yield f"{group}: the plan both buys it and sells it at a loss"
    allowed = case.settings.wash_sales is WashSalePolicy.ALLOW
    barred = case.loss_groups & case.twin_groups if allowed else case.loss_groups
    for group, bought in case.household.bought_lately(barred).items():
        yield f"{group}: sold at a loss, but {', '.join(bought)}"
    # Where everything is sold, the purchase goes too: shares sold together replace each other no more.
    for _, sale, lot, _, gain in case.sold_lots if allowed and not case.settings.liquidate else ():
        itself_new = lot.gift_date is None and case.snapshot.as_of - lot.acquired <= WINDOW
        if itself_new and gain < 0:
            yield f"lot {sale.lot_id}: sold at a loss, but itself bought on {lot.acquired}"


def _losses_to_come(case: Case) -> Iterable[Transaction]:
    """Return what the plan buys and is to be sold in the next 30 days in taxable accounts, below the basis stated."""
    for row in case.household.to_be_sold(case.bought_groups):
        if row.basis is not None and row.quantity * row.price < row.basis:
            yield row
