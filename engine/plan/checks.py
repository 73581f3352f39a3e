"""Does the plan obey the rules? One verdict for each, with the figures a person would ask for."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.plans import Check, LotSale, Verdict
from engine.domain.settings import WashSalePolicy
from engine.plan.accounting import turnover
from engine.plan.explain import MAX_NAMES, MAX_TRACKING_ERROR, MAX_TRADES
from engine.plan.lots import WASH_SALE_LOCK, SaleLot
from engine.plan.names import Name
from engine.plan.outcome import Outcome, names_held, row_values
from engine.plan.problem import (
    ACTIVE_WEIGHT,
    CASH,
    FACTOR,
    MAX_CASH,
    MIN_CASH,
    NET_GAIN,
    SECTOR,
    TURNOVER,
    Problem,
    Row,
)
from engine.plan.rules import LIQUIDATE, NOT_TRADABLE, WASH_SALES
from engine.plan.sale_order import FRACTION
from engine.plan.term_checks import term_checks

STALE_PRICE_DAYS: Final = 5  # calendar days: over a long weekend, and no more
_CLOSE: Final = 1e-6  # a weight this near to its limit is at it
_CENT: Final = Decimal("0.01")
_NAMED: Final = 5  # names listed in one detail


@dataclass(frozen=True, slots=True, kw_only=True)
class _Faults:
    failed: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()


def plan_checks(problem: Problem, done: Outcome) -> tuple[Check, ...]:
    """Return the verdict on every rule that concerns the account, in a fixed order.

    An account that is sold out keeps no bounds on cash, weights, sectors, factors, tracking error and names.
    """
    settings = problem.settings
    checks = [_cash(problem, done), _holdings(problem, done)]
    checks.append(_check("restrictions", _restrictions(problem, done), "no trade that a restriction forbids"))
    checks.append(_wash_sales(problem, done))
    if settings.liquidate:
        checks.append(_check(LIQUIDATE, _sold_out(problem, done), "all that may be sold is sold, nothing is bought"))
    else:
        for rule, faults in _bounds(problem, done):
            checks.append(_check(rule, faults, "every name within its limit"))
        for rule, faults in _rows(problem, done):
            checks.append(_check(rule, faults, "within its limit"))
        checks += _tracking_error(problem, done)
    checks.append(_turnover(problem, done))
    checks += _counts(problem, done)
    checks += _gains(problem, done)
    if settings.min_trade_usd > 0:
        checks.append(
            _check("min_trade_usd", _small_trades(problem, done), f"no trade below {settings.min_trade_usd} USD")
        )
    checks += term_checks(problem, done)
    checks.append(_check("price age", _price_age(problem), f"every price is of the last {STALE_PRICE_DAYS} days"))
    checks += _source(problem)
    return tuple(checks)


def _check(rule: str, faults: _Faults, good: str) -> Check:
    if faults.failed:
        return Check(rule=rule, verdict=Verdict.FAIL, detail=_list(faults.failed))
    if faults.warned:
        return Check(rule=rule, verdict=Verdict.WARN, detail=_list(faults.warned))
    return Check(rule=rule, verdict=Verdict.PASS, detail=good)


def _list(faults: tuple[str, ...]) -> str:
    more = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
    return "; ".join(faults[:_NAMED]) + more


def _cash(problem: Problem, done: Outcome) -> Check:
    settings, value, cash = problem.settings, problem.value, done.cash
    amount = f"cash after costs {cash:,.2f} USD, {cash / value:.2%} of value"
    rounding = _rounding(problem, done)
    if settings.liquidate:
        verdict = Verdict.PASS if cash >= -rounding else Verdict.FAIL
        return Check(rule=CASH, verdict=verdict, detail=f"{amount}; the account is sold out")
    low, high = (Decimal(str(bound)) * value for bound in (settings.min_cash, settings.max_cash))
    verdict = Verdict.PASS
    if cash < low - rounding:
        verdict = Verdict.FAIL
    elif cash > high + rounding:
        one_share = max(problem.names.lots.price, default=Decimal(0))
        verdict = Verdict.WARN if settings.whole_shares and cash - high <= one_share else Verdict.FAIL
    band = f"band {settings.min_cash:.2%} to {settings.max_cash:.2%}"
    return Check(rule=CASH, verdict=verdict, detail=f"{amount}; {band}")


def _source(problem: Problem) -> Iterable[Check]:
    """Judge where the lots come from, for an account that another system gives."""
    source = problem.snapshot.source
    if source is None:
        return
    warned = []
    if source.derived:
        warned.append(f"rebuilt from transactions, since {source.source} gives no lots")
    age = 0 if source.read_on is None else (problem.snapshot.as_of - source.read_on).days
    if age > STALE_PRICE_DAYS:
        warned.append(f"{age} days old, of {source.read_on}")
    yield _check("lots", _Faults(warned=tuple(warned)), f"those of {source.source} on {source.read_on}")


def _rounding(problem: Problem, done: Outcome) -> Decimal:
    """Return the USD that rounding accounts for: a cent, and a millionth of a share for each fractional trade."""
    if problem.settings.whole_shares:
        return _CENT
    price = problem.names.price
    return _CENT + FRACTION * sum((price(i) for i, quantity in enumerate(done.shares) if quantity), Decimal(0))


def _holdings(problem: Problem, done: Outcome) -> Check:
    names = problem.names
    short = tuple(
        f"{names.security(i).security_id}: sells {-q} of {names.shares(i)} shares"
        for i, q in enumerate(done.shares)
        if q < 0 and names.holds(i) + q < 0
    )
    return _check("holdings", _Faults(failed=short), "nothing is sold that is not held")


def _restrictions(problem: Problem, done: Outcome) -> _Faults:
    failed, warned = [], []
    names = problem.names
    for i in names.rulings.ruled:
        rules, quantity, ticker = names.rules[i], done.shares[i], names.security(i).security_id
        barred = [rule for rule in rules.no_buy if rule != WASH_SALES] if quantity > 0 else []
        if barred:
            failed.append(f"{ticker}: bought, but {barred[0]}")
        if quantity < 0 and rules.no_sell:
            failed.append(f"{ticker}: sold, but {rules.no_sell[0]}")
        if rules.must_exit and rules.must_exit[0] != LIQUIDATE and names.holds(i) + quantity > 0:
            left = names.shares(i) + quantity
            warned.append(f"{ticker}: {left} shares stay in spite of {rules.must_exit[0]} ({_why_stays(names[i])})")
    return _Faults(failed=tuple(failed), warned=tuple(warned))


def _why_stays(name: Name) -> str:
    kept = sorted({lot.blocked for lot in name.lots if lot.blocked is not None})
    return name.rules.no_sell[0] if name.rules.no_sell else ", ".join(kept) or "less than one share"


def _sold_out(problem: Problem, done: Outcome) -> _Faults:
    failed, warned = [], []
    for name, quantity in zip(problem.names, done.shares, strict=True):
        left = name.shares + quantity
        if quantity > 0:
            failed.append(f"{name.security.security_id}: bought")
        elif left > 0:
            warned.append(f"{name.security.security_id}: {left} shares stay ({_why_stays(name)})")
    return _Faults(failed=tuple(failed), warned=tuple(warned))


def _wash_sales(problem: Problem, done: Outcome) -> Check:
    """Judge wash sales; a plan that may sell into one says what that takes away and where it goes."""
    taxable = problem.snapshot.account.registration.is_taxable
    allowed = problem.settings.wash_sales is WashSalePolicy.ALLOW
    failed = []
    lost, bought = set(), set()
    names = problem.names
    for i, quantity in enumerate(done.shares):
        if quantity == 0:
            continue
        rules, sold = names.rules[i], done.sold[i]
        loses = taxable and bool(done.counted[i].losses or done.counted[i].disallowed)
        if loses:
            lost.add(names.group(i))
        if quantity > 0:
            bought.add(names.group(i))
        if loses and (_sells_locked(names.lots.entries(i), sold) if allowed else rules.no_loss_sale):
            failed.append(
                f"{names.security(i).security_id}: sold at a loss within 30 days of a purchase in the household"
            )
        if quantity > 0 and WASH_SALES in rules.no_buy:
            failed.append(f"{names.security(i).security_id}: bought within 30 days of a loss sale in the household")
    failed += [f"{group}: bought and sold at a loss in one plan" for group in sorted(lost & bought)]
    good = _disallowed(done) if done.year.disallowed else "no wash sale anywhere in the household"
    return _check(WASH_SALES, _Faults(failed=tuple(failed)), good)


def _sells_locked(lots: Sequence[SaleLot], sold: Sequence[LotSale]) -> bool:
    locked = {entry.lot.lot_id for entry in lots if entry.blocked == WASH_SALE_LOCK}
    return any(sale.gain < 0 and sale.lot_id in locked for sale in sold)


def _disallowed(done: Outcome) -> str:
    year = done.year
    kept = year.disallowed - year.gone
    parts = [f"{kept:,.2f} USD go into the basis of shares that the household bought lately"] if kept else []
    if year.gone:
        parts.append(f"{year.gone:,.2f} USD are lost for good to purchases in retirement accounts")
    return f"losses of {year.disallowed:,.2f} USD are disallowed: {', '.join(parts)}"


def _bounds(problem: Problem, done: Outcome) -> Iterable[tuple[str, _Faults]]:
    """Judge limits on single names. One that was broken before may stay broken, but not become worse."""
    bounds, names = problem.names.bounds, problem.names
    faults = {bounds.rules[rule]: _Faults() for rule in np.unique(bounds.rule).tolist()}
    u = done.trade[bounds.owner]
    over = np.where(bounds.upper, u - bounds.at, bounds.at - u)
    may_stay = bounds.is_broken & np.where(bounds.upper, u <= _CLOSE, u >= -_CLOSE) & (not problem.settings.enforce)
    for k in np.flatnonzero(over > _CLOSE).tolist():
        rule = bounds.rules[bounds.rule[k]]
        found = faults[rule]
        text = f"{names.security(bounds.owner[k]).security_id}: {over[k]:.2%} of value beyond its limit"
        if may_stay[k]:
            faults[rule] = _Faults(failed=found.failed, warned=(*found.warned, f"{text}, no worse than before"))
        else:
            faults[rule] = _Faults(failed=(*found.failed, text), warned=found.warned)
    return sorted(faults.items(), key=lambda item: (item[0] != ACTIVE_WEIGHT, item[0]))


def _rows(problem: Problem, done: Outcome) -> Iterable[tuple[str, _Faults]]:
    """Judge limits on sums of names, one check for all sectors and one for all factors."""
    faults: dict[str, _Faults] = {}
    values = row_values(problem, done.trade, done.year).tolist()
    elsewhere = {CASH, TURNOVER, *(term.name for term in problem.terms)}
    for row, value in zip(problem.rows, values, strict=True):
        if row.by_lot_gain or row.rule in elsewhere:
            continue
        rule = next((kind for kind in (SECTOR, FACTOR) if row.rule.startswith(kind)), row.rule)
        found = faults.setdefault(rule, _Faults())
        over, allowed = _excess(row, value)
        subject = row.rule.removeprefix(rule).strip()
        text = f"{subject + ': ' if subject else ''}{over:.2%} beyond its limit"
        if over > allowed + _CLOSE:
            faults[rule] = _Faults(failed=(*found.failed, text), warned=found.warned)
        elif over > _CLOSE:
            faults[rule] = _Faults(failed=found.failed, warned=(*found.warned, f"{text}, no worse than before"))
    return faults.items()


def _excess(row: Row, value: float) -> tuple[float, float]:
    """Return by how much a row stands beyond its limits, and how much of that was there before any trade."""
    above, below = value - row.hi, row.lo - value
    return (above, row.slack_above) if above >= below else (below, row.slack_below)


def _turnover(problem: Problem, done: Outcome) -> Check:
    used, cap = turnover(problem, done.shares), problem.settings.max_turnover
    detail = f"one-way turnover {used:.2%} of value" + (f"; cap {cap:.2%}" if cap is not None else "; no cap")
    over = cap is not None and float(used) > cap + _CLOSE
    return _capped(problem, TURNOVER, detail, over=over)


def _capped(problem: Problem, rule: str, detail: str, *, over: bool) -> Check:
    """Return the verdict on a cap, which an account that is sold out may exceed."""
    if over and problem.settings.liquidate:
        return Check(rule=rule, verdict=Verdict.WARN, detail=f"{detail}, which selling out does not keep")
    return Check(rule=rule, verdict=Verdict.FAIL if over else Verdict.PASS, detail=detail)


def _tracking_error(problem: Problem, done: Outcome) -> Iterable[Check]:
    cap = problem.settings.max_tracking_error
    if cap is None:
        return
    error = math.sqrt(max(done.variance, 0.0))
    verdict = Verdict.FAIL if error > cap + _CLOSE else Verdict.PASS
    detail = f"tracking error {error:.3%} a year; limit {cap:.3%}"
    yield Check(rule=MAX_TRACKING_ERROR, verdict=verdict, detail=detail)


def _counts(problem: Problem, done: Outcome) -> Iterable[Check]:
    """Judge how many names are traded, and how many are held afterwards."""
    settings = problem.settings
    if settings.max_trades is not None:
        trades = int(np.count_nonzero(done.trade))
        verdict = Verdict.FAIL if trades > settings.max_trades else Verdict.PASS
        yield Check(rule=MAX_TRADES, verdict=verdict, detail=f"{trades} trades; at most {settings.max_trades}")
    if settings.max_names is not None and not settings.liquidate:
        held = names_held(problem, done)
        verdict = Verdict.FAIL if held > settings.max_names else Verdict.PASS
        yield Check(rule=MAX_NAMES, verdict=verdict, detail=f"{held} names held; at most {settings.max_names}")


def _gains(problem: Problem, done: Outcome) -> Iterable[Check]:
    settings, account = problem.settings, problem.snapshot.account
    if not account.registration.is_taxable:
        return
    made = done.year.st + done.year.lt
    if settings.max_net_gain is not None:
        over = made > settings.max_net_gain + _rounding(problem, done)
        detail = f"net realised gain {made:,.2f} USD; cap {settings.max_net_gain:,.2f}"
        yield _capped(problem, NET_GAIN, detail, over=over)
    if settings.gains_budget is not None:
        year = account.ytd_st_gain + account.ytd_lt_gain + made
        detail = f"net gain of the year with this plan {year:,.2f} USD; budget {settings.gains_budget:,.2f}"
        over = year > settings.gains_budget
        yield Check(rule="gains_budget", verdict=Verdict.WARN if over else Verdict.PASS, detail=detail)


def _small_trades(problem: Problem, done: Outcome) -> _Faults:
    least, names = problem.settings.min_trade_usd, problem.names
    small = tuple(
        f"{names.security(i).security_id}: trade of {abs(q) * names.price(i):,.2f} USD"
        for i, q in enumerate(done.shares)
        if q and abs(q) * names.price(i) < least and names.holds(i) + q != 0 and not names.rules[i].must_exit
    )
    return _Faults(failed=small)


def _price_age(problem: Problem) -> _Faults:
    names, as_of, old = problem.names, problem.market.as_of, []
    age = as_of.toordinal() - names.listing.day[names.code]
    for i in np.flatnonzero(age > STALE_PRICE_DAYS).tolist():
        if NOT_TRADABLE not in names.rules[i].no_buy:
            day = date.fromordinal(int(names.listing.day[names.code[i]]))
            old.append(f"{names.security(i).security_id}: price of {day.isoformat()}, {age[i]} days old")
    return _Faults(warned=tuple(old))


def conflict_names(problem: Problem, checks: Iterable[Check], cash: Decimal) -> tuple[str, ...]:
    """Return the settings that failed checks stand for, as an infeasible plan names them."""
    low = Decimal(str(problem.settings.min_cash)) * problem.value
    band = MIN_CASH if cash < low else MAX_CASH
    return tuple(band if check.rule == CASH else check.rule for check in checks if check.verdict is Verdict.FAIL)
