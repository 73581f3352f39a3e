"""Is the plan right? A second opinion, derived from the raw inputs and apart from the optimiser.

Nothing here calls engine.plan, engine.tax or engine.risk: lots, terms, gains, wash sales, cash and policy are worked
out again in the plainest way, so that one mistake cannot hide in both places. A disagreement is a FAIL and stops the
plan.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final

from engine.domain.accounts import AccountSnapshot, Restriction, Rule
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Check, Plan, PlanStatus, Side, Trade, Verdict
from engine.domain.policy import means
from engine.review.case import CENT, WEIGHT_SLACK, Case
from engine.review.limits import active_weights, liquidation, sectors, tracking_error, trade_limits
from engine.review.tax_opinion import tax, terms_and_gains, wash_sales


def second_opinion(plan: Plan, snapshot: AccountSnapshot, market: MarketSnapshot) -> tuple[Check, ...]:
    """Return the verdict on each rule, in a fixed order; the plan may be released only when none is FAIL.

    plan is taken as its document states it, figures rounded to the cent. An infeasible plan fails at once.
    """
    if plan.status is PlanStatus.INFEASIBLE:
        return (_verdict("feasible", ["the account has no plan that obeys its rules: " + ", ".join(plan.conflicts)]),)
    case = Case(plan=plan, snapshot=snapshot, market=market)
    named = _named(case)
    if named.verdict is Verdict.FAIL:
        return (named,)
    return (named, *(_verdict(rule, list(faults(case))) for rule, faults in _RULES.items()), _cash_band(case))


def failures(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return the checks that stop a plan."""
    return tuple(check for check in checks if check.verdict is Verdict.FAIL)


def _verdict(rule: str, faults: list[str]) -> Check:
    if faults:
        return Check(rule=rule, verdict=Verdict.FAIL, detail="; ".join(faults))
    return Check(rule=rule, verdict=Verdict.PASS, detail="agrees with the raw inputs")


def _named(case: Case) -> Check:
    """Every security and lot the plan names exists; without that nothing else can be worked out."""
    faults = []
    if case.plan.account_id != case.snapshot.account.account_id:
        faults.append(f"plan is for {case.plan.account_id}, inputs are of {case.snapshot.account.account_id}")
    for trade in case.plan.trades:
        if trade.security_id not in case.market.securities or trade.security_id not in case.market.marks:
            faults.append(f"{trade.security_id}: no such priced security")
        for sale in trade.lots:
            lot = case.lots.get(sale.lot_id)
            if lot is None or lot.security_id != trade.security_id:
                faults.append(f"lot {sale.lot_id}: not a lot of {trade.security_id} in this account")
    return _verdict("lots and securities exist", faults)


def _prices(case: Case) -> Iterable[str]:
    for trade in case.plan.trades:
        mark = case.market.marks[trade.security_id].price
        if trade.price != mark:
            yield f"{trade.security_id}: plan price {trade.price}, mark {mark}"
        if abs(trade.quantity * trade.price - trade.amount) > CENT:
            yield f"{trade.security_id}: amount {trade.amount}, expected {trade.quantity * trade.price:.2f}"


def _one_side(case: Case) -> Iterable[str]:
    for security_id, count in Counter(trade.security_id for trade in case.plan.trades).items():
        if count > 1:
            yield f"{security_id}: {count} trades, expected one"
    for trade in case.plan.trades:
        if trade.side is Side.BUY and trade.lots:
            yield f"{trade.security_id}: a purchase names lots to sell"


def _whole_shares(case: Case) -> Iterable[str]:
    if not case.plan.settings.whole_shares:
        return
    for trade in case.plan.trades:
        exits = case.shares_after[trade.security_id] == 0
        if trade.quantity != trade.quantity.to_integral_value() and not exits:
            yield f"{trade.security_id}: {trade.quantity} shares, expected a whole number"


def _lot_quantities(case: Case) -> Iterable[str]:
    for lot_id, quantity in case.sold.items():
        if quantity > case.lots[lot_id].quantity:
            yield f"lot {lot_id}: sells {quantity} of {case.lots[lot_id].quantity} shares"
    for trade in case.plan.trades:
        if trade.side is Side.SELL and sum(sale.quantity for sale in trade.lots) != trade.quantity:
            yield f"{trade.security_id}: lots do not sum to {trade.quantity}"


def _restrictions(case: Case) -> Iterable[str]:
    for restriction in case.snapshot.restrictions:
        for trade in case.plan.trades:
            if means(restriction.target, case.security(trade.security_id)):
                yield from _broken(case, restriction, trade)
    for trade in case.plan.trades:
        security = case.security(trade.security_id)
        if trade.side is Side.BUY and any(means(target, security) for target in case.plan.settings.exclude):
            yield f"{trade.security_id}: bought, but excluded by the settings"
        if security.tradable is False:
            yield f"{trade.security_id}: traded, but not tradable"


def _broken(case: Case, restriction: Restriction, trade: Trade) -> Iterable[str]:
    name, rule = trade.security_id, restriction.rule
    if trade.side is Side.BUY and rule in (Rule.DO_NOT_BUY, Rule.DO_NOT_HOLD):
        yield f"{name}: bought, but restricted ({rule}: {restriction.reason})"
    if trade.side is Side.SELL and rule is Rule.DO_NOT_SELL:
        yield f"{name}: sold, but restricted ({rule}: {restriction.reason})"
    if restriction.value is None or restriction.target != name:
        return
    after = case.weight(case.shares_after, name)
    if rule is Rule.MAX_WEIGHT and trade.side is Side.BUY and after > restriction.value + WEIGHT_SLACK:
        yield f"{name}: bought to {after:.4f} of value, limit {restriction.value}"
    if rule is Rule.MIN_WEIGHT and trade.side is Side.SELL and after < restriction.value - WEIGHT_SLACK:
        yield f"{name}: sold to {after:.4f} of value, floor {restriction.value}"


def _cash(case: Case) -> Iterable[str]:
    slack = CENT * (len(case.plan.trades) + 1)
    if abs(case.cash_after - case.plan.after.cash) > slack:
        yield f"cash after {case.plan.after.cash}, expected {case.cash_after:.2f}"
    if case.cash_after < min(Decimal(0), case.snapshot.account.cash):
        yield f"cash would be overdrawn: {case.cash_after:.2f}"


def _cash_band(case: Case) -> Check:
    if case.settings.liquidate:
        return Check(rule="cash band", verdict=Verdict.PASS, detail="does not apply: everything is to be sold")
    low, high = (Decimal(str(bound)) for bound in (case.plan.settings.min_cash, case.plan.settings.max_cash))
    weight = case.cash_after / case.value
    inside = low - WEIGHT_SLACK <= weight <= high + WEIGHT_SLACK
    return Check(
        rule="cash band",
        verdict=Verdict.PASS if inside else Verdict.WARN,
        detail=f"cash after is {weight:.4%} of value; band {low:.2%} to {high:.2%}",
    )


_RULES: Final[Mapping[str, Callable[[Case], Iterable[str]]]] = {
    "prices and amounts": _prices,
    "one side for each name": _one_side,
    "whole shares": _whole_shares,
    "lots suffice": _lot_quantities,
    "terms and gains": terms_and_gains,
    "tax": tax,
    "wash sales": wash_sales,
    "restrictions": _restrictions,
    "limits on trades and names": trade_limits,
    "active weights": active_weights,
    "sectors": sectors,
    "tracking error": tracking_error,
    "liquidation": liquidation,
    "cash": _cash,
}
