"""Is the plan right? A second opinion, derived from the raw inputs and apart from the optimiser.

Nothing here calls engine.plan, engine.tax or engine.risk: lots, terms, gains, wash sales, cash and policy are worked
out again in the plainest way, so that one mistake cannot hide in both places. A disagreement is a FAIL and stops the
plan.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final

from engine.domain.accounts import AccountSnapshot
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Check, Plan, PlanStatus, Side, Verdict
from engine.review.case import CENT, DUST, WEIGHT_SLACK, Case
from engine.review.figures import after, before, objective
from engine.review.limits import active_weights, factors, sectors, tracking_error, trade_limits, weights
from engine.review.restrictions import exits, liquidation, lot_order, restrictions, small_losses
from engine.review.tax_opinion import tax, terms_and_gains, wash_sales

CHECKER: Final = "checker 1"  # changes with the rules, so that no verdict by older ones is taken for today's


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
    """The plan is of this account, and what it names exists; without that nothing else can be worked out."""
    faults = []
    if case.plan.account_id != case.snapshot.account.account_id:
        faults.append(f"plan is for {case.plan.account_id}, inputs are of {case.snapshot.account.account_id}")
    for trade in case.plan.trades:
        if trade.security_id not in case.market.securities or trade.security_id not in case.market.marks:
            faults.append(f"{trade.security_id}: no such priced security")
        elif trade.security_id not in case.market.risk.position:
            faults.append(f"{trade.security_id}: not in the risk model")
        for sale in trade.lots:
            lot = case.lots.get(sale.lot_id)
            if lot is None or lot.security_id != trade.security_id:
                faults.append(f"lot {sale.lot_id}: not a lot of {trade.security_id} in this account")
    return _verdict("lots and securities exist", faults)


def _day(case: Case) -> Iterable[str]:
    for day in sorted({case.snapshot.as_of, case.market.as_of} - {case.plan.as_of}):
        yield f"plan is as of {case.plan.as_of}, inputs are as of {day}"


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
        size = case.security(trade.security_id).lot_size or Decimal(1)
        if trade.quantity % size and abs(case.shares_after[trade.security_id]) > DUST:
            yield f"{trade.security_id}: {trade.quantity} shares, expected a multiple of {size}"


def _lot_quantities(case: Case) -> Iterable[str]:
    for lot_id, quantity in case.sold.items():
        if quantity > case.lots[lot_id].quantity + DUST:
            yield f"lot {lot_id}: sells {quantity} of {case.lots[lot_id].quantity} shares"
    for trade in case.plan.trades:
        if trade.side is Side.SELL and sum(sale.quantity for sale in trade.lots) != trade.quantity:
            yield f"{trade.security_id}: lots do not sum to {trade.quantity}"
        if len({sale.lot_id for sale in trade.lots}) < len(trade.lots):
            yield f"{trade.security_id}: names a lot twice"


def _cash(case: Case) -> Iterable[str]:
    if case.cash_after < min(Decimal(0), case.snapshot.account.cash) - CENT:
        yield f"cash would be overdrawn: {case.cash_after:.2f}"


def _cash_band(case: Case) -> Check:
    """Cash out of its band stops the plan; above it by no more than one whole share, it warns."""
    if case.settings.liquidate:
        return Check(rule="cash band", verdict=Verdict.PASS, detail="does not apply: everything is to be sold")
    low, high = (Decimal(str(bound)) for bound in (case.settings.min_cash, case.settings.max_cash))
    weight, slack = case.cash_after / case.value, CENT / case.value + WEIGHT_SLACK
    verdict = Verdict.PASS
    if weight < low - slack:
        verdict = Verdict.FAIL
    elif weight > high + slack:
        marks = case.market.marks
        share = max((marks[name].price for name in case.names.ids), default=Decimal(0)) / case.value
        one_more = share if case.settings.whole_shares else 0
        verdict = Verdict.FAIL if weight > high + slack + one_more else Verdict.WARN
    detail = f"cash after is {weight:.4%} of value; band {low:.2%} to {high:.2%}"
    return Check(rule="cash band", verdict=verdict, detail=detail)


_RULES: Final[Mapping[str, Callable[[Case], Iterable[str]]]] = {
    "day of the inputs": _day,
    "prices and amounts": _prices,
    "one side for each name": _one_side,
    "whole shares": _whole_shares,
    "lots suffice": _lot_quantities,
    "terms and gains": terms_and_gains,
    "tax": tax,
    "wash sales": wash_sales,
    "lot order": lot_order,
    "small losses": small_losses,
    "restrictions": restrictions,
    "exits": exits,
    "liquidation": liquidation,
    "limits on trades and names": trade_limits,
    "active weights": active_weights,
    "restricted weights": weights,
    "sectors": sectors,
    "factors": factors,
    "tracking error": tracking_error,
    "cash": _cash,
    "account before": before,
    "account after": after,
    "objective": objective,
}
